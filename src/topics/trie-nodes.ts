/**
 * The nodes of a trie as numbers in flat arrays. A node takes 32 bytes on one cache line, the garbage collector has nothing to walk,
 * and a leaf costs no object of its own. The literal children of a node form a list; once they have been more than a few, a hash
 * table of all such children finds one of them. A `#` is no child: it has no children itself, so its node keeps its value.
 */
import { plusLevel, type LevelId } from './level-names.ts'

/** Number of a node. The root is 0, which also stands for "none": the root is nobody's child. */
export type Node = number
export const root: Node = 0

/** Words of a node. */
const parent = 0
const level = 1
export const plusChild = 2
/** Numbers of values, 0 for none: of the filter that ends at the node, and of the one that ends in a `#` under it. */
export const value = 3
export const openValue = 4
/** Literal children form a list in both directions, so that one of a million siblings leaves in constant time. */
export const firstChild = 5
const next = 6
const previous = 7
const wordShift = 3

/** The nodes stand in pieces of so many: to make room for more is never to move all of them. */
const pieceBits = 14
const pieceNodes = 1 << pieceBits
const pieceMask = pieceNodes - 1

/** The first bits of the hash say which table has a child. Many grow one by one, for the same reason. */
const tableBits = 6
/** Of a table without children; never written to. */
const noSlots = new Int32Array(2)
const slotWordsMin = 16

/** A list of so many is walked: the nodes of a small family mostly lie side by side. */
const listedMax = 4

export class TrieNodes {
  readonly #pieces: Int32Array[] = [new Int32Array(16 << wordShift)]
  /** Nodes handed out so far, the free ones included. */
  #end = 1
  #firstFree: Node = 0
  /** Pairs of a hash and a node; 0 is empty. Linear probing; a power of two of pairs each. */
  readonly #tables: Int32Array[] = Array.from({ length: 1 << tableBits }, () => noSlots)
  readonly #slotsUsed = new Int32Array(1 << tableBits)

  parentOf(node: Node): Node {
    return this.pieceOf(node)[placeOf(node) + parent]!
  }

  levelOf(node: Node): LevelId {
    return this.pieceOf(node)[placeOf(node) + level]!
  }

  plusChildOf(node: Node): Node {
    return this.pieceOf(node)[placeOf(node) + plusChild]!
  }

  valueOf(node: Node): number {
    return this.pieceOf(node)[placeOf(node) + value]!
  }

  setValue(node: Node, number: number): void {
    this.#setWord(node, value, number)
  }

  openValueOf(node: Node): number {
    return this.pieceOf(node)[placeOf(node) + openValue]!
  }

  setOpenValue(node: Node, number: number): void {
    this.#setWord(node, openValue, number)
  }

  /** The words of a node, from `placeOf` on: for whoever reads several of them. */
  pieceOf(node: Node): Int32Array {
    return this.#pieces[node >> pieceBits]!
  }

  /** All nodes ever made are below this. Those that are free have no values. */
  get end(): Node {
    return this.#end
  }

  /** With `nextOf` the list of literal children, in no order. */
  firstChildOf(node: Node): Node {
    // Negative if the hash table has the children.
    return Math.abs(this.pieceOf(node)[placeOf(node) + firstChild]!)
  }

  nextOf(node: Node): Node {
    return this.pieceOf(node)[placeOf(node) + next]!
  }

  /** Neither a value nor children. */
  isUnused(node: Node): boolean {
    const at = placeOf(node)
    const words = this.pieceOf(node)
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
    return this.childAmong(this.pieceOf(node)[placeOf(node) + firstChild]!, node, id)
  }

  /** The same of a node whose word `firstChild` has been read. */
  childAmong(first: number, node: Node, id: LevelId): Node {
    if (first < 0) return this.#tabledChild(node, id)
    let child = first
    while (child !== 0) {
      const words = this.pieceOf(child)
      const at = placeOf(child)
      if (words[at + level] === id) break
      child = words[at + next]!
    }
    return child
  }

  #tabledChild(node: Node, id: LevelId): Node {
    const hash = hashOf(node, id)
    const slots = this.#tableOf(hash)
    return slots[this.#slotOf(slots, hash, node, id) + 1]!
  }

  addChild(node: Node, id: LevelId): Node {
    const child = this.#allocate()
    const words = this.pieceOf(child)
    const at = placeOf(child)
    for (let word = 0; word < 1 << wordShift; word += 1) words[at + word] = 0
    words[at + parent] = node
    words[at + level] = id
    if (id === plusLevel) this.#setWord(node, plusChild, child)
    else this.#link(node, child)
    return child
  }

  /** An unused node that is not the root. */
  remove(leaf: Node): void {
    const node = this.parentOf(leaf)
    const id = this.levelOf(leaf)
    if (id === plusLevel) this.#setWord(node, plusChild, 0)
    else this.#unlink(node, leaf)
    this.#setWord(leaf, next, this.#firstFree)
    this.#firstFree = leaf
  }

