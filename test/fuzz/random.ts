/** Numbers that follow from a seed alone, the same on every machine (mulberry32). Not for anything that must not be guessed. */
export class Random {
  #state: number

  /** @param parts what the numbers follow from: a seed, and the number of the input */
  constructor(...parts: readonly number[]) {
    this.#state = parts.reduce((state, part) => scramble(state ^ scramble(part)), 0x9e3779b9)
  }

  uint32(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    return scramble(this.#state)
  }

  /** From 0 to below 1. */
  fraction(): number {
    return this.uint32() / 2 ** 32
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    return Math.floor(this.fraction() * end)
  }

  between(min: number, max: number): number {
    return min + this.below(max - min + 1)
  }

  /** Mostly small, now and then up to `max`: each size class is as likely as the next. */
  size(max: number): number {
    return this.below(Math.min(max, 2 ** this.between(0, Math.ceil(Math.log2(max + 1)))) + 1)
  }

  chance(probability: number): boolean {
    return this.fraction() < probability
  }

  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new RangeError('nothing to pick from')
    return from[this.below(from.length)] as T
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length)
    for (let at = 0; at < length; at++) bytes[at] = this.uint32()
    return bytes
  }

  list<T>(length: number, make: () => T): T[] {
    return Array.from({ length }, make)
  }
}

function scramble(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 15), value | 1)
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
  return (mixed ^ (mixed >>> 14)) >>> 0
}
