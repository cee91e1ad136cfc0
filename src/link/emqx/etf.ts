/**
 * The external term format of Erlang: `decodeTerm` reads what any peer may send, `encodeTerm` writes what EMQX reads back as
 * an equal term. Source: erlang.org, "External Term Format".
 */
import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { deflateSync, inflateSync } from 'node:zlib'
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

export type DecodeResult =
  | { readonly type: 'term'; readonly term: Term }
  | { readonly type: 'malformed'; readonly reason: string }

const defaultLimits: DecodeLimits = {
  bytesMax: 16 * 1024 * 1024,
  elementsMax: 262_144,
  depthMax: 64,
  trailing: 'ignored',
}

/**
 * Decodes as `binary_to_term(Bytes, [safe])` does, but bounded, and without an atom table: an atom is only its text. Never
 * throws. Functions with an environment are refused. Binaries in the result are views of `bytes`, unless it was compressed.
 */
export function decodeTerm(bytes: Uint8Array, limits: Partial<DecodeLimits> = {}): DecodeResult {
  const bounds = { ...defaultLimits, ...limits }
  try {
    return { type: 'term', term: readWhole(asBuffer(bytes), bounds) }
  } catch (error) {
    if (error instanceof Malformed) return { type: 'malformed', reason: error.message }
    throw error
  }
}

export type EncodeOptions = {
  /** Compress (zlib) a term of at least this many bytes if that makes it smaller. Default: never. */
  readonly compressFromBytes?: number
}

export function encodeTerm(term: Term, { compressFromBytes = Infinity }: EncodeOptions = {}): Buffer {
  const writer = new TermWriter()
  writer.byte(version)
  writer.term(term)
  const plain = writer.finish()
  return plain.length < compressFromBytes ? plain : compress(plain)
}

const version = 131

const tags = {
  newFloat: 70,
  bitstring: 77,
  compressed: 80,
  newPid: 88,
  newPort: 89,
  newerReference: 90,
  smallInteger: 97,
  integer: 98,
  float: 99,
  atomLatin1: 100,
  reference: 101,
  port: 102,
  pid: 103,
  smallTuple: 104,
  largeTuple: 105,
  nil: 106,
  string: 107,
  list: 108,
  binary: 109,
  smallBig: 110,
  largeBig: 111,
  export: 113,
  newReference: 114,
  smallAtomLatin1: 115,
  map: 116,
  atomUtf8: 118,
  smallAtomUtf8: 119,
  v4Port: 120,
} as const

/** Unwinds the recursion of the reader; never leaves this file. */
class Malformed extends Error {}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function readWhole(bytes: Buffer, limits: DecodeLimits): Term {
  if (bytes.length < 2) throw new Malformed('no term')
  if (bytes[0] !== version) throw new Malformed(`version ${bytes[0]}, not ${version}`)
  const body = bytes[1] === tags.compressed ? inflate(bytes.subarray(2), limits.bytesMax) : bytes.subarray(1)
  const reader = new TermReader(body, limits)
  const term = reader.term(0)
  if (limits.trailing === 'refused' && !reader.atEnd) throw new Malformed('bytes after the term')
  return term
}

function inflate(bytes: Buffer, bytesMax: number): Buffer {
  if (bytes.length < 4) throw new Malformed('cut off')
  const size = bytes.readUInt32BE(0)
  if (size === 0) throw new Malformed('compressed term without a size')
  if (size > bytesMax) throw new Malformed(`compressed term of ${size} bytes, more than ${bytesMax}`)
  const inflated = tryInflate(bytes.subarray(4), size)
  if (inflated.length !== size)
    throw new Malformed(`compressed term of ${inflated.length} bytes, not ${size} as it says`)
  return inflated
}

