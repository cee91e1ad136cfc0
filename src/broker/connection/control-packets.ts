/** The rare packets, read and written by `mqtt-packet`: everything but PUBLISH, its acknowledgements and PING. */
import assert from 'node:assert/strict'
import {
  generate,
  type IConnackPacket,
  type IConnectPacket,
  type IDisconnectPacket,
  type ISubackPacket,
  type ISubscribePacket,
  type IUnsubackPacket,
  type IUnsubscribePacket,
  type Packet,
  parser,
} from 'mqtt-packet'
import { PacketFault, reasonCode, refusalWords } from '../../packets/reason-code.ts'
import {
  checkConnect,
  checkDisconnect,
  checkSubscribe,
  checkUnsubscribe,
  type ConnectFacts,
  type ProtocolVersion,
} from './packet-rules.ts'

export type ConnectPacket = IConnectPacket & { readonly facts: ConnectFacts }
export type ServerPacket = IConnackPacket | ISubackPacket | IUnsubackPacket | IDisconnectPacket

/** Parses one whole CONNECT, whose body begins at `body`. Throws `PacketFault`. */
export function parseConnect(bytes: Buffer, body: number): ConnectPacket {
  const facts = checkConnect(bytes, body)
  const packet = parse(bytes, facts.version)
  assert(packet.cmd === 'connect')
  return Object.assign(packet, { facts })
}

/** Parses one whole packet, whose body begins at `body`. Throws `PacketFault`. */
export function parseSubscribe(bytes: Buffer, body: number, version: ProtocolVersion): ISubscribePacket {
  checkSubscribe(bytes, body, version)
  const packet = parse(bytes, version)
  assert(packet.cmd === 'subscribe')
  return packet
}

/** Parses one whole packet, whose body begins at `body`. Throws `PacketFault`. */
export function parseUnsubscribe(bytes: Buffer, body: number, version: ProtocolVersion): IUnsubscribePacket {
  checkUnsubscribe(bytes, body, version)
  const packet = parse(bytes, version)
  assert(packet.cmd === 'unsubscribe')
  return packet
}

/** Parses one whole packet, whose body begins at `body`. Throws `PacketFault`. */
export function parseDisconnect(bytes: Buffer, body: number, version: ProtocolVersion): IDisconnectPacket {
  checkDisconnect(bytes, body, version)
  const packet = parse(bytes, version)
  assert(packet.cmd === 'disconnect')
  return packet
}

function parse(bytes: Buffer, version: ProtocolVersion): Packet {
  // What the parser says about a packet is an event, also when it throws.
  let packet: Packet | undefined
  let fault: unknown
  const packetParser = parser({ protocolVersion: version })
  packetParser.on('packet', (parsed: Packet) => (packet = parsed))
  packetParser.on('error', (error: unknown) => (fault = error))
  try {
    packetParser.parse(bytes)
  } catch (error) {
    fault = error
  }
  if (fault !== undefined || packet === undefined)
    throw new PacketFault(reasonCode.malformedPacket, fault instanceof Error ? fault.message : 'incomplete packet')
  return packet
}

/** So much of a filter is named in a reason string. */
const FILTER_CHARACTERS_MAX = 100

/**
 * The SUBACK or UNSUBACK for these filters. It says which filter was refused and why, as far as the version has words for it.
 * @param reasons one for each filter, in their order [MQTT-3.9.3-1, MQTT-3.11.3-1]
 */
export function answerFilters(
  cmd: 'suback' | 'unsuback',
  messageId: number,
  filters: readonly string[],
  reasons: readonly number[],
  version: ProtocolVersion,
): ISubackPacket | IUnsubackPacket {
  if (version < 5) {
    // UNSUBACK has no room for them, and SUBACK one word [MQTT-3.9.3-2].
    return { cmd, messageId, granted: cmd === 'unsuback' ? [] : reasons.map((code) => (code >= 0x80 ? 0x80 : code)) }
  }
  const granted = [...reasons]
  const at = reasons.findIndex((reason) => reason >= 0x80)
  if (at === -1) return { cmd, messageId, granted }
  const more = reasons.filter((reason) => reason >= 0x80).length - 1
  const filter = filters[at]!.slice(0, FILTER_CHARACTERS_MAX)
  const reasonString = `${filter}: ${refusalWords(reasons[at]!)}${more > 0 ? `, and ${more} more` : ''}`
  return { cmd, messageId, granted, properties: { reasonString } }
}

export function encodeControlPacket(packet: ServerPacket, version: ProtocolVersion): Buffer {
  return generate(packet, { protocolVersion: version })
}
