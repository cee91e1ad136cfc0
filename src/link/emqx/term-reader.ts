/** Reads one term of the external format, within bounds: a few bytes can neither reserve much nor nest deep. */
import { isUtf8 } from 'node:buffer'
import { tags } from './term-tags.ts'
import {
  Atom,
  Bitstring,
  Float,
  ImproperList,
  Opaque,
  TermMap,
  Tuple,
  integer,
  isList,
  termKey,
  termsEqual,
} from './term.ts'
import type { Term } from './term.ts'

export type DecodeLimits = {
  /** Of the term, inflated. A compressed term that says it is larger is not even inflated. */
  readonly bytesMax: number
  /** Terms within the term, itself included: what they take in memory is many times their bytes. */
  readonly elementsMax: number
  /** Levels of nesting. */
  readonly depthMax: number
  /** What to do with bytes after the term: `binary_to_term`, and so EMQX, ignores them. */
  readonly trailing: 'refused' | 'ignored'
}

/** What the bytes hold is no term, or too large a one. Unwinds the recursion of the reader; `decodeTerm` catches it. */
export class Malformed extends Error {}

export class TermReader {
  readonly #bytes: Buffer
  readonly #depthMax: number
  #at = 0
  #elementsLeft: number

  constructor(bytes: Buffer, limits: DecodeLimits) {
    if (bytes.length > limits.bytesMax) throw new Malformed(`${bytes.length} bytes, more than ${limits.bytesMax}`)
    this.#bytes = bytes
    this.#depthMax = limits.depthMax
    this.#elementsLeft = limits.elementsMax
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  term(depth: number): Term {
    if (depth > this.#depthMax) throw new Malformed(`nested deeper than ${this.#depthMax}`)
    this.#count(1)
    const start = this.#at
    const tag = this.#uint8()
    switch (tag) {
      case tags.smallInteger:
        return this.#uint8()
      case tags.integer:
        return this.#int32()
      case tags.smallBig:
        return this.#big(this.#uint8())
      case tags.largeBig:
        return this.#big(this.#uint32())
      case tags.newFloat:
        return this.#newFloat()
      case tags.float:
        return this.#textFloat()
      case tags.binary:
        return this.#take(this.#uint32())
      case tags.bitstring:
        return this.#bitstring()
      case tags.smallTuple:
        return new Tuple(this.#terms(this.#uint8(), depth))
      case tags.largeTuple:
        return new Tuple(this.#terms(this.#uint32(), depth))
      case tags.nil:
        return []
      case tags.string:
        return this.#string()
      case tags.list:
        return this.#list(depth)
      case tags.map:
        return this.#map(depth)
      case tags.export:
        return this.#export(start)
      case tags.pid:
        return this.#named(start, 9)
      case tags.newPid:
        return this.#named(start, 12)
      case tags.port:
        return this.#named(start, 5)
      case tags.newPort:
        return this.#named(start, 8)
      case tags.v4Port:
        return this.#named(start, 12)
      case tags.reference:
        return this.#named(start, 5)
      case tags.newReference:
        return this.#reference(start, 1)
      case tags.newerReference:
        return this.#reference(start, 4)
      default:
        return this.#atomOf(tag)
    }
  }

  /** What follows is announced before it is read, so that a few bytes can't make us reserve much. */
  #count(elements: number): void {
    this.#elementsLeft -= elements
    if (this.#elementsLeft < 0) throw new Malformed('too many elements')
  }

  #need(length: number): number {
    const at = this.#at
    if (length > this.#bytes.length - at) throw new Malformed('cut off')
    this.#at = at + length
    return at
  }

  #uint8(): number {
    return this.#bytes.readUInt8(this.#need(1))
  }

  #uint16(): number {
    return this.#bytes.readUInt16BE(this.#need(2))
  }

  #int32(): number {
    return this.#bytes.readInt32BE(this.#need(4))
  }

  #uint32(): number {
    return this.#bytes.readUInt32BE(this.#need(4))
  }

