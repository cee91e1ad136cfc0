/**
 * A small batch of a link in few bytes: what the batches before it on the same connection have said is left out.
 *
 *     [5, head, publishers, runs], then its messages, end to end
 *
 * `head` is binary: flags, then variable byte integers: by how much its number is above that of the last one of its lane (0 at QoS 0), and
 * how many milliseconds after the last batch it was sent. A publisher is the number of one that was told before, or told as in
 * `link-frame.ts`: it has the next number from then on, unless it is a long one, and when all numbers are used the first is the
 * next. `runs` are those of `lane-frame.ts`, but the time of the first one is told as a difference to the time of sending.
 *
 * What it stands for is a batch of `link-frame.ts`, byte by byte. The first one on a connection is always that.
 */
import { PackReader } from '../../packets/pack-reader.ts'
import { PackWriter } from '../../packets/pack-writer.ts'
import { FRAME_START } from './lane-frame.ts'
import { LINK_TABLES_AT, markSent, readLinkFrame, writeLinkHead } from './link-frame.ts'

const SHORT_BATCH_KIND = 5
const FIELDS = 4
/** Longer ones gain little. */
export const SHORT_BYTES_MAX = 4_096
const flag = { lane: 1, qos0: 2, resent: 4 } as const
const FLAGS_MAX = 7
/** So that each number is one byte of MessagePack. */
const PUBLISHERS_MAX = 128
const PUBLISHER_BYTES_MAX = 256
/** A publisher is at least its number. */
const PUBLISHER_BYTES_MIN = 1
const TOLD_FIELDS = 3

const reader = new PackReader()
const within = new PackReader()
const out = new PackWriter(SHORT_BYTES_MAX)
const runs = new PackWriter()
const linkHead = Buffer.alloc(LINK_TABLES_AT)

export function isShortFrame(frame: Buffer): boolean {
  return frame[0] === FRAME_START && frame[1] === (0x90 | FIELDS) && frame[2] === SHORT_BATCH_KIND
}

/** What both ends of a connection know of the batch that came last. */
class Before {
  #epoch = -1
  readonly #sequences: [number, number] = [0, 0]
  sentAtMs = 0

  get epoch(): number {
    return this.#epoch
  }

  sequence(lane: 0 | 1): number {
    return this.#sequences[lane]
  }

  note(epoch: number, lane: 0 | 1, sequence: number, sentAtMs: number): void {
    if (epoch !== this.#epoch) this.#sequences.fill(0)
    this.#epoch = epoch
    this.sentAtMs = sentAtMs
    if (sequence > 0) this.#sequences[lane] = sequence
  }
}

/** Of the sending end of one connection. It is to see all batches in the order in which they are sent. */
export class ShortWriter {
  readonly #before = new Before()
  readonly #numbers = new Map<string, number>()
  readonly #ends: number[] = []

  /** @param frame marked as it is sent. Returns what is to be sent for it: the same, if that is no longer than it need be. */
  encode(frame: Buffer): Buffer {
    const head = readLinkFrame(frame, Number.POSITIVE_INFINITY)
    if (head.type === 'malformed') return frame
    const { epoch, lane, sequence, sentAtMs, isResent } = head
    const before = this.#before
    const step = sequence === 0 ? 0 : sequence - before.sequence(lane)
    const stepMs = sentAtMs - before.sentAtMs
    const mayFollow = epoch === before.epoch && step >= 0 && stepMs >= 0 && sentAtMs <= TIME_MS_MAX / 2
    before.note(epoch, lane, sequence, sentAtMs)
    if (!mayFollow || head.isCompressed || frame.length > SHORT_BYTES_MAX || !this.#findTables(frame)) return frame
    out.clear()
    for (const byte of [FRAME_START, 0x90 | FIELDS, SHORT_BATCH_KIND]) out.byte(byte)
    runs.clear()
    runs.byte(lane | (sequence === 0 ? flag.qos0 : 0) | (isResent ? flag.resent : 0))
    runs.varint(step)
    runs.varint(stepMs)
    out.binary(runs)
    this.#writePublishers(frame)
    const runsBytes = reader.binary()
    moveFirstTime(frame, reader.at - runsBytes, reader.at, -sentAtMs)
    out.binary(runs)
    append(out, frame, reader.at, frame.length)
    return Buffer.from(out.buffer.subarray(0, out.end))
  }

  /** Leaves the reader behind the names. False if there are any, which only lanes between members have. */
  #findTables(frame: Buffer): boolean {
    reader.show(frame, LINK_TABLES_AT, frame.length)
    this.#ends.length = 0
    const count = reader.array(PUBLISHER_BYTES_MIN)
    this.#ends.push(reader.at)
    for (let i = 0; i < count; i += 1) {
      if (!passPublisher()) return false
      this.#ends.push(reader.at)
    }
    return reader.array(1) === 0 && !reader.isBroken
  }

  #writePublishers(frame: Buffer): void {
    const ends = this.#ends
    out.array(ends.length - 1)
    for (let i = 1; i < ends.length; i += 1) {
      const from = ends[i - 1]!
      const to = ends[i]!
      const told = frame.toString('latin1', from, to)
      const number = this.#numbers.get(told)
      if (number !== undefined) {
        out.byte(number)
        continue
      }
      append(out, frame, from, to)
      if (to - from > PUBLISHER_BYTES_MAX) continue
      if (this.#numbers.size === PUBLISHERS_MAX) this.#numbers.clear()
      this.#numbers.set(told, this.#numbers.size)
    }
  }
}

/** Of the receiving end of one connection. It is to see all batches in the order in which they come. */
export class ShortReader {
  readonly #before = new Before()
  readonly #publishers: Buffer[] = []
  /** Both ends may know different things: nothing more is to be taken for what it may not stand for. */
  #isLost = false

