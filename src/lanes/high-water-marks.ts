/**
 * What a receiver remembers of the lanes of each node of one cluster: the highest batch that it has taken of each. Only that, so that
 * gaps are fine: a sender may drop batches that it never sent. Pure, and bounded whatever senders call themselves.
 */

/** A node has one lane for what is live and one for what has waited, anew in each of its lives. */
const LANES_MAX = 64
const SENDERS_MAX = 256

export type LaneMark = {
  readonly epoch: number
  readonly lane: number
  /** All batches up to this one have been taken, or will never come. */
  readonly sequence: number
  /** Whether nobody else can have taken more of it. */
  readonly isSure: boolean
}

type Lane = { -readonly [K in keyof LaneMark]: LaneMark[K] }

/** `doubtful`: new as far as we know, but another node may have taken it that can't be asked. */
export type MarkVerdict = 'new' | 'doubtful' | 'duplicate'

/** Those of one node. */
export class SenderMarks {
  /** Whoever was used last is the last one. */
  readonly #lanes: Lane[] = []

  /**
   * What a batch with this number is; numbers begin with 1.
   * @param resent whether it was on its way before, over another connection
   */
  judge(epoch: number, lane: number, sequence: number, resent: boolean): MarkVerdict {
    const known = this.#lanes[this.#indexOf(epoch, lane)]
    if (known !== undefined && sequence <= known.sequence) return 'duplicate'
    return resent && !(known?.isSure ?? this.#isSureOf(epoch)) ? 'doubtful' : 'new'
  }

  /** What was on its way before goes before all else, whatever its lane: so one that brought nothing yet is as sure as the others. */
  #isSureOf(epoch: number): boolean {
    let isSure = false
    for (const lane of this.#lanes) {
      if (lane.epoch !== epoch) continue
      if (!lane.isSure) return false
      isSure = true
    }
    return isSure
  }

  /** The batch is taken. */
  take(epoch: number, lane: number, sequence: number, resent: boolean): void {
    const known = this.#touch(epoch, lane)
    if (sequence > known.sequence) known.sequence = sequence
    // What was on its way before comes first, so that from here on nothing has been anywhere but here.
    if (!resent && !known.isSure) for (const lane of this.#lanes) if (lane.epoch === epoch) lane.isSure = true
  }

  /** Another node may have taken more of any lane than we know. */
  doubt(): void {
    for (const lane of this.#lanes) lane.isSure = false
  }

  /** What another node has taken. Of one lane the highest counts. */
  merge(marks: Iterable<LaneMark>): void {
    for (const { epoch, lane, sequence, isSure } of marks) {
      const known = this.#touch(epoch, lane)
      if (sequence < known.sequence) continue
      known.isSure = sequence === known.sequence ? known.isSure && isSure : isSure
      known.sequence = sequence
    }
  }

  /** The least used first. */
  snapshot(): LaneMark[] {
    return this.#lanes.map((lane) => ({ ...lane }))
  }

  #indexOf(epoch: number, lane: number): number {
    for (let i = this.#lanes.length - 1; i >= 0; i -= 1) {
      const one = this.#lanes[i]!
      if (one.epoch === epoch && one.lane === lane) return i
    }
    return -1
  }

  #touch(epoch: number, lane: number): Lane {
    const lanes = this.#lanes
    const index = this.#indexOf(epoch, lane)
    if (index >= 0 && index === lanes.length - 1) return lanes[index]!
    const known = index < 0 ? { epoch, lane, sequence: 0, isSure: false } : lanes.splice(index, 1)[0]!
    lanes.push(known)
    if (lanes.length > LANES_MAX) lanes.shift()
    return known
  }
}

export class HighWaterMarks {
  /** Whoever came last is the last one. */
  readonly #senders = new Map<string, SenderMarks>()

  /** Those of this node of the cluster: what is known of it, or nothing. Too many nodes, and the one that came longest ago is forgotten. */
  of(node: string): SenderMarks {
    const marks = this.#senders.get(node) ?? new SenderMarks()
    this.#senders.delete(node)
    this.#senders.set(node, marks)
    const [oldest] = this.#senders.keys()
    if (this.#senders.size > SENDERS_MAX && oldest !== undefined) this.#senders.delete(oldest)
    return marks
  }

  /** The same without remembering that it was asked for. */
  peek(node: string): SenderMarks | undefined {
    return this.#senders.get(node)
  }
}
