/**
 * A bounded cache keyed by the UTF-8 bytes of topics. It is asked once for every message that passes, so a hit makes no string and
 * no object: the bytes are hashed, one slot leads to the entry, and the bytes are compared.
 *
 * Two generations: what is put in or hit goes to the young one; when that is full it becomes the old one, and what was not hit since
 * is dropped whole. So a scan of topics that nobody asks for again costs no search for a victim, and cannot push out those in use.
 *
 * Nothing is deleted when filters change: an entry carries the number of the last change that it has seen, and each of a fixed
 * number of cells the number of the last change to topics whose first level hashes to it.
 */
import { slash } from './topic-filter.ts'

const cellBits = 12

export class TopicCache<V> {
  readonly #topicsMax: number
  #young: Generation<V>
  #old: Generation<V>
  #changes = 0
  #changesSwept = 0
  readonly #changedAt = new Int32Array(1 << cellBits)

  /** Once it has grown, which it does by use, it always holds the last `topicsMax` topics that were asked for, at most twice as many. */
  constructor(topicsMax: number) {
    this.#topicsMax = topicsMax
    this.#young = new Generation(Math.min(topicsMax, topicsMinOfGeneration))
    this.#old = new Generation(0)
  }

  /** To be taken before a value is computed, and handed to `set` with it. */
  get changes(): number {
    return this.#changes
  }

  get(bytes: Uint8Array, start: number, end: number): V | undefined {
    const hash = hashOf(bytes, start, end)
    const young = this.#young.find(hash, bytes, start, end)
    if (young !== -1) return this.#young.valueUnlessChanged(young, this.#changedAt)
    const old = this.#old.find(hash, bytes, start, end)
    if (old === -1) return undefined
    const value = this.#old.valueUnlessChanged(old, this.#changedAt)
    if (value !== undefined) this.#put(hash, bytes, start, end, value, this.#old.changesSeen(old))
    return value
  }

  /** `bytes` are at most 65,535. */
  set(bytes: Uint8Array, start: number, end: number, value: V, changes: number): void {
    const hash = hashOf(bytes, start, end)
    const entry = this.#young.find(hash, bytes, start, end)
    if (entry === -1) this.#put(hash, bytes, start, end, value, changes)
    else this.#young.replace(entry, value, changes)
  }

  /** What is known of this one topic no longer holds. */
  forget(bytes: Uint8Array, start: number, end: number): void {
    const hash = hashOf(bytes, start, end)
    this.#young.forget(this.#young.find(hash, bytes, start, end))
    this.#old.forget(this.#old.find(hash, bytes, start, end))
  }

  /** What is known of topics with this first level no longer holds. `bytes` may go on after the level. */
  forgetFirstLevel(bytes: Uint8Array, start: number, end: number): void {
    const change = this.#nextChange()
    this.#changedAt[cellOf(bytes, start, end)] = change
  }

  forgetAll(): void {
    const change = this.#nextChange()
    this.#changedAt.fill(change)
  }

  /** Lets go of the values that no longer hold, and which a cache without traffic would keep alive. Cheap if nothing has changed. */
  sweep(): void {
    if (this.#changesSwept === this.#changes) return
    this.#changesSwept = this.#changes
    this.#young.sweep(this.#changedAt)
    this.#old.sweep(this.#changedAt)
  }

  #nextChange(): number {
    if (this.#changes === 0x7fffffff) this.#startOver()
    this.#changes += 1
    return this.#changes
  }

  #startOver(): void {
    this.#young.clear()
    this.#old.clear()
    this.#changedAt.fill(0)
    this.#changes = 0
    this.#changesSwept = 0
  }

  #put(hash: number, bytes: Uint8Array, start: number, end: number, value: V, changes: number): void {
    if (!this.#young.hasRoom(end - start)) this.#turn()
    this.#young.put(hash, bytes, start, end, value, changes)
  }

  #turn(): void {
    const topics = Math.min(this.#topicsMax, this.#young.topicsMax * 2)
    const next = this.#old.topicsMax === topics ? this.#old : new Generation<V>(topics)
    next.clear()
    this.#old = this.#young
    this.#young = next
  }
}

const topicsMinOfGeneration = 1024
const keyBytesPerTopic = 48
/** An entry that is not among this many slots is not found. It bounds what topics chosen to collide cost the others. */
const probesMax = 32

/** Words of an entry in `#entries`. */
const hashWord = 0
const keyStart = 1
/** 16 bits of length, and above them the cell. */
const lengthAndCell = 2
const seen = 3
const wordShift = 2

