/**
 * A map from topic filters to values that can also be asked which of its filters match a topic, cover a filter, or are covered by
 * one. Each question walks only the branches that can hold an answer, so that it costs the same in a small and in a large map.
 * No filter is stored as a string: it is spelled from its levels again when asked for.
 */
import { withoutParent } from './covers.ts'
import { plainHashKey } from './keyed-hash.ts'
import { hashLevel, LevelNames, plusLevel, unknownLevel, type LevelId } from './level-names.ts'
import { startsWithDollar } from './topic-filter.ts'
import { firstChild, openValue, placeOf, plusChild, root, TrieNodes, value, type Node } from './trie-nodes.ts'
import { ValueNumbers } from './value-numbers.ts'

/** Where a filter ends: at a node, or in a `#` under one. Twice the node, and 1 more for the `#`. */
type End = number
const nowhere: End = root

/** All filters given to it are valid ones. `V` has no `undefined`. */
export class FilterTrie<V> {
  readonly #names: LevelNames
  #nodes = new TrieNodes()
  readonly #values = new ValueNumbers<V>()
  #size = 0
  /** What `get` was asked for last: how many levels, and where it ends. */
  #count = 0
  #end: End = nowhere
  /** Branches still to be walked, as pairs of node and depth. Loops instead of recursion: a filter may have 65,535 levels. */
  readonly #branches: number[] = []
  /** The nodes that a topic leads to at one depth, and at the one before it. */
  #frontier = new Int32Array(16)
  #otherFrontier = new Int32Array(16)

  /** `names` may be shared with other maps; by default the trie has its own, for filters that nobody hostile chooses. */
  constructor(names: LevelNames = new LevelNames(plainHashKey)) {
    this.#names = names
  }

  get size(): number {
    return this.#size
  }

  /** `setRead` may follow. */
  get(topicFilter: string): V | undefined {
    this.#count = this.#names.readText(topicFilter)
    this.#end = this.#findRead(this.#count)
    return this.#values.value(this.#valueAt(this.#end))
  }

  has(topicFilter: string): boolean {
    return this.#find(topicFilter) !== nowhere
  }

  set(topicFilter: string, value: V): void {
    this.get(topicFilter)
    this.setRead(value)
  }

