/**
 * A map from topic filters to values that can also be asked which of its filters match a topic, cover a filter, or are covered by
 * one. Each question walks only the branches that can hold an answer, so that it costs the same in a small and in a large map.
 * No filter is stored as a string: it is spelled from its levels again when asked for.
 */
import { withoutParent } from './covers.ts'
import { hashLevel, LevelNames, plusLevel, unknownLevel } from './level-names.ts'
import { startsWithDollar } from './topic-filter.ts'
import { root, TrieNodes, type Node } from './trie-nodes.ts'

/** All filters given to it are valid ones. `V` has no `undefined`. */
export class FilterTrie<V> {
  #names = new LevelNames()
  #nodes = new TrieNodes()
  /** By node; `undefined` where no filter ends. */
  #values: (V | undefined)[] = [undefined]
  #size = 0
  /** The levels of the filter or topic at hand, written by `#read`. */
  #path = new Int32Array(16)
  /** Branches still to be walked, as pairs of node and depth. Loops instead of recursion: a filter may have 65,535 levels. */
  readonly #branches: number[] = []

  get size(): number {
    return this.#size
  }

  get(topicFilter: string): V | undefined {
    return this.#values[this.#find(topicFilter)]
  }

  has(topicFilter: string): boolean {
    return this.get(topicFilter) !== undefined
  }

  set(topicFilter: string, value: V): void {
    let node = root
    for (const name of topicFilter.split('/')) {
      const known = this.#names.find(name)
      const child = known === unknownLevel ? 0 : this.#nodes.childOf(node, known)
      node = child === 0 ? this.#addChild(node, name) : child
    }
    if (this.#values[node] === undefined) this.#size += 1
    this.#values[node] = value
  }

  /** False if the filter was not there. */
  delete(topicFilter: string): boolean {
    let node = this.#find(topicFilter)
    if (this.#values[node] === undefined) return false
    this.#values[node] = undefined
    this.#size -= 1
    while (node !== root && this.#values[node] === undefined && this.#nodes.isLeaf(node)) {
      const parent = this.#nodes.parentOf(node)
      this.#names.release(this.#nodes.levelOf(node))
      this.#nodes.removeLeaf(node)
      node = parent
    }
    if (this.#size === 0) this.#shrink()
    return true
  }

  /** Every filter, in no order. Adding or deleting meanwhile may repeat or leave out some. */
  *filters(): IterableIterator<string> {
    for (let node = 1; node < this.#values.length; node += 1) {
      if (this.#values[node] !== undefined) yield this.#spell(node)
    }
  }

  /** The values of all filters that match the topic, in no order. */
  matching(topic: string): V[] {
    const values: V[] = []
    this.#walkCovering(topic, (node) => {
      values.push(this.#values[node]!)
      return false
    })
    return values
  }

  /** All filters that cover this one, itself too if it is here. */
  covering(topicFilter: string): string[] {
    const found: string[] = []
    this.#walkCovering(withoutParent(topicFilter), (node) => {
      found.push(this.#spell(node))
      return false
    })
    return found
  }

  /** Whether another filter than this one covers it. Of `#` and `+/#` each covers the other, and of `/#` and `/+/#`. */
  isCovered(topicFilter: string): boolean {
    const itself = this.#find(topicFilter)
    return this.#walkCovering(withoutParent(topicFilter), (node) => node !== itself)
  }

  /**
   * All filters that this one covers, itself too if it is here. Costs in proportion to what is found, but for each `+` that is not
   * the last level also to the number of levels known in its place.
   */
  coveredBy(topicFilter: string): string[] {
    const count = this.#read(topicFilter)
    const found: string[] = []
    const branches = this.#branches
    branches.push(root, 0)
    while (branches.length > 0) {
      const depth = branches.pop()!
      const node = branches.pop()!
      const id = this.#path[depth]!
      if (depth === count) this.#spellInto(found, node)
      else if (id === hashLevel) this.#spellSubtree(found, node)
      else if (id !== plusLevel) this.#branch(this.#nodes.childOf(node, id), depth + 1)
      else {
        this.#branchOut(node, depth + 1)
        // Where `#` has no parent, `+/#` covers it: see `withoutParent`.
        const open = count === depth + 2 && this.#path[depth + 1] === hashLevel
        if (open && !this.#isTopic(node)) this.#spellInto(found, this.#nodes.hashChildOf(node))
      }
    }
    return found
  }

  /**
   * Calls `visit` for the node of every filter that covers the given filter, or matches the given topic, which is the same, until it
   * answers true. Returns whether it did. A filter is to be read as `withoutParent` says.
   */
  #walkCovering(filterOrTopic: string, visit: (node: Node) => boolean): boolean {
    const count = this.#read(filterOrTopic)
    const depthMin = startsWithDollar(filterOrTopic) ? 1 : 0
    const nodes = this.#nodes
    const branches = this.#branches
    branches.push(root, 0)
    while (branches.length > 0) {
      const depth = branches.pop()!
      const node = branches.pop()!
      const wildcardsMatch = depth >= depthMin
      const everything = wildcardsMatch ? nodes.hashChildOf(node) : 0
      if (everything !== 0 && visit(everything)) return this.#stop()
      if (depth === count) {
        if (this.#values[node] !== undefined && visit(node)) return this.#stop()
        continue
      }
      const id = this.#path[depth]!
      if (wildcardsMatch && id !== hashLevel) this.#branch(nodes.plusChildOf(node), depth + 1)
      if (id > hashLevel) this.#branch(nodes.literalChildOf(node, id), depth + 1)
    }
    return false
  }

  #stop(): true {
    this.#branches.length = 0
    return true
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
  #spellSubtree(found: string[], top: Node): void {
    const branches = this.#branches
    const bottom = branches.length
    branches.push(top, 0)
    while (branches.length > bottom) {
      branches.pop()
      const node = branches.pop()!
      this.#spellInto(found, node)
      this.#branch(this.#nodes.hashChildOf(node), 0)
      this.#branchOut(node, 0)
    }
  }

  /** Whether the way to the node spells a topic: the root does not, nor does a single empty level. */
  #isTopic(node: Node): boolean {
    if (node === root) return false
    return this.#nodes.parentOf(node) !== root || this.#names.name(this.#nodes.levelOf(node)) !== ''
  }

  #isDollar(child: Node): boolean {
    return startsWithDollar(this.#names.name(this.#nodes.levelOf(child)))
  }

  /** Nothing if no filter ends at the node, as at the root. */
  #spellInto(found: string[], node: Node): void {
    if (this.#values[node] !== undefined) found.push(this.#spell(node))
  }

  #spell(node: Node): string {
    let filter = this.#names.name(this.#nodes.levelOf(node))
    for (let above = this.#nodes.parentOf(node); above !== root; above = this.#nodes.parentOf(above)) {
      filter = `${this.#names.name(this.#nodes.levelOf(above))}/${filter}`
    }
    return filter
  }