  #setWord(node: Node, which: number, word: number): void {
    this.pieceOf(node)[placeOf(node) + which] = word
  }

  #allocate(): Node {
    const free = this.#firstFree
    if (free !== 0) {
      this.#firstFree = this.nextOf(free)
      return free
    }
    const piece = this.#end >> pieceBits
    const words = this.#pieces[piece]
    if (words === undefined) this.#pieces.push(new Int32Array(pieceNodes << wordShift))
    else if (placeOf(this.#end) === words.length) this.#pieces[piece] = grown(words)
    this.#end += 1
    return this.#end - 1
  }

  #link(node: Node, child: Node): void {
    const first = this.firstChildOf(node)
    this.#setWord(child, next, first)
    if (first !== 0) this.#setWord(first, previous, child)
    if (this.pieceOf(node)[placeOf(node) + firstChild]! < 0) {
      this.#setWord(node, firstChild, -child)
      this.#occupy(child)
      return
    }
    this.#setWord(node, firstChild, child)
    if (!this.#hasMoreThanListed(child)) return
    this.#setWord(node, firstChild, -child)
    for (let each = child; each !== 0; each = this.nextOf(each)) this.#occupy(each)
  }

  #hasMoreThanListed(first: Node): boolean {
    let count = 0
    for (let child = first; child !== 0 && count <= listedMax; child = this.nextOf(child)) count += 1
    return count > listedMax
  }

  /** A family that has been in the table stays there until its last child goes. */
  #unlink(node: Node, child: Node): void {
    const inTable = this.pieceOf(node)[placeOf(node) + firstChild]! < 0
    if (inTable) this.#vacate(child)
    const before = this.pieceOf(child)[placeOf(child) + previous]!
    const after = this.nextOf(child)
    if (before === 0) this.#setWord(node, firstChild, inTable ? -after : after)
    else this.#setWord(before, next, after)
    if (after !== 0) this.#setWord(after, previous, before)
  }

  #tableOf(hash: number): Int32Array {
    return this.#tables[hash >>> (32 - tableBits)]!
  }

  /** The slot that holds the child, or the empty one where it would go. */
  #slotOf(slots: Int32Array, hash: number, node: Node, id: LevelId): number {
    const mask = slots.length - 1
    for (let slot = (hash << 1) & mask; ; slot = (slot + 2) & mask) {
      const child = slots[slot + 1]!
      if (child === 0) return slot
      // Children of other nodes are told apart without a look at them, nearly always.
      if (slots[slot] !== hash) continue
      const words = this.pieceOf(child)
      const at = placeOf(child)
      if (words[at + parent] === node && words[at + level] === id) return slot
    }
  }

  #occupy(child: Node): void {
    const node = this.parentOf(child)
    const id = this.levelOf(child)
    const hash = hashOf(node, id)
    const table = hash >>> (32 - tableBits)
    const before = this.#tables[table]!
    const slots = (this.#slotsUsed[table]! + 1) * 8 > before.length * 3 ? rehashed(before) : before
    this.#tables[table] = slots
    const slot = this.#slotOf(slots, hash, node, id)
    slots[slot] = hash
    slots[slot + 1] = child
    this.#slotsUsed[table]! += 1
  }

  /** Empties the child's slot and moves up those behind it that would no longer be found across the gap. */
  #vacate(child: Node): void {
    const node = this.parentOf(child)
    const id = this.levelOf(child)
    const hash = hashOf(node, id)
    const slots = this.#tableOf(hash)
    const mask = slots.length - 1
    let hole = this.#slotOf(slots, hash, node, id)
    for (let slot = (hole + 2) & mask; slots[slot + 1] !== 0; slot = (slot + 2) & mask) {
      const home = (slots[slot]! << 1) & mask
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue
      slots[hole] = slots[slot]!
      slots[hole + 1] = slots[slot + 1]!
      hole = slot
    }
    slots[hole + 1] = 0
    this.#slotsUsed[hash >>> (32 - tableBits)]! -= 1
  }
}

/** Where the words of a node begin in its piece. */
export function placeOf(node: Node): number {
  return (node & pieceMask) << wordShift
}

/** By half rather than to the double: there are many small maps. */
function grown(words: Int32Array): Int32Array {
  const nodes = words.length >> wordShift
  const larger = new Int32Array(Math.min(nodes + (nodes >> 1), pieceNodes) << wordShift)
  larger.set(words)
  return larger
}

/** A larger table. The old one is read and the new one written in order, as the low bits of the hash choose the slot. */
function rehashed(old: Int32Array): Int32Array {
  const slots = new Int32Array(Math.max(old.length * 2, slotWordsMin))
  const mask = slots.length - 1
  for (let from = 0; from < old.length; from += 2) {
    if (old[from + 1] === 0) continue
    let slot = (old[from]! << 1) & mask
    while (slots[slot + 1] !== 0) slot = (slot + 2) & mask
    slots[slot] = old[from]!
    slots[slot + 1] = old[from + 1]!
  }
  return slots
}

/** Numbers that we give out ourselves, so that nobody outside can make them collide at will. */
function hashOf(node: Node, id: LevelId): number {
  const mixed = Math.imul(Math.imul(node, 0x9e3779b1) ^ id, 0x85ebca6b)
  return mixed ^ (mixed >>> 15)
}
