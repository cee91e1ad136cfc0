/**
 * The nodes of a trie as numbers in flat arrays: 32 bytes a node and one slot of 4 bytes in the table that finds a child. A node
 * lies on one cache line, the garbage collector has nothing to walk, and a leaf costs no object of its own.
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

export class TrieNodes {
  #words = new Int32Array(16 << wordShift)
  /** Nodes handed out so far, the free ones included. */
  #end = 1
  #firstFree: Node = 0
  /** Literal children by parent and level: open addressing, linear probing, 0 is empty. Its length is a power of two. */
  #slots = new Int32Array(32)
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
    if (!this.hasLiteralChildren(node)) return 0
    return this.#slots[this.#slotOf(node, id)]!
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
    if ((this.#slotsUsed + 1) * 4 > this.#slots.length * 3) this.#growSlots()
    const words = this.#words
    const at = node << wordShift
    const first = words[at + firstChild]!
    words[(child << wordShift) + next] = first
    if (first !== 0) words[(first << wordShift) + previous] = child
    words[at + firstChild] = child
    words[at + literalCount]! += 1
    this.#slots[this.#slotOf(node, this.levelOf(child))] = child
    this.#slotsUsed += 1
  }

  #unlink(node: Node, child: Node): void {
    const words = this.#words
    const before = words[(child << wordShift) + previous]!
    const after = words[(child << wordShift) + next]!
    if (before === 0) words[(node << wordShift) + firstChild] = after
    else words[(before << wordShift) + next] = after
    if (after !== 0) words[(after << wordShift) + previous] = before
    words[(node << wordShift) + literalCount]! -= 1
    this.#vacate(this.#slotOf(node, this.levelOf(child)))
    this.#slotsUsed -= 1
  }

  /** The slot that holds the child, or the empty one where it would go. */
  #slotOf(node: Node, id: LevelId): number {
    const slots = this.#slots
    const words = this.#words
    const mask = slots.length - 1
    for (let slot = homeSlot(node, id) & mask; ; slot = (slot + 1) & mask) {
      const child = slots[slot]!
      if (child === 0) return slot
      const at = child << wordShift
      if (words[at + parent] === node && words[at + level] === id) return slot
    }
  }

  /** Empties a slot and moves up those behind it that would no longer be found across the gap. */
  #vacate(hole: number): void {
    const slots = this.#slots
    const mask = slots.length - 1
    for (let slot = (hole + 1) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const child = slots[slot]!
      const home = homeSlot(this.parentOf(child), this.levelOf(child))
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue
      slots[hole] = child
      hole = slot
    }
    slots[hole] = 0
  }

  #growSlots(): void {
    const old = this.#slots
    this.#slots = new Int32Array(old.length * 2)
    for (const child of old) {
      if (child !== 0) this.#slots[this.#slotOf(this.parentOf(child), this.levelOf(child))] = child
    }
  }
}

/** Where the search for a child begins, to be cut to the table's size. */
function homeSlot(node: Node, id: LevelId): number {
  const mixed = Math.imul(Math.imul(node, 0x9e3779b1) ^ id, 0x85ebca6b)
  return mixed ^ (mixed >>> 15)
}
