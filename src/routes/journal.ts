/** The last changes of a map in order, numbered from 1, so that whoever missed a few need not be told everything. */

/** Changes, key beside value; `null`: the key is gone. */
export type MapOps = { readonly keys: readonly string[]; readonly values: readonly (number | null)[] }

export type OpsLimits = {
  readonly opsMax: number
  /** Of keys in UTF-8, with `entryOverheadBytes` for each. */
  readonly bytesMax: number
}

/** What an entry takes beyond its key, generously: its value, and the lengths. */
export const entryOverheadBytes = 16

export class Journal {
  readonly #limits: OpsLimits
  /** From `#head` on; what is before is given up, and goes when there is much of it. */
  #keys: string[] = []
  #values: (number | null)[] = []
  #head = 0
  #bytes = 0
  #last = 0

  constructor(limits: OpsLimits) {
    this.#limits = limits
  }

  /** Number of the last change, 0 if there was none. */
  get last(): number {
    return this.#last
  }

  /** Whether all changes after this one are kept. */
  reaches(seq: number): boolean {
    return seq <= this.#last && seq >= this.oldest - 1
  }

  /** Number of the oldest change that is kept. */
  get oldest(): number {
    return this.#last + 1 - (this.#keys.length - this.#head)
  }

  append(key: string, value: number | null): void {
    this.#last += 1
    this.#keys.push(key)
    this.#values.push(value)
    this.#bytes += bytesOf(key)
    while (this.#keys.length - this.#head > this.#limits.opsMax || this.#bytes > this.#limits.bytesMax) this.#drop()
    if (this.#head > 1_024 && 2 * this.#head > this.#keys.length) this.#compact()
  }

  /** The changes after this one, as many as the limits allow and one at least; only if it reaches back so far. */
  after(seq: number, { opsMax, bytesMax }: OpsLimits): MapOps {
    const from = this.#head + (seq + 1 - this.oldest)
    let to = from
    for (let bytes = 0; to < this.#keys.length && to - from < opsMax; to += 1) {
      bytes += bytesOf(this.#keys[to]!)
      if (bytes > bytesMax && to > from) break
    }
    return { keys: this.#keys.slice(from, to), values: this.#values.slice(from, to) }
  }

  #drop(): void {
    this.#bytes -= bytesOf(this.#keys[this.#head]!)
    this.#keys[this.#head] = ''
    this.#head += 1
  }

  #compact(): void {
    this.#keys = this.#keys.slice(this.#head)
    this.#values = this.#values.slice(this.#head)
    this.#head = 0
  }
}

export function bytesOf(key: string): number {
  return Buffer.byteLength(key) + entryOverheadBytes
}
