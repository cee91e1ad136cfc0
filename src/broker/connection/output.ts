/**
 * What one connection is to be sent, gathered over a turn of the event loop and written once at its end.
 * Bytes that can go out as they came in are kept as slices of the read; neighbours in it become one slice.
 */

/** The part of a socket that output needs. */
export interface Sink {
  /** Bytes accepted earlier that the kernel has not taken yet. */
  readonly writableLength: number
  cork(): void
  uncork(): void
  write(bytes: Buffer, done?: () => void): boolean
}

const SCRATCH_BYTES_MIN = 1024
const SCRATCH_BYTES_MAX = 64 * 1024
/** Slices shorter than this on average are copied together: one copy is cheaper than an entry of writev. */
const SLICE_BYTES_WORTH_WRITEV = 2048

export class Output {
  /** Slices in order: `#buffers[i]` from `#starts[i]` to `#ends[i]`. */
  readonly #buffers: Buffer[] = []
  readonly #starts: number[] = []
  readonly #ends: number[] = []
  #scratch: Buffer | undefined
  #scratchUsed = 0
  /** Size of the next scratch. */
  #scratchBytes = SCRATCH_BYTES_MIN
  #bytes = 0

  /** Bytes gathered since the last flush. */
  get bytes(): number {
    return this.#bytes
  }

  /** Adds bytes that nobody will change until they are written. */
  append(buffer: Buffer, start: number, end: number): void {
    const last = this.#buffers.length - 1
    if (last >= 0 && this.#buffers[last] === buffer && this.#ends[last] === start) this.#ends[last] = end
    else {
      this.#buffers.push(buffer)
      this.#starts.push(start)
      this.#ends.push(end)
    }
    this.#bytes += end - start
  }

  /** Room for `length` bytes that the caller writes at `at` of the buffer returned, before anything else is added. */
  reserve(length: number): { readonly buffer: Buffer; readonly at: number } {
    if (this.#scratch === undefined || this.#scratch.length - this.#scratchUsed < length) {
      this.#scratch = Buffer.allocUnsafeSlow(Math.max(this.#scratchBytes, length))
      this.#scratchUsed = 0
      this.#scratchBytes = Math.min(SCRATCH_BYTES_MAX, this.#scratchBytes * 4)
    }
    reserved.buffer = this.#scratch
    reserved.at = this.#scratchUsed
    this.#scratchUsed += length
    this.append(this.#scratch, reserved.at, this.#scratchUsed)
    return reserved
  }

  /** Hands everything gathered to the socket. `written` is called when the kernel has taken it. */
  flush(sink: Sink, written?: () => void): void {
    const count = this.#buffers.length
    if (count === 0) return
    const backedUp = sink.writableLength > 0
    if (count === 1 && !(backedUp && this.#isSmallPart(0))) {
      sink.write(this.#buffers[0]!.subarray(this.#starts[0], this.#ends[0]), written)
    } else if (backedUp || this.#bytes < count * SLICE_BYTES_WORTH_WRITEV) {
      // A socket that is backed up keeps what it is given, so it gets a copy and not slices of large reads.
      sink.write(this.#gather(), written)
    } else {
      sink.cork()
      for (let i = 0; i < count; i++) {
        sink.write(this.#buffers[i]!.subarray(this.#starts[i], this.#ends[i]), i === count - 1 ? written : undefined)
      }
      sink.uncork()
    }
    this.clear()
  }

  /** Forgets what was gathered. */
  clear(): void {
    // Busy connections grow towards large pieces, quiet ones shrink back.
    if (this.#bytes * 8 < this.#scratchBytes) this.#scratchBytes = Math.max(SCRATCH_BYTES_MIN, this.#scratchBytes >> 1)
    this.#buffers.length = this.#starts.length = this.#ends.length = 0
    this.#bytes = 0
  }

  #isSmallPart(i: number): boolean {
    return (this.#ends[i]! - this.#starts[i]!) * 2 < this.#buffers[i]!.length
  }

  #gather(): Buffer {
    const whole = Buffer.allocUnsafeSlow(this.#bytes)
    let at = 0
    for (let i = 0; i < this.#buffers.length; i++)
      at += this.#buffers[i]!.copy(whole, at, this.#starts[i], this.#ends[i])
    return whole
  }
}

/** The answer of `reserve`, one object for all calls: it is read at once and never kept. */
const reserved: { buffer: Buffer; at: number } = { buffer: Buffer.alloc(0), at: 0 }
