/** The retained message of each topic (MQTT 5, 3.3.1.3). */
import type { Publication } from '../packets/publication.ts'
import { FilterTrie } from '../topics/filter-trie.ts'

export class Retained {
  /** A topic is a filter that matches itself alone, so that what a filter covers are the topics that it matches. */
  readonly #byTopic = new FilterTrie<Publication>()
  #bytes = 0

  /** Those that have expired may still be among them. */
  get count(): number {
    return this.#byTopic.size
  }

  /** Bytes of their packets. */
  get bytes(): number {
    return this.#bytes
  }

  set(publication: Publication): void {
    this.#bytes += publication.bytes.length - this.#bytesOf(publication.topic)
    this.#byTopic.set(publication.topic, publication)
  }

  delete(topic: string): void {
    this.#bytes -= this.#bytesOf(topic)
    this.#byTopic.delete(topic)
  }

  #bytesOf(topic: string): number {
    return this.#byTopic.get(topic)?.bytes.length ?? 0
  }

  /** Those under a filter that have not expired; the expired ones are forgotten. */
  *under(topicFilter: string, nowMs: number): Iterable<Publication> {
    for (const topic of this.#byTopic.coveredBy(topicFilter)) {
      const publication = this.#byTopic.get(topic)
      if (publication === undefined) continue
      if (publication.expiresAtMs > nowMs) yield publication
      else this.delete(topic)
    }
  }
}
