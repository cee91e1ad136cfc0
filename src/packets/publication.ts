/** A PUBLISH that is kept as its own bytes: queued, retained, in flight, a will. Far smaller than an object of fields. */
import type { Message, PublishProperties, QoS } from './message.ts'
import { PublishForm, variableByteLength, writeVariableByte } from './publish-form.ts'
import { property, PublishView } from './publish-view.ts'

export type Publisher = {
  /** ClientID. */
  readonly clientId: string
  readonly username: string | undefined
  /** Address without port. */
  readonly peerHost: string | undefined
}

/** Memory that many publications share. */
export interface Slab {
  /** Makes room for so many bytes in `buffer`. Returns where. */
  reserve(length: number): number
  readonly buffer: Buffer
}

const form = new PublishForm()
const scratch = new PublishView()

export class Publication {
  readonly topic: string
  /** A whole PUBLISH packet without Topic Alias and Subscription Identifier: from `start` to `end` of this buffer. */
  buffer: Buffer
  start: number
  end: number
  #isBorrowed: boolean
  readonly v5: boolean
  readonly publisher: Publisher
  /** When the publisher's PUBLISH arrived, milliseconds since 1970. */
  readonly receivedAtMs: number
  /** Milliseconds since 1970; `Infinity` for a message that never expires. */
  readonly expiresAtMs: number
  /** Name of the cluster whose link brought it. */
  readonly origin: string | undefined
  #message: Message | undefined

  constructor(
    topic: string,
    view: PublishView,
    publisher: Publisher,
    receivedAtMs: number,
    origin: string | undefined,
    isBorrowed = false,
  ) {
    this.topic = topic
    this.buffer = view.buffer
    this.start = view.start
    this.end = view.end
    this.#isBorrowed = isBorrowed
    if (!isBorrowed) this.#copyTo(Buffer.allocUnsafeSlow(view.end - view.start), 0)
    this.v5 = view.v5
    this.publisher = publisher
    this.receivedAtMs = receivedAtMs
    const expiry = view.messageExpiryInterval
    this.expiresAtMs = expiry < 0 ? Number.POSITIVE_INFINITY : receivedAtMs + expiry * 1000
    this.origin = origin
  }

  /**
   * What the view shows, in the memory of the view: for a message that is likely to be done with soon. It keeps the whole
   * read alive until `own` is called or it is forgotten, and flags and packet identifier in it may change.
   */
  static borrow(
    topic: string,
    view: PublishView,
    publisher: Publisher,
    receivedAtMs: number,
    origin: string | undefined,
  ): Publication {
    return new Publication(topic, view, publisher, receivedAtMs, origin, true)
  }

  /** Sees to it that it has memory of its own, or in a slab. */
  own(slab?: Slab): this {
    if (!this.#isBorrowed) return this
    this.#isBorrowed = false
    if (slab === undefined) this.#copyTo(Buffer.allocUnsafeSlow(this.byteLength), 0)
    else {
      const at = slab.reserve(this.byteLength)
      this.#copyTo(slab.buffer, at)
    }
    return this
  }

  #copyTo(buffer: Buffer, at: number): void {
    this.buffer.copy(buffer, at, this.start, this.end)
    this.end += at - this.start
    this.start = at
    this.buffer = buffer
  }

  /** From a PUBLISH packet of MQTT 5, such as `encodeMessage` makes. */
  static read(
    topic: string,
    packet: Buffer,
    publisher: Publisher,
    receivedAtMs: number,
    origin: string | undefined,
  ): Publication {
    scratch.read(packet, 0, bodyOf(packet, 0), packet.length, true)
    return new Publication(topic, scratch, publisher, receivedAtMs, origin)
  }

  /** From the bytes of another publication. */
  static restore(
    packet: Buffer,
    v5: boolean,
    publisher: Publisher,
    receivedAtMs: number,
    origin: string | undefined,
  ): Publication {
    scratch.read(packet, 0, bodyOf(packet, 0), packet.length, v5)
    const topic = packet.toString('utf8', scratch.topicStart, scratch.topicEnd)
    return new Publication(topic, scratch, publisher, receivedAtMs, origin)
  }

  /** The whole PUBLISH packet. */
  get bytes(): Buffer {
    return this.buffer.subarray(this.start, this.end)
  }

  get byteLength(): number {
    return this.end - this.start
  }

  /** Makes the view show this publication. */
  show(view: PublishView): void {
    view.read(this.buffer, this.start, bodyOf(this.buffer, this.start), this.end, this.v5)
  }

  get qos(): QoS {
    return ((this.buffer[this.start]! >> 1) & 3) as QoS
  }

  get retain(): boolean {
    return (this.buffer[this.start]! & 1) === 1
  }

  /** What is left of its life, seconds, to be sent on [MQTT-3.3.2-6]; `Infinity` for a message that never expires. */
  expirySecondsLeft(nowMs: number): number {
    return Math.max(0, Math.ceil((this.expiresAtMs - nowMs) / 1000))
  }

  /** The same as a message that is not to be retained, and whose receivers are not told that it was. */
  withoutRetain(): Publication {
    if (!this.retain) return this
    this.show(scratch)
    const copy = new Publication(this.topic, scratch, this.publisher, this.receivedAtMs, this.origin)
    copy.buffer[copy.start]! &= ~1
    return copy
  }