  /** The node at which the filter ends, or the root, which has no value, if there is none. */
  #find(topicFilter: string): Node {
    const count = this.#read(topicFilter)
    let node = root
    for (let depth = 0; depth < count; depth += 1) {
      node = this.#nodes.childOf(node, this.#path[depth]!)
      if (node === 0) return root
    }
    return node
  }

  /** Puts the numbers of the levels into `#path`, and returns how many there are. A level that no filter has is `unknownLevel`. */
  #read(text: string): number {
    let count = 0
    for (let start = 0; start <= text.length; count += 1) {
      const slashAt = text.indexOf('/', start)
      const end = slashAt === -1 ? text.length : slashAt
      if (count === this.#path.length) this.#growPath()
      this.#path[count] = this.#names.find(text.slice(start, end))
      start = end + 1
    }
    return count
  }

  #growPath(): void {
    const grown = new Int32Array(this.#path.length * 2)
    grown.set(this.#path)
    this.#path = grown
  }

  #addChild(node: Node, name: string): Node {
    const child = this.#nodes.addChild(node, this.#names.acquire(name))
    // Nodes are handed out one after the other, so that the array never gets holes.
    if (child === this.#values.length) this.#values.push(undefined)
    return child
  }

  /** The arrays only ever grow; an empty map that was large gives them back. */
  #shrink(): void {
    if (this.#values.length < 4096) return
    this.#nodes = new TrieNodes()
    this.#values = [undefined]
    this.#names = new LevelNames()
  }
}
