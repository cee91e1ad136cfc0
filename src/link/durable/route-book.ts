/**
 * What the peers of durable links want, for the next process: each change is written a moment later, with the bucket that it lies in,
 * and together with whatever else links have to write. What is a great deal, such as a bootstrap, is written in slices, in a small part
 * of the time; meanwhile buckets that change over and over are written now and then.
 */
import type { RoutePair } from '../../routes/actor-routes.ts'
import { bucketCount } from '../../routes/entry-hash.ts'
import { TouchedBuckets } from '../../routes/touched-buckets.ts'
import type { KeptRoutes, RoutesToKeep } from '../inbound/inbound-ports.ts'
import type { LinkClock } from '../link-clock.ts'
import type { LinkChange } from './outbox-store.ts'
import { encodeBatch } from './outbox-records.ts'
import { checkedRoutes, decodeRoutes, encodeRoutes, nameAt, readRoutesKey, routesKey } from './route-records.ts'

/** Of one commit: a few milliseconds of work. */
const SLICE_ROUTES = 2_048
const SLICE_BUCKETS = 512
/** After a slice so many times as long as it took belongs to others. */
const REST_TIMES = 8

export type RouteChanges = {
  readonly changes: readonly LinkChange[]
  readonly buckets: readonly (readonly [KeptActor, number])[]
}

const nothing: RouteChanges = { changes: [], buckets: [] }

export class RouteBook {
  readonly #clock: LinkClock
  readonly #wake: () => void
  readonly #links = new Map<string, KeptLinkRoutes>()
  #restMs = 0
  #timer: { cancel(): void } | undefined

  /** @param wake called when there is something to write */
  constructor(clock: LinkClock, wake: () => void) {
    this.#clock = clock
    this.#wake = wake
  }

  /** A record of the store. Throws `DamagedOutbox`. */
  found(key: Buffer, record: Buffer): void {
    const { link, actor, bucket } = readRoutesKey(key)
    this.of(link).actor(actor).found(bucket, checkedRoutes(key, record))
  }

  of(link: string): KeptLinkRoutes {
    const known = this.#links.get(link)
    if (known !== undefined) return known
    const made = new KeptLinkRoutes(link, this.#touched)
    this.#links.set(link, made)
    return made
  }

  forget(link: string): void {
    this.#links.get(link)?.forget()
  }

  names(): IterableIterator<string> {
    return this.#links.keys()
  }

  /** There is something to write, and it is time. */
  get isDue(): boolean {
    return this.#clock.steadyMs() >= this.#restMs && this.hasChanged
  }

  get hasChanged(): boolean {
    for (const link of this.#links.values()) if (link.hasChanged) return true
    return false
  }

  readonly #touched = (): void => {
    if (this.#timer !== undefined) return
    const restMs = this.#restMs - this.#clock.steadyMs()
    if (restMs <= 0) return this.#wake()
    this.#timer = this.#clock.after(restMs, () => {
      this.#timer = undefined
      this.#wake()
    })
  }

  /** What the commit takes along that begins now. @param now also if it is not time yet */
  begin(now: boolean): RouteChanges {
    if (!this.hasChanged || (!now && !this.isDue)) return nothing
    const begunMs = this.#clock.steadyMs()
    const changes: LinkChange[] = []
    const buckets: [KeptActor, number][] = []
    let left = SLICE_ROUTES
    for (const [name, link] of this.#links) {
      for (const actor of link.actors()) {
        while (left > 0 && buckets.length < SLICE_BUCKETS) {
          const bucket = actor.next()
          if (bucket === undefined) break
          const pairs = actor.pairsIn(bucket)
          left -= pairs.length
          buckets.push([actor, bucket])
          changes.push(...actor.changes(name, bucket, pairs))
        }
      }
    }
    const endedMs = this.#clock.steadyMs()
    this.#restMs = endedMs + (endedMs - begunMs) * REST_TIMES
    return { changes, buckets }
  }

  written({ buckets }: RouteChanges): void {
    if (buckets.length === 0) return
    for (const [name, link] of this.#links) if (link.tidy()) this.#links.delete(name)
    if (this.hasChanged) this.#touched()
  }

  /** They are for a later commit. */
  failed({ buckets }: RouteChanges): void {
    for (const [actor, bucket] of buckets) actor.again(bucket)
  }

  close(): void {
    this.#timer?.cancel()
  }
}

/** Those of one peer. */
export class KeptLinkRoutes implements KeptRoutes {
  readonly #link: string
  readonly #touched: () => void
  /** By number. */
  readonly #actors = new Map<number, KeptActor>()
  /** Those that are there, by name. */
  readonly #present = new Map<string, KeptActor>()
  #source: RoutesToKeep | undefined
  /** Nothing is written before all is restored that stands on the disk. */
  #isRestoring = false

  constructor(link: string, touched: () => void) {
    this.#link = link
    this.#touched = () => {
      if (!this.#isRestoring) touched()
    }
  }

