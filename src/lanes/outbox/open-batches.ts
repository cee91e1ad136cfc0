/**
 * The batches of an outbox that are being written, one of a kind, and the lane and the number that each gets when it is sealed. What
 * is sealed stands on the shelf.
 */
import { LINK_TABLES_AT, writeLinkHead } from '../batches/link-frame.ts'
import { BATCH_BYTES, type BatchOrigin } from './batch-list.ts'
import type { BatchShelf } from './batch-shelf.ts'
import { OpenBatch } from './open-batch.ts'

const head = Buffer.alloc(LINK_TABLES_AT)

export class OpenBatches {
  readonly live = new OpenBatch()
  readonly backlog = new OpenBatch()
  readonly qos0 = new OpenBatch()
  readonly epoch: number
  /** Of each lane, that of the batch that was sealed last. */
  readonly lastSequences: [number, number] = [0, 0]
  /** Of the batch that was sealed last. */
  lastId = 0
  /** That of the open batch of the backlog. */
  turn = 1
  readonly #shelf: BatchShelf
  readonly #all: readonly OpenBatch[]

  constructor(epoch: number, shelf: BatchShelf) {
    this.epoch = epoch
    this.#shelf = shelf
    this.#all = [this.backlog, this.live, this.qos0]
  }

  /** What they take in memory. */
  get bytes(): number {
    return openBytes(this.live) + openBytes(this.backlog) + openBytes(this.qos0)
  }

  get messages(): number {
    return this.live.messages + this.backlog.messages + this.qos0.messages
  }

  /** When the first of their messages came, by the steady clock; `undefined` if there is none. */
  get oldestMs(): number | undefined {
    let oldestMs: number | undefined
    for (const open of this.#all) if (open.messages > 0) oldestMs = Math.min(oldestMs ?? open.openedMs, open.openedMs)
    return oldestMs
  }

  /** When one of their messages expires next, by the steady clock; `Infinity` if none ever does. */
  get nextExpiryMs(): number {
    let soonestMs = Number.POSITIVE_INFINITY
    for (const open of this.#all) if (open.messages > 0) soonestMs = Math.min(soonestMs, open.firstExpiryMs)
    return soonestMs
  }

  sealAll(): void {
    for (const open of this.#all) this.seal(open)
  }

  /** Those that hold what has expired: on the shelf it is sorted out. */
  sealExpired(steadyMs: number): void {
    for (const open of this.#all) if (open.firstExpiryMs <= steadyMs) this.seal(open)
  }

  /** @param goesNow whether it is launched at once: what may wait for long gets memory of its own */
  seal(open: OpenBatch, goesNow = false): void {
    const { messages, agedMs, firstExpiryMs, lastExpiryMs, wallAheadMs, openedMs } = open
    if (messages === 0) return
    // A publisher's messages may stand in both, and those of lane 0 are older.
    if (open === this.backlog) this.seal(this.live)
    const isQos0 = open === this.qos0
    const lane: 0 | 1 = open === this.backlog ? 1 : 0
    const { epoch } = this
    this.lastId += messages
    const sequence = isQos0 ? 0 : (this.lastSequences[lane] += messages)
    const writtenAtMs = Math.max(0, Math.trunc(openedMs + wallAheadMs))
    writeLinkHead(head, { epoch, lane, sequence, sentAtMs: writtenAtMs })
    const frame = open.writer.finishAfter(head, !goesNow)
    const { live, backlog, qos0, isKeeping } = this.#shelf
    const batch: BatchOrigin = {
      id: this.lastId,
      frame,
      epoch,
      lane,
      sequence,
      messages,
      agedMs,
      firstExpiryMs,
      lastExpiryMs,
      writtenAtMs,
      wallAheadMs,
      isResent: false,
      isKept: isQos0 || !isKeeping,
      turn: this.turn,
    }
    if (lane === 1) this.turn += 1
    this.#shelf.add(batch, isQos0 ? qos0 : lane === 1 ? backlog : live)
  }

  /** Puts one that was found on the disk to the backlog. */
  restore(batch: Omit<BatchOrigin, 'turn'>): void {
    this.#shelf.add({ ...batch, turn: this.turn }, this.#shelf.backlog)
    this.turn += 1
    this.lastId = Math.max(this.lastId, batch.id)
  }

  /** Forgets what is in them. The ledger is the caller's business. */
  clear(): void {
    for (const open of this.#all) open.writer.clear()
  }
}

function openBytes({ writer }: OpenBatch): number {
  return writer.count === 0 ? 0 : writer.byteLength + BATCH_BYTES
}
