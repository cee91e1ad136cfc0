/**
 * Memory for messages that are likely to be done soon: one allocation for many. A message that stays holds on to a whole
 * chunk, so that it is not for those that have to wait.
 */
import type { Slab } from '../../packets/publication.ts'

const CHUNK_BYTES = 32 * 1024
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
