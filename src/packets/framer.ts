/**
 * Cuts a stream of bytes into MQTT packets where they lie: a packet that came whole in one read is handed on as
 * offsets into that read; only one that was cut in two is copied together.
 */
import { PacketFault, reasonCode } from './reason-code.ts'

/** The largest fixed header: packet type and a remaining length of four bytes (MQTT 5, 2.1.4). */
const HEADER_BYTES_MAX = 5

export interface PacketHandler {
  /**
   * One whole packet: `buffer[start]` is its first byte, its body runs from `body` to `end`. The bytes are the
   * handler's to keep and to change. Returns false to be handed no more packets of this read.
   */
  onPacket(buffer: Buffer, start: number, body: number, end: number): boolean
}

export class Framer {
  readonly #handler: PacketHandler
  readonly #packetBytesMax: number
  /** A packet of which some bytes are missing; the first `#have` bytes of it are there. */
  #partial: Buffer | undefined
  #have = 0
  /** Bytes of the partial packet as a whole; 0 while its header is not complete. */
  #need = 0
  #bodyAt = 0

  /** @param packetBytesMax largest packet taken, fixed header included, bytes */
  constructor(handler: PacketHandler, packetBytesMax: number) {
    this.#handler = handler
    this.#packetBytesMax = packetBytesMax
  }

  /**
   * Takes what was read next; `chunk` must not be written to by the caller afterwards. Returns how many bytes of it were
   * taken: all, unless the handler wanted no more packets. Throws `PacketFault`.
   */
  push(chunk: Buffer): number {
    let at = 0
    if (this.#partial !== undefined) {
      at = this.#fill(chunk)
      if (this.#need === 0 || this.#have < this.#need) return at
      const packet = this.#partial
      this.#partial = undefined
      if (!this.#handler.onPacket(packet, 0, this.#bodyAt, packet.length)) return at
    }
    const end = chunk.length
    while (end - at >= 2) {
      let length = chunk[at + 1]!
      let body = at + 2
      if (length >= 128) {
        body = lengthEnd(chunk, at, end)
        if (body < 0) break
        length = remainingLength(chunk, at + 1, body)
      }
      const next = body + length
      if (next - at > this.#packetBytesMax) throw tooLarge(next - at, this.#packetBytesMax)
      if (next > end) break
      if (!this.#handler.onPacket(chunk, at, body, next)) return next
      at = next
    }
    if (at < end) this.#begin(chunk, at)
    return end
  }

  /** Remembers the beginning of a packet whose rest is to come. */
  #begin(chunk: Buffer, at: number): void {
    const body = lengthEnd(chunk, at, chunk.length)
    if (body < 0) {
      this.#partial = Buffer.allocUnsafe(HEADER_BYTES_MAX)
      this.#need = 0
    } else {
      this.#need = body - at + remainingLength(chunk, at + 1, body)
      this.#bodyAt = body - at
      this.#partial = Buffer.allocUnsafeSlow(this.#need)
    }
    this.#have = chunk.copy(this.#partial, 0, at)
  }

  /** Goes on with the partial packet. Returns how many bytes of `chunk` belong to it. */
  #fill(chunk: Buffer): number {
    let at = 0
    while (this.#need === 0) {
      if (at === chunk.length) return at
      const header = this.#partial!
      header[this.#have++] = chunk[at++]!
      const body = lengthEnd(header, 0, this.#have)
      if (body < 0) continue
      this.#need = body + remainingLength(header, 1, body)
      this.#bodyAt = body
      if (this.#need > this.#packetBytesMax) throw tooLarge(this.#need, this.#packetBytesMax)
      this.#partial = Buffer.allocUnsafeSlow(this.#need)
      header.copy(this.#partial, 0, 0, body)
    }
    const taken = chunk.copy(this.#partial!, this.#have, at, at + this.#need - this.#have)
    this.#have += taken
    return at + taken
  }
}

/** Index after the remaining length of the packet at `at`, or -1 while it is not complete. */
function lengthEnd(bytes: Buffer, at: number, end: number): number {
  for (let i = at + 1; i < end && i < at + HEADER_BYTES_MAX; i++) {
    const byte = bytes[i]!
    if (byte >= 128) continue
    if (byte === 0 && i > at + 1)
      throw new PacketFault(reasonCode.malformedPacket, 'remaining length takes more bytes than it needs') // [MQTT-1.5.5-1]
    return i + 1
  }
  if (end - at >= HEADER_BYTES_MAX) throw new PacketFault(reasonCode.malformedPacket, 'remaining length of five bytes')
  return -1
}

function remainingLength(bytes: Buffer, from: number, to: number): number {
  let length = 0
  for (let i = to - 1; i >= from; i--) length = (length << 7) | (bytes[i]! & 127)
  return length
}

function tooLarge(bytes: number, bytesMax: number): PacketFault {
  return new PacketFault(reasonCode.packetTooLarge, `packet of ${bytes} bytes, ${bytesMax} are allowed`)
}
