export interface Expiring {
  /** Not to be changed while it is in the heap; `Infinity`: never, and such a one is not kept. */
  readonly expiresMs: number
  /** The heap's own; -1 for what is in none. */
  heapIndex: number
}

/**
 * What can expire, soonest first: a binary heap from which any entry can leave. With one age for all, which is the common case,
 * entries come in order and an insertion compares once.
 */
export class ExpiryHeap<T extends Expiring> {
  readonly #entries: T[] = []

  get soonest(): T | undefined {
    return this.#entries[0]
  }

  add(entry: T): void {
    if (entry.expiresMs === Number.POSITIVE_INFINITY) return
    this.#entries.push(entry)
    this.#rise(entry, this.#entries.length - 1)
  }

  remove(entry: T): void {
    const index = entry.heapIndex
    if (index < 0) return
    entry.heapIndex = -1
    const last = this.#entries.pop()
    if (last === undefined || last === entry) return
    this.#rise(last, index)
    this.#sink(last, last.heapIndex)
  }

  #rise(entry: T, from: number): void {
    let index = from
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = this.#entries[parentIndex]
      if (parent === undefined || parent.expiresMs <= entry.expiresMs) break
      this.#place(parent, index)
      index = parentIndex
    }
    this.#place(entry, index)
  }

  #sink(entry: T, from: number): void {
    let index = from
    for (;;) {
      const left = this.#entries[2 * index + 1]
      if (left === undefined) break
      const right = this.#entries[2 * index + 2]
      const child = right !== undefined && right.expiresMs < left.expiresMs ? right : left
      if (entry.expiresMs <= child.expiresMs) break
      const childIndex = child.heapIndex
      this.#place(child, index)
      index = childIndex
    }
    this.#place(entry, index)
  }

  #place(entry: T, index: number): void {
    this.#entries[index] = entry
    entry.heapIndex = index
  }
}
