/**
 * Every interleaving of what can happen in a small system, up to a bound: a breadth-first search, so that what it finds wrong it
 * finds by the fewest actions.
 *
 * The systems are made of the product's own state machines, which can't be copied. A state is therefore the list of actions that leads
 * to it, replayed from the start whenever it is visited; two states are one if their keys are. A key that leaves out something
 * that matters would hide states: so now and then (`compareEvery`) both ways to one state are followed on, and have to lead to the same.
 */
import { createHash } from 'node:crypto'

export type System<World> = {
  /** Alike each time. */
  readonly start: () => World | Promise<World>
  /** All that can happen now, by names that say so in a story. */
  readonly actions: (world: World) => readonly string[]
  /** One of them happens, always with the same outcome. What it throws is a violation. */
  readonly perform: (world: World, action: string) => void | Promise<void>
  /** What does not hold in this state, in words. */
  readonly broken: (world: World) => string | undefined
  /**
   * Of all that decides what can happen from here on, and of all that `broken` looks at. What can't be seen of a world can be found out
   * by having it do something: it is not used any more.
   */
  readonly key: (world: World) => string
  /** Faults stop, and what has to happen happens: what does not come right, in words. The world is not used any more. */
  readonly settle?: (world: World) => string | undefined | Promise<string | undefined>
}

export type Bounds = {
  /** Actions in a row. */
  readonly depth: number
  /** No more is looked for when so many states were found. */
  readonly statesMax?: number
  /** One in so many states is settled; 1 by default. */
  readonly settleEvery?: number
  /** One in so many ways to a state that was known is compared with the way by which it was found; 1,000 by default, 0: none. */
  readonly compareEvery?: number
}

export type Violation = {
  readonly words: string
  readonly actions: readonly string[]
  /** It shows when faults stop after these actions. */
  readonly isOfSettling: boolean
}

export type Exploration = {
  /** Different states, the first included. */
  readonly states: number
  readonly transitions: number
  /** Actions of the longest of the shortest ways to a state. */
  readonly depth: number
  /** No state was left whose actions were not all followed: a larger depth would find nothing more. */
  readonly isExhaustive: boolean
  /** All states up to this depth were found. */
  readonly completeTo: number
  /** States from which it was seen that all comes right. */
  readonly settled: number
  /** Ways to one state that were seen to have the same future. */
  readonly compared: number
  readonly violation: Violation | undefined
}

/** The key of a system leaves out something that decides what can happen. */
export class KeyTooCoarse extends Error {
  override readonly name = 'KeyTooCoarse'
}

/** Visits states nearest first, until there are no more, the bounds are reached, or something does not hold. */
export async function explore<World>(system: System<World>, bounds: Bounds): Promise<Exploration> {
  return new Search(system, bounds).run()
}

/** The actions in order, and what is wrong after them. */
export function storyOf({ words, actions, isOfSettling }: Violation): string {
  const steps = actions.map((action, index) => `  ${String(index + 1).padStart(2)}. ${action}`)
  const end = isOfSettling ? 'and when faults stop: ' : ''
  return [`${actions.length} actions lead to what must not be:`, ...steps, `  => ${end}${words}`].join('\n')
}

const KEY_BYTES = 15

class Search<World> {
  readonly #system: System<World>
  readonly #bounds: Required<Bounds>
  /** By the hash of its key. States are numbered as they are found. */
  readonly #ids = new Map<string, number>()
  readonly #parents: number[] = []
  readonly #actions: string[] = []
  readonly #depths: number[] = []
  #transitions = 0
  #merged = 0
  #settled = 0
  #compared = 0
  #completeTo = 0
  #violation: Violation | undefined

  constructor(system: System<World>, bounds: Bounds) {
    this.#system = system
    this.#bounds = { statesMax: Number.POSITIVE_INFINITY, settleEvery: 1, compareEvery: 1_000, ...bounds }
  }

