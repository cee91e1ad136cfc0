/**
 * One life of our actor as a peer knows it: an incarnation, and a route source that follows our interest from the beginning of
 * the life to its end, across all of its connections. A great interest is taken in slices, so that nobody waits for it.
 */
import { RouteSource } from '../routes/route-source.ts'
import type { BrokerPort, InterestChange } from './broker-port.ts'
import type { LinkClock } from './link-clock.ts'

export type RouteLifeOptions = {
  readonly broker: Pick<BrokerPort, 'interest' | 'onInterest'>
  readonly clock: LinkClock
  /** The link's `topics`. */
  readonly topics: readonly string[]
  readonly incarnation: number
  /** There is something new to tell the peer. */
  readonly changed: () => void
}

type Loading = { readonly interest: readonly string[]; done: number; readonly changes: InterestChange[] }

/** Some milliseconds of work. */
const sliceMax = 1_000

export class RouteLife {
  readonly incarnation: number
  readonly source: RouteSource
  readonly #options: RouteLifeOptions
  readonly #stopListening: () => void
  /** Our interest when the life began, and what changed of it since; `undefined` once all is with the source. */
  #loading: Loading | undefined
  #timer: { cancel(): void } | undefined
  #whenReady: (() => void) | undefined

  constructor(options: RouteLifeOptions) {
    this.#options = options
    this.incarnation = options.incarnation
    this.source = new RouteSource(options.topics)
    this.#loading = { interest: [...options.broker.interest()], done: 0, changes: [] }
    this.#stopListening = options.broker.onInterest((change) => this.#take(change))
    this.#work()
  }

  /** At once if all our interest is with the source already. Only the last caller is called. */
  whenReady(call: () => void): void {
    if (this.#loading === undefined) call()
    else this.#whenReady = call
  }

  end(): void {
    this.#stopListening()
    this.#timer?.cancel()
    this.#whenReady = undefined
  }

  #take(change: InterestChange): void {
    // In order: a removal must not overtake the addition that it takes back.
    if (this.#loading !== undefined) {
      this.#loading.changes.push(change)
      return
    }
    this.#apply(change)
    this.#workLater()
    this.#options.changed()
  }

  #apply({ type, topicFilter }: InterestChange): void {
    if (type === 'added') this.source.add(topicFilter)
    else this.source.remove(topicFilter)
  }

  /** One slice: of the loading first, then of what the source has put off. */
  #work(): void {
    if (this.#loading === undefined) this.source.work(sliceMax)
    else this.#load(this.#loading)
    this.#workLater()
    this.#options.changed()
  }

  #load(loading: Loading): void {
    for (const topicFilter of loading.interest.slice(loading.done, loading.done + sliceMax))
      this.source.add(topicFilter)
    loading.done += sliceMax
    if (loading.done < loading.interest.length) return
    this.#loading = undefined
    for (const change of loading.changes) this.#apply(change)
    this.#whenReady?.()
    this.#whenReady = undefined
  }

  #workLater(): void {
    if (this.#timer !== undefined || (this.#loading === undefined && !this.source.busy)) return
    this.#timer = this.#options.clock.after(0, () => {
      this.#timer = undefined
      this.#work()
    })
  }
}
