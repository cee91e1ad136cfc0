/** Writes the few kinds of MessagePack values that our native frames are made of, into memory that grows and is used again. */

/** Longest integer of `uint64` here: marker and eight bytes. */
export const UINT64_BYTES = 9

export class PackWriter {
  buffer: Buffer
  /** Index after the last byte written. */
  end = 0
  readonly #bytesInitial: number

  constructor(bytesInitial = 256) {
    this.#bytesInitial = bytesInitial
    this.buffer = Buffer.allocUnsafeSlow(bytesInitial)
  }

  /** Forgets what was written. Memory that one large value took is given back. */
  clear(): void {
    this.end = 0
    if (this.buffer.length > this.#bytesInitial * 16) this.buffer = Buffer.allocUnsafeSlow(this.#bytesInitial)
  }

  /** Makes room for so many bytes more. */
  reserve(bytes: number): void {
    const needed = this.end + bytes
    if (needed <= this.buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2))
    this.buffer.copy(larger, 0, 0, this.end)
    this.buffer = larger
  }

  /** Copies what was written to `at` of the target. Returns the index after it. */
  copyTo(target: Buffer, at: number): number {
    return this.end === 0 ? at : at + this.buffer.copy(target, at, 0, this.end)
  }

  byte(value: number): void {
    this.reserve(1)
    this.buffer[this.end++] = value
  }

  array(length: number): void {
    this.reserve(5)
    this.end = writeArrayHead(this.buffer, this.end, length)
  }

  uint64(value: number): void {
    this.reserve(UINT64_BYTES)
    this.end = writeUint64(this.buffer, this.end, value)
  }

  boolean(value: boolean): void {
    this.byte(value ? 0xc3 : 0xc2)
  }

  /** What the other one holds, as one value. */
  binary({ buffer, end }: PackWriter): void {
    this.reserve(5 + end)
    this.end = writeBinaryHead(this.buffer, this.end, end)
    this.end += buffer.copy(this.buffer, this.end, 0, end)
  }

  /** 32 bits, signed or not, within binary data. */
  word(value: number): void {
    this.reserve(4)
    this.end = this.buffer.writeInt32BE(value | 0, this.end)
  }

  text(value: string | undefined): void {
    if (value === undefined) return this.byte(0xc0)
    // UTF-8 takes at most three bytes for each unit of UTF-16.
    this.reserve(5 + value.length * 3)
    if (value.length < 11) {
      // At most 30 bytes, so that the marker is known to be one byte before the text is written.
      const bytes = this.buffer.write(value, this.end + 1)
      this.buffer[this.end] = 0xa0 | bytes
      this.end += 1 + bytes
      return
    }
    const bytes = Buffer.byteLength(value)
    this.end = writeTextHead(this.buffer, this.end, bytes)
    this.end += this.buffer.write(value, this.end)
  }

  /** A Variable Byte Integer as MQTT has them, but of any length: seven bits a byte, lowest first. Up to 2^53 - 1. */
  varint(value: number): void {
    this.reserve(8)
    const { buffer } = this
    while (value >= 0x80) {
      buffer[this.end++] = (value % 0x80) | 0x80
      value = Math.floor(value / 0x80)
    }
    buffer[this.end++] = value
  }
}

/** Texts up to this length are not measured, but taken for as long as they can be. */
const UNITS_MEASURED_MIN = 33

/** Bytes that `PackWriter.text` takes at most. */
export function textBytes(value: string | undefined): number {
  if (value === undefined) return 1
  return 5 + (value.length < UNITS_MEASURED_MIN ? value.length * 3 : Buffer.byteLength(value))
}

/** The functions below write at `at`, where there must be room, and return the index after it. */
export function writeUint64(target: Buffer, at: number, value: number): number {
  target[at] = 0xcf
  target.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at + 1)
  return target.writeUInt32BE(value % 0x1_0000_0000, at + 5)
}

export function writeArrayHead(target: Buffer, at: number, length: number): number {
  if (length < 16) {
    target[at] = 0x90 | length
    return at + 1
  }
  target[at] = 0xdd
  return target.writeUInt32BE(length, at + 1)
}

export function writeBinaryHead(target: Buffer, at: number, bytes: number): number {
  if (bytes < 256) {
    target[at] = 0xc4
    target[at + 1] = bytes
    return at + 2
  }
  target[at] = 0xc6
  return target.writeUInt32BE(bytes, at + 1)
}

function writeTextHead(target: Buffer, at: number, bytes: number): number {
  if (bytes < 32) {
    target[at] = 0xa0 | bytes
    return at + 1
  }
  if (bytes < 256) {
    target[at] = 0xd9
    target[at + 1] = bytes
    return at + 2
  }
  target[at] = 0xdb
  return target.writeUInt32BE(bytes, at + 1)
}