  #take(length: number): Buffer {
    const at = this.#need(length)
    return this.#bytes.subarray(at, at + length)
  }

  #big(length: number): number | bigint {
    const sign = this.#uint8()
    if (sign > 1) throw new Malformed(`sign ${sign} of an integer`)
    const at = this.#need(length)
    if (length > bigBytesMax) throw new Malformed(`an integer of ${length} bytes`)
    // Six bytes hold every time in milliseconds, and fit a double.
    if (length >= 1 && length <= 6) {
      const magnitude = this.#bytes.readUIntLE(at, length)
      return sign === 1 && magnitude !== 0 ? -magnitude : magnitude
    }
    if (length === 0) return 0
    const bigEndian = this.#bytes.subarray(at, at + length).toReversed()
    const magnitude = BigInt(`0x${Buffer.from(bigEndian).toString('hex')}`)
    return integer(sign === 1 ? -magnitude : magnitude)
  }

  #newFloat(): Float {
    return finite(this.#bytes.readDoubleBE(this.#need(8)))
  }

  /** The form before OTP 17: `%.20e` in 31 bytes, filled up with zeros. */
  #textFloat(): Float {
    const text = this.#take(31).toString('latin1').replace(/\0.*$/s, '')
    if (!/^\s*[-+]?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(text)) throw new Malformed('float in a text that is none')
    return finite(Number(text))
  }

  #bitstring(): Term {
    const length = this.#uint32()
    const lastBits = this.#uint8()
    const bytes = this.#take(length)
    if (lastBits > 8 || (lastBits === 0) !== (length === 0)) throw new Malformed(`bitstring with ${lastBits} last bits`)
    if (lastBits === 8 || length === 0) return bytes
    const unused = 0xff >> lastBits
    const last = bytes.readUInt8(length - 1)
    if ((last & unused) === 0) return new Bitstring(bytes, lastBits)
    const cleared = Buffer.from(bytes)
    cleared[length - 1] = last & ~unused
    return new Bitstring(cleared, lastBits)
  }

  #terms(length: number, depth: number): Term[] {
    if (length > this.#bytes.length - this.#at) throw new Malformed('cut off')
    if (length > this.#elementsLeft) throw new Malformed('too many elements')
    const terms: Term[] = []
    for (let index = 0; index < length; index += 1) terms.push(this.term(depth + 1))
    return terms
  }

  #string(): Term[] {
    const length = this.#uint16()
    this.#count(length)
    return [...this.#take(length)]
  }

  #list(depth: number): Term {
    const elements = this.#terms(this.#uint32(), depth)
    const tail = this.term(depth + 1)
    // `[a | [b]]` and `[a, b]` are one term, whichever way it was written; a list of none is its tail.
    if (elements.length === 0) return tail
    if (isList(tail)) return tail.length === 0 ? elements : elements.concat(tail)
    if (tail instanceof ImproperList) return new ImproperList(elements.concat(tail.elements), tail.tail)
    return new ImproperList(elements, tail)
  }

  #map(depth: number): TermMap {
    const size = this.#uint32()
    if (size * 2 > this.#bytes.length - this.#at) throw new Malformed('cut off')
    // Each key is compared with the others, which is as much work again.
    this.#count(size)
    const entries: (readonly [Term, Term])[] = []
    for (let index = 0; index < size; index += 1) {
      const key = this.term(depth + 1)
      entries.push([key, this.term(depth + 1)])
    }
    if (hasRepeatedKey(entries)) throw new Malformed('a key stands twice in a map')
    return new TermMap(entries)
  }

  #atomOf(tag: number): Atom {
    switch (tag) {
      case tags.smallAtomUtf8:
        return this.#utf8Atom(this.#uint8())
      case tags.atomUtf8:
        return this.#utf8Atom(this.#uint16())
      case tags.smallAtomLatin1:
        return this.#latin1Atom(this.#uint8())
      case tags.atomLatin1:
        return this.#latin1Atom(this.#uint16())
      default:
        throw new Malformed(`tag ${tag}`)
    }
  }

  #latin1Atom(length: number): Atom {
    const at = this.#need(length)
    return checkedAtom(this.#bytes.toString('latin1', at, at + length))
  }

  #utf8Atom(length: number): Atom {
    const at = this.#need(length)
    const end = at + length
    if (isAscii(this.#bytes, at, end)) return checkedAtom(this.#bytes.toString('latin1', at, end))
    const utf8 = this.#bytes.subarray(at, end)
    if (!isUtf8(utf8)) throw new Malformed('atom that is not UTF-8')
    return checkedAtom(utf8.toString('utf8'))
  }

  /** The name of a node, then `length` bytes. */
  #named(start: number, length: number): Opaque {
    this.#atomOf(this.#uint8())
    this.#need(length)
    return this.#opaque(start)
  }

  #reference(start: number, creationBytes: number): Opaque {
    const words = this.#uint16()
    if (words === 0 || words > 5) throw new Malformed(`reference of ${words} words`)
    return this.#named(start, creationBytes + 4 * words)
  }

  /** `fun Module:Name/Arity`: a name as harmless as an atom, since nothing here can call it. */
  #export(start: number): Opaque {
    this.#atomOf(this.#uint8())
    this.#atomOf(this.#uint8())
    if (this.#uint8() !== tags.smallInteger) throw new Malformed('arity that is no small integer')
    this.#uint8()
    return this.#opaque(start)
  }

  #opaque(start: number): Opaque {
    return new Opaque(this.#bytes.subarray(start, this.#at))
  }
}

function finite(value: number): Float {
  if (!Number.isFinite(value)) throw new Malformed('float beyond all bounds')
  return new Float(value)
}

/** Larger ones mean nothing to anybody, and making a number of them takes more than linear time. */
const bigBytesMax = 4096

const atomCharactersMax = 255

/** Nearly every atom is, and a loop over a few bytes is cheaper than a view of them. */
function isAscii(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if ((bytes[at] ?? 0) > 127) return false
  return true
}

/** Maps of the link protocol are small enough to compare each key with each. */
const comparedEntriesMax = 16

function hasRepeatedKey(entries: readonly (readonly [Term, Term])[]): boolean {
  if (entries.length > comparedEntriesMax) return new Set(entries.map(([key]) => termKey(key))).size < entries.length
  return entries.some(([key], index) => {
    for (let before = 0; before < index; before += 1) {
      const other = entries[before]
      if (other !== undefined && termsEqual(other[0], key)) return true
    }
    return false
  })
}

function checkedAtom(name: string): Atom {
  // Code units are never fewer than characters, so the exact count is made only where it can matter.
  if (name.length > atomCharactersMax && Array.from(name).length > atomCharactersMax)
    throw new Malformed('atom too long')
  return new Atom(name)
}
