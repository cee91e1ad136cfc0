/**
 * Bytes packed into words, so that tables hash and compare four at a time. One object serves for many keys, one after the other:
 * nothing is allocated for a lookup.
 */
export class PackedKey {
  /** Little-endian; the last one is filled up with zeros. What lies behind `wordCount` is left over from other keys. */
  words = new Int32Array(64)
  wordCount = 0
  byteLength = 0
  /** A fast hash, for tables that bound what collisions cost: whoever wants two keys to collide can find them. */
  hash = 0

  pack(bytes: Uint8Array, start: number, end: number): void {
    const byteLength = end - start
    if (byteLength > this.words.length * 4) this.words = new Int32Array(byteLength)
    const words = this.words
    let hash = byteLength
    let count = 0
    let i = start
    for (const last = end - 4; i <= last; i += 4) {
      const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
      words[count] = word
      count += 1
      hash = mix(hash, word)
    }
    if (i < end) {
      let word = bytes[i]!
      if (i + 1 < end) word |= bytes[i + 1]! << 8
      if (i + 2 < end) word |= bytes[i + 2]! << 16
      words[count] = word
      count += 1
      hash = mix(hash, word)
    }
    this.wordCount = count
    this.byteLength = byteLength
    this.hash = hash ^ (hash >>> 13)
  }
}

function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1)
  return mixed ^ (mixed >>> 15)
}
