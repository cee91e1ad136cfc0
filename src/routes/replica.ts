/**
 * Our copy of one peer's routes: what the peer's actors, one on each of its nodes, say that they want from us. The peer wants a
 * filter if any of its actors does. Holds of DESIGN section 4: make before break, and stale but buffering.
 *
 *     live --- lease over ---> stale --- a sibling outlives it, or stale_ttl ---> gone
 *       ^------- init -----------'
 *
 * In a cluster an actor speaks to one node at a time. The others mirror what it says, and so does the node that it has left.
 *
 * What an earlier process of ours knew may be restored: as of an actor that has fallen silent, until that introduces itself.
 */
import type { HashKey } from '../topics/keyed-hash.ts'
import { ActorRoutes, type RoutePair } from './actor-routes.ts'
import { judgeActorInit } from './judge-actor-init.ts'
import type { Verdict } from './judge-actor-init.ts'
import type { RouteOp } from './route-op.ts'
import type { TouchedBuckets } from './touched-buckets.ts'

export type ReplicaTiming = {
  /** How long an actor is believed without a sign of life, milliseconds. */
  readonly actorTtlMs: number
  /** How long the routes outlive a peer none of whose actors gives a sign of life, milliseconds. */
  readonly staleTtlMs: number
  /**
   * A bootstrap is over when the actor gives a sign of life, and no route operation came for so long after the last one, milliseconds.
   * Silence alone says nothing: what is on its way may be stuck.
   */
  readonly bootstrapQuietMs: number
  /** A bootstrap of no routes at all is over at a sign of life so long after the handshake, milliseconds. */
  readonly bootstrapStartMs: number
}

export type ReplicaLimits = { readonly actorsMax: number; readonly routesMax: number }

export type ReplicaEffect =
  /** The peer as a whole wants the filter from now on, or no longer. */
  | { readonly type: 'route_added' | 'route_removed'; readonly topicFilter: string }
  /** The actor's lease is over; its routes still match. */
  | { readonly type: 'actor_stale'; readonly actor: string }
  /** The routes that former lives of the actor left were taken away, as far as the present one did not name them. */
  | {
      readonly type: 'actor_swept'
      readonly actor: string
      readonly routes: number
      /** Filter and id of all that went, also where the filter stays under another id. */
      readonly pairs: readonly RoutePair[]
    }
  | { readonly type: 'actor_cleaned'; readonly actor: string; readonly reason: CleanReason }

export type CleanReason =
  /** It was silent for longer than its lease while a sibling lived. */
  | 'silent'
  /** The whole peer was silent for `staleTtlMs`. */
  | 'outage'
  /** The link is disabled or gone. */
  | 'link_gone'
  /** The node that it speaks to says so. */
  | 'elsewhere'
  /** It said goodbye. */
  | 'goodbye'

export type InitResult =
  | { readonly type: Exclude<Verdict['type'], 'outdated'>; readonly effects: readonly ReplicaEffect[] }
  | { readonly type: 'outdated'; readonly newer: number }
  /** As many actors as `actorsMax` are known already. */
  | { readonly type: 'full' }

export type ApplyResult =
  | { readonly type: 'applied'; readonly effects: readonly ReplicaEffect[] }
  /** The actor lives on in another incarnation, or is not known any more: it has to introduce itself again. */
  | { readonly type: 'outdated' | 'unknown_actor' }
  /** What came before the limit was applied: so many operations. */
  | { readonly type: 'full'; readonly effects: readonly ReplicaEffect[]; readonly taken: number }

export type MirrorResult = {
  /** `full`: not all, since the limits are reached. */
  readonly type: 'applied' | 'full'
  readonly effects: readonly ReplicaEffect[]
}

export type ActorStatus = {
  readonly actor: string
  readonly incarnation: number
  readonly routes: number
  readonly stale: boolean
  /** Filters left from a former life, until its bootstrap has gone quiet. */
  readonly formerRoutes: number
}

