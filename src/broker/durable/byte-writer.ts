/** Writes records for the store: numbers, texts and bytes one after the other, in front of them a checksum of all. */
import { crc32 } from 'node:zlib'

const CHECKSUM_BYTES = 4
/** A longer record does not leave so much memory behind. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024

export class ByteWriter {
  #buffer: Buffer
  #at = CHECKSUM_BYTES

  constructor(bytes = 256) {
    this.#buffer = Buffer.allocUnsafeSlow(bytes)
  }

  /** Where the next byte goes. */
  get at(): number {
    return this.#at
  }

  /** Begins the next record. Bytes that `seal` returned are not to be used after that. */
  begin(): this {
    if (this.#buffer.length > KEPT_BYTES_MAX) this.#buffer = Buffer.allocUnsafeSlow(256)
    this.#at = CHECKSUM_BYTES
    return this
  }

  byte(value: number): this {
    this.#room(1)
    this.#buffer[this.#at++] = value
    return this
  }

  /** A whole number from 0 to 2^53 - 1, in one byte if it is below 128. */
  number(value: number): this {
    this.#room(8)
    while (value >= 128) {
      this.#buffer[this.#at++] = (value % 128) | 128
      value = value < 2 ** 31 ? value >>> 7 : Math.floor(value / 128)
    }
    this.#buffer[this.#at++] = value
    return this
  }

  /** A count of milliseconds, which may be `Infinity`. */
  float(value: number): this {
    this.#room(8)
    this.#at = this.#buffer.writeDoubleBE(value, this.#at)
    return this
  }

  /** Four bytes that `fill32` sets later. */
  gap32(): number {
    this.#room(4)
    this.#at += 4
    return this.#at - 4
  }

  fill32(at: number, value: number): void {
    this.#buffer.writeUInt32BE(value, at)
  }

  text(value: string): this {
    return this.bytes(Buffer.from(value))
  }

  /** A text that may be missing. */
  optional(value: string | undefined): this {
    return value === undefined ? this.byte(0) : this.byte(1).text(value)
  }

  bytes(value: Buffer): this {
    return this.slice(value, 0, value.length)
  }

  slice(buffer: Buffer, start: number, end: number): this {
    this.number(end - start)
    this.#room(end - start)
    this.#at += buffer.copy(this.#buffer, this.#at, start, end)
    return this
  }

  /** The record with its checksum. It is valid until the next one is begun. */
  seal(): Buffer {
    const record = this.#buffer.subarray(0, this.#at)
    record.writeUInt32BE(crc32(record.subarray(CHECKSUM_BYTES)), 0)
    return record
  }

  /** The same in memory of its own. */
  sealCopy(): Buffer {
    return Buffer.from(this.seal())
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#at + bytes))
    this.#buffer.copy(larger, 0, 0, this.#at)
    this.#buffer = larger
  }
}
