/** What stands in each table of the store: keys, and values with a checksum. */
import { createHash } from 'node:crypto'
import type { QoS } from '../../packets/message.ts'
import { Publication, type Publisher } from '../../packets/publication.ts'
import type { Will } from '../sessions/session.ts'
import type { SubscriptionOptions } from '../sessions/subscription.ts'
import { type Batch, ImportedDelivery, type StoredDelivery } from './batch.ts'
import { ByteReader, DamagedRecord } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'

// ---- keys

const NUMBER_BYTES = 6
/** Names longer than this stand for themselves only by their hash: a key of LMDB has at most 1,978 bytes. */
const NAME_BYTES_MAX = 1000

/** Of a session or a batch: in the order of the numbers. */
export function numberKey(number: number): Buffer {
  const key = Buffer.alloc(NUMBER_BYTES)
  key.writeUIntBE(number, 0, NUMBER_BYTES)
  return key
}

export function readNumberKey(key: Buffer): number {
  if (key.length !== NUMBER_BYTES) throw new DamagedRecord('its key is no number')
  return key.readUIntBE(0, NUMBER_BYTES)
}

/** Of a retained message. */
export function topicKey(topic: string): Buffer {
  return nameKey(Buffer.alloc(0), topic)
}

export function subscriptionKey(session: number, name: string): Buffer {
  return nameKey(numberKey(session), name)
}

function nameKey(prefix: Buffer, name: string): Buffer {
  const bytes = Buffer.from(name)
  return bytes.length <= NAME_BYTES_MAX
    ? Buffer.concat([prefix, Buffer.from([0]), bytes])
    : Buffer.concat([prefix, Buffer.from([1]), createHash('sha256').update(bytes).digest()])
}

/** In `progress` stand two things: of sessions, their identifiers of QoS 2; of batches, what is done. */
export const progressKey = {
  session: (number: number): Buffer => Buffer.concat([Buffer.from('s'), numberKey(number)]),
  batch: (number: number): Buffer => Buffer.concat([Buffer.from('b'), numberKey(number)]),
}

export function readProgressKey(key: Buffer): { readonly of: 'session' | 'batch'; readonly number: number } {
  const of = key[0] === 0x73 ? 'session' : key[0] === 0x62 ? 'batch' : undefined
  if (of === undefined) throw new DamagedRecord('its key is unknown')
  return { of, number: readNumberKey(key.subarray(1)) }
}

// ---- values

/** For small records: each is copied when it is done. */
const writer = new ByteWriter()
/** For batches: one is written after the other, and used until its commit is over. */
const batchWriter = new ByteWriter(64 * 1024)

export type SessionRecord = {
  readonly publisher: Publisher
  /** Milliseconds, may be `Infinity`. */
  readonly expiryIntervalMs: number
  /** When its client went, milliseconds since 1970; `undefined` while it is there. */
  readonly leftAtMs: number | undefined
}

export function encodeSession({ publisher, expiryIntervalMs, leftAtMs }: SessionRecord): Buffer {
  writePublisher(writer.begin(), publisher)
  writer.float(expiryIntervalMs).float(leftAtMs ?? Number.POSITIVE_INFINITY)
  return writer.sealCopy()
}

export function decodeSession(record: Buffer): SessionRecord {
  const reader = new ByteReader(record)
  const publisher = readPublisher(reader)
  const expiryIntervalMs = reader.float()
  const leftAtMs = reader.float()
  reader.end()
  return { publisher, expiryIntervalMs, leftAtMs: leftAtMs === Number.POSITIVE_INFINITY ? undefined : leftAtMs }
}

export function encodeSubscription(name: string, options: SubscriptionOptions): Buffer {
  const { qos, noLocal, retainAsPublished, retainHandling, identifier } = options
  return writer
    .begin()
    .text(name)
    .byte(qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4))
    .number(identifier)
    .sealCopy()
}

export function decodeSubscription(record: Buffer): { readonly name: string; readonly options: SubscriptionOptions } {
  const reader = new ByteReader(record)
  const name = reader.text()
  const flags = reader.byte()
  const identifier = reader.number()
  reader.end()
  const options = {
    qos: qosOf(flags & 3),
    noLocal: (flags & 4) !== 0,
    retainAsPublished: (flags & 8) !== 0,
    retainHandling: qosOf((flags >> 4) & 3),
    identifier,
  }
  return { name, options }
}

export function encodeWill({ publication, delayMs }: Will): Buffer {
  writePublication(writer.begin(), publication)
  return writer.float(delayMs).sealCopy()
}

