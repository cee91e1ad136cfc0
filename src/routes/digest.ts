/**
 * What stands for the content of a map, or of one bucket of it: how many entries, and the sum of their hashes, as two sums of 32 bits.
 * A sum does not care for order, and an entry goes as cheaply as it came.
 */
export type Digest = { readonly size: number; readonly lo: number; readonly hi: number }

export const emptyDigest: Digest = { size: 0, lo: 0, hi: 0 }

export function sameDigest(a: Digest, b: Digest): boolean {
  return a.size === b.size && a.lo === b.lo && a.hi === b.hi
}

export class RunningDigest implements Digest {
  size = 0
  lo = 0
  hi = 0

  add(hash: { readonly lo: number; readonly hi: number }): void {
    this.size += 1
    this.lo = (this.lo + hash.lo) | 0
    this.hi = (this.hi + hash.hi) | 0
  }

  remove(hash: { readonly lo: number; readonly hi: number }): void {
    this.size -= 1
    this.lo = (this.lo - hash.lo) | 0
    this.hi = (this.hi - hash.hi) | 0
  }

  clear(): void {
    this.size = 0
    this.lo = 0
    this.hi = 0
  }

  /** As it is now; the running one goes on. */
  value(): Digest {
    return { size: this.size, lo: this.lo, hi: this.hi }
  }
}
