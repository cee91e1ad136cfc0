/** A batch of an outbox that is being written. */
import { BatchWriter, type Directive, type LaneMessage } from '../batches/batch-writer.ts'
import { LINK_TABLES_AT } from '../batches/link-frame.ts'

export class OpenBatch {
  readonly writer = new BatchWriter(LINK_TABLES_AT)
  /** When its first message came, and when that is too old, by the steady clock. */
  openedMs = 0
  agedMs = Number.POSITIVE_INFINITY
  /** When the first and when the last of its messages expires by its own interval or by age, by the steady clock. */
  firstExpiryMs = Number.POSITIVE_INFINITY
  lastExpiryMs = Number.POSITIVE_INFINITY
  /** Milliseconds by which the wall clock was ahead of the steady clock. */
  wallAheadMs = 0

  get messages(): number {
    return this.writer.count
  }

  /**
   * @param expiryMs when it expires by its own interval, by the steady clock
   * @param isLasting whether nobody changes any more what the view shows
   */
  add(message: LaneMessage, directive: Directive, expiryMs: number, isLasting: boolean): void {
    this.writer.add(message, directive, isLasting)
    if (expiryMs < this.firstExpiryMs) this.firstExpiryMs = expiryMs
    if (expiryMs > this.lastExpiryMs) this.lastExpiryMs = Math.min(expiryMs, this.agedMs)
  }

  /** To be called before the first message is added. */
  begin(steadyMs: number, wallAheadMs: number, ageMsMax: number): void {
    this.openedMs = steadyMs
    this.wallAheadMs = wallAheadMs
    this.agedMs = steadyMs + ageMsMax
    this.firstExpiryMs = this.agedMs
    this.lastExpiryMs = Number.NEGATIVE_INFINITY
  }
}
