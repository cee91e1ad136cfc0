import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyedHash, type HashKey } from '../../src/topics/keyed-hash.ts'
import { PackedKey } from '../../src/topics/packed-key.ts'

function hashOf(key: HashKey, text: string): number {
  const packed = new PackedKey()
  const bytes = Buffer.from(text)
  packed.pack(bytes, 0, bytes.length)
  return keyedHash(key, packed.words, 0, packed.wordCount, packed.byteLength)
}

test('keyed hash: depends on every byte, on the length and on the key', () => {
  const texts = ['', '\0', '\0\0', 'a', 'a\0', 'abcd', 'abcd\0', 'abce', 'bbcd', 'abcdabcd']
  const hashes = texts.flatMap((text) => [hashOf([1, 2], text), hashOf([1, 3], text), hashOf([2, 2], text)])
  assert.equal(new Set(hashes).size, hashes.length)
})

test('keyed hash: spreads names that count upwards evenly over its low bits', () => {
  const buckets = new Int32Array(256)
  const perBucket = 200
  for (let i = 0; i < perBucket * buckets.length; i += 1) buckets[hashOf([7, 9], `car${i}`) & 255]! += 1
  // Six standard deviations of a fair spread.
  const allowed = 6 * Math.sqrt(perBucket)
  for (const count of buckets) assert.ok(Math.abs(count - perBucket) < allowed, `${count}`)
})