export function decodeWill(record: Buffer): Will {
  const reader = new ByteReader(record)
  const publication = readPublication(reader)
  const delayMs = reader.float()
  reader.end()
  return { publication, delayMs }
}

export function encodeRetained(publication: Publication): Buffer {
  writePublication(writer.begin(), publication)
  return writer.sealCopy()
}

export function decodeRetained(record: Buffer): Publication {
  const reader = new ByteReader(record)
  const publication = readPublication(reader)
  reader.end()
  return publication
}

/** Packet identifiers of QoS 2, by direction. */
export type Identifiers = {
  /** The client has the message, and its PUBCOMP is to come. In the order of their PUBRELs. */
  readonly released: readonly number[]
  /** The message is ours, and its PUBREL is to come. */
  readonly awaitingRel: readonly number[]
}

export function encodeIdentifiers({ released, awaitingRel }: Identifiers): Buffer {
  writer.begin().number(released.length)
  for (const packetId of released) writer.number(packetId)
  writer.number(awaitingRel.length)
  for (const packetId of awaitingRel) writer.number(packetId)
  return writer.sealCopy()
}

export function decodeIdentifiers(record: Buffer): Identifiers {
  const reader = new ByteReader(record)
  const released = reader.numbers()
  const awaitingRel = reader.numbers()
  reader.end()
  return { released, awaitingRel }
}

export function encodeCount(count: number): Buffer {
  return writer.begin().number(count).sealCopy()
}

export function decodeCount(record: Buffer): number {
  const reader = new ByteReader(record)
  const count = reader.number()
  reader.end()
  return count
}

// ---- batches

const deliveryFlag = { retain: 4, group: 8, identifiers: 16, sent: 32, packetId: 64 } as const

/** A delivery as it stands on disk. */
export type DeliveryRecord = {
  readonly publication: Publication
  readonly session: number
  readonly n: number
  readonly qos: QoS
  readonly retain: boolean
  readonly wasSent: boolean
  /** Of the shared subscription. */
  readonly groupKey: string | undefined
  readonly subscriptionIdentifiers: readonly number[]
  /** Under which another node has sent it; 0 for none. */
  readonly packetId: number
}

/** All deliveries of a batch that has just been closed. The record is valid until the next batch is encoded. */
export function encodeBatch({ deliveries }: Batch): Buffer {
  const writer = batchWriter.begin()
  const countAt = writer.gap32()
  let messages = 0
  let publisher: Publisher | undefined
  for (let i = 0; i < deliveries.length;) {
    const { publication } = deliveries[i]!
    // Deliveries of one message follow one another, as the broker made them.
    let end = i + 1
    while (end < deliveries.length && deliveries[end]!.publication === publication) end++
    writePublication(writer, publication, publisher)
    publisher = publication.publisher
    writer.number(end - i)
    for (; i < end; i++) writeDelivery(writer, deliveries[i]!)
    messages++
  }
  writer.fill32(countAt, messages)
  return writer.seal()
}

function writeDelivery(writer: ByteWriter, delivery: StoredDelivery): void {
  const { group, subscriptionIdentifiers } = delivery
  writer
    .number(delivery.owner.number)
    .number(delivery.n)
    .byte(
      delivery.qos |
        (delivery.retain ? deliveryFlag.retain : 0) |
        (group === undefined ? 0 : deliveryFlag.group) |
        (subscriptionIdentifiers.length === 0 ? 0 : deliveryFlag.identifiers) |
        (delivery.wasSent ? deliveryFlag.sent : 0) |
        (delivery instanceof ImportedDelivery ? deliveryFlag.packetId : 0),
    )
  if (group !== undefined) writer.text(group.key)
  if (subscriptionIdentifiers.length > 0) {
    writer.number(subscriptionIdentifiers.length)
    for (const identifier of subscriptionIdentifiers) writer.number(identifier)
  }
  if (delivery instanceof ImportedDelivery) writer.number(delivery.packetId)
}

/** In the order of their slots. */
export function decodeBatch(record: Buffer): DeliveryRecord[] {
  const reader = new ByteReader(record)
  const found: DeliveryRecord[] = []
  let publisher: Publisher | undefined
  for (let messages = reader.uint32(); messages > 0; messages--) {
    const publication = readPublication(reader, publisher)
    publisher = publication.publisher
    for (let deliveries = reader.number(); deliveries > 0; deliveries--) found.push(readDelivery(reader, publication))
  }
  reader.end()
  return found
}