  /** A batch that was not shortened has come. What it says of itself need not be true. */
  note(frame: Buffer): void {
    const head = readLinkFrame(frame, Number.POSITIVE_INFINITY)
    if (head.type === 'batch') this.#before.note(head.epoch, head.lane, head.sequence, head.sentAtMs)
  }

  /**
   * The batch that it stands for, in memory of its own, of at most `SHORT_BYTES_MAX`. `undefined` if it stands for none, as then does
   * all that comes after it. Never throws.
   */
  expand(frame: Buffer): Buffer | undefined {
    if (this.#isLost) return undefined
    const whole = this.#expand(frame)
    this.#isLost = whole === undefined
    return whole
  }

  #expand(frame: Buffer): Buffer | undefined {
    if (frame.length > SHORT_BYTES_MAX || this.#before.epoch < 0) return undefined
    reader.show(frame, 3, frame.length)
    if (!this.#readHead()) return undefined
    const { epoch, lane, sequence, sentAtMs, isResent } = expanded
    out.clear()
    writeLinkHead(linkHead, { epoch, lane, sequence, sentAtMs })
    markSent(linkHead, sentAtMs, isResent)
    append(out, linkHead, 0, LINK_TABLES_AT)
    if (!this.#readPublishers()) return undefined
    out.array(0)
    const runsBytes = reader.binary()
    if (reader.isBroken || !moveFirstTime(frame, reader.at - runsBytes, reader.at, sentAtMs)) return undefined
    out.binary(runs)
    append(out, frame, reader.at, frame.length)
    if (out.end > SHORT_BYTES_MAX) return undefined
    this.#before.note(epoch, lane, sequence, sentAtMs)
    return Buffer.from(out.buffer.subarray(0, out.end))
  }

  #readHead(): boolean {
    const bytes = reader.binary()
    within.show(reader.buffer, reader.at - bytes, reader.at)
    const flags = within.byte()
    const step = within.varint()
    const stepMs = within.varint()
    if (reader.isBroken || within.isBroken || within.at !== within.end || flags > FLAGS_MAX) return false
    const before = this.#before
    const lane = (flags & flag.lane) === 0 ? 0 : 1
    expanded.epoch = before.epoch
    expanded.lane = lane
    expanded.sequence = (flags & flag.qos0) === 0 ? before.sequence(lane) + step : 0
    expanded.sentAtMs = before.sentAtMs + stepMs
    expanded.isResent = (flags & flag.resent) !== 0
    return Number.isSafeInteger(expanded.sequence) && Number.isSafeInteger(expanded.sentAtMs)
  }

  #readPublishers(): boolean {
    const { buffer } = reader
    const count = reader.array(PUBLISHER_BYTES_MIN)
    out.array(count)
    for (let i = 0; i < count && out.end <= SHORT_BYTES_MAX; i += 1) {
      const from = reader.at
      if (buffer[from]! < PUBLISHERS_MAX) {
        const told = this.#publishers[reader.byte()]
        if (told === undefined) return false
        append(out, told, 0, told.length)
        continue
      }
      if (!passPublisher()) return false
      append(out, buffer, from, reader.at)
      if (reader.at - from > PUBLISHER_BYTES_MAX) continue
      if (this.#publishers.length === PUBLISHERS_MAX) this.#publishers.length = 0
      this.#publishers.push(Buffer.from(buffer.subarray(from, reader.at)))
    }
    return out.end <= SHORT_BYTES_MAX
  }
}

/** What `#readHead` found, read at once and never kept. */
const expanded: { epoch: number; lane: 0 | 1; sequence: number; sentAtMs: number; isResent: boolean } = {
  epoch: 0,
  lane: 0,
  sequence: 0,
  sentAtMs: 0,
  isResent: false,
}

/** False if there is none. */
function passPublisher(): boolean {
  if (reader.array(1) !== TOLD_FIELDS) return false
  reader.text()
  reader.textOrNil()
  reader.textOrNil()
  return !reader.isBroken
}

/** Writes runs anew (`runs`), the time of the first one later by so much. False if there is none, or its time means nothing. */
function moveFirstTime(frame: Buffer, from: number, to: number, byMs: number): boolean {
  within.show(frame, from, to)
  runs.clear()
  runs.byte(within.byte())
  runs.varint(within.varint())
  runs.varint(within.varint())
  const difference = within.varint()
  const timeMs = (difference % 2 === 0 ? difference / 2 : -(difference + 1) / 2) + byMs
  if (within.isBroken || Math.abs(timeMs) > TIME_MS_MAX) return false
  runs.varint(timeMs < 0 ? -2 * timeMs - 1 : 2 * timeMs)
  append(runs, frame, within.at, to)
  return true
}

/** Twice as much is still an integer. */
const TIME_MS_MAX = 2 ** 51

function append(target: PackWriter, source: Buffer, from: number, to: number): void {
  target.reserve(to - from)
  target.end += source.copy(target.buffer, target.end, from, to)
}
