/** Terms in Erlang's external format, byte by byte, so that each length and tag can be forged. */
import { deflateSync } from 'node:zlib'
import type { Random } from './random.ts'

const simple = [97, 98, 70, 99, 100, 115, 118, 119, 107, 109, 110, 111, 77, 106] as const
const nested = [104, 105, 108, 116] as const
const opaque = [88, 89, 90, 101, 102, 103, 113, 114, 120] as const
const atoms = [
  'message',
  'true',
  'false',
  'undefined',
  'ok',
  'error',
  '$op',
  'retain',
  'link_origin',
  'ä'.repeat(40),
  'x'.repeat(255),
]

/** How likely a length is forged. */
const FORGED = 0.02

export class TermMaker {
  readonly #random: Random
  /** Terms left to make: without it a tree would now and then grow without end. */
  #left: number

  constructor(random: Random, termsMax = 200) {
    this.#random = random
    this.#left = termsMax
  }

  /** With its version byte, at times compressed. */
  whole(body = this.term(0)): Buffer {
    const random = this.#random
    if (random.chance(0.8)) return Buffer.concat([Buffer.of(131), body])
    const size = random.chance(0.7) ? body.length : random.pick([0, 1, body.length + 1, 2 ** 20, 2 ** 24, 2 ** 32 - 1])
    return Buffer.concat([Buffer.of(131, 80), uint(size, 4), deflateSync(body)])
  }

  /** A few bytes that swell to many. */
  bomb(): Buffer {
    const random = this.#random
    const bytes = 2 ** random.between(16, 23)
    const filler = random.pick([0x6a, 0x61, 0x00, 0x68])
    const body = random.pick([
      () => Buffer.concat([Buffer.of(109), uint(bytes, 4), Buffer.alloc(bytes, filler)]),
      () => Buffer.concat([Buffer.of(108), uint(bytes - 1, 4), Buffer.alloc(bytes, 0x6a)]),
      () => Buffer.concat([Buffer.of(116), uint(bytes >> 2, 4), Buffer.alloc(bytes, 0x61)]),
      () => Buffer.concat([Buffer.of(111), uint(bytes, 4), Buffer.of(0), Buffer.alloc(bytes, 0xff)]),
    ])()
    const size = random.chance(0.5) ? body.length : random.pick([100, 65_536, 2 ** 20])
    return Buffer.concat([Buffer.of(131, 80), uint(size, 4), deflateSync(body, { level: 9 })])
  }

  /** One term within another, far deeper than any that means something. */
  nest(): Buffer {
    const random = this.#random
    const levels = random.size(20_000)
    const level = random.pick([
      Buffer.of(104, 1),
      Buffer.concat([Buffer.of(108), uint(1, 4)]),
      Buffer.concat([Buffer.of(116), uint(1, 4), Buffer.of(106)]),
      Buffer.concat([Buffer.of(105), uint(1, 4)]),
    ])
    return Buffer.concat([Buffer.of(131), ...random.list(levels, () => level), Buffer.of(106)])
  }

  term(depth: number): Buffer {
    const random = this.#random
    this.#left--
    if (depth < 12 && this.#left > 0 && random.chance(0.45)) return this.#nested(random.pick(nested), depth)
    if (random.chance(0.03)) return random.bytes(1 + random.below(12))
    return random.chance(0.1) ? this.#opaque(random.pick(opaque)) : this.#simple(random.pick(simple))
  }

  #nested(tag: (typeof nested)[number], depth: number): Buffer {
    const random = this.#random
    const count = random.chance(0.1) ? random.size(40) : random.below(4)
    const parts = random.list(tag === 116 ? 2 * count : count, () => this.term(depth + 1))
    // A key that stands twice makes a map none.
    if (tag === 116 && count > 1 && random.chance(0.1)) parts[2] = parts[0]!
    const tail = tag === 108 ? [random.chance(0.8) ? Buffer.of(106) : this.term(depth + 1)] : []
    return Buffer.concat([Buffer.of(tag), this.#length(count, tag === 104 ? 1 : 4), ...parts, ...tail])
  }

  #simple(tag: (typeof simple)[number]): Buffer {
    const random = this.#random
    switch (tag) {
      case 97:
        return Buffer.of(tag, random.below(256))
      case 98:
        return Buffer.concat([Buffer.of(tag), random.bytes(4)])
      case 70:
        return Buffer.concat([
          Buffer.of(tag),
          random.chance(0.3) ? Buffer.from('7ff0000000000000', 'hex') : random.bytes(8),
        ])
      case 99:
        return Buffer.concat([
          Buffer.of(tag),
          Buffer.from(random.pick(['1.5e+00', '-0.0', '1e999', 'x', '']).padEnd(31, '\0')),
        ])
      case 100:
      case 118:
        return this.#sized(tag, 2, Buffer.from(random.pick(atoms)))
      case 115:
      case 119:
        return this.#sized(tag, 1, Buffer.from(random.pick(atoms)))
      case 107:
        return this.#sized(tag, 2, random.bytes(random.size(300)))
      case 109:
        return this.#sized(
          tag,
          4,
          random.chance(0.5)
            ? Buffer.from(random.pick(['a/b', 'a/#', '$s/g/a', '\0', '']))
            : random.bytes(random.size(300)),
        )
      case 110:
        return this.#big(tag, 1)
      case 111:
        return this.#big(tag, 4)
      case 77: {
        const bytes = random.bytes(random.size(20))
        return Buffer.concat([Buffer.of(tag), this.#length(bytes.length, 4), Buffer.of(random.below(10)), bytes])
      }
      case 106:
        return Buffer.of(tag)
    }
  }

  #big(tag: number, width: number): Buffer {
    const bytes = this.#random.bytes(this.#random.size(width === 1 ? 20 : 600))
    return Buffer.concat([Buffer.of(tag), this.#length(bytes.length, width), Buffer.of(this.#random.below(3)), bytes])
  }

  #opaque(tag: (typeof opaque)[number]): Buffer {
    const random = this.#random
    const node = this.#sized(119, 1, Buffer.from('n@h'))
    if (tag === 113) return Buffer.concat([Buffer.of(tag), node, node, Buffer.of(97, random.below(256))])
    const words = tag === 114 || tag === 90 ? uint(random.below(7), 2) : Buffer.alloc(0)
    return Buffer.concat([Buffer.of(tag), words, node, random.bytes(random.between(4, 24))])
  }

  #sized(tag: number, width: number, bytes: Buffer): Buffer {
    return Buffer.concat([Buffer.of(tag), this.#length(bytes.length, width), bytes])
  }

  #length(length: number, width: number): Buffer {
    const random = this.#random
    if (!random.chance(FORGED)) return uint(length, width)
    return uint(random.pick([0, length + 1, Math.max(0, length - 1), 256 ** width - 1, (256 ** width) >>> 1]), width)
  }
}

export function uint(value: number, width: number): Buffer {
  const bytes = Buffer.alloc(width)
  bytes.writeUIntBE(Math.min(Math.max(0, value), 256 ** width - 1), 0, width)
  return bytes
}
