/** A PUBLISH of MQTT 5 (3.3) as a link sends it. */

export type OutgoingPublish = {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: 0 | 1
  readonly responseTopic?: string
  readonly correlationData?: Buffer
  /** Whether it may go under a Topic Alias, if the peer takes any: one topic of a connection. */
  readonly mayAlias?: boolean
}

const TOPIC_ALIAS = 0x23
const RESPONSE_TOPIC = 0x08
const CORRELATION_DATA = 0x09
/** To copy more costs more than to hand the system two pieces. */
const COPIED_BYTES_MAX = 16_384

/**
 * The packet in memory of its own, without its payload where that is too long to be copied.
 * @param topicName empty where its Topic Alias says it
 * @param packetId meaningless at QoS 0
 * @param topicAlias 0: none
 */
export function encodePublish(
  publish: OutgoingPublish,
  topicName: string,
  packetId: number,
  topicAlias: number,
): { readonly bytes: Buffer; readonly isWhole: boolean } {
  const { payload, qos, responseTopic, correlationData } = publish
  const topicBytes = Buffer.byteLength(topicName)
  const properties = propertiesBytes(publish, topicAlias)
  const headBytes = 2 + topicBytes + (qos === 0 ? 0 : 2) + variableIntegerBytes(properties) + properties
  const remaining = headBytes + payload.length
  const isWhole = payload.length <= COPIED_BYTES_MAX
  const bytes = Buffer.allocUnsafe(1 + variableIntegerBytes(remaining) + (isWhole ? remaining : headBytes))
  bytes[0] = 0x30 | (qos << 1)
  let at = writeVariableInteger(bytes, 1, remaining)
  at = bytes.writeUInt16BE(topicBytes, at)
  at += bytes.write(topicName, at)
  if (qos > 0) at = bytes.writeUInt16BE(packetId, at)
  at = writeVariableInteger(bytes, at, properties)
  if (topicAlias > 0) {
    bytes[at] = TOPIC_ALIAS
    at = bytes.writeUInt16BE(topicAlias, at + 1)
  }
  if (responseTopic !== undefined) at = writeProperty(bytes, at, RESPONSE_TOPIC, Buffer.from(responseTopic))
  if (correlationData !== undefined) at = writeProperty(bytes, at, CORRELATION_DATA, correlationData)
  if (isWhole) payload.copy(bytes, at)
  return { bytes, isWhole }
}

function propertiesBytes({ responseTopic, correlationData }: OutgoingPublish, topicAlias: number): number {
  let bytes = topicAlias > 0 ? 3 : 0
  if (responseTopic !== undefined) bytes += 3 + Buffer.byteLength(responseTopic)
  if (correlationData !== undefined) bytes += 3 + correlationData.length
  return bytes
}

function writeProperty(target: Buffer, at: number, id: number, value: Buffer): number {
  target[at] = id
  const valueAt = target.writeUInt16BE(value.length, at + 1)
  return valueAt + value.copy(target, valueAt)
}

function writeVariableInteger(target: Buffer, at: number, value: number): number {
  let rest = value
  let next = at
  while (rest >= 128) {
    target[next++] = (rest & 127) | 128
    rest >>>= 7
  }
  target[next++] = rest
  return next
}

export function variableIntegerBytes(value: number): number {
  if (value < 128) return 1
  if (value < 16_384) return 2
  return value < 2_097_152 ? 3 : 4
}