  /** `set` of the filter that `get` was asked for just now: nothing else was read meanwhile. */
  setRead(value: V): void {
    if (this.#end === nowhere) this.#end = this.#makeRead(this.#count)
    const before = this.#valueAt(this.#end)
    if (before === 0) this.#size += 1
    this.#setValueAt(this.#end, this.#values.acquire(value))
    this.#values.release(before)
  }

  /**
   * Adds a filter, unless it is here or another one covers it: `isCovered` and `set` of a new filter, which is read but once. Says how
   * it stands.
   */
  addUncovered(topicFilter: string, value: V): 'added' | 'known' | 'covered' {
    // Two are read in another way when one asks who covers them.
    const isOdd = withoutParent(topicFilter) !== topicFilter
    const count = this.#names.readText(topicFilter)
    if (this.#findRead(count) !== nowhere) return 'known'
    const isCovered = isOdd
      ? this.isCovered(topicFilter)
      : this.#endsCovering(count, startsWithDollar(topicFilter)).length > 0
    if (isCovered) return 'covered'
    if (isOdd) this.#names.readText(topicFilter)
    this.#size += 1
    this.#setValueAt(this.#makeRead(count), this.#values.acquire(value))
    return 'added'
  }

  /** False if the filter was not there. */
  delete(topicFilter: string): boolean {
    const end = this.#find(topicFilter)
    if (end === nowhere) return false
    this.#values.release(this.#valueAt(end))
    this.#setValueAt(end, 0)
    this.#size -= 1
    this.#prune(end >> 1)
    // The array only ever grows; an empty map gives it back.
    if (this.#size === 0) this.#nodes = new TrieNodes()
    return true
  }

  /** Every filter, in no order. Adding or deleting meanwhile may repeat or leave out some. */
  *filters(): IterableIterator<string> {
    for (let end = 1; end >> 1 < this.#nodes.end; end += 1) if (this.#valueAt(end) !== 0) yield this.#spell(end)
  }

  /** The values of all filters that match the topic, in no order. */
  matching(topic: string): V[] {
    return this.matchingRead(this.#names.readText(topic), startsWithDollar(topic))
  }

  /** The same for the topic whose levels, so many, the names have just read. */
  matchingRead(count: number, dollarFirst: boolean): V[] {
    return this.#endsCovering(count, dollarFirst).map((end) => this.#values.value(this.#valueAt(end))!)
  }

  /** The filters themselves that match the topic, in no order. `dollarFirst`: it begins with `$`, which no wildcard matches. */
  filtersMatching(topic: string, dollarFirst: boolean): string[] {
    return this.#endsCovering(this.#names.readText(topic), dollarFirst).map((end) => this.#spell(end))
  }

  /** Places in which a filter may stand. */
  get placeCount(): number {
    return this.#nodes.end * 2
  }

  /** The filter in this place, if there is one. Its place is the same as long as it is in the map. */
  filterAt(place: number): string | undefined {
    return this.#valueAt(place) === 0 ? undefined : this.#spell(place)
  }

  /** All filters that cover this one, itself too if it is here. */
  covering(topicFilter: string): string[] {
    return this.#endsCoveringFilter(topicFilter).map((end) => this.#spell(end))
  }

  /** Whether another filter than this one covers it. Of `#` and `+/#` each covers the other, and of `/#` and `/+/#`. */
  isCovered(topicFilter: string): boolean {
    const itself = this.#find(topicFilter)
    return this.#endsCoveringFilter(topicFilter).some((end) => end !== itself)
  }

  /**
   * All filters that this one covers, itself too if it is here. Costs in proportion to what is found, but for each `+` that is not
   * the last level also to the number of levels known in its place.
   * @param countMax who gets more than so many has not got all: the search ends there
   */
  coveredBy(topicFilter: string, countMax = Number.POSITIVE_INFINITY): string[] {
    const count = this.#names.readText(topicFilter)
    const path = this.#names.path
    const found: string[] = []
    const branches = this.#branches
    branches.push(root, 0)
    while (branches.length > 0) {
      const depth = branches.pop()!
      const node = branches.pop()!
      const id = path[depth]!
      if (depth === count) this.#spellInto(found, node << 1)
      else if (id === hashLevel) this.#spellSubtree(found, node, countMax)
      else if (id !== plusLevel) this.#branch(id === unknownLevel ? 0 : this.#nodes.literalChildOf(node, id), depth + 1)
      else {
        this.#branchOut(node, depth + 1)
        // Where `#` has no parent, `+/#` covers it: see `withoutParent`.
        const open = count === depth + 2 && path[depth + 1] === hashLevel
        if (open && !this.#isTopic(node)) this.#spellInto(found, (node << 1) | 1)
      }
      if (found.length > countMax) branches.length = 0
    }
    return found
  }

  #endsCoveringFilter(topicFilter: string): End[] {
    return this.#endsCovering(this.#names.readText(withoutParent(topicFilter)), startsWithDollar(topicFilter))
  }

  /**
   * The ends of all filters that match the topic whose levels were read last, or, which is the same, that cover the filter. Goes
   * level by level: the nodes of one depth do not depend on each other, so that the processor fetches them together.
   */
  #endsCovering(count: number, dollarFirst: boolean): End[] {
    const nodes = this.#nodes
    const path = this.#names.path
    const found: End[] = []
    this.#frontier[0] = root
    let width = 1
    for (let depth = 0; width > 0; depth += 1) {
      const wildcardsMatch = depth > 0 || !dollarFirst
      const id = depth < count ? path[depth]! : hashLevel
      const here = this.#frontier
      const next = this.#emptyFrontier(width * 2)
      let nextWidth = 0
      for (let i = 0; i < width; i += 1) {
        const node = here[i]!
        const words = nodes.pieceOf(node)
        const at = placeOf(node)
        if (wildcardsMatch && words[at + openValue] !== 0) found.push((node << 1) | 1)
        if (depth === count && words[at + value] !== 0) found.push(node << 1)
        if (id === hashLevel) continue
        const child = id > hashLevel ? nodes.childAmong(words[at + firstChild]!, node, id) : 0
        if (child !== 0) next[nextWidth++] = child
        const underPlus = wildcardsMatch ? words[at + plusChild]! : 0
        if (underPlus !== 0) next[nextWidth++] = underPlus
      }
      width = nextWidth
    }
    return found
  }

  /** Makes the other of the two frontiers the current one. */
  #emptyFrontier(widthMax: number): Int32Array {
    const empty = this.#otherFrontier.length < widthMax ? new Int32Array(widthMax * 2) : this.#otherFrontier
    this.#otherFrontier = this.#frontier
    this.#frontier = empty
    return empty
  }

  #branch(node: Node, depth: number): void {
    if (node !== 0) this.#branches.push(node, depth)
  }

  /** What a `+` covers: another `+` and any literal. */
  #branchOut(node: Node, depth: number): void {
    this.#branch(this.#nodes.plusChildOf(node), depth)
    for (let child = this.#nodes.firstChildOf(node); child !== 0; child = this.#nodes.nextOf(child)) {
      if (node !== root || !this.#isDollar(child)) this.#branch(child, depth)
    }
  }

  /** What a `#` under this node covers: all below, and the node itself. The depth of the branches does not matter here. */
  #spellSubtree(found: string[], top: Node, countMax: number): void {
    const branches = this.#branches
    const bottom = branches.length
    branches.push(top, 0)
    while (branches.length > bottom && found.length <= countMax) {
      branches.pop()
      const node = branches.pop()!
      this.#spellInto(found, node << 1)
      this.#spellInto(found, (node << 1) | 1)
      this.#branchOut(node, 0)
    }
  }

  /** Whether the way to the node spells a topic: the root does not, nor does a single empty level. */
  #isTopic(node: Node): boolean {
    if (node === root) return false
    return this.#nodes.parentOf(node) !== root || !this.#names.isEmpty(this.#nodes.levelOf(node))
  }

