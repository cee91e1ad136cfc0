/** Memory for messages that were sent and not acknowledged when they went to disk: one allocation for many of them. */
import type { Slab } from '../../packets/publication.ts'

const CHUNK_BYTES = 16 * 1024
/** Longer ones have memory of their own. */
const MESSAGE_BYTES_MAX = 4 * 1024

export class MessageSlab implements Slab {
  buffer = Buffer.alloc(0)
  #used = 0

  reserve(length: number): number {
    const at = this.#used
    if (at + length <= this.buffer.length) {
      this.#used = at + length
      return at
    }
    return this.#renew(length)
  }

  #renew(length: number): number {
    const isLong = length > MESSAGE_BYTES_MAX
    this.buffer = Buffer.allocUnsafeSlow(isLong ? length : CHUNK_BYTES)
    this.#used = length
    return 0
  }
}
