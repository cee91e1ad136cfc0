/** CONNECT packets byte by byte, good and bad. */
import type { Version } from '../broker/raw-client.ts'
import { writeVariableByte } from '../../src/packets/publish-form.ts'

export type ConnectFields = {
  readonly protocolName?: string
  readonly level?: number
  readonly flags?: number
  /** With their length; MQTT 5 alone. */
  readonly properties?: Buffer
  readonly clientId?: string | Buffer
  readonly willProperties?: Buffer
  readonly willTopic?: string | Buffer
  readonly willPayload?: string | Buffer
  readonly username?: string | Buffer
  readonly password?: string | Buffer
  /** After everything else. */
  readonly tail?: Buffer
}

const noProperties = Buffer.from([0])

/** A CONNECT with the fields that are given, whatever its flags say of them. */
export function connectBytes(version: Version, fields: ConnectFields): Buffer {
  const { willTopic, willPayload, username, password } = fields
  const hasWill = willTopic !== undefined || willPayload !== undefined
  return packetBytes(0x10, [
    field(fields.protocolName ?? (version === 3 ? 'MQIsdp' : 'MQTT')),
    Buffer.from([fields.level ?? version, fields.flags ?? 0x02, 0, 0]),
    ...(version === 5 ? [fields.properties ?? noProperties] : []),
    field(fields.clientId ?? 'a'),
    ...(version === 5 && hasWill ? [fields.willProperties ?? noProperties] : []),
    ...[willTopic, willPayload, username, password].flatMap((value) => (value === undefined ? [] : [field(value)])),
    fields.tail ?? Buffer.alloc(0),
  ])
}

/** A string or binary data with its length of two bytes. */
export function field(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes])
}

export function packetBytes(firstByte: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const head = Buffer.alloc(5)
  head[0] = firstByte
  return Buffer.concat([head.subarray(0, writeVariableByte(head, 1, body.length)), body])
}
