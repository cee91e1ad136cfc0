/** Chance that comes from a seed: the same seed, the same choices. */

export class SeededRandom {
  #state: number

  /** @param seed any whole number */
  constructor(seed: number) {
    this.#state = mixed(seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0)
  }

  /** From 0 to below 1. */
  next(): number {
    return this.bits() / 2 ** 32
  }

  /** 32 of them (splitmix32, Guy Steele and others). */
  bits(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0
    let z = this.#state
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }

  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1))
  }

  /** Any number from `min` to below `max`. */
  between(min: number, max: number): number {
    return min + this.next() * (max - min)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** Throws for an empty list. */
  pick<T>(list: readonly T[]): T {
    const picked = list[this.int(0, list.length - 1)]
    if (picked === undefined) throw new RangeError('there is nothing to pick from')
    return picked
  }

  /** Another source of chance, which takes nothing from this one however much is drawn from it: what is left out of a run changes nothing else. */
  fork(name: string): SeededRandom {
    let hash = this.#state
    for (let at = 0; at < name.length; at += 1) hash = mixed(hash, name.charCodeAt(at))
    return new SeededRandom(hash >>> 0)
  }

  bytes(count: number): Buffer {
    const bytes = Buffer.alloc(count)
    for (let at = 0; at < count; at += 1) bytes[at] = this.bits() & 0xff
    return bytes
  }
}

function mixed(a: number, b: number): number {
  let hash = Math.imul(a ^ (b + 0x9e3779b9 + (a << 6) + (a >>> 2)), 0x85ebca6b)
  hash ^= hash >>> 13
  return Math.imul(hash, 0xc2b2ae35) ^ (hash >>> 16)
}
