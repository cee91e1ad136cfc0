/**
 * HalfSipHash-1-3 over packed words, the byte length in place of the last word. Clients choose the topics and filters that our
 * tables are searched for; without the key they cannot choose such as collide and make every search long.
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", and the 32-bit variant of its reference code.
 */
export type HashKey = readonly [number, number]

/** For tables whose content nobody hostile chooses, and for tests. */
export const plainHashKey: HashKey = [0x0706_0504, 0x0302_0100]

export function keyedHash(key: HashKey, words: Int32Array, start: number, end: number, byteLength: number): number {
  let v0 = key[0] ^ byteLength
  let v1 = key[1]
  let v2 = key[0] ^ 0x6c796765
  let v3 = key[1] ^ 0x74656462
  // One round a word, and three more after the last one. As one loop, because a round in a function of its own would have four results.
  for (let i = start; i < end + 3; i += 1) {
    const word = i < end ? words[i]! : 0
    if (i === end) v2 ^= 0xff
    v3 ^= word
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
  }
  return v1 ^ v3
}
