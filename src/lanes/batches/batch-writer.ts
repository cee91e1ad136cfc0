/**
 * Messages for one receiver, written one after the other as they come; what is handed in is read at once and not kept, but for the
 * bytes of the last ones where they follow each other in memory that nobody changes any more: those are copied together.
 * How the frame looks stands in `lane-frame.ts`.
 *
 * Messages that follow each other and have publisher, time, origin and directive in common are a run, which costs a few bytes:
 * of what a client sends within one turn there is one.
 */
import type { Publisher } from '../../packets/publication.ts'
import type { PublishView } from '../../packets/publish-view.ts'
import { BATCH_TABLES_AT, runFlag, writeBatchHead } from './lane-frame.ts'
import { PackWriter, textBytes, writeArrayHead, writeBinaryHead } from '../../packets/pack-writer.ts'

/** Whose a message is at the receiver. Neither: it is there only to be retained. */
export type Directive = {
  /** All ordinary subscribers there. */
  readonly plain: boolean
  /** Keys `share/filter` of the shared subscriptions of which one member there gets it. */
  readonly groups: readonly string[]
}

/** A message on its way to other nodes, as the broker's passing publish shows it. */
export interface LaneMessage {
  /** The whole PUBLISH without Topic Alias. */
  readonly view: PublishView
  readonly publisher: Publisher
  /** When it was published here, milliseconds since 1970. */
  readonly nowMs: number
  /** What is left of its life by then, seconds; meaningless without an expiry. */
  readonly expirySeconds: number
  /** Name of the cluster whose link brought it. */
  readonly origin: string | undefined
}

/** The heads of publishers, names and runs, at their longest. */
const TABLE_HEADS_BYTES = 5 + 5 + 5
/** A run without the names of its groups: flags, count, publisher, time, origin, number of groups, at their longest. */
const RUN_BYTES = 1 + 4 + 4 + 8 + 4 + 4
const NAME_INDEX_BYTES = 4
/** A clock that was set back makes a life longer than it was. */
const EXPIRY_SECONDS_MAX = 0xffff_ffff
const PACKETS_BYTES_INITIAL = 16_384
const DUP = 8
/** Beyond it a time is no date, and the difference of two would not be exact. */
const TIME_MS_MAX = 2 ** 50

const laneHead = Buffer.alloc(BATCH_TABLES_AT)

export class BatchWriter {
  /** Messages so far. */
  count = 0
  readonly #packets = new PackWriter(PACKETS_BYTES_INITIAL)
  readonly #publishers = new PackWriter()
  readonly #names = new PackWriter()
  readonly #runs = new PackWriter()
  readonly #publisherIndexes = new Map<Publisher, number>()
  readonly #nameIndexes = new Map<string, number>()
  /** Where the last messages lie, one after the other, as long as they are not copied. */
  #lent: Buffer | undefined
  #lentStart = 0
  #lentEnd = 0
  // The run that is being written.
  #runCount = 0
  #v5 = false
  #publisher: Publisher | undefined
  #publisherIndex = 0
  #origin: string | undefined
  #timeMs = 0
  #plain = false
  #groups: readonly string[] = []
  /** Of the run before, from which the next one's is told as a difference. */
  #timeBeforeMs = 0
  /** Everything of a frame but publishers, names, runs and messages. */
  readonly #fixedBytes: number

  /** @param headBytes what stands before the publishers */
  constructor(headBytes = BATCH_TABLES_AT) {
    this.#fixedBytes = headBytes + TABLE_HEADS_BYTES
  }

  /** What `finish` will make at most, bytes. */
  get byteLength(): number {
    return this.#fixedBytes + RUN_BYTES + this.#groups.length * NAME_INDEX_BYTES + this.#metaBytes + this.#packetBytes
  }

