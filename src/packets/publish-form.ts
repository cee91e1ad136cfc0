/** Writes a PUBLISH for one receiver from the bytes of the one that came in: other version, QoS, flags or properties. */
import type { QoS } from './message.ts'
import { property, type PublishView } from './publish-view.ts'

const noIdentifiers: readonly number[] = []

/** In which form a receiver gets a publish. One object serves packet after packet. */
export class PublishForm {
  v5 = false
  qos: QoS = 0
  retain = false
  dup = false
  /** 0 at QoS 0. */
  packetId = 0
  /** Subscription Identifiers of the matching subscriptions; MQTT 5 only. */
  subscriptionIdentifiers: readonly number[] = noIdentifiers
  /** What is left of the message's life, seconds; used only when the publisher set an expiry. */
  expirySeconds = 0
  /** Topic Alias to send, 0 for none. */
  topicAlias = 0
  /** Whether the receiver knows the alias already, so that the topic is left empty. */
  topicAliasKnown = false

  /** Whether the receiver can have the publisher's own bytes, but for flags and packet identifier. */
  keepsBytesOf(view: PublishView): boolean {
    return (
      this.v5 === view.v5 &&
      this.qos > 0 === view.qos > 0 &&
      view.messageExpiryInterval < 0 &&
      this.topicAlias === 0 &&
      this.subscriptionIdentifiers.length === 0
    )
  }

  get firstByte(): number {
    return 0x30 | (this.dup ? 8 : 0) | (this.qos << 1) | (this.retain ? 1 : 0)
  }

  /** Bytes that `write` will write. */
  lengthOf(view: PublishView): number {
    const body = this.#bodyLength(view)
    return 1 + variableByteLength(body) + body
  }

  /** Writes the packet at `at`; there must be room for `lengthOf` bytes. Returns the index after it. */
  write(target: Buffer, at: number, view: PublishView): number {
    target[at++] = this.firstByte
    at = writeVariableByte(target, at, this.#bodyLength(view))
    const topicLength = this.topicAliasKnown ? 0 : view.topicLength
    target[at++] = topicLength >> 8
    target[at++] = topicLength & 255
    if (topicLength > 0) at += view.buffer.copy(target, at, view.topicStart, view.topicEnd)
    if (this.qos > 0) {
      target[at++] = this.packetId >> 8
      target[at++] = this.packetId & 255
    }
    if (this.v5) at = this.#writeProperties(target, at, view)
    return at + view.buffer.copy(target, at, view.payloadStart, view.end)
  }

  #bodyLength(view: PublishView): number {
    let length =
      2 + (this.topicAliasKnown ? 0 : view.topicLength) + (this.qos > 0 ? 2 : 0) + view.end - view.payloadStart
    if (this.v5) {
      const properties = this.#propertiesLength(view)
      length += variableByteLength(properties) + properties
    }
    return length
  }

  #propertiesLength(view: PublishView): number {
    let length = view.propertiesEnd - view.propertiesStart + (this.topicAlias > 0 ? 3 : 0)
    for (const identifier of this.subscriptionIdentifiers) length += 1 + variableByteLength(identifier)
    return length
  }

  #writeProperties(target: Buffer, at: number, view: PublishView): number {
    at = writeVariableByte(target, at, this.#propertiesLength(view))
    const expiryAt = at + view.messageExpiryAt - view.propertiesStart
    at += view.buffer.copy(target, at, view.propertiesStart, view.propertiesEnd)
    if (view.messageExpiryInterval >= 0) target.writeUInt32BE(this.expirySeconds, expiryAt)
    if (this.topicAlias > 0) {
      target[at++] = property.topicAlias
      target[at++] = this.topicAlias >> 8
      target[at++] = this.topicAlias & 255
    }
    for (const identifier of this.subscriptionIdentifiers) {
      target[at++] = property.subscriptionIdentifier
      at = writeVariableByte(target, at, identifier)
    }
    return at
  }
}

/** Makes the view show a copy of its packet that names `topic` and has no Topic Alias. It must have one. */
export function withoutAlias(view: PublishView, topic: Buffer): void {
  const { buffer, propertiesStart, propertiesEnd, topicAliasAt } = view
  const properties = propertiesEnd - propertiesStart - 3
  const idBytes = view.qos > 0 ? 2 : 0
  const body = 2 + topic.length + idBytes + variableByteLength(properties) + properties + view.end - view.payloadStart
  const packet = Buffer.allocUnsafeSlow(1 + variableByteLength(body) + body)
  packet[0] = buffer[view.start]!
  const bodyAt = writeVariableByte(packet, 1, body)
  let at = packet.writeUInt16BE(topic.length, bodyAt)
  at += topic.copy(packet, at)
  if (idBytes > 0) at = packet.writeUInt16BE(view.packetId, at)
  at = writeVariableByte(packet, at, properties)
  at += buffer.copy(packet, at, propertiesStart, topicAliasAt)
  at += buffer.copy(packet, at, topicAliasAt + 3, propertiesEnd)
  buffer.copy(packet, at, view.payloadStart, view.end)
  view.read(packet, 0, bodyAt, packet.length, true)
}

/** Bytes of a Variable Byte Integer (MQTT 5, 1.5.5). */
export function variableByteLength(value: number): number {
  return value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4
}

/** Writes a Variable Byte Integer at `at`, returns the index after it. */
export function writeVariableByte(target: Buffer, at: number, value: number): number {
  while (value >= 128) {
    target[at++] = (value & 127) | 128
    value >>>= 7
  }
  target[at++] = value
  return at
}