function tryInflate(bytes: Buffer, size: number): Buffer {
  try {
    // One byte more than the size, so that a stream which goes on is told from one that ends there.
    return inflateSync(bytes, { maxOutputLength: size + 1, chunkSize: Math.min(Math.max(size, 64), 65_536) })
  } catch (error) {
    throw new Malformed(`compressed term: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function compress(plain: Buffer): Buffer {
  const deflated = deflateSync(plain.subarray(1))
  if (deflated.length + 6 >= plain.length) return plain
  const head = Buffer.allocUnsafe(6)
  head[0] = version
  head[1] = tags.compressed
  head.writeUInt32BE(plain.length - 1, 2)
  return Buffer.concat([head, deflated])
}

class TermReader {
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

class TermWriter {
  #bytes = Buffer.allocUnsafe(512)
  #length = 0

  finish(): Buffer {
    // Copied when the slack is worth it: a small frame must not keep a large block alive.
    const written = this.#bytes.subarray(0, this.#length)
    return this.#length * 2 < this.#bytes.length ? Buffer.from(written) : written
  }

  term(term: Term): void {
    if (typeof term === 'number') this.#integer(term)
    else if (typeof term === 'bigint') this.#big(term)
    else if (Buffer.isBuffer(term)) this.#sized(tags.binary, term)
    else if (term instanceof Atom) this.#atom(term)
    else if (term instanceof Tuple) this.#tuple(term)
    else if (term instanceof TermMap) this.#map(term)
    else if (term instanceof Float) this.#float(term)
    else if (term instanceof Bitstring) this.#bitstring(term)
    else if (term instanceof ImproperList) this.#list(term.elements, term.tail)
    else if (term instanceof Opaque) this.#append(term.bytes)
    else if (isCharacters(term)) this.#string(term)
    else if (term.length === 0) this.byte(tags.nil)
    else this.#list(term, [])
  }

  byte(value: number): void {
    const at = this.#room(1)
    this.#bytes[at] = value
  }

  #room(length: number): number {
    const at = this.#length
    const wanted = at + length
    if (wanted > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(wanted, this.#bytes.length * 2))
      this.#bytes.copy(larger, 0, 0, at)
      this.#bytes = larger
    }
    this.#length = wanted
    return at
  }

  #uint16(value: number): void {
    const at = this.#room(2)
    this.#bytes.writeUInt16BE(value, at)
  }

  #uint32(value: number): void {
    const at = this.#room(4)
    this.#bytes.writeUInt32BE(value, at)
  }

  #append(bytes: Buffer): void {
    const at = this.#room(bytes.length)
    bytes.copy(this.#bytes, at)
  }

  #sized(tag: number, bytes: Buffer): void {
    this.byte(tag)
    this.#uint32(bytes.length)
    this.#append(bytes)
  }

  #integer(value: number): void {
    assert(Number.isSafeInteger(value), 'a number among terms is an integer; a float is a Float')
    if (value >= 0 && value <= 255) {
      this.byte(tags.smallInteger)
      this.byte(value)
    } else if (value >= -0x8000_0000 && value <= 0x7fff_ffff) {
      this.byte(tags.integer)
      this.#uint32(value >>> 0)
    } else if (Math.abs(value) < 2 ** 48) this.#small(value)
    else this.#big(BigInt(value))
  }

  /** An integer of up to six bytes, as Erlang writes it: no more bytes than it needs, the lowest first. */
  #small(value: number): void {
    const magnitude = Math.abs(value)
    const length = magnitude < 2 ** 32 ? 4 : magnitude < 2 ** 40 ? 5 : 6
    this.byte(tags.smallBig)
    this.byte(length)
    this.byte(value < 0 ? 1 : 0)
    const at = this.#room(length)
    this.#bytes.writeUIntLE(magnitude, at, length)
  }

  #big(value: bigint): void {
    const hex = (value < 0n ? -value : value).toString(16)
    const bigEndian = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
    const littleEndian = Buffer.from(bigEndian.toReversed())
    if (littleEndian.length <= 255) {
      this.byte(tags.smallBig)
      this.byte(littleEndian.length)
    } else {
      this.byte(tags.largeBig)
      this.#uint32(littleEndian.length)
    }
    this.byte(value < 0n ? 1 : 0)
    this.#append(littleEndian)
  }

  #float({ value }: Float): void {
    assert(Number.isFinite(value), 'Erlang has neither NaN nor infinity')
    this.byte(tags.newFloat)
    const at = this.#room(8)
    this.#bytes.writeDoubleBE(value, at)
  }

  #atom({ name }: Atom): void {
    const length = Buffer.byteLength(name)
    if (length <= 255) {
      this.byte(tags.smallAtomUtf8)
      this.byte(length)
    } else {
      this.byte(tags.atomUtf8)
      this.#uint16(length)
    }
    const at = this.#room(length)
    this.#bytes.write(name, at, length, 'utf8')
  }

  #bitstring({ bytes, lastBits }: Bitstring): void {
    this.byte(tags.bitstring)
    this.#uint32(bytes.length)
    this.byte(lastBits)
    this.#append(bytes)
  }

  #tuple({ elements }: Tuple): void {
    if (elements.length <= 255) {
      this.byte(tags.smallTuple)
      this.byte(elements.length)
    } else {
      this.byte(tags.largeTuple)
      this.#uint32(elements.length)
    }
    for (const element of elements) this.term(element)
  }

  #string(characters: readonly number[]): void {
    this.byte(tags.string)
    this.#uint16(characters.length)
    this.#append(Buffer.from(characters))
  }

  #list(elements: readonly Term[], tail: Term): void {
    this.byte(tags.list)
    this.#uint32(elements.length)
    for (const element of elements) this.term(element)
    this.term(tail)
  }

  #map({ entries }: TermMap): void {
    this.byte(tags.map)
    this.#uint32(entries.length)
    for (const [key, value] of entries) {
      this.term(key)
      this.term(value)
    }
  }
}

/** A list that Erlang itself writes as a string: not empty, bytes only, and short enough for the length's two bytes. */
function isCharacters(list: readonly Term[]): list is readonly number[] {
  if (list.length === 0 || list.length > 65_535) return false
  return list.every((term) => typeof term === 'number' && term >= 0 && term <= 255)
}
