/**
 * One life of our actor as a peer knows it: an incarnation, and a route source that follows our interest from the beginning of
 * the life to its end, across all of its connections. A great interest is taken in slices, so that nobody waits for it.
 *
 * A life speaks one dialect. In ours what is to be told stands in a map, which the peer has a copy of: the route source goes on
 * saying which routes there are, and what it says goes into the map at once.
 */
import { LinkRoutes } from '../routes/link-routes.ts'
import { RouteSource } from '../routes/route-source.ts'
import { EvenMap } from '../topics/even-map.ts'
import type { HashKey } from '../topics/keyed-hash.ts'
import type { BrokerPort, InterestChange } from './broker-port.ts'
import type { LinkClock } from './link-clock.ts'

export type RouteLifeOptions = {
  readonly broker: Pick<BrokerPort, 'interest' | 'onInterest'>
  readonly clock: LinkClock
  /** Ours, whose routes they are. */
  readonly cluster: string
  /** The link's `topics`. */
  readonly topics: readonly string[]
  readonly incarnation: number
  /** There is something new to tell the peer. */
  readonly changed: () => void
}

/** `done`: what is with the source already, as far as it is still our interest. */
type Loading = { readonly interest: Iterator<string>; readonly done: EvenMap<true> }

/** What a native peer has a copy of. Nothing is said of it before all is in it: the peer would take the rest away. */
type Told = { readonly hashKey: HashKey; readonly routes: LinkRoutes; isWhole: boolean }

/** So much work at a time, and less where that takes longer. */
const sliceMax = 1_000
const sliceMs = 3
/** After so many it is looked how long it has taken. */
const stepMax = 50
const routesAtOnce = 16
export class RouteLife {
  readonly incarnation: number
  readonly source: RouteSource
  readonly #options: RouteLifeOptions
  readonly #stopListening: () => void
  /** `undefined` once all of our interest is with the source. */
  #loading: Loading | undefined
  #dialect: 'emqx' | 'native' | undefined
  #told: Told | undefined
  #timer: { cancel(): void } | undefined
  #whenReady: (() => void) | undefined

  constructor(options: RouteLifeOptions) {
    this.#options = options
    this.incarnation = options.incarnation
    this.source = new RouteSource(options.topics)
    this.#loading = { interest: options.broker.interest()[Symbol.iterator](), done: new EvenMap() }
    this.#stopListening = options.broker.onInterest((change) => this.#take(change))
    this.#work()
  }

  /** Of the digests that native peers are told, once there are any. */
  get hashKey(): HashKey | undefined {
    return this.#told?.hashKey
  }

  /** What native peers have a copy of, once all of our interest is in it. */
  get told(): LinkRoutes | undefined {
    return this.#told?.isWhole === true ? this.#told.routes : undefined
  }

  /** False if it has spoken the other one before, and has to end. */
  speaks(dialect: 'emqx' | 'native'): boolean {
    this.#dialect ??= dialect
    return this.#dialect === dialect
  }

  /** At once if all our interest is with the source already. Only the last caller is called. */
  whenReady(call: () => void): void {
    if (this.#isReady) call()
    else this.#whenReady = call
  }

  /** Calls when all that there is to be told is `told`. Only the last caller is called. */
  beginNative(hashKey: HashKey, call: () => void): void {
    this.#whenReady = call
    if (this.#told === undefined) {
      const { cluster } = this.#options
      const { source, incarnation } = this
      this.#told = { hashKey, routes: new LinkRoutes({ source, cluster, incarnation, hashKey }), isWhole: false }
    }
    if (this.#loading === undefined) this.#work()
  }

  end(): void {
    this.#stopListening()
    this.#timer?.cancel()
    this.#whenReady = undefined
  }

  get #isReady(): boolean {
    return this.#loading === undefined && (this.#told === undefined || this.#told.isWhole)
  }

  #take({ type, topicFilter }: InterestChange): void {
    if (this.#loading !== undefined) return this.#takeEarly(this.#loading.done, type, topicFilter)
    if (type === 'added') this.source.add(topicFilter)
    else this.source.remove(topicFilter)
    // A few at once, without a turn of their own.
    if (this.#told?.isWhole === true) this.#told.routes.work(routesAtOnce)
    this.#workLater()
    this.#options.changed()
  }

  /** What is not done yet and went is not found any more; what comes now may be found later, and is done then. */
  #takeEarly(done: EvenMap<true>, type: InterestChange['type'], topicFilter: string): void {
    if (type === 'added') this.#load(done, topicFilter)
    else if (done.delete(topicFilter)) this.source.remove(topicFilter)
  }

  #load(done: EvenMap<true>, topicFilter: string): void {
    if (done.get(topicFilter) === true) return
    done.set(topicFilter, true)
    this.source.add(topicFilter)
  }

  /** One slice: of the loading first, then of what the source has put off. */
  #work(): void {
    if (this.#loading !== undefined) this.#loadSome(this.#loading)
    else if (this.#told === undefined) this.source.work(sliceMax)
    if (this.#told !== undefined) this.#tell(this.#told)
    this.#callIfReady()
    this.#workLater()
    this.#options.changed()
  }

  #loadSome({ interest, done }: Loading): void {
    const untilMs = this.#options.clock.steadyMs() + sliceMs
    for (let count = 0; count < sliceMax; count += 1) {
      if (count % stepMax === 0 && this.#options.clock.steadyMs() > untilMs) return
      const next = interest.next()
      if (next.done === true) {
        this.#loading = undefined
        return
      }
      this.#load(done, next.value)
    }
  }

  #tell(told: Told): void {
    const untilMs = this.#options.clock.steadyMs() + sliceMs
    for (let count = 0; count < sliceMax; count += stepMax) {
      told.routes.work(stepMax)
      if (!told.routes.isBusy || this.#options.clock.steadyMs() > untilMs) break
    }
    if (this.#loading === undefined && !told.routes.isBusy) told.isWhole = true
  }

  #callIfReady(): void {
    const call = this.#whenReady
    if (call === undefined || !this.#isReady) return
    this.#whenReady = undefined
    call()
  }

  get #isBusy(): boolean {
    if (this.#loading !== undefined) return true
    return this.#told === undefined ? this.source.busy : this.#told.routes.isBusy || !this.#told.isWhole
  }

  #workLater(): void {
    if (this.#timer !== undefined || !this.#isBusy) return
    this.#timer = this.#options.clock.after(0, () => {
      this.#timer = undefined
      this.#work()
    })
  }
}
