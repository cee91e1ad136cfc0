/** The retained message of each topic (MQTT 5, 3.3.1.3). */
import type { Publication } from '../../packets/publication.ts'
import { FilterTrie } from '../../topics/filter-trie.ts'

export class Retained {
  /** A topic is a filter that matches itself alone, so that what a filter covers are the topics that it matches. */
  readonly #byTopic = new FilterTrie<Publication>()
  readonly #changed: (topic: string, publication: Publication | undefined) => void
  #bytes = 0

  /** @param changed is told of each message that is new, and of each topic that has none any more */
  constructor(changed: (topic: string, publication: Publication | undefined) => void = () => {}) {
    this.#changed = changed
  }

  /** Those that have expired may still be among them. */
  get count(): number {
    return this.#byTopic.size
  }

  /** Bytes of their packets. */
  get bytes(): number {
    return this.#bytes
  }

  set(publication: Publication): void {
    this.restore(publication)
    this.#changed(publication.topic, publication)
  }

  /** Takes up one that is on disk. */
  restore(publication: Publication): void {
    this.#bytes += publication.byteLength - this.#bytesOf(publication.topic)
    this.#byTopic.set(publication.topic, publication)
  }

  delete(topic: string): void {
    if (this.take(topic)) this.#changed(topic, undefined)
  }

  /** Takes one off without telling. Returns whether there was one. */
  take(topic: string): boolean {
    if (!this.has(topic)) return false
    this.#bytes -= this.#bytesOf(topic)
    this.#byTopic.delete(topic)
    return true
  }

  /** That of a topic; it may have expired. */
  get(topic: string): Publication | undefined {
    return this.#byTopic.get(topic)
  }

  /** All of them, in no order; some may have expired. Not to be changed meanwhile. */
  *all(): Iterable<Publication> {
    for (const topic of this.#byTopic.filters()) {
      const publication = this.#byTopic.get(topic)
      if (publication !== undefined) yield publication
    }
  }

  has(topic: string): boolean {
    return this.#byTopic.has(topic)
  }

  #bytesOf(topic: string): number {
    return this.#byTopic.get(topic)?.byteLength ?? 0
  }

  /**
   * Those under a filter that have not expired; the expired ones are forgotten.
   * @param expiryMs how long those live that have no expiry of their own; 0: for ever
   */
  *under(topicFilter: string, nowMs: number, expiryMs = 0): Iterable<Publication> {
    for (const topic of this.#byTopic.coveredBy(topicFilter)) {
      const publication = this.#byTopic.get(topic)
      if (publication === undefined) continue
      if (isAlive(publication, nowMs, expiryMs)) yield publication
      else this.delete(topic)
    }
  }

  /** Forgets what has expired, but for a few that one passes over while others go. It walks through all that there are. */
  sweep(nowMs: number, expiryMs: number): void {
    for (const topic of this.#byTopic.filters()) {
      const publication = this.#byTopic.get(topic)
      if (publication !== undefined && !isAlive(publication, nowMs, expiryMs)) this.delete(topic)
    }
  }
}

/** What has no expiry of its own lives as long as the configuration says. */
export function isAlive({ expiresAtMs, receivedAtMs }: Publication, nowMs: number, expiryMs: number): boolean {
  if (Number.isFinite(expiresAtMs)) return expiresAtMs > nowMs
  return expiryMs === 0 || receivedAtMs > nowMs - expiryMs
}
