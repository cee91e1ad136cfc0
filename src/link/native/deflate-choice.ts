/**
 * Whether a batch is worth compressing, learnt from those before it: one is tried, and while it pays all are; once it does not, fewer
 * and fewer are tried. Compressing what does not compress costs as much as compressing what does.
 */

/** What the batches of a link were before and after. */
export type DeflateCounters = {
  /** Bytes of all batches that were sent to peers that take compressed ones, before. */
  readonly bytesBefore: number
  readonly bytesAfter: number
  /** Batches that were sent compressed. */
  readonly batches: number
  /** Batches that were compressed, whether they were sent so or not. */
  readonly tries: number
}

/** Smaller batches gain nothing that matters; larger ones would keep everybody else waiting while they are compressed. */
export const deflateBytesMin = 1_024
export const deflateBytesMax = 262_144
/** What it has to save. */
const savedMin = 0.3
/** Batches from one try to the next, at most. */
const skipsMax = 255

export class DeflateChoice {
  #bytesBefore = 0
  #bytesAfter = 0
  #batches = 0
  #tries = 0
  /** Batches to be left alone before the next try. */
  #skips = 0
  /** How many they were after the last try, 0 if it paid. */
  #skipped = 0

  /** To be asked once for each batch. */
  shouldTry(bytes: number): boolean {
    if (bytes < deflateBytesMin || bytes > deflateBytesMax) return false
    if (this.#skips === 0) return true
    this.#skips -= 1
    return false
  }

  /** A batch was compressed to so many bytes. Returns whether it is to be sent so. */
  pays(before: number, after: number): boolean {
    this.#tries += 1
    if (after <= before * (1 - savedMin)) {
      this.#skipped = 0
      this.#batches += 1
      return true
    }
    this.#skipped = Math.min(skipsMax, this.#skipped * 2 + 1)
    this.#skips = this.#skipped
    return false
  }

  /** A batch was sent; the same number twice if it was not compressed. */
  sent(before: number, after: number): void {
    this.#bytesBefore += before
    this.#bytesAfter += after
  }

  counters(): DeflateCounters {
    return { bytesBefore: this.#bytesBefore, bytesAfter: this.#bytesAfter, batches: this.#batches, tries: this.#tries }
  }
}
