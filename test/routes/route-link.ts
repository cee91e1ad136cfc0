/**
 * Both ends of the routes of a native link, with frames on their way between them: a source that changes its mind, restarts, or is
 * replaced, a sink that restarts, and connections that are cut.
 */
import assert from 'node:assert/strict'
import { MapContent } from '../../src/routes/map-content.ts'
import type { OpsLimits } from '../../src/routes/journal.ts'
import { LinkRoutes } from '../../src/routes/link-routes.ts'
import { RouteCopy } from '../../src/routes/route-copy.ts'
import { decodeRouteFrame, encodeRouteFrame, type RouteFrame } from '../../src/routes/route-frames.ts'
import { RouteSource } from '../../src/routes/route-source.ts'
import type { HashKey } from '../../src/topics/keyed-hash.ts'

export const cluster = 'eu-west'
const options = { routesMax: 1_000, answerMs: 900, pullsMax: 3 }
/** Small, so that everything comes in parts and the journal soon ends. */
const smallLimits = {
  frame: { opsMax: 3, bytesMax: 200 },
  journal: { opsMax: 12, bytesMax: 10_000 },
  atOnceMax: 2,
}

/** Of the source; those of its frames and its journal, and how many routes one change may move at once. */
export type RouteLinkLimits = { readonly frame: OpsLimits; readonly journal: OpsLimits; readonly atOnceMax: number }

type Sent = { readonly to: 'sink' | 'source'; readonly bytes: Buffer }

export class RouteLink {
  nowMs = 0
  copy: RouteCopy
  /** What the broker was told, which is all that it knows. */
  readonly told = new Set<string>()
  readonly interest = new Set<string>()
  /** Frames on their way, in order. */
  sent: Sent[] = []
  /** All that was ever sent. */
  sentBytes = 0
  sentRoutes = 0
  isUp = false
  #topics: readonly string[]
  readonly #limits: RouteLinkLimits
  #incarnation = 1
  #hashKey: HashKey = [1, 2]
  #source: RouteSource
  #routes: LinkRoutes
  /** A node that spoke for the source's cluster, and does not know that another one does. */
  #former: LinkRoutes | undefined

  constructor(topics: readonly string[], limits: RouteLinkLimits = smallLimits) {
    this.#topics = topics
    this.#limits = limits
    this.copy = new RouteCopy(options)
    this.#source = new RouteSource(topics, limits.atOnceMax)
    this.#routes = this.#routesOf(this.#source)
  }

