/** The registers of a cluster as a KV bucket keeps them: a log, of which the last word on each register is kept. */
import type { Register, WriteResult } from '../../../../src/cluster/coordination.ts'

export type RegisterRequest =
  | { readonly type: 'last'; readonly key: string }
  /** The first that was written after this sequence. */
  | { readonly type: 'next'; readonly sequence: number }
  | {
      readonly type: 'put'
      readonly key: string
      /** `undefined` deletes. */
      readonly value: Uint8Array | undefined
      readonly revision: number
    }
  /** To be sent when there is no bucket: then one is made. */
  | { readonly type: 'ensure' }

export type RegisterAnswer =
  | { readonly type: 'last'; readonly register: Register }
  | {
      readonly type: 'next'
      readonly created: number
      readonly register: Register | undefined
      readonly isLast: boolean
    }
  | { readonly type: 'put'; readonly result: WriteResult }
  | { readonly type: 'ensured' }
  | { readonly type: 'no_bucket' }

type Entry = { readonly value: Uint8Array | undefined; readonly sequence: number; readonly atMs: number }

/** Members delete deletions so long after them, give or take. */
const DELETION_KEPT_MS = 3_900_000

export class Bucket {
  /** Another one for each bucket, microseconds. */
  readonly created: number
  lastSequence: number
  /** In the order of their sequences. */
  readonly #entries = new Map<string, Entry>()

  /** @param createdUs sequences begin here, so that none of an older bucket comes again */
  constructor(createdUs: number) {
    this.created = createdUs
    this.lastSequence = createdUs - 1
  }

  /** As it is now. */
  copy(): Bucket {
    const copy = new Bucket(this.created)
    copy.lastSequence = this.lastSequence
    for (const [key, entry] of this.#entries) copy.#entries.set(key, entry)
    return copy
  }

  /** How many registers it holds, those that are deleted included. */
  get size(): number {
    return this.#entries.size
  }

  /** In the order in which they were written last. */
  registers(): Register[] {
    return [...this.#entries].map(([key, { value, sequence }]) => ({ key, value, revision: sequence }))
  }

  last(key: string, nowMs: number): Register {
    this.#sweep(key, nowMs)
    const entry = this.#entries.get(key)
    return { key, value: entry?.value, revision: entry?.sequence ?? 0 }
  }

  next(sequence: number): { readonly register: Register | undefined; readonly isLast: boolean } {
    for (const [key, entry] of this.#entries) {
      if (entry.sequence <= sequence) continue
      const register = { key, value: entry.value, revision: entry.sequence }
      return { register, isLast: entry.sequence === this.lastSequence }
    }
    return { register: undefined, isLast: true }
  }

  /** Only if this is the revision that the register has; a deletion has one, too. */
  put(key: string, value: Uint8Array | undefined, revision: number, nowMs: number): WriteResult {
    this.#sweep(key, nowMs)
    if ((this.#entries.get(key)?.sequence ?? 0) !== revision) return { type: 'conflict' }
    this.lastSequence += 1
    // At the end, where its sequence belongs.
    this.#entries.delete(key)
    this.#entries.set(key, { value, sequence: this.lastSequence, atMs: nowMs })
    return { type: 'written', revision: this.lastSequence }
  }

  #sweep(key: string, nowMs: number): void {
    const entry = this.#entries.get(key)
    if (entry !== undefined && entry.value === undefined && nowMs - entry.atMs > DELETION_KEPT_MS)
      this.#entries.delete(key)
  }
}
