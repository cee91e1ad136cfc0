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

/** A batch that is being taken: so many of its messages are. */
export type BatchUnderWay = {
  readonly epoch: number
  readonly lane: number
  readonly sequence: number
  readonly taken: number
}

/** What outlives the process. */
export type KeptMarks = { readonly lanes: readonly LaneMark[]; readonly underWay: BatchUnderWay | undefined }

/**
 * `doubtful`: new as far as we know, but another node may have taken it that can't be asked. `untraced`: an earlier process of ours
 * may have taken it, and then nothing of it was on the disk.
 */
export type MarkVerdict = 'new' | 'doubtful' | 'untraced' | 'duplicate'

/** Those of one node. */
export class SenderMarks {
  /** Whoever was used last is the last one. */
  readonly #lanes: Lane[] = []
  /** What is being taken, over several turns of the event loop if need be. */
  #underWay: (Omit<BatchUnderWay, 'taken'> & { readonly batch: { readonly taken: number } }) | undefined
  #restored: BatchUnderWay | undefined
  /** Whatever earlier processes of ours took and left on the disk is known, and nobody else took anything that is not. */
  #isTraced = false

  /**
   * What a batch with this number is; numbers begin with 1.
   * @param resent whether it was on its way before, over another connection
   */
  judge(epoch: number, lane: number, sequence: number, resent: boolean): MarkVerdict {
    const known = this.#lanes[this.#indexOf(epoch, lane)]
    if (known !== undefined && sequence <= known.sequence) return 'duplicate'
    if (!resent || (known?.isSure ?? this.#isSureOf(epoch))) return 'new'
    return this.#isTraced ? 'untraced' : 'doubtful'
  }

  /** How many messages at the beginning of a batch, which is no duplicate, an earlier process of ours has taken. */
  takenOf(epoch: number, lane: number, sequence: number): number {
    const batch = this.#restored
    return batch !== undefined && isSame(batch, epoch, lane, sequence) ? batch.taken : 0
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

  /** The sender says that it never sent anything of this epoch: whatever is on its way later, nobody else has taken it before. */
  opens(epoch: number): void {
    if (this.#lanes.every((lane) => lane.epoch !== epoch)) this.#touch(epoch, 0).isSure = true
  }

  /** The batch is taken. */
  take(epoch: number, lane: number, sequence: number, resent: boolean): void {
    const known = this.#touch(epoch, lane)
    if (sequence > known.sequence) known.sequence = sequence
    // What was on its way before comes first, so that from here on nothing has been anywhere but here.
    if (!resent && !known.isSure) for (const lane of this.#lanes) if (lane.epoch === epoch) lane.isSure = true
  }

  /** A batch, which was taken, is gone through message by message. */
  begin(epoch: number, lane: number, sequence: number, batch: { readonly taken: number }): void {
    this.#underWay = { epoch, lane, sequence, batch }
  }

  end(): void {
    this.#underWay = undefined
  }

  /** All that is taken up to now, for the next process. */
  kept(): KeptMarks {
    const underWay = this.#underWay
    const lanes = this.#lanes.map(({ epoch, lane, sequence, isSure }) => {
      const isUnderWay = underWay !== undefined && isSame(underWay, epoch, lane, sequence)
      return { epoch, lane, sequence: isUnderWay ? sequence - 1 : sequence, isSure }
    })
    if (underWay === undefined) return { lanes, underWay }
    const { epoch, lane, sequence, batch } = underWay
    return { lanes, underWay: { epoch, lane, sequence, taken: batch.taken } }
  }

  /** What an earlier process of ours had taken when it last said so. */
  restore(kept: KeptMarks): void {
    this.#restored = kept.underWay
    this.#isTraced = true
    this.merge(kept.lanes.map((lane) => ({ ...lane, isSure: false })))
  }

  /** Another node may have taken more of any lane than we know. */
  doubt(): void {
    for (const lane of this.#lanes) lane.isSure = false
    this.#isTraced = false
  }

  /** What another node has taken. Of one lane the highest counts. */
  merge(marks: Iterable<LaneMark>): void {
    for (const { epoch, lane, sequence, isSure } of marks) {
      const isNews = sequence > (this.#lanes[this.#indexOf(epoch, lane)]?.sequence ?? -1)
      const known = this.#touch(epoch, lane)
      if (sequence < known.sequence) continue
      known.isSure = isSure && (isNews || known.isSure)
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
    const known = index < 0 ? { epoch, lane, sequence: 0, isSure: this.#isSureOf(epoch) } : lanes.splice(index, 1)[0]!
    lanes.push(known)
    if (lanes.length > LANES_MAX) lanes.shift()
    return known
  }
}

function isSame(batch: Omit<BatchUnderWay, 'taken'>, epoch: number, lane: number, sequence: number): boolean {
  return batch.epoch === epoch && batch.lane === lane && batch.sequence === sequence
}

export class HighWaterMarks {
  /** Whoever came last is the last one. */
  readonly #senders = new Map<string, SenderMarks>()
  readonly #forgotten: (node: string) => void

  /** @param forgotten told of each node of which nothing is known any more */
  constructor(forgotten: (node: string) => void = () => undefined) {
    this.#forgotten = forgotten
  }

  /** Those of this node of the cluster: what is known of it, or nothing. Too many nodes, and the one that came longest ago is forgotten. */
  of(node: string): SenderMarks {
    const marks = this.#senders.get(node) ?? new SenderMarks()
    this.#senders.delete(node)
    this.#senders.set(node, marks)
    const [oldest] = this.#senders.keys()
    if (this.#senders.size > SENDERS_MAX && oldest !== undefined) {
      this.#senders.delete(oldest)
      this.#forgotten(oldest)
    }
    return marks
  }

  senders(): Iterable<readonly [node: string, marks: SenderMarks]> {
    return this.#senders
  }

  /** The same without remembering that it was asked for. */
  peek(node: string): SenderMarks | undefined {
    return this.#senders.get(node)
  }
}
