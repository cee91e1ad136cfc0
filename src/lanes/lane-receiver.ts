/**
 * The receiving side of all lanes from one node: takes each batch once and in order, by its number. What comes out of turn is not kept:
 * the sender goes back to what is missing. Pure; a few numbers a sender.
 */
import type { LaneAck, LaneBegin } from './lane-frame.ts'

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
  #boot = ''
  /** The sender's process before it: it is dead, and its last words come too late. */
  #formerBoot = ''
  #epoch = 0
  /** 0 as long as nothing is known of the lane. */
  #expected = 0
  #kept = 0
  /** What the sender was told: that this batch is missing, or nothing is known. */
  #toldMissing = -1

  /** The lane that counts now, to which what is kept belongs. */
  get boot(): string {
    return this.#boot
  }

  get epoch(): number {
    return this.#epoch
  }

  /** Number of the last batch that was taken. */
  get taken(): number {
    return Math.max(0, this.#expected - 1)
  }

  /** A batch with a number of 1 or more came from the sender's process `boot`. If it says `deliver`, the batch counts as taken. */
  judge(boot: string, epoch: number, sequence: number): LaneVerdict {
    if (this.#isLate(boot, epoch)) return 'late'
    const isKnown = boot === this.#boot && epoch === this.#epoch && this.#expected > 0
    // Nothing can be missing before the first. A receiver that forgot about it is told where the lane stands after its answer.
    if (!isKnown && sequence === 1) this.#adopt(boot, epoch, 1)
    else if (!isKnown) return this.#unknown(boot, epoch)
    if (sequence < this.#expected) {
      this.duplicates += 1
      return 'duplicate'
    }
    if (sequence > this.#expected) {
      this.outOfTurn += 1
      return 'missing'
    }
    this.#expected += 1
    return 'deliver'
  }

  #unknown(boot: string, epoch: number): 'unknown' {
    this.outOfTurn += 1
    if (boot !== this.#boot || epoch !== this.#epoch) this.#adopt(boot, epoch, 0)
    return 'unknown'
  }

  #isLate(boot: string, epoch: number): boolean {
    return boot === this.#formerBoot || (boot === this.#boot && epoch < this.#epoch)
  }

  #adopt(boot: string, epoch: number, expected: number): void {
    if (boot !== this.#boot) this.#formerBoot = this.#boot
    this.#boot = boot
    this.#epoch = epoch
    this.#expected = expected
    this.#kept = Math.max(0, expected - 1)
    this.#toldMissing = -1
  }

  /** The sender says where its lane stands. False if that lane has been replaced. */
  begin({ epoch, base }: LaneBegin, boot: string): boolean {
    if (this.#isLate(boot, epoch)) return false
    if (boot !== this.#boot || epoch !== this.#epoch || this.#expected === 0) this.#adopt(boot, epoch, base)
    // What was before it never comes: it was acknowledged, by this process or by the one before.
    if (base > this.#expected) this.#expected = base
    this.#kept = Math.max(this.#kept, base - 1)
    return true
  }

  /** All batches of this lane up to this one are safe. Returns whether that is news. */
  keep(boot: string, epoch: number, sequence: number): boolean {
    if (boot !== this.#boot || epoch !== this.#epoch || sequence <= this.#kept) return false
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
