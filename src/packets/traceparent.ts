/**
 * The trace that a message belongs to, as its User Property `traceparent` says (W3C Trace Context, "MQTT"): read from the bytes of a
 * PUBLISH, and written into a copy of them.
 */
import { variableByteLength, writeVariableByte } from './publish-form.ts'
import { property, type PublishView } from './publish-view.ts'

/** 32 and 16 lower-case hexadecimal digits. */
export type TraceContext = { readonly traceId: string; readonly spanId: string; readonly isSampled: boolean }

export const TRACEPARENT = 'traceparent'
const NAME = Buffer.from(TRACEPARENT)
const FORMAT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
/** Longer ones are of a version that nobody has thought of yet; whoever made them does not expect us to read them. */
const BYTES_MAX = 200

/** `undefined` for what is none: of an unknown version, or all zeros. */
export function parseTraceparent(value: string): TraceContext | undefined {
  const [, version = '', traceId = '', spanId = '', flags = '', rest] = FORMAT.exec(value) ?? []
  if (traceId === '' || version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

export function formatTraceparent({ traceId, spanId, isSampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`
}

/** The context of the message that the view shows, if it has one. Its properties must have been read. */
export function readTraceparent(view: PublishView): TraceContext | undefined {
  const { buffer, propertiesStart, propertiesEnd } = view
  if (propertiesEnd - propertiesStart < NAME.length) return undefined
  // Nearly all have none, and a look at all bytes at once is cheaper than one at each property.
  if (buffer.subarray(propertiesStart, propertiesEnd).indexOf(NAME) < 0) return undefined
  for (let at = propertiesStart; at < propertiesEnd; at = endOfProperty(buffer, at)) {
    if (!isTraceparent(buffer, at)) continue
    const valueAt = at + 1 + 2 + NAME.length
    const length = buffer.readUInt16BE(valueAt)
    return length > BYTES_MAX
      ? undefined
      : parseTraceparent(buffer.toString('latin1', valueAt + 2, valueAt + 2 + length))
  }
  return undefined
}

/** A copy of the PUBLISH that the view shows, of MQTT 5, with this context and no other, and without Topic Alias. */
export function withTraceparent(view: PublishView, context: TraceContext): Buffer {
  const { buffer, topicStart, topicEnd, payloadStart, end } = view
  const kept: [from: number, to: number][] = []
  let keptBytes = 0
  for (let at = view.propertiesStart; at < view.propertiesEnd;) {
    const next = endOfProperty(buffer, at)
    if (!isTraceparent(buffer, at) && buffer[at] !== property.topicAlias) {
      kept.push([at, next])
      keptBytes += next - at
    }
    at = next
  }
  const value = Buffer.from(formatTraceparent(context))
  const properties = keptBytes + 1 + 2 + NAME.length + 2 + value.length
  const idBytes = view.qos > 0 ? 2 : 0
  const topicBytes = topicEnd - topicStart
  const body = 2 + topicBytes + idBytes + variableByteLength(properties) + properties + end - payloadStart
  const packet = Buffer.allocUnsafeSlow(1 + variableByteLength(body) + body)
  packet[0] = buffer[view.start]!
  let at = packet.writeUInt16BE(topicBytes, writeVariableByte(packet, 1, body))
  at += buffer.copy(packet, at, topicStart, topicEnd)
  if (idBytes > 0) at = packet.writeUInt16BE(view.packetId, at)
  at = writeVariableByte(packet, at, properties)
  for (const [from, to] of kept) at += buffer.copy(packet, at, from, to)
  packet[at++] = property.userProperty
  at = packet.writeUInt16BE(NAME.length, at)
  at += NAME.copy(packet, at)
  at = packet.writeUInt16BE(value.length, at)
  at += value.copy(packet, at)
  buffer.copy(packet, at, payloadStart, end)
  return packet
}

function isTraceparent(buffer: Buffer, at: number): boolean {
  if (buffer[at] !== property.userProperty || buffer.readUInt16BE(at + 1) !== NAME.length) return false
  return buffer.compare(NAME, 0, NAME.length, at + 3, at + 3 + NAME.length) === 0
}

/** Index after the property whose identifier stands at `at`. */
function endOfProperty(buffer: Buffer, at: number): number {
  const afterText = (from: number): number => from + 2 + buffer.readUInt16BE(from)
  switch (buffer[at]!) {
    case property.payloadFormatIndicator:
      return at + 2
    case property.messageExpiryInterval:
      return at + 5
    case property.topicAlias:
      return at + 3
    case property.userProperty:
      return afterText(afterText(at + 1))
    default:
      return afterText(at + 1)
  }
}
