/** A session on its way to another node, as bytes: all that a client relies on when it goes on there. */
import type { QoS } from '../../packets/message.ts'
import type { Publication, Publisher } from '../../packets/publication.ts'
import { ByteReader, DamagedRecord } from '../durable/byte-reader.ts'
import { ByteWriter } from '../durable/byte-writer.ts'
import { qosOf, readPublication, readPublisher, writePublication, writePublisher } from '../durable/records.ts'
import type { Queued } from '../sessions/queue.ts'
import type { SubscriptionOptions } from '../sessions/subscription.ts'

/** A message with the key of the shared subscription that chose the session. */
export type HandedMessage = Omit<Queued, 'group'> & { readonly groupKey: string | undefined }

export type HandedUnacknowledged =
  | { readonly type: 'publish'; readonly packetId: number; readonly message: HandedMessage }
  | { readonly type: 'pubrel'; readonly packetId: number }

export type HandedSession = {
  readonly publisher: Publisher
  /** Milliseconds, may be `Infinity`. */
  readonly expiryIntervalMs: number
  readonly subscriptions: readonly { readonly name: string; readonly options: SubscriptionOptions }[]
  /** Identifiers of QoS 2 messages that the client has sent and not released. */
  readonly awaitingRel: readonly number[]
  /** What was sent and is not acknowledged, in the order of the first sending. */
  readonly unacknowledged: readonly HandedUnacknowledged[]
  /** Retained messages for new subscriptions. */
  readonly retained: readonly HandedMessage[]
  readonly queue: readonly HandedMessage[]
}

const VERSION = 1
const flag = { retain: 4, group: 8, identifiers: 16 } as const
const kind = { publish: 1, pubrel: 2 } as const

/** So much is written before others have their turn: entries, and bytes of messages. */
const STEP_ENTRIES = 500
const STEP_BYTES = 1_000_000

/**
 * Writes a step at a time; what it returns in the end is the record.
 * @param nowMs wall clock of this node, which that of the other may differ from
 */
export function* encodeHandover(session: HandedSession, nowMs: number): Generator<void, Buffer> {
  const writer = new ByteWriter(4096).begin()
  writer.byte(VERSION).float(nowMs)
  writePublisher(writer, session.publisher)
  writer.float(session.expiryIntervalMs)
  yield* inSteps(writer, session.subscriptions, ({ name, options }) => writeSubscription(writer, name, options))
  writer.number(session.awaitingRel.length)
  for (const packetId of session.awaitingRel) writer.number(packetId)
  yield* inSteps(writer, session.unacknowledged, (one) => {
    writer.byte(kind[one.type]).number(one.packetId)
    if (one.type === 'publish') writeMessage(writer, one.message)
  })
  yield* inSteps(writer, session.retained, (message) => writeMessage(writer, message))
  yield* inSteps(writer, session.queue, (message) => writeMessage(writer, message))
  return writer.seal()
}

function* inSteps<T>(writer: ByteWriter, entries: readonly T[], write: (entry: T) => void): Generator<void, void> {
  writer.number(entries.length)
  let [left, until] = [STEP_ENTRIES, writer.at + STEP_BYTES]
  for (const entry of entries) {
    write(entry)
    if (left-- > 0 && writer.at < until) continue
    yield
    left = STEP_ENTRIES
    until = writer.at + STEP_BYTES
  }
}

/** Throws `DamagedRecord` for anything else than `encodeHandover` makes. */
export function decodeHandover(record: Buffer, nowMs: number): HandedSession {
  const reader = new ByteReader(record)
  const skewMs = beginRecord(reader, nowMs)
  const publisher = readPublisher(reader)
  const expiryIntervalMs = reader.float()
  if (!(expiryIntervalMs >= 0)) throw new DamagedRecord('its expiry interval is no time')
  const subscriptions = list(reader, () => readSubscription(reader))
  const awaitingRel = list(reader, () => readPacketId(reader))
  const unacknowledged = list(reader, (): HandedUnacknowledged => {
    const type = reader.byte()
    const packetId = readPacketId(reader)
    if (type === kind.pubrel) return { type: 'pubrel', packetId }
    if (type !== kind.publish) throw new DamagedRecord(`something unacknowledged of kind ${type}`)
    return { type: 'publish', packetId, message: readMessage(reader, skewMs) }
  })
  const retained = list(reader, () => readMessage(reader, skewMs))
  const queue = list(reader, () => readMessage(reader, skewMs))
  reader.end()
  return { publisher, expiryIntervalMs, subscriptions, awaitingRel, unacknowledged, retained, queue }
}