  get #packetBytes(): number {
    return this.#packets.end + this.#lentEnd - this.#lentStart
  }

  get #metaBytes(): number {
    return this.#publishers.end + this.#names.end + this.#runs.end
  }

  /** By how much this message makes the frame longer, at most, bytes. */
  costOf(message: LaneMessage, directive: Directive): number {
    const { view, publisher, origin } = message
    let bytes = view.end - view.start
    if (publisher !== this.#publisher) bytes += publisherBytes(publisher)
    if (this.count > 0 && this.#continues(message, directive)) return bytes
    bytes += RUN_BYTES
    if (origin !== undefined) bytes += textBytes(origin)
    for (const group of directive.groups) bytes += NAME_INDEX_BYTES + textBytes(group)
    return bytes
  }

  /** What a frame with nothing but this message takes at most, bytes. */
  costAlone({ view, publisher, origin }: LaneMessage, { groups }: Directive): number {
    let bytes = this.#fixedBytes + RUN_BYTES + publisherBytes(publisher) + view.end - view.start
    if (origin !== undefined) bytes += textBytes(origin)
    for (const group of groups) bytes += NAME_INDEX_BYTES + textBytes(group)
    return bytes
  }

  /** @param isLasting whether nobody changes any more what the view shows */
  add(message: LaneMessage, directive: Directive, isLasting = false): void {
    if (this.#runCount === 0 || !this.#continues(message, directive)) this.#begin(message, directive)
    this.#runCount += 1
    this.count += 1
    this.#write(message, isLasting)
  }

  /** Adds a message to the run of the one before, if it belongs there and is written as it is: it makes the frame as much longer. */
  extend(message: LaneMessage, directive: Directive): boolean {
    if (this.#runCount === 0 || !this.#continues(message, directive) || !isWrittenAsIs(message)) return false
    this.#runCount += 1
    this.count += 1
    this.#lend(message.view)
    return true
  }

  #continues({ view, publisher, nowMs, origin }: LaneMessage, { plain, groups }: Directive): boolean {
    return (
      publisher === this.#publisher &&
      nowMs === this.#timeMs &&
      origin === this.#origin &&
      view.v5 === this.#v5 &&
      plain === this.#plain &&
      (groups === this.#groups || areEqual(groups, this.#groups))
    )
  }

  #begin({ view, publisher, nowMs, origin }: LaneMessage, { plain, groups }: Directive): void {
    this.#endRun()
    if (publisher !== this.#publisher) {
      this.#publisher = publisher
      this.#publisherIndex = this.#indexOf(publisher)
    }
    this.#v5 = view.v5
    this.#timeMs = nowMs
    this.#origin = origin
    this.#plain = plain
    this.#groups = groups
    // Now rather than at the end of the run, so that `byteLength` knows of them.
    if (origin !== undefined) this.#indexOfName(origin)
    for (const group of groups) this.#indexOfName(group)
  }

  #endRun(): void {
    if (this.#runCount === 0) return
    const origin = this.#origin
    const groups = this.#groups
    let flags = this.#v5 ? runFlag.v5 : 0
    if (this.#plain) flags |= runFlag.plain
    if (origin !== undefined) flags |= runFlag.origin
    if (groups.length > 0) flags |= runFlag.groups
    const runs = this.#runs
    runs.byte(flags)
    runs.varint(this.#runCount)
    runs.varint(this.#publisherIndex)
    const timeMs = Math.min(TIME_MS_MAX, Math.max(0, Math.trunc(this.#timeMs)))
    const difference = timeMs - this.#timeBeforeMs
    runs.varint(difference < 0 ? -2 * difference - 1 : 2 * difference)
    this.#timeBeforeMs = timeMs
    if (origin !== undefined) runs.varint(this.#indexOfName(origin))
    if (groups.length > 0) {
      runs.varint(groups.length)
      for (const group of groups) runs.varint(this.#indexOfName(group))
    }
    this.#runCount = 0
  }

  #indexOf(publisher: Publisher): number {
    const known = this.#publisherIndexes.get(publisher)
    if (known !== undefined) return known
    const index = this.#publisherIndexes.size
    this.#publisherIndexes.set(publisher, index)
    this.#publishers.array(3)
    this.#publishers.text(publisher.clientId)
    this.#publishers.text(publisher.username)
    this.#publishers.text(publisher.peerHost)
    return index
  }

  #indexOfName(name: string): number {
    const known = this.#nameIndexes.get(name)
    if (known !== undefined) return known
    const index = this.#nameIndexes.size
    this.#nameIndexes.set(name, index)
    this.#names.text(name)
    return index
  }

  #write(message: LaneMessage, isLasting: boolean): void {
    if (isLasting && isWrittenAsIs(message)) return this.#lend(message.view)
    this.#copyLent()
    this.#copy(message)
  }

  #lend({ buffer, start, end }: PublishView): void {
    if (this.#lent !== buffer || this.#lentEnd !== start) {
      this.#copyLent()
      this.#lent = buffer
      this.#lentStart = start
    }
    this.#lentEnd = end
  }

  #copyLent(): void {
    if (this.#lent === undefined) return
    const packets = this.#packets
    packets.reserve(this.#lentEnd - this.#lentStart)
    packets.end += this.#lent.copy(packets.buffer, packets.end, this.#lentStart, this.#lentEnd)
    this.#forgetLent()
  }

  #forgetLent(): void {
    this.#lent = undefined
    this.#lentStart = this.#lentEnd = 0
  }

  #copy({ view, expirySeconds }: LaneMessage): void {
    const packets = this.#packets
    const at = packets.end
    packets.reserve(view.end - view.start)
    packets.end = at + view.buffer.copy(packets.buffer, at, view.start, view.end)
    // DUP is about one connection [MQTT-3.3.1-3].
    packets.buffer[at] = packets.buffer[at]! & ~DUP
    if (view.messageExpiryInterval >= 0)
      packets.buffer.writeUInt32BE(Math.min(EXPIRY_SECONDS_MAX, expirySeconds), at + view.messageExpiryAt - view.start)
  }

  /** The frame of a lane between members, still without its number (`numberBatch`), in memory of its own. Begins anew. */
  finish(epoch: number): Buffer {
    writeBatchHead(laneHead, epoch)
    return this.finishAfter(laneHead)
  }

  /**
   * The same after another head, which is as long as was said at the beginning.
   * @param isToStay whether it may be kept for long: small frames otherwise share a piece of memory with whatever else is made then,
   * of which all stays as long as one part of it
   */
  finishAfter(head: Buffer, isToStay = false): Buffer {
    this.#endRun()
    const packets = this.#packets
    const bytes = this.#fixedBytes + this.#metaBytes + this.#packetBytes
    const frame = isToStay ? Buffer.allocUnsafeSlow(bytes) : Buffer.allocUnsafe(bytes)
    let at = head.copy(frame, 0)
    at = writeArrayHead(frame, at, this.#publisherIndexes.size)
    at = this.#publishers.copyTo(frame, at)
    at = writeArrayHead(frame, at, this.#nameIndexes.size)
    at = this.#names.copyTo(frame, at)
    at = writeBinaryHead(frame, at, this.#runs.end)
    at = this.#runs.copyTo(frame, at)
    at = packets.copyTo(frame, at)
    if (this.#lent !== undefined) at += this.#lent.copy(frame, at, this.#lentStart, this.#lentEnd)
    this.clear()
    return frame.subarray(0, at)
  }

  /** Forgets what was written. */
  clear(): void {
    this.count = 0
    this.#forgetLent()
    this.#packets.clear()
    this.#publishers.clear()
    this.#names.clear()
    this.#runs.clear()
    this.#publisherIndexes.clear()
    if (this.#nameIndexes.size > 0) this.#nameIndexes.clear()
    this.#runCount = 0
    this.#publisher = undefined
    this.#groups = []
    this.#timeMs = 0
    this.#timeBeforeMs = 0
  }
}

/** Neither DUP is to go nor an expiry to be written anew. */
function isWrittenAsIs({ view, expirySeconds }: LaneMessage): boolean {
  return !view.dup && (view.messageExpiryInterval < 0 || view.messageExpiryInterval === expirySeconds)
}

function publisherBytes({ clientId, username, peerHost }: Publisher): number {
  return 1 + textBytes(clientId) + textBytes(username) + textBytes(peerHost)
}

function areEqual(some: readonly string[], others: readonly string[]): boolean {
  if (some.length !== others.length) return false
  for (let i = 0; i < some.length; i += 1) if (some[i] !== others[i]) return false
  return true
}
