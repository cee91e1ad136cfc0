/** The retained message of each topic (MQTT 5, 3.3.1.3). */
import type { Publication } from '../packets/publication.ts'
import { FilterTrie } from '../topics/filter-trie.ts'

export class Retained {
  /** A topic is a filter that matches itself alone, so that what a filter covers are the topics that it matches. */
  readonly #byTopic = new FilterTrie<Publication>()

  /** Those that have expired may still be among them. */
  get count(): number {
    return this.#byTopic.size
  }

  set(publication: Publication): void {
    this.#byTopic.set(publication.topic, publication)
  }

  delete(topic: string): void {
    this.#byTopic.delete(topic)
  }

  /** Those under a filter that have not expired; the expired ones are forgotten. */
  *under(topicFilter: string, nowMs: number): Iterable<Publication> {
    for (const topic of this.#byTopic.coveredBy(topicFilter)) {
      const publication = this.#byTopic.get(topic)
      if (publication === undefined) continue
      if (publication.expiresAtMs > nowMs) yield publication
      else this.#byTopic.delete(topic)
    }
  }
}
