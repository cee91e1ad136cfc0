/** The levels that the filters of a trie are made of, each kept once and known by a small number. */

/** A number for a level's text. `+` and `#` have fixed ones, so that the trie can tell them without the text. */
export type LevelId = number
export const plusLevel: LevelId = 0
export const hashLevel: LevelId = 1
export const unknownLevel: LevelId = -1
const literalLevelMin = 2

/** V8 keeps a slice of at least this many characters as a pointer into the string that it was cut from. */
const slicedLengthMin = 13

export class LevelNames {
  // A Map rather than a table of our own: V8 seeds its hashes, so that nobody can choose names that collide.
  readonly #ids = new Map<string, LevelId>([
    ['+', plusLevel],
    ['#', hashLevel],
  ])
  readonly #names: string[] = ['+', '#']
  readonly #uses: number[] = [0, 0]
  readonly #free: LevelId[] = []

  /** `unknownLevel` if no filter has such a level. */
  find(name: string): LevelId {
    return this.#ids.get(name) ?? unknownLevel
  }

  name(id: LevelId): string {
    return this.#names[id]!
  }

  /** Counts one more use of the level; ends with `release`. */
  acquire(name: string): LevelId {
    const known = this.#ids.get(name)
    if (known !== undefined) {
      this.#uses[known]! += 1
      return known
    }
    const own = name.length < slicedLengthMin ? name : Buffer.from(name).toString()
    const id = this.#free.pop() ?? this.#names.length
    this.#ids.set(own, id)
    this.#names[id] = own
    this.#uses[id] = 1
    return id
  }

  release(id: LevelId): void {
    this.#uses[id]! -= 1
    if (this.#uses[id] !== 0 || id < literalLevelMin) return
    this.#ids.delete(this.#names[id]!)
    this.#names[id] = ''
    this.#free.push(id)
  }
}
