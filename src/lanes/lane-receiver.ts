/**
 * The receiving side of the lanes from one process: takes each batch once and in order, by its number. What comes out of turn is not
 * kept: the sender goes back to what is missing. Pure; a few numbers a sender.
 */
import type { LaneAck, LaneBegin } from './batches/lane-frame.ts'

/**
 * What is to be done with a batch. `missing`: one before it is; `unknown`: nothing is known of its lane. Both of these are told
 * once. `late`: it is of a lane that has been replaced.
 */
export type LaneVerdict = 'deliver' | 'duplicate' | 'missing' | 'unknown' | 'late'

export class LaneReceiver {
  /** Batches that came again. */
  duplicates = 0
  /** Batches that came out of turn, and come again. */
  outOfTurn = 0
  readonly #boot: string
  #epoch = 0
  /** 0 as long as nothing is known of the lane. */
  #expected = 0
  #kept = 0
  /** What the sender was told: that this batch is missing, or nothing is known. */
  #toldMissing = -1

  /** @param boot the sender's process */
  constructor(boot: string) {
    this.#boot = boot
  }

  /** Of the lane that counts now: a higher one replaces it. */
  get epoch(): number {
    return this.#epoch
  }

  /** Number of the last batch that was taken. */
  get taken(): number {
    return Math.max(0, this.#expected - 1)
  }

  /** Whether all that was taken is safe. */
  get isKept(): boolean {
    return this.#kept >= this.taken
  }

  /** A batch with a number of 1 or more came. If the verdict is `deliver`, it counts as taken. */
  judge(epoch: number, sequence: number): LaneVerdict {
    if (epoch < this.#epoch) return 'late'
    if (epoch > this.#epoch) this.#adopt(epoch)
    // Nothing can be missing before the first. If a process before this one had it, the sender says then where the lane stands.
    if (this.#expected === 0 && sequence === 1) this.#expected = 1
    if (sequence < this.#expected) {
      this.duplicates += 1
      return 'duplicate'
    }
    if (sequence > this.#expected) {
      this.outOfTurn += 1
      return this.#expected === 0 ? 'unknown' : 'missing'
    }
    this.#expected += 1
    return 'deliver'
  }

  #adopt(epoch: number): void {
    this.#epoch = epoch
    this.#expected = 0
    this.#kept = 0
    this.#toldMissing = -1
  }

  /** The sender says where its lane stands. False if that lane has been replaced. */
  begin({ epoch, base }: LaneBegin): boolean {
    if (epoch < this.#epoch) return false
    if (epoch > this.#epoch) this.#adopt(epoch)
    // What was before it never comes: it was acknowledged, by this process or by the one before.
    this.#expected = Math.max(this.#expected, base)
    this.#kept = Math.max(this.#kept, base - 1)
    return true
  }

  /** All batches of this lane up to this one are safe. Returns whether that is news. */
  keep(epoch: number, sequence: number): boolean {
    if (epoch !== this.#epoch || sequence <= this.#kept) return false
    this.#kept = sequence
    return true
  }

  /** Whether the sender has yet to be told what it has to send again. From then on it counts as told. */
  tellMissing(): boolean {
    if (this.#toldMissing === this.#expected) return false
    this.#toldMissing = this.#expected
    return true
  }

  ack(isMissing: boolean): LaneAck {
    return {
      type: 'ack',
      epoch: this.#epoch,
      kept: this.#kept,
      expected: this.#expected,
      isMissing,
      boot: this.#boot,
    }
  }
}
