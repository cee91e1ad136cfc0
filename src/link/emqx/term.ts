/**
 * Erlang terms as values. Those that JavaScript has none of its own for are small classes, so that `1` and `1.0`, a list
 * and a tuple, an atom and a binary never get mixed up.
 */

export type Term =
  /** An integer within ±(2^53 - 1). A float is a `Float`. */
  | number
  /** An integer beyond that; `integer()` makes the right one of the two. */
  | bigint
  | Float
  | Atom
  /** A binary. What a decoder returns are views of the bytes that it was given. */
  | Buffer
  | Bitstring
  | Tuple
  /** A proper list; a string of Erlang is a list of its characters. */
  | readonly Term[]
  | ImproperList
  | TermMap
  | Opaque

/** A name that a peer sent. It is data and stands in no table: comparing its text is all that may be done with it. */
export class Atom {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

export class Float {
  /** Finite: Erlang has neither NaN nor infinity. */
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

/** A binary whose last byte counts only in part. */
export class Bitstring {
  readonly bytes: Buffer
  /** Bits of the last byte that count, 1 to 7, from the top. */
  readonly lastBits: number
  constructor(bytes: Buffer, lastBits: number) {
    this.bytes = bytes
    this.lastBits = lastBits
  }
}

export class Tuple {
  readonly elements: readonly Term[]
  constructor(elements: readonly Term[]) {
    this.elements = elements
  }
}

export function tuple(...elements: readonly Term[]): Tuple {
  return new Tuple(elements)
}

/** A list that ends in something other than `[]`. Holds at least one element, and the tail is no list. */
export class ImproperList {
  readonly elements: readonly Term[]
  readonly tail: Term
  constructor(elements: readonly Term[], tail: Term) {
    this.elements = elements
    this.tail = tail
  }
}

/** A map in the order in which it was built or received. No key stands twice. */
export class TermMap {
  readonly entries: readonly (readonly [key: Term, value: Term])[]
  constructor(entries: readonly (readonly [key: Term, value: Term])[]) {
    this.entries = entries
  }

  /** Linear: the maps of the link protocol have ten keys at most. */
  get(key: Term): Term | undefined {
    return this.entries.find(([known]) => termsEqual(known, key))?.[1]
  }

  /** The value under the atom of this name. */
  at(atomName: string): Term | undefined {
    return this.entries.find(([known]) => known instanceof Atom && known.name === atomName)?.[1]
  }
}

/** A pid, port, reference or external function: carried along, never looked into. */
export class Opaque {
  /** As in the external format, tag byte first. */
  readonly bytes: Buffer
  constructor(bytes: Buffer) {
    this.bytes = bytes
  }
}

/** The term of an integer of any size. */
export function integer(value: bigint): number | bigint {
  const small = Number(value)
  return Number.isSafeInteger(small) ? small : value
}

export function binary(text: string): Buffer {
  return Buffer.from(text, 'utf8')
}

/** Erlang's `=:=`: the order of a map's keys does not count, `1` and `1.0` differ, as do `0.0` and `-0.0`. */
export function termsEqual(left: Term, right: Term): boolean {
  if (left === right) return true
  if (typeof left !== 'object' || typeof right !== 'object') return false
  if (left instanceof Atom) return right instanceof Atom && left.name === right.name
  if (Buffer.isBuffer(left)) return Buffer.isBuffer(right) && left.equals(right)
  if (left instanceof Float) return right instanceof Float && Object.is(left.value, right.value)
  if (left instanceof Tuple) return right instanceof Tuple && allEqual(left.elements, right.elements)
  if (left instanceof TermMap) return right instanceof TermMap && mapsEqual(left, right)
  if (left instanceof Opaque) return right instanceof Opaque && left.bytes.equals(right.bytes)
  if (left instanceof Bitstring)
    return right instanceof Bitstring && left.lastBits === right.lastBits && left.bytes.equals(right.bytes)
  if (left instanceof ImproperList)
    return right instanceof ImproperList && allEqual(left.elements, right.elements) && termsEqual(left.tail, right.tail)
  return isList(right) && allEqual(left, right)
}

/** A text that two terms share exactly if they are equal: for sets and maps of terms. */
export function termKey(term: Term): string {
  if (typeof term === 'number' || typeof term === 'bigint') return `i${term}`
  if (term instanceof Atom) return `a${term.name.length}:${term.name}`
  if (Buffer.isBuffer(term)) return `b${term.length}:${term.toString('latin1')}`
  if (term instanceof Float) return Object.is(term.value, -0) ? 'f-0' : `f${term.value}`
  if (term instanceof Tuple) return `t(${term.elements.map(termKey).join()})`
  if (term instanceof TermMap) return `m(${mapKeys(term).join()})`
  if (term instanceof Opaque) return `o${term.bytes.length}:${term.bytes.toString('latin1')}`
  if (term instanceof Bitstring) return `s${term.bytes.length}/${term.lastBits}:${term.bytes.toString('latin1')}`
  if (term instanceof ImproperList) return `p(${[...term.elements, term.tail].map(termKey).join()})`
  return `l(${term.map(termKey).join()})`
}

/** `Array.isArray` that keeps the element type of a readonly array. */
export function isList(term: Term | undefined): term is readonly Term[] {
  return Array.isArray(term)
}

function allEqual(left: readonly Term[], right: readonly Term[]): boolean {
  return (
    left.length === right.length &&
    left.every((term, at) => {
      const other = right[at]
      return other !== undefined && termsEqual(term, other)
    })
  )
}

function mapsEqual(left: TermMap, right: TermMap): boolean {
  if (left.entries.length !== right.entries.length) return false
  const byKey = new Map(right.entries.map(([key, value]) => [termKey(key), value]))
  return left.entries.every(([key, value]) => {
    const other = byKey.get(termKey(key))
    return other !== undefined && termsEqual(value, other)
  })
}

function mapKeys(map: TermMap): string[] {
  return map.entries.map(([key, value]) => `${termKey(key)}=${termKey(value)}`).sort()
}