/** What came after the session was handed out. */
export function encodeLate(messages: readonly HandedMessage[], nowMs: number): Buffer {
  const writer = new ByteWriter(4096).begin()
  writer.byte(VERSION).float(nowMs)
  writeMessages(writer, messages)
  return writer.seal()
}

/** Throws `DamagedRecord` for anything else than `encodeLate` makes. */
export function decodeLate(record: Buffer, nowMs: number): HandedMessage[] {
  const reader = new ByteReader(record)
  const skewMs = beginRecord(reader, nowMs)
  const messages = list(reader, () => readMessage(reader, skewMs))
  reader.end()
  return messages
}

/** Clocks that differ by less are one: that much the record may have been on its way. */
const SKEW_MS_MIN = 5_000

function beginRecord(reader: ByteReader, nowMs: number): number {
  const version = reader.byte()
  if (version !== VERSION) throw new DamagedRecord(`a handover of version ${version}`)
  const skewMs = nowMs - reader.float()
  return Math.abs(skewMs) < SKEW_MS_MIN ? 0 : skewMs
}

function list<T>(reader: ByteReader, read: () => T): T[] {
  const found: T[] = []
  // Each takes a byte at least, so that a wrong count ends with the record.
  for (let left = reader.number(); left > 0; left--) found.push(read())
  return found
}

function readPacketId(reader: ByteReader): number {
  const packetId = reader.number()
  if (packetId < 1 || packetId > 65_535) throw new DamagedRecord(`packet identifier ${packetId}`)
  return packetId
}

function writeSubscription(writer: ByteWriter, name: string, options: SubscriptionOptions): void {
  const { qos, noLocal, retainAsPublished, retainHandling, identifier } = options
  writer.text(name)
  writer.byte(qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4)).number(identifier)
}

function readSubscription(reader: ByteReader): { readonly name: string; readonly options: SubscriptionOptions } {
  const name = reader.text()
  const flags = reader.byte()
  const options = {
    qos: qosOf(flags & 3),
    noLocal: (flags & 4) !== 0,
    retainAsPublished: (flags & 8) !== 0,
    retainHandling: qosOf((flags >> 4) & 3),
    identifier: reader.number(),
  }
  return { name, options }
}

function writeMessages(writer: ByteWriter, messages: readonly HandedMessage[]): void {
  writer.number(messages.length)
  for (const message of messages) writeMessage(writer, message)
}

function writeMessage(writer: ByteWriter, message: HandedMessage): void {
  const { publication, qos, retain, groupKey, subscriptionIdentifiers } = message
  writer.byte(
    qos |
      (retain ? flag.retain : 0) |
      (groupKey === undefined ? 0 : flag.group) |
      (subscriptionIdentifiers.length === 0 ? 0 : flag.identifiers),
  )
  if (groupKey !== undefined) writer.text(groupKey)
  if (subscriptionIdentifiers.length > 0) {
    writer.number(subscriptionIdentifiers.length)
    for (const identifier of subscriptionIdentifiers) writer.number(identifier)
  }
  writePublication(writer, publication)
}

function readMessage(reader: ByteReader, skewMs: number): HandedMessage {
  const flags = reader.byte()
  const qos: QoS = qosOf(flags & 3)
  const groupKey = flags & flag.group ? reader.text() : undefined
  const subscriptionIdentifiers = flags & flag.identifiers ? reader.numbers() : []
  const publication: Publication = readPublication(reader, undefined, skewMs)
  return { publication, qos, retain: (flags & flag.retain) !== 0, subscriptionIdentifiers, groupKey }
}
