/**
 * The nodes of a trie as numbers in a flat array. A node takes 32 bytes on one cache line, the garbage collector has nothing to walk,
 * and a leaf costs no object of its own. The literal children of a node form a list; where there are more than a few, a hash table of
 * all such children finds one of them.
 */
import { hashLevel, plusLevel, type LevelId } from './level-names.ts'

/** Index of a node. The root is 0, which also stands for "none": the root is nobody's child. */
export type Node = number
export const root: Node = 0

/** Words of a node in `#words`. `next` of a free node leads to the next free one. */
const parent = 0
const level = 1
const plusChild = 2
const hashChild = 3
/** Literal children form a list in both directions, so that one of a million siblings leaves in constant time. */
const firstChild = 4
const next = 5
const previous = 6
const literalCount = 7
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

  hashChildOf(node: Node): Node {
    return this.#words[(node << wordShift) + hashChild]!
  }

  /** With `nextOf` the list of literal children, in no order. */
  firstChildOf(node: Node): Node {
    return this.#words[(node << wordShift) + firstChild]!
  }

  nextOf(node: Node): Node {
    return this.#words[(node << wordShift) + next]!
  }

  hasLiteralChildren(node: Node): boolean {
    return this.#words[(node << wordShift) + literalCount] !== 0
  }

  isLeaf(node: Node): boolean {
    return !this.hasLiteralChildren(node) && this.plusChildOf(node) === 0 && this.hashChildOf(node) === 0
  }

  /** The child under a level of any kind, or 0. */
  childOf(node: Node, id: LevelId): Node {
    if (id === plusLevel) return this.plusChildOf(node)
    if (id === hashLevel) return this.hashChildOf(node)
    return this.literalChildOf(node, id)
  }

  literalChildOf(node: Node, id: LevelId): Node {
    const words = this.#words
    const at = node << wordShift
    if (words[at + literalCount]! > listedMax) return this.#slots[this.#slotOf(node, id) + 1]!
    let child = words[at + firstChild]!
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
    else if (id === hashLevel) words[(node << wordShift) + hashChild] = child
    else this.#link(node, child)
    return child
  }

  /** `leaf` is not the root. */
  removeLeaf(leaf: Node): void {
    const words = this.#words
    const node = this.parentOf(leaf)
    const id = this.levelOf(leaf)
    if (id === plusLevel) words[(node << wordShift) + plusChild] = 0
    else if (id === hashLevel) words[(node << wordShift) + hashChild] = 0
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
    const first = words[at + firstChild]!
    words[(child << wordShift) + next] = first
    if (first !== 0) words[(first << wordShift) + previous] = child
    words[at + firstChild] = child
    words[at + literalCount]! += 1
    const count = words[at + literalCount]!
    if (count > listedMax + 1) this.#occupy(child)
    else if (count === listedMax + 1) this.#eachLiteralChild(node, (each) => this.#occupy(each))
  }

  #unlink(node: Node, child: Node): void {
    const words = this.#words
    const at = node << wordShift
    const count = words[at + literalCount]!
    if (count > listedMax + 1) this.#vacate(child)
    else if (count === listedMax + 1) this.#eachLiteralChild(node, (each) => this.#vacate(each))
    const before = words[(child << wordShift) + previous]!
    const after = words[(child << wordShift) + next]!
    if (before === 0) words[at + firstChild] = after
    else words[(before << wordShift) + next] = after
    if (after !== 0) words[(after << wordShift) + previous] = before
    words[at + literalCount] = count - 1
  }

  #eachLiteralChild(node: Node, visit: (child: Node) => void): void {
    for (let child = this.firstChildOf(node); child !== 0; child = this.nextOf(child)) visit(child)
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
