/**
 * The sink's end of a native link: the copy of a peer's routes, which says to the peer what it lacks, and that it has all. It is the
 * one table of those routes: what it tells of its changes is what the broker is told.
 *
 * The peer's cluster names the hash key by which both ends compare. If that is another one than before, the routes are sorted anew
 * first, some at a time; meanwhile nothing is heard: what was missed is found out by the next heartbeat.
 */
import { plainHashKey, type HashKey } from '../topics/keyed-hash.ts'
import { MapContent } from './map-content.ts'
import { MapCopy, type CopyState } from './map-copy.ts'
import type { Claim, MapChange } from './map-protocol.ts'
import type { RouteReply, RouteStatement } from './route-frames.ts'

export type RouteCopyOptions = {
  readonly routesMax: number
  /** After so long without an answer a question is asked again, milliseconds. */
  readonly answerMs: number
  /** Pieces on their way to us at a time. */
  readonly pullsMax: number
}

export type RouteCopyState = CopyState | 'sorting'

export class RouteCopy {
  readonly #options: RouteCopyOptions
  #hashKey: HashKey
  #copy: MapCopy
  /** Routes that are being sorted by another hash key. */
  #sorting:
    | { readonly target: MapContent; readonly rest: Iterator<readonly [string, number]>; readonly formerKey: HashKey }
    | undefined
  #owesConfirm = false
  #wasInSync = false

  /** @param content what is known of the peer's routes already, under that key; it is the copy's from now on */
  constructor(options: RouteCopyOptions, hashKey: HashKey = plainHashKey, content?: MapContent) {
    this.#options = options
    this.#hashKey = hashKey
    this.#copy = this.#copyOf(content ?? new MapContent(hashKey))
  }

  /** Routes, those included that are on their way out. */
  get size(): number {
    return this.#copy.content.size
  }

  has(topicFilter: string): boolean {
    return this.#copy.content.has(topicFilter)
  }

  /** Goes on through changes made meanwhile: what is there throughout comes once. */
  *filters(): Generator<string> {
    for (const [topicFilter] of this.#copy.content.entries()) yield topicFilter
  }

  /** Under which incarnation its routes were told; `undefined` before the first. */
  get claim(): Claim | undefined {
    return this.#copy.claim
  }

  get seq(): number {
    return this.#copy.seq
  }

  get state(): RouteCopyState {
    return this.#sorting === undefined ? this.#copy.state : 'sorting'
  }

  /** The peer has a new connection to us: what was asked on a former one is not answered any more. */
  connected(hashKey: HashKey): void {
    this.#copy.forgetQuestion()
    this.#owesConfirm = false
    this.#wasInSync = false
    if (hashKey[0] === this.#hashKey[0] && hashKey[1] === this.#hashKey[1]) return
    const formerKey = this.#sorting?.formerKey ?? this.#hashKey
    this.#hashKey = hashKey
    this.#sorting = { target: new MapContent(hashKey), rest: this.#copy.content.entries(), formerKey }
    if (this.#copy.content.size === 0) this.#sort(0)
  }

  /** Returns what changed; or `outdated`: somebody with a higher incarnation has spoken before. */
  take(statement: RouteStatement): readonly MapChange[] | 'outdated' {
    if (statement.type === 'goodbye') {
      if (!this.#copy.end(statement.claim)) return 'outdated'
      // What is left is as it was sorted before, until somebody else connects.
      this.#hashKey = this.#sorting?.formerKey ?? this.#hashKey
      this.#sorting = undefined
      return []
    }
    if (this.#sorting !== undefined) return []
    const taken = this.#copy.take(statement)
    if (taken !== 'outdated') this.#owesConfirm ||= statement.type === 'heartbeat'
    return taken
  }

  /** Work is left that waits for nobody. */
  get isBusy(): boolean {
    return this.#sorting !== undefined || this.#copy.isBusy
  }

  /** Takes away, or sorts, at most so many routes. Returns what changed. */
  work(routesMax: number): readonly MapChange[] {
    if (this.#sorting === undefined) return this.#copy.work(routesMax)
    this.#sort(routesMax)
    return []
  }

  /** The next thing to say to the peer; `undefined`: nothing for now. To be called until then, after each `take` and `work`, and each second. */
  reply(nowMs: number): RouteReply | undefined {
    if (this.#sorting !== undefined) return undefined
    const { claim, seq, state, content } = this.#copy
    const isInSync = state === 'in_sync'
    const isDue = isInSync && (this.#owesConfirm || !this.#wasInSync)
    this.#wasInSync = isInSync
    // Whoever is not in sync says so by asking.
    this.#owesConfirm = false
    if (isDue && claim !== undefined) return { type: 'confirm', claim, seq, size: content.size }
    return this.#copy.ask(nowMs)?.question
  }

  #sort(routesMax: number): void {
    const sorting = this.#sorting
    if (sorting === undefined) return
    for (let left = routesMax; left >= 0; left -= 1) {
      const { done, value: entry } = sorting.rest.next()
      if (done === true) {
        this.#copy = this.#copyOf(sorting.target)
        this.#sorting = undefined
        return
      }
      sorting.target.set(entry[0], entry[1])
    }
  }

  #copyOf(content: MapContent): MapCopy {
    const { routesMax: entriesMax, answerMs, pullsMax } = this.#options
    return new MapCopy({ entriesMax, answerMs, pullsMax, hashKey: this.#hashKey, content })
  }
}
