/**
 * A map of texts that grows evenly: many small tables, each of which now and then moves to a larger one, where a Map moves all of its
 * entries at once and has everybody wait for it, 50 ms at half a million. The order of the entries means nothing.
 */

const tableCount = 512

export class EvenMap<V> {
  readonly #tables: (Map<string, V> | undefined)[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  get(key: string): V | undefined {
    return this.#tables[tableOf(key)]?.get(key)
  }

  set(key: string, value: V): void {
    const table = (this.#tables[tableOf(key)] ??= new Map<string, V>())
    const before = table.size
    table.set(key, value)
    this.#size += table.size - before
  }

  /** Returns whether it was there. */
  delete(key: string): boolean {
    const at = tableOf(key)
    const table = this.#tables[at]
    if (table === undefined || !table.delete(key)) return false
    if (table.size === 0) this.#tables[at] = undefined
    this.#size -= 1
    return true
  }

  /** Goes on through changes made meanwhile: what is there throughout comes once, what came or went may come or not. */
  *keys(): Generator<string> {
    for (let at = 0; at < tableCount; at += 1) yield* this.#tables[at]?.keys() ?? []
  }

  /** As `keys`. */
  *values(): Generator<V> {
    for (let at = 0; at < tableCount; at += 1) yield* this.#tables[at]?.values() ?? []
  }
}

/** FNV-1a. Whoever chooses keys that fall together has what one Map would have been. */
function tableOf(key: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  return (hash ^ (hash >>> 16)) & (tableCount - 1)
}