/** Part of a cache that is filled once and then dropped as a whole. */
class Generation<V> {
  readonly topicsMax: number
  /** 1 + index of an entry, or 0. A power of two, at most a quarter full, so that no search takes long by chance. */
  readonly #slots: Int32Array
  readonly #entries: Int32Array
  readonly #values: (V | undefined)[]
  readonly #keys: Uint8Array
  #count = 0
  #keysEnd = 0

  constructor(topicsMax: number) {
    this.topicsMax = topicsMax
    this.#slots = new Int32Array(1 << (34 - Math.clz32(topicsMax - 1)))
    this.#entries = new Int32Array(topicsMax << wordShift)
    this.#values = Array.from({ length: topicsMax })
    // Room for the longest topic there can be, however small the cache.
    this.#keys = Buffer.alloc(topicsMax === 0 ? 0 : Math.max(topicsMax * keyBytesPerTopic, 65_536))
  }

  hasRoom(keyLength: number): boolean {
    return this.#count < this.topicsMax && this.#keysEnd + keyLength <= this.#keys.length
  }

  /** Index of the entry, or -1. */
  find(hash: number, bytes: Uint8Array, start: number, end: number): number {
    const slots = this.#slots
    const entries = this.#entries
    const mask = slots.length - 1
    for (let probe = 0; probe < probesMax; probe += 1) {
      const entry = slots[(hash + probe) & mask]! - 1
      if (entry === -1) return -1
      const at = entry << wordShift
      if (entries[at + hashWord] !== hash || (entries[at + lengthAndCell]! & 0xffff) !== end - start) continue
      if (this.#keyEquals(entries[at + keyStart]!, bytes, start, end)) return entry
    }
    return -1
  }

  valueUnlessChanged(entry: number, changedAt: Int32Array): V | undefined {
    const at = entry << wordShift
    const holds = this.#entries[at + seen]! >= changedAt[this.#entries[at + lengthAndCell]! >>> 16]!
    return holds ? this.#values[entry] : undefined
  }

  changesSeen(entry: number): number {
    return this.#entries[(entry << wordShift) + seen]!
  }

  replace(entry: number, value: V, changes: number): void {
    this.#values[entry] = value
    this.#entries[(entry << wordShift) + seen] = changes
  }

  /** Nothing for -1. */
  forget(entry: number): void {
    if (entry !== -1) this.#values[entry] = undefined
  }

  sweep(changedAt: Int32Array): void {
    for (let entry = 0; entry < this.#count; entry += 1) {
      if (this.valueUnlessChanged(entry, changedAt) === undefined) this.#values[entry] = undefined
    }
  }

  /** A key that is not in here yet, and for which there is room. */
  put(hash: number, bytes: Uint8Array, start: number, end: number, value: V, changes: number): void {
    const entry = this.#count
    const at = entry << wordShift
    this.#entries[at + hashWord] = hash
    this.#entries[at + keyStart] = this.#keysEnd
    this.#entries[at + lengthAndCell] = (cellOf(bytes, start, end) << 16) | (end - start)
    this.#entries[at + seen] = changes
    for (let i = start; i < end; i += 1) this.#keys[this.#keysEnd++] = bytes[i]!
    this.#values[entry] = value
    this.#count += 1
    this.#slots[this.#freeSlot(hash)] = entry + 1
  }

  clear(): void {
    this.#slots.fill(0)
    this.#values.fill(undefined)
    this.#count = 0
    this.#keysEnd = 0
  }

  #keyEquals(key: number, bytes: Uint8Array, start: number, end: number): boolean {
    const keys = this.#keys
    for (let i = start, k = key; i < end; i += 1, k += 1) if (keys[k] !== bytes[i]) return false
    return true
  }

  /** Where probing would find it. With all places taken the first loses its entry, which only has to be computed again. */
  #freeSlot(hash: number): number {
    const mask = this.#slots.length - 1
    for (let probe = 0; probe < probesMax; probe += 1) {
      if (this.#slots[(hash + probe) & mask] === 0) return (hash + probe) & mask
    }
    return hash & mask
  }
}

/** Four bytes a step: the multiplications wait for each other, the loads do not. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let h = end - start
  let i = start
  for (const last = end - 4; i <= last; i += 4) {
    const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    h = Math.imul(h ^ word, 0x9e3779b1)
    h ^= h >>> 15
  }
  for (; i < end; i += 1) h = Math.imul(h ^ bytes[i]!, 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  return h ^ (h >>> 13)
}

function cellOf(bytes: Uint8Array, start: number, end: number): number {
  let levelEnd = start
  while (levelEnd < end && bytes[levelEnd] !== slash) levelEnd += 1
  return hashOf(bytes, start, levelEnd) & ((1 << cellBits) - 1)
}