  #isDollar(child: Node): boolean {
    return this.#names.startsWithDollar(this.#nodes.levelOf(child))
  }

  #valueAt(end: End): number {
    return (end & 1) === 0 ? this.#nodes.valueOf(end >> 1) : this.#nodes.openValueOf(end >> 1)
  }

  #setValueAt(end: End, number: number): void {
    if ((end & 1) === 0) this.#nodes.setValue(end >> 1, number)
    else this.#nodes.setOpenValue(end >> 1, number)
  }

  /** Nothing if no filter ends here. */
  #spellInto(found: string[], end: End): void {
    if (this.#valueAt(end) !== 0) found.push(this.#spell(end))
  }

  #spell(end: End): string {
    const levels: LevelId[] = (end & 1) === 0 ? [] : [hashLevel]
    for (let node = end >> 1; node !== root; node = this.#nodes.parentOf(node)) levels.push(this.#nodes.levelOf(node))
    return this.#names.spell(levels.toReversed())
  }

  #find(topicFilter: string): End {
    return this.#findRead(this.#names.readText(topicFilter))
  }

  /** Of the filter whose levels, so many, the names have just read. */
  #findRead(count: number): End {
    let node = root
    for (let depth = 0; depth < count; depth += 1) {
      const id = this.#names.path[depth]!
      if (id === hashLevel) return this.#nodes.openValueOf(node) === 0 ? nowhere : (node << 1) | 1
      node = id === unknownLevel ? root : this.#nodes.childOf(node, id)
      if (node === root) return nowhere
    }
    return this.#nodes.valueOf(node) === 0 ? nowhere : node << 1
  }

  /** As `#findRead`, but makes the nodes that are missing. */
  #makeRead(count: number): End {
    let node = root
    for (const id of this.#names.acquireRead(count)) {
      if (id === hashLevel) {
        this.#names.release(id)
        return (node << 1) | 1
      }
      const child = this.#nodes.childOf(node, id)
      // A level is in use once for each node: that of a node that was there is counted already.
      if (child !== 0) this.#names.release(id)
      node = child === 0 ? this.#nodes.addChild(node, id) : child
    }
    return node << 1
  }

  #prune(node: Node): void {
    while (node !== root && this.#nodes.isUnused(node)) {
      const parent = this.#nodes.parentOf(node)
      this.#names.release(this.#nodes.levelOf(node))
      this.#nodes.remove(node)
      node = parent
    }
  }
}
