/** The rare packets, read and written by `mqtt-packet`: everything but PUBLISH, its acknowledgements and PING. */
import {
  generate,
  type IConnackPacket,
  type IConnectPacket,
  type IDisconnectPacket,
  type ISubackPacket,
  type ISubscribePacket,
  type IUnsubackPacket,
  type IUnsubscribePacket,
  parser,
} from 'mqtt-packet'
import { PacketFault, reasonCode } from '../packets/reason-code.ts'

export type ProtocolVersion = 3 | 4 | 5
export type ClientPacket = IConnectPacket | ISubscribePacket | IUnsubscribePacket | IDisconnectPacket
export type ServerPacket = IConnackPacket | ISubackPacket | IUnsubackPacket | IDisconnectPacket

/** Parses one whole packet. Throws `PacketFault`; a CONNECT of a version that we do not speak is told apart from garbage. */
export function parseControlPacket(bytes: Buffer, version: ProtocolVersion): ClientPacket {
  // What the parser says about a packet is an event, also when it throws.
  let packet: unknown
  let fault: unknown
  const packetParser = parser({ protocolVersion: version })
  packetParser.on('packet', (parsed: unknown) => (packet = parsed))
  packetParser.on('error', (error: unknown) => (fault = error))
  try {
    packetParser.parse(bytes)
  } catch (error) {
    fault = error
  }
  if (fault !== undefined || packet === undefined) {
    const words = fault instanceof Error ? fault.message : 'incomplete packet'
    const unknownVersion = words === 'Invalid protocol version' || words === 'Invalid protocolId'
    throw new PacketFault(unknownVersion ? reasonCode.unsupportedProtocolVersion : faultReason(words), words)
  }
  return packet as ClientPacket
}

/** A Protocol Error is a packet that can be read and must not be sent; all else is malformed (MQTT 5, 1.2). */
function faultReason(words: string): number {
  return /duplicate|twice|more than once/i.test(words) ? reasonCode.protocolError : reasonCode.malformedPacket
}

export function encodeControlPacket(packet: ServerPacket, version: ProtocolVersion): Buffer {
  return generate(packet, { protocolVersion: version })
}
