/** Topics in the order of time, the oldest first: a heap, so that neither to put many in nor to take them out takes long at once. */

export type TimedTopic = { readonly topic: string; readonly atMs: number }

export class OldestFirst {
  readonly #heap: TimedTopic[] = []
  readonly #topics = new Set<string>()

  get size(): number {
    return this.#heap.length
  }

  /** A topic that is there already stays where it is. */
  put(topic: string, atMs: number): void {
    if (this.#topics.has(topic)) return
    this.#topics.add(topic)
    const heap = this.#heap
    let at = heap.length
    const entry = { topic, atMs }
    heap.push(entry)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (heap[parent]!.atMs <= atMs) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = entry
  }

  take(): TimedTopic | undefined {
    const heap = this.#heap
    const oldest = heap[0]
    const last = heap.pop()
    if (oldest === undefined || last === undefined) return undefined
    this.#topics.delete(oldest.topic)
    if (heap.length > 0) this.#sink(last)
    return oldest
  }

  clear(): void {
    this.#heap.length = 0
    this.#topics.clear()
  }

  /** Puts an entry where the first one was. */
  #sink(entry: TimedTopic): void {
    const heap = this.#heap
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]!.atMs < heap[child]!.atMs) child += 1
      if (heap[child]!.atMs >= entry.atMs) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = entry
  }
}
