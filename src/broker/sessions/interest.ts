/** Which filters have local subscribers, for whoever has to tell others of it. */
import type { InterestChange } from '../../link/broker-port.ts'
import { EvenMap } from '../../topics/even-map.ts'
import type { Logger } from '../logger.ts'
import { reservedNamespace } from './subscription.ts'

export class Interest {
  /** Subscriptions of what begins with `$SYS/`, in which nobody else has an interest. */
  systemSubscriptions = 0
  readonly #log: Logger
  /** Subscribers of each filter. */
  readonly #counts = new EvenMap<number>()
  readonly #listeners = new Set<(change: InterestChange) => void>()

  constructor(log: Logger) {
    this.#log = log
  }

  /** How many filters there are. */
  get size(): number {
    return this.#counts.size
  }

  /** Each filter once. */
  filters(): Iterable<string> {
    return this.#counts.keys()
  }

  /** Called after a filter got its first or lost its last subscriber. Returns how to stop it. */
  onChange(listener: (change: InterestChange) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  add(topicFilter: string): void {
    if (reservedNamespace(topicFilter) !== undefined) return void this.systemSubscriptions++
    const count = this.#counts.get(topicFilter) ?? 0
    this.#counts.set(topicFilter, count + 1)
    if (count === 0) this.#tell({ type: 'added', topicFilter })
  }

  remove(topicFilter: string): void {
    if (reservedNamespace(topicFilter) !== undefined) return void this.systemSubscriptions--
    const count = this.#counts.get(topicFilter)
    if (count === undefined) return
    if (count > 1) this.#counts.set(topicFilter, count - 1)
    else {
      this.#counts.delete(topicFilter)
      this.#tell({ type: 'removed', topicFilter })
    }
  }

  #tell(change: InterestChange): void {
    for (const listener of this.#listeners) {
      try {
        listener(change)
      } catch (error) {
        // Whoever listens fails alone: the client whose SUBSCRIBE it was has nothing to do with it.
        this.#log.error({ err: error, topic_filter: change.topicFilter }, 'interest_listener_crashed')
      }
    }
  }
}