  async run(): Promise<Exploration> {
    await this.#visit(await this.#system.start(), -1, '', 0)
    let at = 0
    for (; at < this.#parents.length && this.#violation === undefined; at += 1) {
      const depth = this.#depths[at]!
      this.#completeTo = depth
      if (depth >= this.#bounds.depth || this.#parents.length >= this.#bounds.statesMax) break
      await this.#expand(at, depth)
    }
    const isExhaustive = this.#violation === undefined && at >= this.#parents.length
    return {
      states: this.#parents.length,
      transitions: this.#transitions,
      depth: this.#depths.at(-1) ?? 0,
      isExhaustive,
      completeTo: isExhaustive ? (this.#depths.at(-1) ?? 0) : this.#completeTo,
      settled: this.#settled,
      compared: this.#compared,
      violation: this.#violation,
    }
  }

  /** All that can happen in one state. */
  async #expand(id: number, depth: number): Promise<void> {
    const path = this.#pathTo(id)
    let world: World | undefined = await this.#replay(path)
    for (const action of this.#system.actions(world)) {
      const next: World = world ?? (await this.#replay(path))
      world = undefined
      this.#transitions += 1
      const thrown = await this.#try(next, action)
      if (thrown !== undefined) return this.#fail(thrown, [...path, action])
      await this.#visit(next, id, action, depth + 1)
      if (this.#violation !== undefined) return
    }
  }

  async #visit(world: World, parent: number, action: string, depth: number): Promise<void> {
    const words = this.#system.broken(world)
    const key = this.#keyOf(world)
    const known = this.#ids.get(key)
    if (known !== undefined) {
      this.#merged += 1
      const { compareEvery } = this.#bounds
      if (compareEvery > 0 && this.#merged % compareEvery === 0) await this.#compare(known, parent, action)
      return
    }
    const id = this.#parents.length
    this.#ids.set(key, id)
    this.#parents.push(parent)
    this.#actions.push(action)
    this.#depths.push(depth)
    if (words !== undefined) this.#fail(words, this.#pathTo(id))
    else if (id % this.#bounds.settleEvery === 0) await this.#settle(id)
  }

  async #settle(id: number): Promise<void> {
    const { settle } = this.#system
    if (settle === undefined) return
    this.#settled += 1
    let words: string | undefined
    try {
      words = await settle(await this.#replay(this.#pathTo(id)))
    } catch (error) {
      words = wordsOf(error)
    }
    if (words !== undefined) this.#fail(words, this.#pathTo(id), true)
  }

  #fail(words: string, actions: readonly string[], isOfSettling = false): void {
    this.#violation = { words, actions, isOfSettling }
  }

  async #try(world: World, action: string): Promise<string | undefined> {
    try {
      await this.#system.perform(world, action)
      return undefined
    } catch (error) {
      return wordsOf(error)
    }
  }

  /** Both ways have to have the same future, as far as one action shows it. */
  async #compare(known: number, parent: number, action: string): Promise<void> {
    this.#compared += 1
    const one = this.#pathTo(known)
    const other = [...this.#pathTo(parent), action]
    const ofOne = await this.#futureOf(one)
    const ofOther = await this.#futureOf(other)
    const difference = differenceOf(ofOne, ofOther) ?? differenceOf(ofOther, ofOne)
    if (difference === undefined) return
    throw new KeyTooCoarse(
      `after [${one.join('; ')}] and after [${other.join('; ')}] the key is the same, and yet only after one of them ${difference}`,
    )
  }

  /** By action what it leads to: where what is alike has several names, actions have several, too, and only what they lead to counts. */
  async #futureOf(path: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const future = new Map<string, string>()
    for (const action of this.#system.actions(await this.#replay(path))) {
      const world = await this.#replay(path)
      const thrown = await this.#try(world, action)
      future.set(action, thrown ?? this.#system.key(world))
    }
    return future
  }

  async #replay(path: readonly string[]): Promise<World> {
    const { start, perform } = this.#system
    const world = await start()
    for (const action of path) {
      const happens = perform(world, action)
      if (happens !== undefined) await happens
    }
    return world
  }

  #pathTo(id: number): string[] {
    const path: string[] = []
    for (let at = id; at > 0; at = this.#parents[at]!) path.push(this.#actions[at]!)
    return path.toReversed()
  }

  /** Two different states share one in 2^60 at a million of them. */
  #keyOf(world: World): string {
    return createHash('sha1')
      .update(this.#system.key(world))
      .digest('base64')
      .slice(0, Math.ceil((KEY_BYTES * 4) / 3))
  }
}

/** The first action of one future that leads to what nothing in the other leads to, in words. */
function differenceOf(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): string | undefined {
  const known = new Set(other.values())
  for (const [action, key] of one)
    if (!known.has(key)) return `“${action}” leads to\n  ${key}\nand not to any of\n  ${[...known].join('\n  ')}`
  return undefined
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}
