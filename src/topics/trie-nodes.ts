/**
 * The nodes of a trie as numbers in a flat array. A node takes 32 bytes on one cache line, the garbage collector has nothing to walk,
 * and a leaf costs no object of its own. The literal children of a node form a list; once they have been more than a few, a hash
 * table of all such children finds one of them. A `#` is no child: it has no children itself, so its node keeps its value.
 */
import { plusLevel, type LevelId } from './level-names.ts'

/** Index of a node. The root is 0, which also stands for "none": the root is nobody's child. */
export type Node = number
export const root: Node = 0

/** Words of a node in `#words`. */
const parent = 0
const level = 1
const plusChild = 2
/** Numbers of values, 0 for none: of the filter that ends at the node, and of the one that ends in a `#` under it. */
const value = 3
const openValue = 4
/** Literal children form a list in both directions, so that one of a million siblings leaves in constant time. */
const firstChild = 5
const next = 6
const previous = 7
const wordShift = 3

/** A list of so many is walked: the nodes of a small family mostly lie side by side. */
const listedMax = 4

export class TrieNodes {
  #words = new Int32Array(16 << wordShift)
  /** Nodes handed out so far, the free ones included. */
  #end = 1
  #firstFree: Node = 0
  /** Pairs of a hash and a node; 0 is empty. Linear probing; a power of two of pairs. */
  #slots = new Int32Array(32 * 2)
  #slotsUsed = 0

  parentOf(node: Node): Node {
    return this.#words[(node << wordShift) + parent]!
  }

  levelOf(node: Node): LevelId {
    return this.#words[(node << wordShift) + level]!
  }

  plusChildOf(node: Node): Node {
    return this.#words[(node << wordShift) + plusChild]!
  }

  valueOf(node: Node): number {
    return this.#words[(node << wordShift) + value]!
  }

  setValue(node: Node, number: number): void {
    this.#words[(node << wordShift) + value] = number
  }

  openValueOf(node: Node): number {
    return this.#words[(node << wordShift) + openValue]!
  }

  setOpenValue(node: Node, number: number): void {
    this.#words[(node << wordShift) + openValue] = number
  }

  /** All nodes ever made are below this. Those that are free have no values. */
  get end(): Node {
    return this.#end
  }

