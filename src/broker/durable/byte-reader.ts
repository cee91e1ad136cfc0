/** Reads what `ByteWriter` wrote. Throws `DamagedRecord` for anything else. */
import { crc32 } from 'node:zlib'

const CHECKSUM_BYTES = 4

/** A record that is not as it was written. */
export class DamagedRecord extends Error {
  override readonly name = 'DamagedRecord'
  readonly code = 'RECORD_DAMAGED'
}

export class ByteReader {
  readonly #buffer: Buffer
  #at = CHECKSUM_BYTES

  constructor(record: Buffer) {
    if (record.length < CHECKSUM_BYTES || crc32(record.subarray(CHECKSUM_BYTES)) !== record.readUInt32BE(0))
      throw new DamagedRecord('its checksum is wrong')
    this.#buffer = record
  }

  byte(): number {
    const value = this.#buffer[this.#at++]
    if (value === undefined) throw new DamagedRecord('it ends too early')
    return value
  }

  number(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = this.byte()
      value += (byte & 127) * scale
      if (byte < 128) break
      scale *= 128
    }
    if (!Number.isSafeInteger(value)) throw new DamagedRecord('it holds a number that is too large')
    return value
  }

  float(): number {
    return this.#take(8).readDoubleBE(0)
  }

  uint32(): number {
    return this.#take(4).readUInt32BE(0)
  }

  text(): string {
    return this.bytes().toString()
  }

  optional(): string | undefined {
    return this.byte() === 0 ? undefined : this.text()
  }

  /** A slice of the record. */
  bytes(): Buffer {
    return this.#take(this.number())
  }

  /** So many numbers, as many as the number in front of them says. */
  numbers(): number[] {
    const count = this.number()
    if (count > this.#buffer.length) throw new DamagedRecord('it names more numbers than it can hold')
    return Array.from({ length: count }, () => this.number())
  }

  /** All of it must have been read. */
  end(): void {
    if (this.#at !== this.#buffer.length) throw new DamagedRecord('it is longer than it says')
  }

  #take(bytes: number): Buffer {
    const from = this.#at
    this.#at += bytes
    if (this.#at > this.#buffer.length) throw new DamagedRecord('it ends too early')
    return this.#buffer.subarray(from, this.#at)
  }
}