  /** The same as published at another time, with so much left of its life then, if it ends at all; seconds. */
  restamped(receivedAtMs: number, expirySeconds: number): Publication {
    this.show(scratch)
    const bytes = Buffer.from(this.bytes)
    if (scratch.messageExpiryInterval >= 0) bytes.writeUInt32BE(expirySeconds, scratch.messageExpiryAt - this.start)
    scratch.read(bytes, 0, bodyOf(bytes, 0), bytes.length, this.v5)
    return new Publication(this.topic, scratch, this.publisher, receivedAtMs, this.origin)
  }

  get payloadLength(): number {
    this.show(scratch)
    return scratch.end - scratch.payloadStart
  }

  /** The same as an object of fields, made once. Its payload shares the bytes of this publication. */
  toMessage(): Message {
    if (this.#message === undefined) {
      this.show(scratch)
      this.#message = {
        topic: this.topic,
        payload: this.buffer.subarray(scratch.payloadStart, scratch.end),
        qos: scratch.qos,
        retain: scratch.retain,
        properties: readProperties(scratch),
        from: this.publisher.clientId,
        username: this.publisher.username,
        peerHost: this.publisher.peerHost,
        timestampMs: this.receivedAtMs,
        origin: this.origin,
      }
    }
    return this.#message
  }
}

/** Index of the body of the packet that begins at `start`. */
function bodyOf(packet: Buffer, start: number): number {
  let at = start + 1
  while (packet[at]! >= 128) at++
  return at + 1
}

/** Encodes a message as a PUBLISH of MQTT 5, with packet identifier 1 if its QoS asks for one. */
export function encodeMessage(message: Message): Buffer {
  const topic = Buffer.from(message.topic)
  const properties = encodeProperties(message.properties)
  const body =
    2 +
    topic.length +
    (message.qos > 0 ? 2 : 0) +
    variableByteLength(properties.length) +
    properties.length +
    message.payload.length
  const packet = Buffer.allocUnsafeSlow(1 + variableByteLength(body) + body)
  form.qos = message.qos
  form.retain = message.retain
  packet[0] = form.firstByte
  let at = writeVariableByte(packet, 1, body)
  at = packet.writeUInt16BE(topic.length, at)
  at += topic.copy(packet, at)
  if (message.qos > 0) at = packet.writeUInt16BE(1, at)
  at = writeVariableByte(packet, at, properties.length)
  at += properties.copy(packet, at)
  message.payload.copy(packet, at)
  return packet
}

/** The properties of a PUBLISH as objects; `undefined` where there are none. */
export function readProperties(view: PublishView): PublishProperties | undefined {
  if (view.propertiesStart === view.propertiesEnd) return undefined
  const { buffer } = view
  const found: { -readonly [K in keyof PublishProperties]: PublishProperties[K] } = {}
  const userProperties: (readonly [string, string])[] = []
  let at = view.propertiesStart
  const bytes = () => {
    const from = at + 2
    at = from + buffer.readUInt16BE(at)
    return buffer.subarray(from, at)
  }
  while (at < view.propertiesEnd) {
    const id = buffer[at++]!
    if (id === property.payloadFormatIndicator) found.payloadFormatIndicator = buffer[at++] === 1 ? 1 : 0
    else if (id === property.messageExpiryInterval) {
      found.messageExpiryInterval = buffer.readUInt32BE(at)
      at += 4
    } else if (id === property.topicAlias) at += 2
    else if (id === property.contentType) found.contentType = bytes().toString()
    else if (id === property.responseTopic) found.responseTopic = bytes().toString()
    else if (id === property.correlationData) found.correlationData = Buffer.from(bytes())
    else userProperties.push([bytes().toString(), bytes().toString()])
  }
  if (userProperties.length > 0) found.userProperties = userProperties
  return found
}

function encodeProperties(properties: PublishProperties | undefined): Buffer {
  if (properties === undefined) return Buffer.alloc(0)
  const parts: Buffer[] = []
  const field = (id: number | undefined, value: string | Buffer) => {
    const bytes = Buffer.from(value)
    const head = id === undefined ? Buffer.alloc(2) : Buffer.from([id, 0, 0])
    head.writeUInt16BE(bytes.length, head.length - 2)
    parts.push(head, bytes)
  }
  if (properties.payloadFormatIndicator !== undefined)
    parts.push(Buffer.from([property.payloadFormatIndicator, properties.payloadFormatIndicator]))
  if (properties.messageExpiryInterval !== undefined) {
    const expiry = Buffer.alloc(5, property.messageExpiryInterval)
    expiry.writeUInt32BE(properties.messageExpiryInterval, 1)
    parts.push(expiry)
  }
  if (properties.contentType !== undefined) field(property.contentType, properties.contentType)
  if (properties.responseTopic !== undefined) field(property.responseTopic, properties.responseTopic)
  if (properties.correlationData !== undefined) field(property.correlationData, properties.correlationData)
  for (const [name, value] of properties.userProperties ?? []) {
    field(property.userProperty, name)
    field(undefined, value)
  }
  return Buffer.concat(parts)
}
