/**
 * Reads a batch where it lies: who published, when, and where each message's PUBLISH packet stands, without making anything of the
 * messages. All of the frame is checked before the first message is shown, so that a batch is taken as a whole or not at all; what
 * stands within a packet is for its reader to check.
 */
import type { Publisher } from '../../packets/publication.ts'
import { PackReader } from '../../packets/pack-reader.ts'
import { BATCH_MESSAGES_MAX, runFlag } from './lane-frame.ts'

const noPublishers: readonly Publisher[] = []
const nobody: Publisher = { clientId: '', username: undefined, peerHost: undefined }
const PUBLISH = 3
const DUP = 8
/** Array marker, ClientID and two nils. */
const PUBLISHER_BYTES_MIN = 4
/** Of runs between clusters: they have no groups, and the receiver knows where they come from. */
const FLAGS_MAX = runFlag.v5 | runFlag.plain

export class BatchCursor {
  /** Messages of the batch; as far as they could be counted, if it is malformed. */
  count = 0
  // ---- the message that is shown: its packet begins at `start`, its body runs from `body` to `end`
  start = 0
  body = 0
  end = 0
  v5 = false
  /** For whoever subscribed; otherwise it is there to be retained. */
  plain = false
  publisher = nobody
  /** When it was published, by the sender's clock, milliseconds since 1970. */
  timeMs = 0
  readonly #tables = new PackReader()
  readonly #runs = new PackReader()
  #publishers = noPublishers
  #frame: Buffer = Buffer.alloc(0)
  #end = 0
  #runsAt = 0
  #runsEnd = 0
  #packetsAt = 0
  /** Messages of this run that are still to be shown. */
  #left = 0

  /**
   * Begins with the tables `publishers, names, runs` at `at`; the packets follow up to `end`. Returns what is wrong with the batch:
   * then nothing is to be asked of it but `count`. Never throws.
   */
  open(frame: Buffer, at: number, end: number): string | undefined {
    this.#frame = frame
    this.#end = end
    this.count = 0
    this.#tables.show(frame, at, end)
    const isRead = this.#readPublishers() && this.#passNames()
    const runsBytes = this.#tables.binary()
    if (!isRead || this.#tables.isBroken) return 'the header is not what it should be'
    this.#runsEnd = this.#packetsAt = this.#tables.at
    this.#runsAt = this.#runsEnd - runsBytes
    const problem = this.#checkRuns() ?? this.#checkPackets()
    this.rewind()
    return problem
  }

  /** Begins anew with the first message. */
  rewind(): void {
    this.#runs.show(this.#frame, this.#runsAt, this.#runsEnd)
    this.end = this.#packetsAt
    this.timeMs = 0
    this.#left = 0
  }

  /** Shows the next message. False after the last one. */
  next(): boolean {
    if (this.#left === 0) {
      if (this.#runs.at >= this.#runs.end) return false
      this.#left = this.#nextRun()
    }
    this.#left -= 1
    this.start = this.end
    this.#showPacket()
    return true
  }

  #readPublishers(): boolean {
    const tables = this.#tables
    const count = tables.array(PUBLISHER_BYTES_MIN)
    if (count > BATCH_MESSAGES_MAX) return false
    const found: Publisher[] = []
    for (let i = 0; i < count; i += 1) {
      if (tables.array(1) !== 3) return false
      found.push({ clientId: tables.text(), username: tables.textOrNil(), peerHost: tables.textOrNil() })
    }
    this.#publishers = found
    return true
  }

  #passNames(): boolean {
    const count = this.#tables.array(1)
    if (count > BATCH_MESSAGES_MAX) return false
    for (let i = 0; i < count; i += 1) this.#tables.text()
    return true
  }

  #checkRuns(): string | undefined {
    const runs = this.#runs
    this.rewind()
    while (runs.at < runs.end) {
      const count = this.#nextRun()
      if (runs.isBroken || count === 0 || !isTime(this.timeMs) || this.#isUnknown)
        return 'a run is not what it should be'
      if (this.count + count > BATCH_MESSAGES_MAX) return `more than ${BATCH_MESSAGES_MAX} messages`
      this.count += count
    }
    return this.count === 0 ? 'no message' : undefined
  }

  /** Flags or a publisher of the run that was read mean nothing. */
  #isUnknown = false

  /** Returns how many messages it has. */
  #nextRun(): number {
    const runs = this.#runs
    const flags = runs.byte()
    const count = runs.varint()
    const publisher = this.#publishers[runs.varint()]
    const difference = runs.varint()
    this.timeMs += difference % 2 === 0 ? difference / 2 : -(difference + 1) / 2
    this.v5 = (flags & runFlag.v5) !== 0
    this.plain = (flags & runFlag.plain) !== 0
    this.publisher = publisher ?? nobody
    this.#isUnknown = flags > FLAGS_MAX || publisher === undefined
    return count
  }

  #checkPackets(): string | undefined {
    this.end = this.#packetsAt
    for (let i = 0; i < this.count; i += 1) {
      this.start = this.end
      if (!this.#showPacket() || this.end > this.#end) return 'a message ends too early'
      const first = this.#frame[this.start]!
      if (first >> 4 !== PUBLISH || (first & DUP) !== 0) return 'a packet that is no PUBLISH, or sent before'
    }
    return this.end === this.#end ? undefined : `${this.#end - this.end} bytes after the last message`
  }

  /** Returns whether it has a length. */
  #showPacket(): boolean {
    const frame = this.#frame
    let at = this.start + 1
    let length = 0
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = at < this.#end ? frame[at++]! : 0x80
      length |= (byte & 127) << shift
      if (byte < 128) {
        this.body = at
        this.end = at + length
        return true
      }
    }
    return false
  }
}

function isTime(ms: number): boolean {
  return ms >= 0 && Number.isSafeInteger(ms)
}
