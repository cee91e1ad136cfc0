/** What MQTT asks of the rare packets of a client and `mqtt-packet` lets pass: strings, properties, lengths, reserved bits. */
import { PacketCursor, type PropertyTypes } from '../../packets/packet-cursor.ts'
import { PacketFault, reasonCode } from '../../packets/reason-code.ts'

export type ProtocolVersion = 3 | 4 | 5

/** Packet types (MQTT 5, 2.1.2) that a server has to do with. */
export const packetType = {
  connect: 1,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  unsubscribe: 10,
  pingreq: 12,
  disconnect: 14,
  auth: 15,
} as const

const userProperty = [0x26, 'pair'] as const

/** MQTT 5, 3.1.2.11. */
const connectProperties: PropertyTypes = new Map([
  [0x11, 'uint32'],
  [0x15, 'string'],
  [0x16, 'binary'],
  [0x17, 'flag'],
  [0x19, 'flag'],
  [0x21, 'uint16'],
  [0x22, 'uint16'],
  userProperty,
  [0x27, 'uint32'],
])

/** MQTT 5, 3.1.3.2. */
const willProperties: PropertyTypes = new Map([
  [0x01, 'flag'],
  [0x02, 'uint32'],
  [0x03, 'string'],
  [0x08, 'string'],
  [0x09, 'binary'],
  [0x18, 'uint32'],
  userProperty,
])

const subscribeProperties: PropertyTypes = new Map([[0x0b, 'variable'], userProperty])
const unsubscribeProperties: PropertyTypes = new Map([userProperty])
/** A Server Reference (0x1c) is the server's to send. */
const disconnectProperties: PropertyTypes = new Map([[0x11, 'uint32'], [0x1f, 'string'], userProperty])
const acknowledgementProperties: PropertyTypes = new Map([[0x1f, 'string'], userProperty])

/** Reason codes of DISCONNECT (MQTT 5, table 3-10) that are the server's alone to send. */
const serverDisconnects: ReadonlySet<number> = new Set([
  0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
])

/** Reason codes of PUBACK and PUBREC (MQTT 5, table 3-4), other than success. */
const refusals: ReadonlySet<number> = new Set([0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99])

const connectFlag = { reserved: 1, will: 4, willQos: 0x18, willRetain: 0x20, password: 0x40, username: 0x80 } as const

/** The protocol names of the versions that we speak (table 3-1 of each specification). */
const protocolNames: ReadonlyMap<number, string> = new Map([
  [3, 'MQIsdp'],
  [4, 'MQTT'],
  [5, 'MQTT'],
])
/** Set in the version byte by a bridge, such as Mosquitto's. */
const BRIDGE_BIT = 0x80

export type ConnectFacts = {
  readonly version: ProtocolVersion
  /** Whether the client says that it is a bridge: it does not want its own messages back, and retained ones as such. */
  readonly isBridge: boolean
  /** In the client's order [MQTT-3.1.3-10], which `mqtt-packet` does not keep. */
  readonly willUserProperties: readonly (readonly [name: string, value: string])[]
}

/**
 * In which form to answer the CONNECT whose body begins at `body`: 5 for that version and those that are newer than what
 * we know, else 4.
 */
export function versionToAnswer(bytes: Buffer, body: number): 4 | 5 {
  const versionAt = body + 2 + (body + 2 <= bytes.length ? bytes.readUInt16BE(body) : 0)
  const version = (bytes[versionAt] ?? 0) & ~BRIDGE_BIT
  return version >= 5 ? 5 : 4
}

/** Throws `PacketFault`. */
export function checkConnect(bytes: Buffer, body: number): ConnectFacts {
  const cursor = new PacketCursor(bytes, body, bytes.length)
  const protocolName = cursor.string()
  const versionByte = cursor.byte()
  const version = versionByte & ~BRIDGE_BIT
  if ((version !== 3 && version !== 4 && version !== 5) || protocolNames.get(version) !== protocolName)
    throw new PacketFault(reasonCode.unsupportedProtocolVersion, `${protocolName} of version ${versionByte}`) // [MQTT-3.1.2-2]
  const flags = cursor.byte()
  const problem = connectFlagsProblem(flags, version)
  if (problem !== undefined) throw new PacketFault(reasonCode.malformedPacket, problem)
  cursor.uint16()
  if (version === 5) cursor.properties(connectProperties)
  cursor.string()
  let willUserProperties: ConnectFacts['willUserProperties'] = []
  if (flags & connectFlag.will) {
    if (version === 5) willUserProperties = cursor.properties(willProperties)
    cursor.string()
    cursor.binary()
  }
  if (flags & connectFlag.username) cursor.string()
  if (flags & connectFlag.password) cursor.binary()
  cursor.finish()
  return { version, isBridge: versionByte !== version, willUserProperties }
}

