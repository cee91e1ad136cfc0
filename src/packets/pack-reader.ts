/**
 * Reads what `PackWriter` writes, and believes nothing. It never throws: after the first value that is not what it should be
 * `isBroken` is set, and what is read from then on means nothing.
 */
import { isUtf8 } from 'node:buffer'

const noBytes = Buffer.alloc(0)

export class PackReader {
  buffer: Buffer = noBytes
  at = 0
  end = 0
  isBroken = false

  /** Reads on in these bytes, from `at` to `end`. */
  show(buffer: Buffer, at: number, end: number): void {
    this.buffer = buffer
    this.at = at
    this.end = end
    this.isBroken = false
  }

  byte(): number {
    if (this.at >= this.end) return this.#broken()
    return this.buffer[this.at++]!
  }

  uint64(): number {
    if (this.byte() !== 0xcf || this.at + 8 > this.end) return this.#broken()
    const high = this.buffer.readUInt32BE(this.at)
    const low = this.buffer.readUInt32BE(this.at + 4)
    this.at += 8
    // Beyond 2^53 - 1.
    return high > 0x1f_ffff ? this.#broken() : high * 0x1_0000_0000 + low
  }

  boolean(): boolean {
    const byte = this.byte()
    if (byte !== 0xc2 && byte !== 0xc3) this.#broken()
    return byte === 0xc3
  }

  /** Elements of an array, each of which takes at least `elementBytesMin` bytes. */
  array(elementBytesMin: number): number {
    const head = this.byte()
    const length = head >= 0x90 && head < 0xa0 ? head & 15 : head === 0xdd ? this.#uint32() : this.#broken()
    return length * elementBytesMin > this.end - this.at ? this.#broken() : length
  }

  text(): string {
    return this.#text(this.byte())
  }

  textOrNil(): string | undefined {
    const head = this.byte()
    return head === 0xc0 ? undefined : this.#text(head)
  }

  /** Passes over binary data. Returns how long it is. */
  binary(): number {
    const head = this.byte()
    return this.#take(head === 0xc4 ? this.byte() : head === 0xc6 ? this.#uint32() : this.#broken())
  }

  /** 32 bits, signed, within binary data. */
  word(): number {
    if (this.at + 4 > this.end) return this.#broken()
    this.at += 4
    return this.buffer.readInt32BE(this.at - 4)
  }

  /** A Variable Byte Integer up to 2^53 - 1. */
  varint(): number {
    let value = 0
    let factor = 1
    for (;;) {
      const byte = this.byte()
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value > Number.MAX_SAFE_INTEGER ? this.#broken() : value
      factor *= 0x80
      if (factor > Number.MAX_SAFE_INTEGER) return this.#broken()
    }
  }

  #text(head: number): string {
    const bytes =
      head >= 0xa0 && head < 0xc0 ? head & 31 : head === 0xd9 ? this.byte() : head === 0xdb ? this.#uint32() : -1
    if (bytes < 0) return this.#refuseText()
    const from = this.at
    this.#take(bytes)
    if (this.isBroken) return ''
    let bits = 0
    for (let i = from; i < this.at; i += 1) bits |= this.buffer[i]!
    if (bits < 0x80) return this.buffer.toString('latin1', from, this.at)
    return isUtf8(this.buffer.subarray(from, this.at))
      ? this.buffer.toString('utf8', from, this.at)
      : this.#refuseText()
  }

  #refuseText(): string {
    this.#broken()
    return ''
  }

  #uint32(): number {
    if (this.at + 4 > this.end) return this.#broken()
    this.at += 4
    return this.buffer.readUInt32BE(this.at - 4)
  }

  #take(bytes: number): number {
    if (this.isBroken || bytes > this.end - this.at) return this.#broken()
    this.at += bytes
    return bytes
  }

  #broken(): number {
    this.isBroken = true
    this.at = this.end
    return 0
  }
}