function readDelivery(reader: ByteReader, publication: Publication): DeliveryRecord {
  const session = reader.number()
  const n = reader.number()
  const flags = reader.byte()
  return {
    publication,
    session,
    n,
    qos: qosOf(flags & 3),
    retain: (flags & deliveryFlag.retain) !== 0,
    wasSent: (flags & deliveryFlag.sent) !== 0,
    groupKey: flags & deliveryFlag.group ? reader.text() : undefined,
    subscriptionIdentifiers: flags & deliveryFlag.identifiers ? reader.numbers() : [],
    packetId: flags & deliveryFlag.packetId ? readPacketId(reader) : 0,
  }
}

function readPacketId(reader: ByteReader): number {
  const packetId = reader.number()
  if (packetId < 1 || packetId > 65_535) throw new DamagedRecord(`packet identifier ${packetId}`)
  return packetId
}

/** How far each delivery of a batch has come, two bits a slot: done, sent. */
export function encodeBatchProgress({ deliveries }: Batch): Buffer {
  writer.begin().number(deliveries.length)
  for (let slot = 0; slot < deliveries.length; slot += 4) {
    let byte = 0
    for (let i = slot; i < slot + 4 && i < deliveries.length; i++) {
      const delivery = deliveries[i]
      if (delivery === undefined) byte |= 1 << ((i - slot) * 2)
      else if (delivery.wasSent) byte |= 2 << ((i - slot) * 2)
    }
    writer.byte(byte)
  }
  return writer.sealCopy()
}

export function decodeBatchProgress(record: Buffer): { readonly isDone: boolean; readonly wasSent: boolean }[] {
  const reader = new ByteReader(record)
  const count = reader.number()
  const bytes = Array.from({ length: Math.min(Math.ceil(count / 4), record.length) }, () => reader.byte())
  reader.end()
  return Array.from({ length: Math.min(count, bytes.length * 4) }, (_, slot) => {
    const bits = bytes[slot >> 2]! >> ((slot & 3) * 2)
    return { isDone: (bits & 1) !== 0, wasSent: (bits & 2) !== 0 }
  })
}

// ---- messages

/** First byte, length, and the length of a topic. */
const PUBLISH_BYTES_MIN = 5
const publicationFlag = { v5: 1, origin: 2, samePublisher: 4 } as const

/** @param before publisher of the message before it in the record: most come from one client in a row */
export function writePublication(writer: ByteWriter, publication: Publication, before?: Publisher): void {
  const { publisher, origin, v5 } = publication
  const isSame = publisher === before
  writer.byte(
    (v5 ? publicationFlag.v5 : 0) |
      (origin === undefined ? 0 : publicationFlag.origin) |
      (isSame ? publicationFlag.samePublisher : 0),
  )
  if (!isSame) writePublisher(writer, publisher)
  writer.float(publication.receivedAtMs)
  if (origin !== undefined) writer.text(origin)
  writer.slice(publication.buffer, publication.start, publication.end)
}

/** @param skewMs by how much the wall clock it was written by is behind ours; what never expires keeps its time */
export function readPublication(reader: ByteReader, before?: Publisher, skewMs = 0): Publication {
  const flags = reader.byte()
  const publisher = flags & publicationFlag.samePublisher ? before : readPublisher(reader)
  if (publisher === undefined) throw new DamagedRecord('its first message has no publisher')
  const receivedAtMs = reader.float()
  const origin = flags & publicationFlag.origin ? reader.text() : undefined
  const bytes = reader.bytes()
  if (bytes.length < PUBLISH_BYTES_MIN) throw new DamagedRecord('it holds a message that is none')
  const v5 = (flags & publicationFlag.v5) !== 0
  const publication = Publication.restore(bytes, v5, publisher, receivedAtMs, origin)
  if (skewMs === 0 || publication.expiresAtMs === Number.POSITIVE_INFINITY) return publication
  return Publication.restore(bytes, v5, publisher, receivedAtMs + skewMs, origin)
}

export function writePublisher(writer: ByteWriter, { clientId, username, peerHost }: Publisher): void {
  writer.text(clientId).optional(username).optional(peerHost)
}

export function readPublisher(reader: ByteReader): Publisher {
  return { clientId: reader.text(), username: reader.optional(), peerHost: reader.optional() }
}

export function qosOf(value: number): QoS {
  if (value > 2) throw new DamagedRecord(`QoS ${value}`)
  return value as QoS
}