function connectFlagsProblem(flags: number, version: ProtocolVersion): string | undefined {
  if (flags & connectFlag.reserved) return 'the reserved flag of CONNECT is set' // [MQTT-3.1.2-3]
  if ((flags & connectFlag.willQos) === connectFlag.willQos) return 'will of QoS 3' // [MQTT-3.1.2-12]
  if (!(flags & connectFlag.will) && flags & (connectFlag.willQos | connectFlag.willRetain))
    return 'QoS or RETAIN of a will without a will' // [MQTT-3.1.2-11, -13]
  if (version < 5 && flags & connectFlag.password && !(flags & connectFlag.username))
    return 'a password without a user name' // [MQTT-3.1.2-22] of 3.1.1
  return undefined
}

/** Throws `PacketFault`. */
export function checkSubscribe(bytes: Buffer, body: number, version: ProtocolVersion): void {
  const cursor = new PacketCursor(bytes, body, bytes.length)
  cursor.packetId()
  if (version === 5) cursor.properties(subscribeProperties)
  if (cursor.isAtEnd) throw new PacketFault(reasonCode.protocolError, 'SUBSCRIBE without a filter') // [MQTT-3.8.3-2]
  while (!cursor.isAtEnd) {
    cursor.string()
    const options = cursor.byte()
    if (options & (version === 5 ? 0xc0 : 0xfc))
      throw new PacketFault(reasonCode.malformedPacket, 'reserved bits of the subscription options') // [MQTT-3.8.3-5]
    if ((options & 3) === 3 || (options & 0x30) === 0x30)
      throw new PacketFault(reasonCode.protocolError, 'subscription with QoS 3 or Retain Handling 3')
  }
}

/** Throws `PacketFault`. */
export function checkUnsubscribe(bytes: Buffer, body: number, version: ProtocolVersion): void {
  const cursor = new PacketCursor(bytes, body, bytes.length)
  cursor.packetId()
  if (version === 5) cursor.properties(unsubscribeProperties)
  if (cursor.isAtEnd) throw new PacketFault(reasonCode.protocolError, 'UNSUBSCRIBE without a filter') // [MQTT-3.10.3-2]
  while (!cursor.isAtEnd) cursor.string()
}

/** Throws `PacketFault`. */
export function checkDisconnect(bytes: Buffer, body: number, version: ProtocolVersion): void {
  const cursor = new PacketCursor(bytes, body, bytes.length)
  if (version === 5 && !cursor.isAtEnd) {
    const reason = cursor.byte()
    if (serverDisconnects.has(reason))
      throw new PacketFault(
        reasonCode.protocolError,
        `DISCONNECT of a client with reason code 0x${reason.toString(16)}`,
      )
    if (!cursor.isAtEnd) cursor.properties(disconnectProperties)
  }
  cursor.finish()
}

/**
 * The part after the packet identifier of a PUBACK or PUBREC (`isAnswer`) or of a PUBREL or PUBCOMP, from `start` to `end`,
 * where there is one. Throws `PacketFault`.
 */
export function checkAcknowledgement(
  bytes: Buffer,
  start: number,
  end: number,
  version: ProtocolVersion,
  isAnswer: boolean,
): void {
  const cursor = new PacketCursor(bytes, start, end)
  if (version === 5) {
    const reason = cursor.byte()
    const isKnown =
      reason === reasonCode.success ||
      (isAnswer ? refusals.has(reason) : reason === reasonCode.packetIdentifierNotFound)
    if (!isKnown)
      throw new PacketFault(reasonCode.protocolError, `acknowledgement with reason code 0x${reason.toString(16)}`)
    if (!cursor.isAtEnd) cursor.properties(acknowledgementProperties)
  }
  cursor.finish()
}