  /** With `nextOf` the list of literal children, in no order. */
  firstChildOf(node: Node): Node {
    // Negative if the hash table has the children.
    return Math.abs(this.#words[(node << wordShift) + firstChild]!)
  }

  nextOf(node: Node): Node {
    return this.#words[(node << wordShift) + next]!
  }

  /** Neither a value nor children. */
  isUnused(node: Node): boolean {
    const at = node << wordShift
    const words = this.#words
    return (
      words[at + value] === 0 &&
      words[at + openValue] === 0 &&
      words[at + plusChild] === 0 &&
      words[at + firstChild] === 0
    )
  }

  /** The child under a `+` or a literal level, or 0. */
  childOf(node: Node, id: LevelId): Node {
    return id === plusLevel ? this.plusChildOf(node) : this.literalChildOf(node, id)
  }

  literalChildOf(node: Node, id: LevelId): Node {
    const words = this.#words
    let child = words[(node << wordShift) + firstChild]!
    if (child < 0) return this.#slots[this.#slotOf(node, id) + 1]!
    while (child !== 0 && words[(child << wordShift) + level] !== id) child = words[(child << wordShift) + next]!
    return child
  }

  addChild(node: Node, id: LevelId): Node {
    const child = this.#allocate()
    const words = this.#words
    const at = child << wordShift
    words.fill(0, at, at + (1 << wordShift))
    words[at + parent] = node
    words[at + level] = id
    if (id === plusLevel) words[(node << wordShift) + plusChild] = child
    else this.#link(node, child)
    return child
  }

  /** An unused node that is not the root. */
  remove(leaf: Node): void {
    const words = this.#words
    const node = this.parentOf(leaf)
    const id = this.levelOf(leaf)
    if (id === plusLevel) words[(node << wordShift) + plusChild] = 0
    else this.#unlink(node, leaf)
    words[(leaf << wordShift) + next] = this.#firstFree
    this.#firstFree = leaf
  }

  #allocate(): Node {
    const free = this.#firstFree
    if (free !== 0) {
      this.#firstFree = this.nextOf(free)
      return free
    }
    if (this.#end << wordShift === this.#words.length) {
      // By half rather than to the double: at a million routes the unused part counts.
      const grown = new Int32Array((this.#end + (this.#end >> 1)) << wordShift)
      grown.set(this.#words)
      this.#words = grown
    }
    this.#end += 1
    return this.#end - 1
  }

  #link(node: Node, child: Node): void {
    const words = this.#words
    const at = node << wordShift
    const first = this.firstChildOf(node)
    words[(child << wordShift) + next] = first
    if (first !== 0) words[(first << wordShift) + previous] = child
    if (words[at + firstChild]! < 0) {
      words[at + firstChild] = -child
      this.#occupy(child)
      return
    }
    words[at + firstChild] = child
    if (!this.#hasMoreThanListed(child)) return
    words[at + firstChild] = -child
    for (let each = child; each !== 0; each = this.nextOf(each)) this.#occupy(each)
  }

  #hasMoreThanListed(first: Node): boolean {
    let count = 0
    for (let child = first; child !== 0 && count <= listedMax; child = this.nextOf(child)) count += 1
    return count > listedMax
  }

  /** A family that has been in the table stays there until its last child goes. */
  #unlink(node: Node, child: Node): void {
    const words = this.#words
    const at = node << wordShift
    const inTable = words[at + firstChild]! < 0
    if (inTable) this.#vacate(child)
    const before = words[(child << wordShift) + previous]!
    const after = words[(child << wordShift) + next]!
    if (before === 0) words[at + firstChild] = inTable ? -after : after
    else words[(before << wordShift) + next] = after
    if (after !== 0) words[(after << wordShift) + previous] = before
  }

  /** The slot that holds the child, or the empty one where it would go. */
  #slotOf(node: Node, id: LevelId): number {
    const slots = this.#slots
    const words = this.#words
    const mask = slots.length - 1
    const hash = hashOf(node, id)
    for (let slot = (hash << 1) & mask; ; slot = (slot + 2) & mask) {
      const child = slots[slot + 1]!
      if (child === 0) return slot
      // Children of other nodes are told apart without a look at them, nearly always.
      if (slots[slot] !== hash) continue
      const at = child << wordShift
      if (words[at + parent] === node && words[at + level] === id) return slot
    }
  }

  #occupy(child: Node): void {
    if ((this.#slotsUsed + 1) * 8 > this.#slots.length * 3) this.#growSlots()
    const node = this.parentOf(child)
    const id = this.levelOf(child)
    const slot = this.#slotOf(node, id)
    this.#slots[slot] = hashOf(node, id)
    this.#slots[slot + 1] = child
    this.#slotsUsed += 1
  }

  /** Empties the child's slot and moves up those behind it that would no longer be found across the gap. */
  #vacate(child: Node): void {
    const slots = this.#slots
    const mask = slots.length - 1
    let hole = this.#slotOf(this.parentOf(child), this.levelOf(child))
    for (let slot = (hole + 2) & mask; slots[slot + 1] !== 0; slot = (slot + 2) & mask) {
      const home = (slots[slot]! << 1) & mask
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue
      slots[hole] = slots[slot]!
      slots[hole + 1] = slots[slot + 1]!
      hole = slot
    }
    slots[hole + 1] = 0
    this.#slotsUsed -= 1
  }

  /** The old table is read and the new one written in order, as the low bits of the hash choose the slot. */
  #growSlots(): void {
    const old = this.#slots
    const slots = new Int32Array(old.length * 2)
    const mask = slots.length - 1
    for (let from = 0; from < old.length; from += 2) {
      if (old[from + 1] === 0) continue
      let slot = (old[from]! << 1) & mask
      while (slots[slot + 1] !== 0) slot = (slot + 2) & mask
      slots[slot] = old[from]!
      slots[slot + 1] = old[from + 1]!
    }
    this.#slots = slots
  }
}

/** Numbers that we give out ourselves, so that nobody outside can make them collide at will. */
function hashOf(node: Node, id: LevelId): number {
  const mixed = Math.imul(Math.imul(node, 0x9e3779b1) ^ id, 0x85ebca6b)
  return mixed ^ (mixed >>> 15)
}
