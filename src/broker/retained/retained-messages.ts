/** What this node retains: what is kept of what passes, and what subscribers, other nodes and other clusters have of it. */
import { Publication } from '../../packets/publication.ts'
import { topicNameProblem } from '../../topics/topic-filter.ts'
import type { Clock } from '../clock.ts'
import type { Counters } from '../counters.ts'
import type { Limits } from '../limits/limits.ts'
import type { Passing } from '../sessions/passing.ts'
import { reservedNamespace } from '../sessions/subscription.ts'
import { RetainPolicy } from './retain-policy.ts'
import { isAlive, type Retained } from './retained.ts'
import { deletionVersion } from './retained-version.ts'
import { type RetainedDeletion, SharedRetained, type SharedRetainedOptions } from './shared-retained.ts'

export type RetainedMessagesOptions = SharedRetainedOptions & {
  readonly limits: Limits
  readonly counters: Counters
}

export class RetainedMessages {
  /**
   * Whether of two retained messages of a topic the later one wins, wherever it comes from, and what was cleared is remembered. To be
   * set where other nodes or clusters have the same messages.
   */
  isVersioning = false
  /** What is there with its versions, as other nodes have it. */
  readonly shared: SharedRetained
  readonly #store: Retained
  readonly #policy: RetainPolicy
  readonly #clock: Pick<Clock, 'nowMs'>
  readonly #limits: Limits

  constructor(options: RetainedMessagesOptions) {
    const { clock, limits, counters, log } = options
    this.#clock = clock
    this.#limits = limits
    this.#policy = new RetainPolicy(clock, limits, counters, log)
    this.shared = new SharedRetained(options)
    this.#store = this.shared.store
  }

  /** Those that have expired may still be among them. */
  get count(): number {
    return this.#store.count
  }

  /** Bytes of their packets. */
  get bytes(): number {
    return this.#store.bytes
  }

  /** What becomes of a message with the retain flag. `kept_silently`: only who keeps it hears of it. */
  keep(passing: Passing): 'delivered' | 'kept_silently' | 'outdated' {
    const { topic, view, origin, isTold } = passing
    const { retainer } = this.#limits
    // What a peer tells is for those who don't have it yet: if it is not kept, they would be told it again and again.
    const ifNotKept = isTold ? 'outdated' : 'delivered'
    if (!retainer.enable) return ifNotKept
    const isDeletion = view.payloadStart === view.end
    if (this.isVersioning && origin === undefined) this.shared.stamp(passing)
    else if (this.isVersioning && !this.shared.isNewerFromFar(passing.borrowed, isDeletion)) return ifNotKept
    if (isDeletion) {
      // [MQTT-3.3.1-6]
      const wasThere = this.#store.has(topic)
      const versionMs = origin === undefined ? passing.nowMs : passing.borrowed.receivedAtMs
      if (this.isVersioning) this.shared.bury(topic, deletionVersion(versionMs), origin)
      else this.#store.delete(topic)
      return retainer.stop_publish_clear_msg || (isTold && !wasThere) ? 'kept_silently' : 'delivered'
    }
    if (this.#policy.allows(this.#store, topic, view.end - view.payloadStart)) {
      this.#store.set(passing.publication)
      return 'delivered'
    }
    passing.isRetainRefused = true
    return isTold ? 'kept_silently' : 'delivered'
  }

  /** Takes over what another node has, if it is later than what is here. Returns whether it was. */
  apply(retained: Publication | RetainedDeletion): boolean {
    const { enable, msg_expiry_interval } = this.#limits.retainer
    if (!enable || topicNameProblem(retained.topic) !== undefined) return false
    if (reservedNamespace(retained.topic) !== undefined) return false
    if (!(retained instanceof Publication)) return this.shared.buryIfNewer(retained)
    const { payloadLength, topic, receivedAtMs } = retained
    const isDeletion = payloadLength === 0 || !isAlive(retained, this.#clock.nowMs(), msg_expiry_interval)
    if (!this.shared.isNewer(retained, isDeletion)) return false
    if (isDeletion) this.shared.bury(topic, deletionVersion(receivedAtMs), retained.origin)
    else if (this.#policy.allows(this.#store, topic, payloadLength)) this.#store.set(retained.own())
    else return false
    return true
  }

  /** Those that new subscribers are told. */
  under(topicFilter: string): Iterable<Publication> {
    const { enable, msg_expiry_interval } = this.#limits.retainer
    return enable ? this.#store.under(topicFilter, this.#clock.nowMs(), msg_expiry_interval) : []
  }

  /** That of a topic; it may have expired. */
  get(topic: string): Publication | undefined {
    return this.#store.get(topic)
  }

  /** That of a topic, if it has not expired. */
  alive(topic: string): Publication | undefined {
    const publication = this.#store.get(topic)
    return publication !== undefined && this.#isAlive(publication) ? publication : undefined
  }

  /** All that have not expired, in no order. May be gone through bit by bit, while things change. */
  *allAlive(): Iterable<Publication> {
    for (const publication of this.#store.all()) if (this.#isAlive(publication)) yield publication
  }

  #isAlive(publication: Publication): boolean {
    return isAlive(publication, this.#clock.nowMs(), this.#limits.retainer.msg_expiry_interval)
  }

  /** What was retained in this cluster, or cleared: see `OwnRetained`. */
  own(): ReturnType<SharedRetained['own']> {
    return this.#limits.retainer.enable ? this.shared.own() : []
  }

  ownOf(topic: string): Publication | undefined {
    const publication = this.#limits.retainer.enable ? this.shared.ownOf(topic) : undefined
    if (publication === undefined || publication.payloadLength === 0) return publication
    return this.#isAlive(publication) ? publication : undefined
  }
}