/** Follows what is to outlive the process. */
export interface ReplicaWatcher {
  /** An actor is there. Returns who is told which buckets of its routes change. */
  added(actor: string): TouchedBuckets
  removed(actor: string): void
}

type Actor = {
  readonly name: string
  readonly routes: ActorRoutes
  incarnation: number
  untilMs: number
  /** Last handshake and last sign of life, milliseconds. */
  initMs: number
  heardMs: number
  /** Former routes go with the first sign of life from then on; `undefined` while there are none, or no connection to name new ones. */
  sweepAtMs: number | undefined
  stale: boolean
  /** Half of the lease went by without a word. */
  late: boolean
  /** It speaks to another node of our cluster, or did so last. `kept`: that node is there, and says when the actor goes. */
  elsewhere: 'kept' | 'lost' | undefined
  /** Nobody has said anything of it in the life of this process. */
  isRestored: boolean
}

const defaultLimits: ReplicaLimits = { actorsMax: 256, routesMax: 5_000_000 }

export class Replica {
  readonly #actors = new Map<string, Actor>()
  readonly #limits: ReplicaLimits
  readonly #hashKey: HashKey | undefined
  #timing: ReplicaTiming
  #watcher: ReplicaWatcher | undefined
  /** Until when time was judged, milliseconds. */
  #passedMs = 0

  /** @param hashKey unknown to peers, so that they can't choose filters that make every search long */
  constructor(timing: ReplicaTiming, limits: ReplicaLimits = defaultLimits, hashKey?: HashKey) {
    this.#timing = timing
    this.#limits = limits
    this.#hashKey = hashKey
  }

  /** For leases that are given from now on, and for everything that is judged from now on. */
  setTiming(timing: ReplicaTiming): void {
    this.#timing = timing
  }

  /** From now on this is told what changes; all that is there counts as changed. `undefined`: nobody is. */
  watch(watcher: ReplicaWatcher | undefined): void {
    this.#watcher = watcher
    for (const { name, routes } of this.#actors.values()) {
      routes.touched = watcher?.added(name)
      routes.touchAll()
    }
  }

  /** What of a bucket an actor wants, of its present life and of former ones. */
  pairsIn(name: string, bucket: number): readonly RoutePair[] {
    return this.#actors.get(name)?.routes.pairsIn(bucket) ?? []
  }