  /** The routes as the source has them. */
  get routes(): string[] {
    return [...this.#source.routes()].toSorted()
  }

  add(topicFilter: string): void {
    if (this.interest.has(topicFilter)) return
    this.interest.add(topicFilter)
    this.#source.add(topicFilter)
  }

  remove(pick: number): void {
    const gone = [...this.interest][pick % this.interest.size]
    if (gone === undefined) return
    this.interest.delete(gone)
    this.#source.remove(gone)
  }

  workSource(routesMax: number): void {
    this.#routes.work(routesMax)
  }

  workSink(routesMax: number): void {
    this.#tell(this.copy.work(routesMax))
    this.#reply()
  }

  flush(): void {
    if (!this.isUp || !this.#mayBeSpokenOf) return
    const delta = this.#routes.takeUnsent()
    if (delta !== undefined) this.#send('sink', delta)
  }

  heartbeat(): void {
    if (this.isUp && this.#mayBeSpokenOf && !this.#routes.hasUnsent) this.#send('sink', this.#routes.heartbeat())
  }

  /** Whoever was replaced goes on. */
  ghost(): void {
    if (this.#former === undefined || !this.isUp) return
    this.#send('sink', this.#former.takeUnsent() ?? this.#former.heartbeat())
  }

  /** One of the frames on their way arrives. */
  arrive(at: number): void {
    const [arrived] = this.sent.splice(at % this.sent.length, 1)
    if (arrived === undefined) return
    const decoded = decodeRouteFrame(arrived.bytes, cluster)
    if (decoded.type === 'malformed') assert.fail(decoded.reason)
    if (arrived.to === 'sink') return this.#hear(decoded)
    if (decoded.type === 'confirm') return this.#routes.confirm(decoded)
    if (decoded.type !== 'since' && decoded.type !== 'pull') assert.fail(`a ${decoded.type} for an answer`)
    if (!this.#mayBeSpokenOf) return
    const answer = this.#routes.answer(decoded)
    while (this.#routes.hasUnsent) this.flush()
    if (answer !== undefined) this.#send('sink', answer)
  }

  lose(at: number): void {
    this.sent.splice(at % this.sent.length, 1)
  }

  double(at: number): void {
    const sent = this.sent[at % this.sent.length]
    if (sent !== undefined) this.sent.push(sent)
  }

  cut(): void {
    this.isUp = false
    this.sent = []
    this.#routes.disconnected()
  }

  connect(): void {
    this.cut()
    this.isUp = true
    this.copy.connected(this.#hashKey)
    if (!this.#mayBeSpokenOf) return
    this.#routes.skipUnsent()
    this.heartbeat()
  }

  /** Another node speaks, or a new process: with the interest as it is now, from the beginning. */
  restartSource(hashKey: HashKey): void {
    this.cut()
    this.#former = this.#routes
    this.#incarnation += 1
    this.#hashKey = hashKey
    this.#source = new RouteSource(this.#topics, this.#limits.atOnceMax)
    for (const topicFilter of this.interest) this.#source.add(topicFilter)
    this.#routes = this.#routesOf(this.#source)
  }

  /** @param knows how many of the routes the new process has from somewhere else */
  restartSink(knows: number): void {
    this.cut()
    const content = new MapContent(this.#hashKey)
    for (const topicFilter of [...this.told].slice(0, knows)) content.set(topicFilter, 1)
    this.copy = new RouteCopy(options, this.#hashKey, content)
    this.told.clear()
    for (const topicFilter of this.copy.filters()) this.told.add(topicFilter)
  }

  /** Nothing is lost any more: one heartbeat, and what follows from it. */
  settle(): void {
    do this.workSource(2)
    while (this.#routes.isBusy)
    if (!this.isUp) this.connect()
    while (this.#routes.hasUnsent) this.flush()
    this.#calm()
    this.nowMs += 1_000
    this.heartbeat()
    this.#calm()
  }

  #calm(): void {
    for (let left = 2_000; this.sent.length > 0 || this.copy.isBusy; left -= 1) {
      assert.ok(left > 0, `they never come to an end: ${this.copy.state}`)
      if (this.sent.length > 0) this.arrive(0)
      else this.workSink(2)
    }
  }

  get isConfirmed(): boolean {
    return this.#routes.isConfirmed && this.#routes.confirmed?.size === this.told.size
  }

  goodbye(): void {
    this.#send('sink', this.#routes.goodbye('disabled'))
  }

  /** A life that has not taken over all of its routes would have the peer take the rest away. */
  get #mayBeSpokenOf(): boolean {
    return (
      this.#isWhole.has(this.#routes) || (!this.#routes.isBusy && this.#isWhole.add(this.#routes).has(this.#routes))
    )
  }
  readonly #isWhole = new WeakSet<LinkRoutes>()

  #routesOf(source: RouteSource): LinkRoutes {
    const { frame, journal } = this.#limits
    return new LinkRoutes({ source, cluster, incarnation: this.#incarnation, hashKey: this.#hashKey, frame, journal })
  }

  #hear(decoded: RouteFrame): void {
    if (decoded.type === 'since' || decoded.type === 'pull' || decoded.type === 'confirm') assert.fail(decoded.type)
    const taken = this.copy.take(decoded)
    if (taken !== 'outdated') this.#tell(taken)
    this.#reply()
  }

  #reply(): void {
    if (!this.isUp) return
    for (let reply = this.copy.reply(this.nowMs); reply !== undefined; reply = this.copy.reply(this.nowMs))
      this.#send('source', reply)
  }

  #tell(changes: readonly { readonly key: string; readonly value: number | undefined }[]): void {
    for (const { key, value } of changes) {
      if (value === undefined) assert.ok(this.told.delete(key))
      else this.told.add(key)
    }
  }

  #send(to: Sent['to'], said: RouteFrame): void {
    const bytes = encodeRouteFrame(said)
    this.sentBytes += bytes.length
    if ('keys' in said) this.sentRoutes += said.keys.length
    this.sent.push({ to, bytes })
  }
}
