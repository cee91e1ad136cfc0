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
import { PacketFault, reasonCode } from '../packets/reason-code.ts'
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

export function encodeControlPacket(packet: ServerPacket, version: ProtocolVersion): Buffer {
  return generate(packet, { protocolVersion: version })
}
