/** Writes terms in the external format, byte for byte as a present Erlang does. */
import assert from 'node:assert/strict'
import { tags } from './term-tags.ts'
import { Atom, Bitstring, Float, ImproperList, Opaque, TermMap, Tuple } from './term.ts'
import type { Term } from './term.ts'

export class TermWriter {
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