  /**
   * Some of what an earlier process of ours knew of an actor. It is not told to the watcher, who told it. If the actor has been heard of
   * meanwhile, what it does not name goes with its next sweep.
   */
  restore(name: string, pairs: Iterable<RoutePair>, nowMs: number): readonly ReplicaEffect[] {
    const known = this.#actors.get(name)
    if (known === undefined && this.#actors.size >= this.#limits.actorsMax) return []
    const actor = known ?? this.#add(name)
    if (known === undefined) {
      actor.isRestored = true
      actor.stale = actor.late = true
      actor.initMs = actor.heardMs = actor.untilMs = nowMs
    }
    const effects: ReplicaEffect[] = []
    const { touched } = actor.routes
    actor.routes.touched = undefined
    for (const [topicFilter, id] of pairs) {
      const effect = this.#applyOne(actor, { type: 'add', topicFilter, id }, !actor.isRestored)
      if (effect !== undefined) effects.push(effect)
    }
    actor.routes.touched = touched
    return effects
  }

  /** Nobody has said anything of the actor in the life of this process: all of it was restored. */
  isRestored(name: string): boolean {
    return this.#actors.get(name)?.isRestored === true
  }

  /**
   * An actor introduces itself on a new connection. It need not bootstrap if the result is `resumed`.
   * @param isDoubtful what we have of it came by another node, and may not be all
   * @param keeps it compares what we have with what it wants, and names what differs alone: nothing is swept
   */
  init(name: string, incarnation: number, nowMs: number, isDoubtful = false, keeps = false): InitResult {
    const known = this.#actors.get(name)
    const record = known === undefined ? undefined : { ...recordOf(known), isDoubtful }
    const verdict = judgeActorInit(record, { incarnation, untilMs: nowMs + this.#timing.actorTtlMs }, nowMs)
    if (verdict.type === 'outdated') return verdict
    if (known === undefined && this.#actors.size >= this.#limits.actorsMax) return { type: 'full' }
    const actor = known ?? this.#add(name)
    const effects: ReplicaEffect[] = []
    if (keeps) actor.routes.absorb()
    else if (verdict.type === 'reincarnated' || verdict.type === 'revived') this.#retire(actor, effects)
    actor.isRestored = false
    if (keeps) actor.sweepAtMs = undefined
    actor.incarnation = incarnation
    actor.elsewhere = undefined
    actor.initMs = nowMs
    // Also when it resumes: if its connection was cut within the bootstrap it now begins again.
    if (actor.routes.formerCount > 0) actor.sweepAtMs = nowMs + this.#timing.bootstrapStartMs
    this.#hear(actor, nowMs)
    return { type: verdict.type, effects: effects.concat(this.tick(nowMs).effects) }
  }

  /** Routes of an actor that introduced itself with this incarnation, in the order in which it sent them. */
  apply(name: string, incarnation: number, ops: readonly RouteOp[], nowMs: number): ApplyResult {
    const actor = this.#actors.get(name)
    if (actor === undefined) return { type: 'unknown_actor' }
    if (actor.incarnation !== incarnation || actor.elsewhere !== undefined) return { type: 'outdated' }
    this.#hear(actor, nowMs)
    if (actor.routes.formerCount > 0) actor.sweepAtMs = nowMs + this.#timing.bootstrapQuietMs
    const effects: ReplicaEffect[] = []
    let room = this.#limits.routesMax - this.#pairs()
    let taken = 0
    for (const op of ops) {
      const before = actor.routes.pairs
      const effect = this.#applyOne(actor, op)
      if (effect !== undefined) effects.push(effect)
      room -= actor.routes.pairs - before
      taken += 1
      if (room < 0) return { type: 'full', effects, taken }
    }
    return { type: 'applied', effects: effects.concat(this.tick(nowMs).effects) }
  }

  heartbeat(name: string, incarnation: number, nowMs: number): ApplyResult {
    const actor = this.#actors.get(name)
    if (actor === undefined) return { type: 'unknown_actor' }
    if (actor.incarnation !== incarnation || actor.elsewhere !== undefined) return { type: 'outdated' }
    this.#hear(actor, nowMs)
    return { type: 'applied', effects: this.tick(nowMs).effects }
  }

  /**
   * Routes of an actor that speaks to another node of our cluster, as that node has them. Nothing is swept here.
   */
  mirror(name: string, ops: readonly RouteOp[], nowMs: number): MirrorResult {
    const known = this.#actors.get(name)
    if (known === undefined && this.#actors.size >= this.#limits.actorsMax) return { type: 'full', effects: [] }
    const actor = known ?? this.#add(name)
    if (known === undefined) {
      actor.initMs = nowMs
      this.#hear(actor, nowMs)
    }
    this.#moveAway(actor)
    const effects: ReplicaEffect[] = []
    let room = this.#limits.routesMax - this.#pairs()
    for (const op of ops) {
      if (op.type === 'add' && room <= 0) return { type: 'full', effects }
      const before = actor.routes.pairs
      const effect = this.#applyOne(actor, op)
      if (effect !== undefined) effects.push(effect)
      room -= actor.routes.pairs - before
    }
    return { type: 'applied', effects }
  }

  /**
   * What an actor that has landed here told another node before, and that was not known here yet.
   * @param isFormer it goes, unless the actor names it again
   */
  amend(name: string, op: RouteOp, isFormer: boolean, nowMs: number): readonly ReplicaEffect[] {
    const actor = this.#actors.get(name)
    if (actor === undefined) return []
    if (op.type === 'add' && this.#pairs() >= this.#limits.routesMax) return []
    const isFormerAdd = isFormer && op.type === 'add'
    if (isFormerAdd) actor.sweepAtMs ??= nowMs + this.#timing.bootstrapStartMs
    const effect = this.#applyOne(actor, op, isFormerAdd)
    return effect === undefined ? [] : [effect]
  }

  /** The life under which the actor speaks to another node. */
  mirrorLife(name: string, incarnation: number): void {
    const actor = this.#actors.get(name)
    if (actor?.elsewhere !== undefined) actor.incarnation = incarnation
  }

  /**
   * What is known of an actor that speaks to another node.
   * @param sign `heard` there, or `silent` there for longer than its lease; `lost`: that node itself is gone, and the actor is judged
   *   here by what was heard last
   */
  mirrorSign(name: string, sign: 'heard' | 'silent' | 'lost', nowMs: number): readonly ReplicaEffect[] {
    const actor = this.#actors.get(name)
    if (actor?.elsewhere === undefined) return []
    actor.elsewhere = sign === 'lost' ? 'lost' : 'kept'
    if (sign === 'heard') this.#hear(actor, nowMs)
    if (sign === 'silent') actor.untilMs = Math.min(actor.untilMs, nowMs)
    return this.tick(nowMs).effects
  }

  /** All that an actor wants which speaks to another node has been mirrored: what was restored and is not among it goes. */
  mirrorComplete(name: string): readonly ReplicaEffect[] {
    const actor = this.#actors.get(name)
    const effects: ReplicaEffect[] = []
    if (actor?.elsewhere !== undefined && actor.routes.formerCount > 0) this.#sweep(actor, effects)
    return effects
  }

  /** An actor that speaks to another node is not known there any more. */
  mirrorGone(name: string): readonly ReplicaEffect[] {
    const actor = this.#actors.get(name)
    const effects: ReplicaEffect[] = []
    if (actor?.elsewhere !== undefined || actor?.isRestored === true) this.#clean(actor, 'elsewhere', effects)
    return effects
  }

  /** The actor wants nothing any more, and says so. */
  leave(name: string): readonly ReplicaEffect[] {
    const actor = this.#actors.get(name)
    const effects: ReplicaEffect[] = []
    if (actor !== undefined) this.#clean(actor, 'goodbye', effects)
    return effects
  }

  /** Each pair of filter and id of an actor, of its present life and of what is left of former ones. */
  pairsOf(name: string): Iterable<RoutePair> {
    return this.#actors.get(name)?.routes.allPairs() ?? []
  }

  hasPair(name: string, topicFilter: string, id: string): boolean {
    return this.#actors.get(name)?.routes.hasPair(topicFilter, id) ?? false
  }

  actor(name: string): ActorStatus | undefined {
    const actor = this.#actors.get(name)
    return actor === undefined ? undefined : statusOf(actor)
  }

  /** The actor's connection is gone: what it did not name yet is not swept before it had the chance to. */
  disconnected(name: string, incarnation: number): void {
    const actor = this.#actors.get(name)
    if (actor?.incarnation === incarnation) actor.sweepAtMs = undefined
  }

  /**
   * What time brought, and when to ask again (`undefined`: not before the next message). Asked late it says what it would have
   * said in time: what fell due is judged at its own moment and in its order, however long our own timers were held up.
   */
  tick(nowMs: number): { readonly effects: readonly ReplicaEffect[]; readonly nextAtMs: number | undefined } {
    const effects: ReplicaEffect[] = []
    for (;;) {
      const dueMs = this.#nextAtMs(this.#passedMs)
      if (dueMs === undefined || dueMs > nowMs) break
      this.#passedMs = Math.max(this.#passedMs, dueMs)
      this.#pass(this.#passedMs, effects)
    }
    this.#passedMs = nowMs
    return { effects, nextAtMs: this.#nextAtMs(nowMs) }
  }

  /** Forgets everything, because the link is disabled or gone. */
  clear(): readonly ReplicaEffect[] {
    const effects: ReplicaEffect[] = []
    for (const actor of this.#actors.values()) this.#clean(actor, 'link_gone', effects)
    return effects
  }

  /** Whether the peer wants this very filter. */
  has(topicFilter: string): boolean {
    return this.#wants(topicFilter, undefined)
  }

  /** Each filter that the peer wants, once. */
  *filters(): Generator<string> {
    const earlier: Actor[] = []
    for (const actor of this.#actors.values()) {
      for (const topicFilter of actor.routes.filters()) {
        if (!earlier.some(({ routes }) => routes.has(topicFilter))) yield topicFilter
      }
      earlier.push(actor)
    }
  }

  /** Every actor of the peer fell silent: an outage. `false` for a peer that was never there. */
  get stale(): boolean {
    return this.#actors.size > 0 && [...this.#actors.values()].every(({ stale }) => stale)
  }

  /** No actor of the peer was heard for half its lease: a heartbeat that was due did not come. */
  get late(): boolean {
    return this.#actors.size > 0 && [...this.#actors.values()].every(({ late }) => late)
  }

  actors(): readonly ActorStatus[] {
    return Array.from(this.#actors.values(), statusOf)
  }

  #pass(nowMs: number, effects: ReplicaEffect[]): void {
    for (const actor of this.#actors.values()) {
      if (sweepDueMs(actor) <= nowMs) this.#sweep(actor, effects)
      if (actor.untilMs <= nowMs && !actor.stale) {
        actor.stale = true
        effects.push({ type: 'actor_stale', actor: actor.name })
      }
      if (this.#lateAtMs(actor) <= nowMs) actor.late = true
    }
    for (const actor of this.#actors.values()) {
      const goesAtMs = this.#goesAtMs(actor, nowMs)
      if (goesAtMs !== undefined && goesAtMs.atMs <= nowMs) this.#clean(actor, goesAtMs.reason, effects)
    }
  }

  #hear(actor: Actor, nowMs: number): void {
    actor.heardMs = nowMs
    actor.untilMs = nowMs + this.#timing.actorTtlMs
    actor.stale = false
    actor.late = false
  }

  #lateAtMs(actor: Actor): number {
    return actor.untilMs - this.#timing.actorTtlMs / 2
  }

  #applyOne(actor: Actor, { type, topicFilter, id }: RouteOp, isFormer = false): ReplicaEffect | undefined {
    const { routes } = actor
    let changed: boolean
    if (type === 'delete') changed = routes.delete(topicFilter, id)
    else changed = isFormer ? routes.addFormer(topicFilter, id) : routes.add(topicFilter, id)
    if (!changed || this.#wants(topicFilter, actor)) return undefined
    return { type: type === 'add' ? 'route_added' : 'route_removed', topicFilter }
  }

  #wants(topicFilter: string, except: Actor | undefined): boolean {
    for (const actor of this.#actors.values()) if (actor !== except && actor.routes.has(topicFilter)) return true
    return false
  }

  #pairs(): number {
    let pairs = 0
    for (const { routes } of this.#actors.values()) pairs += routes.pairs
    return pairs
  }

  #retire(actor: Actor, effects: ReplicaEffect[]): void {
    const { routes } = actor
    // Lives that follow each other faster than they bootstrap must not pile up their routes without end.
    const piled = routes.formerPairs > 0 && routes.formerPairs + routes.pairs > this.#limits.routesMax
    if (piled) this.#sweep(actor, effects)
    routes.retire()
  }

  #sweep(actor: Actor, effects: ReplicaEffect[]): void {
    actor.sweepAtMs = undefined
    const pairs = [...actor.routes.formerOnly()]
    const gone = actor.routes.sweep()
    this.#removed(gone, actor, effects)
    effects.push({ type: 'actor_swept', actor: actor.name, routes: gone.length, pairs })
  }

  #moveAway(actor: Actor): void {
    if (actor.elsewhere !== undefined) return
    actor.elsewhere = 'kept'
    actor.sweepAtMs = undefined
    // What was restored waits until all is mirrored, and then counts no more.
    if (actor.isRestored) actor.routes.retire()
    else actor.routes.absorb()
    actor.isRestored = false
  }

  #add(name: string): Actor {
    const actor = newActor(name, this.#hashKey)
    this.#actors.set(name, actor)
    actor.routes.touched = this.#watcher?.added(name)
    return actor
  }

  #clean(actor: Actor, reason: CleanReason, effects: ReplicaEffect[]): void {
    this.#actors.delete(actor.name)
    this.#watcher?.removed(actor.name)
    this.#removed(actor.routes.filters(), actor, effects)
    effects.push({ type: 'actor_cleaned', actor: actor.name, reason })
  }

  #removed(topicFilters: Iterable<string>, from: Actor, effects: ReplicaEffect[]): void {
    for (const topicFilter of topicFilters) {
      if (!this.#wants(topicFilter, from)) effects.push({ type: 'route_removed', topicFilter })
    }
  }

  /**
   * When a silent actor goes, as far as what was heard until now decides it. That one actor went and not the whole peer shows
   * in a sibling that is heard after the actor's lease was over; and if that sibling itself came back only a while ago, the
   * actor gets as long to come back as a lease lasts.
   */
  #goesAtMs(actor: Actor, nowMs: number): { readonly atMs: number; readonly reason: CleanReason } | undefined {
    if (actor.untilMs > nowMs || actor.elsewhere === 'kept') return undefined
    const live = [...this.#actors.values()].filter((other) => other.untilMs > nowMs)
    if (live.length === 0) {
      const silentSinceMs = Math.max(...Array.from(this.#actors.values(), ({ untilMs }) => untilMs))
      return { atMs: silentSinceMs + this.#timing.staleTtlMs, reason: 'outage' }
    }
    const witnesses = live.filter(({ heardMs }) => heardMs >= actor.untilMs)
    if (witnesses.length === 0) return undefined
    const backSinceMs = Math.min(...witnesses.map(({ initMs }) => initMs))
    return { atMs: backSinceMs + this.#timing.actorTtlMs, reason: 'silent' }
  }

  #nextAtMs(nowMs: number): number | undefined {
    const times = [...this.#actors.values()].flatMap((actor) => [
      sweepDueMs(actor),
      actor.late ? Infinity : this.#lateAtMs(actor),
      actor.untilMs > nowMs ? actor.untilMs : (this.#goesAtMs(actor, nowMs)?.atMs ?? Infinity),
    ])
    const next = Math.min(...times)
    return Number.isFinite(next) ? next : undefined
  }
}

function newActor(name: string, hashKey: HashKey | undefined): Actor {
  return {
    name,
    routes: new ActorRoutes(hashKey),
    incarnation: 0,
    untilMs: 0,
    initMs: 0,
    heardMs: 0,
    sweepAtMs: undefined,
    stale: false,
    late: false,
    elsewhere: undefined,
    isRestored: false,
  }
}

/** An actor that was not heard since may have more to name, and be cut off, or slow. */
function sweepDueMs({ sweepAtMs = Infinity, heardMs }: Actor): number {
  return heardMs >= sweepAtMs ? sweepAtMs : Infinity
}

function recordOf({ incarnation, untilMs }: Actor) {
  return { incarnation, untilMs }
}

function statusOf({ name, incarnation, routes, stale }: Actor): ActorStatus {
  return { actor: name, incarnation, routes: routes.pairs, stale, formerRoutes: routes.formerCount }
}
