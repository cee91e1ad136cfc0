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
import { levelEnd } from './level-names.ts'
import { PackedKey } from './packed-key.ts'

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

  get(topic: PackedKey): V | undefined {
    const young = this.#young.find(topic)
    if (young !== -1) return this.#young.valueUnlessChanged(young, this.#changedAt)
    const old = this.#old.find(topic)
    if (old === -1) return undefined
    const value = this.#old.valueUnlessChanged(old, this.#changedAt)
    if (value !== undefined) this.#put(topic, value, this.#old.cellOf(old), this.#old.changesSeen(old))
    return value
  }

  /** `firstLevel` is what `firstLevelOf` says of the topic. */
  set(topic: PackedKey, firstLevel: number, value: V, changes: number): void {
    const entry = this.#young.find(topic)
    if (entry === -1) this.#put(topic, value, firstLevel, changes)
    else this.#young.replace(entry, value, changes)
  }

  /** What is known of this one topic no longer holds. */
  forget(topic: PackedKey): void {
    this.#young.forget(this.#young.find(topic))
    this.#old.forget(this.#old.find(topic))
  }

  /** What is known of topics with this first level no longer holds. */
  forgetFirstLevel(firstLevel: number): void {
    const change = this.#nextChange()
    this.#changedAt[firstLevel] = change
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

  #put(topic: PackedKey, value: V, cell: number, changes: number): void {
    if (!this.#young.hasRoom(topic.wordCount)) this.#turn()
    this.#young.put(topic, value, cell, changes)
  }

  #turn(): void {
    const topics = Math.min(this.#topicsMax, this.#young.topicsMax * 2)
    const next = this.#old.topicsMax === topics ? this.#old : new Generation<V>(topics)
    next.clear()
    this.#old = this.#young
    this.#young = next
  }
}

/** The cell of a topic's or a filter's first level, a number below 4,096. */
export function firstLevelOf(bytes: Uint8Array, start: number, end: number): number {
  firstLevelKey.pack(bytes, start, levelEnd(bytes, start, end))
  return firstLevelKey.hash & ((1 << cellBits) - 1)
}

const firstLevelKey = new PackedKey()

const topicsMinOfGeneration = 1024
const keyWordsPerTopic = 12
const topicWordsMax = 65_536 / 4
/** An entry that is not among this many slots is not found. It bounds what topics chosen to collide cost the others. */
const probesMax = 32

/** Words of an entry: these, then its key. They stand together, so that a hit touches little of the processor's cache. */
const hashWord = 0
/** 16 bits of length, and above them the cell. */
const lengthAndCell = 1
const seen = 2
/** Index of its value. */
const valueWord = 3
const keyAt = 4

/** Part of a cache that is filled once and then dropped as a whole. */
class Generation<V> {
  readonly topicsMax: number
  /** 1 + where an entry begins, or 0. A power of two, at most a quarter full, so that no search takes long by chance. */
  readonly #slots: Int32Array
  readonly #entries: Int32Array
  readonly #values: (V | undefined)[]
  #count = 0
  #end = 0

  constructor(topicsMax: number) {
    this.topicsMax = topicsMax
    this.#slots = new Int32Array(1 << (34 - Math.clz32(topicsMax - 1)))
    this.#values = Array.from({ length: topicsMax })
    // Room for the longest topic there can be, however small the cache.
    const keyWords = topicsMax === 0 ? 0 : Math.max(topicsMax * keyWordsPerTopic, topicWordsMax)
    this.#entries = new Int32Array(topicsMax * keyAt + keyWords)
  }

  hasRoom(keyWords: number): boolean {
    return this.#count < this.topicsMax && this.#end + keyAt + keyWords <= this.#entries.length
  }

  /** Where the entry begins, or -1. */
  find(topic: PackedKey): number {
    const slots = this.#slots
    const entries = this.#entries
    const mask = slots.length - 1
    for (let probe = 0; probe < probesMax; probe += 1) {
      const entry = slots[(topic.hash + probe) & mask]! - 1
      if (entry === -1) return -1
      if (entries[entry + hashWord] !== topic.hash) continue
      if ((entries[entry + lengthAndCell]! & 0xffff) !== topic.byteLength) continue
      if (this.#keyEquals(entry + keyAt, topic)) return entry
    }
    return -1
  }

  valueUnlessChanged(entry: number, changedAt: Int32Array): V | undefined {
    const entries = this.#entries
    const holds = entries[entry + seen]! >= changedAt[entries[entry + lengthAndCell]! >>> 16]!
    return holds ? this.#values[entries[entry + valueWord]!] : undefined
  }

  cellOf(entry: number): number {
    return this.#entries[entry + lengthAndCell]! >>> 16
  }

  changesSeen(entry: number): number {
    return this.#entries[entry + seen]!
  }

  replace(entry: number, value: V, changes: number): void {
    this.#values[this.#entries[entry + valueWord]!] = value
    this.#entries[entry + seen] = changes
  }

  /** Nothing for -1. */
  forget(entry: number): void {
    if (entry !== -1) this.#values[this.#entries[entry + valueWord]!] = undefined
  }

  sweep(changedAt: Int32Array): void {
    const entries = this.#entries
    for (let entry = 0; entry < this.#end; entry += keyAt + wordsOf(entries[entry + lengthAndCell]! & 0xffff))
      if (this.valueUnlessChanged(entry, changedAt) === undefined) this.forget(entry)
  }

  /** A key that is not in here yet, and for which there is room. */
  put(topic: PackedKey, value: V, cell: number, changes: number): void {
    const entries = this.#entries
    const entry = this.#end
    entries[entry + hashWord] = topic.hash
    entries[entry + lengthAndCell] = (cell << 16) | topic.byteLength
    entries[entry + seen] = changes
    entries[entry + valueWord] = this.#count
    for (let i = 0; i < topic.wordCount; i += 1) entries[entry + keyAt + i] = topic.words[i]!
    this.#end = entry + keyAt + topic.wordCount
    this.#values[this.#count] = value
    this.#count += 1
    this.#slots[this.#freeSlot(topic.hash)] = entry + 1
  }

  clear(): void {
    this.#slots.fill(0)
    this.#values.fill(undefined)
    this.#count = 0
    this.#end = 0
  }

  #keyEquals(key: number, topic: PackedKey): boolean {
    const entries = this.#entries
    const words = topic.words
    for (let i = 0; i < topic.wordCount; i += 1) if (entries[key + i] !== words[i]) return false
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

/** How many words a key of so many bytes takes: see `PackedKey`. */
function wordsOf(byteLength: number): number {
  return (byteLength + 3) >>> 2
}