  actor(number: number): KeptActor {
    const known = this.#actors.get(number)
    if (known !== undefined) return known
    const made = new KeptActor(number, this.#touched)
    this.#actors.set(number, made)
    return made
  }

  actors(): Iterable<KeptActor> {
    return this.#isRestoring ? [] : this.#actors.values()
  }

  get hasChanged(): boolean {
    if (this.#isRestoring) return false
    for (const actor of this.#actors.values()) if (actor.hasChanged) return true
    return false
  }

  keep(source: RoutesToKeep): void {
    this.#source = source
    for (const actor of this.#actors.values()) {
      const name = actor.foundName()
      if (name === undefined || this.#present.has(name)) actor.remove()
      else {
        this.#present.set(name, actor)
        actor.begin(name, source)
      }
    }
  }

  *restore(): Generator<{ readonly actor: string; readonly pairs: readonly RoutePair[] }> {
    this.#isRestoring = true
    for (const [actor, kept] of this.#present)
      for (const value of kept.takeFound())
        if (this.#present.get(actor) === kept) yield { actor, pairs: decodeRoutes(value) }
    this.#isRestoring = false
    if (this.hasChanged) this.#touched()
  }

  added(name: string): TouchedBuckets {
    const known = this.#present.get(name)
    if (known !== undefined) return known.touched
    const source = this.#source
    if (source === undefined) throw new Error(`routes of ${this.#link} are not kept`)
    let number = 0
    while (this.#actors.has(number)) number += 1
    const actor = this.actor(number)
    this.#present.set(name, actor)
    actor.begin(name, source)
    return actor.touched
  }

  removed(name: string): void {
    this.#present.get(name)?.remove()
    this.#present.delete(name)
  }

  forget(): void {
    this.#source = undefined
    this.#isRestoring = false
    this.#present.clear()
    for (const actor of this.#actors.values()) actor.remove()
  }

  /** Lets go of actors of which nothing is left on the disk either. Returns whether nothing is left at all. */
  tidy(): boolean {
    for (const [number, actor] of this.#actors) if (actor.isOver) this.#actors.delete(number)
    return this.#actors.size === 0 && this.#source === undefined
  }
}

/** Those of one actor of a peer. */
export class KeptActor {
  readonly touched: TouchedBuckets
  readonly #number: number
  #name: string | undefined
  #source: RoutesToKeep | undefined
  /** Buckets of which there is a record, or one is on its way to the disk. */
  readonly #isRecorded = new Uint8Array(bucketCount)
  #recorded = 0
  #isNameRecorded = false
  /** As they were found at the start, until they are restored. */
  #found: Buffer[] = []
  #foundName: Buffer | undefined

  constructor(number: number, touched: () => void) {
    this.#number = number
    this.touched = new TouchedBuckets(touched)
  }

  found(bucket: number, value: Buffer): void {
    if (bucket === nameAt) {
      this.#foundName = value
      this.#isNameRecorded = true
    } else {
      this.#found.push(value)
      this.#record(bucket % bucketCount, true)
    }
  }

  foundName(): string | undefined {
    return this.#foundName?.toString()
  }

  takeFound(): Buffer[] {
    const found = this.#found
    this.#found = []
    return found
  }

  begin(name: string, source: RoutesToKeep): void {
    this.#name = name
    this.#source = source
  }

  /** The actor is not there any more: its records go. */
  remove(): void {
    this.#source = undefined
    this.#found = []
    this.#foundName = undefined
    this.touched.clear()
    for (let bucket = 0; bucket < bucketCount; bucket += 1)
      if (this.#isRecorded[bucket] === 1) this.touched.touch(bucket)
    // With the last one goes the name.
    if (this.#recorded === 0 && this.#isNameRecorded) this.touched.touch(0)
  }

  get hasChanged(): boolean {
    return this.touched.count > 0
  }

  /** Nothing of it is on the disk, nor will be. */
  get isOver(): boolean {
    return this.#source === undefined && this.#recorded === 0 && !this.#isNameRecorded && !this.hasChanged
  }

  /** The next bucket to write. */
  next(): number | undefined {
    return this.touched.take()
  }

  again(bucket: number): void {
    // Whether it got there is not known: it is written, or removed, once more.
    this.#record(bucket, true)
    this.#isNameRecorded = this.#source === undefined
    this.touched.touch(bucket)
  }

  pairsIn(bucket: number): readonly RoutePair[] {
    return this.#source === undefined || this.#name === undefined ? [] : this.#source.pairsIn(this.#name, bucket)
  }

  changes(link: string, bucket: number, pairs: readonly RoutePair[]): LinkChange[] {
    const key = routesKey({ link, actor: this.#number, bucket })
    const changes: LinkChange[] = []
    if (pairs.length > 0) changes.push({ table: 'routes', key, value: encodeRoutes(pairs) })
    else if (this.#isRecorded[bucket] === 1) changes.push({ table: 'routes', key, value: undefined })
    this.#record(bucket, pairs.length > 0)
    return [...changes, ...this.#nameChange(link)]
  }

  #nameChange(link: string): LinkChange[] {
    const isNeeded = this.#source !== undefined || this.#recorded > 0
    if (isNeeded === this.#isNameRecorded) return []
    this.#isNameRecorded = isNeeded
    const value = isNeeded ? encodeBatch(Buffer.from(this.#name ?? '')) : undefined
    return [{ table: 'routes', key: routesKey({ link, actor: this.#number, bucket: nameAt }), value }]
  }

  #record(bucket: number, isRecorded: boolean): void {
    this.#recorded += Number(isRecorded) - this.#isRecorded[bucket]!
    this.#isRecorded[bucket] = Number(isRecorded)
  }
}
