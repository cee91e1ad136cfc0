/**
 * What one peer does to us: its routes, attached to the outbox of its link, and the account of its messages. Lives as long as the
 * link is configured, whether or not our own half of the link runs. In a cluster each node has all of the routes, and each counts
 * the messages that came to it.
 */
import type { LinkConfig } from '../../config/config.ts'
import { InboundLedger } from '../../lanes/inbound-ledger.ts'
import type { InboundLedgerSnapshot } from '../../lanes/inbound-ledger.ts'
import { Replica } from '../../routes/replica.ts'
import type { ActorStatus, ApplyResult, InitResult, ReplicaEffect } from '../../routes/replica.ts'
import type { GoodbyeReason, RouteReply, RouteStatement } from '../../routes/route-frames.ts'
import type { RouteOp } from '../../routes/route-op.ts'
import type { HashKey } from '../../topics/keyed-hash.ts'
import type { PeerSink } from '../retained/peer-sink.ts'
import type { PeerSide } from '../native/route-greeting.ts'
import { RouteListener } from '../native/route-listener.ts'
import type { InboundFact } from '../status.ts'
import type { InboundPorts, KeptRoutes } from './inbound-ports.ts'
import { PeerSharing } from './peer-sharing.ts'
import { isRoutable } from './routable.ts'
import type { Refusal } from './refusal.ts'

export type InboundStatus = {
  readonly actors: readonly ActorStatus[]
  /** How many times an actor was let in, here or by another node of the cluster. */
  readonly admissions: number
  /** Filters that the peer wants, each counted once. */
  readonly routes: number
  /** Every actor of the peer is silent; its routes still match. */
  readonly stale: boolean
  /** None of its actors was heard for half its lease. */
  readonly late: boolean
  /** The last time that we turned the peer away; `undefined` once it was let in again. */
  readonly lastRefusal: Refusal | undefined
  /** It was let in, and then turned away. */
  readonly dismissed: boolean
  /** It said goodbye, and has not come back. */
  readonly farewell: GoodbyeReason | undefined
  /** Who it was that introduced itself last, if it speaks our own dialect. */
  readonly side: PeerSide | undefined
  /** Milliseconds since 1970; `undefined` if no message was ever accepted. */
  readonly lastMessageAtMs: number | undefined
  readonly messages: InboundLedgerSnapshot
  /** Of all messages that came since the process started, as they came. */
  readonly bytes: number
}

/** The same in the words of the link's status. */
export function inboundFact(status: InboundStatus): InboundFact {
  const { actors, admissions, stale, late, dismissed, lastRefusal, farewell } = status
  if (farewell !== undefined && (actors.length === 0 || stale)) return { state: 'left', reason: farewell }
  if (actors.length > 0 && !stale && !dismissed) return late ? { state: 'late' } : { state: 'live', admissions }
  if (lastRefusal !== undefined) return { state: 'refused', reason: lastRefusal.words }
  return { state: stale ? 'stale' : 'absent' }
}

/** Beyond what an EMQX needs between two batches of its bootstrap, and before its first one. */
const bootstrapQuietMs = 2_000
const bootstrapStartMs = 10_000
/** How long routes are restored at a time. */
const restoreSliceMs = 10

export class InboundPeer {
  readonly name: string
  readonly ledger: InboundLedger
  lastRefusal: Refusal | undefined
  /** An actor of it lost its connection because it may not speak; its routes stay for as long as a silent one's. */
  isDismissed = false
  lastMessageAtMs: number | undefined
  /** Of all messages that came, as they came. */
  bytes = 0
  side: PeerSide | undefined
  #farewell: GoodbyeReason | undefined
  /** Those of its actors that speak our own dialect, by name. */
  readonly #listeners = new Map<string, RouteListener>()
  readonly #ports: InboundPorts
  readonly #replica: Replica
  readonly #sharing: PeerSharing | undefined
  #admissions = 0
  #routes = 0
  #sink: PeerSink | undefined
  /** Whether the sink hears of routes: `retained = sync`. */
  #isSyncing = false
  #stopped = false
  /** Whether the ledger outlives the process. */
  #isLedgerKept = false
  #isKeepingRoutes = false
  /** As it was told last. */
  #stale = false
  #late = false
  #timer: { readonly atMs: number; cancel(): void } | undefined

  /**
   * To be configured before it is used, when whoever is told of its changes can find it.
   * @param movedAway an actor that spoke to us speaks to another node of the cluster from now on
   */
  constructor(link: LinkConfig, ports: InboundPorts, movedAway: (actor: string) => void) {
    this.name = link.name
    this.#ports = ports
    const ledgers = ports.ledgers?.()
    this.ledger = new InboundLedger(link.durable ? ledgers?.claimInbound(link.name) : undefined)
    if (!link.durable) ledgers?.forgetInbound(link.name)
    // Under the plain hash key, by which its routes are sorted on the disk, too.
    this.#replica = new Replica(timingOf(link))
    if (!link.durable) this.#kept?.forget()
    const { sharing } = ports
    if (sharing !== undefined) {
      this.#sharing = new PeerSharing(link.name, link.actor_ttl, ports, sharing, this.#replica, {
        obey: (effects) => this.#obey(effects),
        movedAway: (actor) => {
          this.#forgetListener(actor)
          movedAway(actor)
        },
        landedElsewhere: () => this.#landedElsewhere(),
        leftElsewhere: (reason) => {
          this.#farewell = reason
          this.#ports.changed(link.name)
        },
      })
    }
  }

  /** The link is gone for good. */
  forget(): void {
    this.#keepLedger(false)
    this.#keepRoutes(false)
  }

  get #kept(): KeptRoutes | undefined {
    return this.#ports.routes?.()?.routesOf(this.name)
  }

  #keepRoutes(isKept: boolean): void {
    const kept = this.#kept
    if (isKept === this.#isKeepingRoutes || kept === undefined) return
    this.#isKeepingRoutes = isKept
    if (isKept) kept.keep(this.#replica)
    this.#replica.watch(isKept ? kept : undefined)
    if (!isKept) kept.forget()
  }

  /**
   * What the peer wanted when an earlier process of ours last wrote it down, it wants until it says otherwise. Takes turns.
   * @param isEnabled otherwise it wants nothing any more
   */
  async restore(isEnabled: boolean): Promise<void> {
    const kept = this.#kept
    if (kept === undefined || !this.#isKeepingRoutes) return
    const { clock, log } = this.#ports
    let untilMs = clock.nowMs() + restoreSliceMs
    for (const { actor, pairs } of kept.restore()) {
      // The others may know that it is gone.
      if (isEnabled && this.#sharing?.isGone(actor) !== true)
        for (const effect of this.#replica.restore(actor, pairs, clock.nowMs())) this.#obeyOne(effect)
      if (this.#replica.actor(actor) === undefined) kept.removed(actor)
      if (clock.nowMs() < untilMs) continue
      await new Promise<void>((resolve) => void clock.after(0, resolve))
      untilMs = clock.nowMs() + restoreSliceMs
    }
    if (this.#routes > 0) log.info({ link: this.name, routes: this.#routes }, 'cluster_link_routes_restored')
    this.#sharing?.lookAtRestored()
    this.#look()
  }

  #keepLedger(isKept: boolean): void {
    this.#isLedgerKept = isKept
    const ledgers = this.#ports.ledgers?.()
    if (isKept) ledgers?.keepInbound(this.name, () => this.ledger.snapshot())
    else ledgers?.forgetInbound(this.name)
  }

  /** Takes over the link's settings and its outbox as they are now; routes move to the new outbox without a gap. */
  configure(link: LinkConfig): void {
    this.#replica.setTiming(timingOf(link))
    this.#sharing?.setActorTtl(link.actor_ttl)
    this.#attachTo(this.#ports.sinkOf(this.name))
    this.#setSyncing(link.retained === 'sync')
    if (link.durable !== this.#isLedgerKept) this.#keepLedger(link.durable)
    this.#keepRoutes(link.durable)
    if (link.enable && !this.#stopped) this.#sharing?.start()
  }

  /** Routes that are there when a link is told to tell what is retained count as ones that appear. */
  #setSyncing(yes: boolean): void {
    const begins = yes && !this.#isSyncing
    this.#isSyncing = yes
    if (begins) for (const topicFilter of this.#replica.filters()) this.#sink?.routeAdded?.(topicFilter)
  }

  #attachTo(sink: PeerSink | undefined): void {
    const former = this.#sink
    if (sink === former) return
    this.#sink = sink
    for (const topicFilter of this.#replica.filters()) {
      if (sink !== undefined) this.#ports.broker.addRoute(topicFilter, sink)
      if (this.#isSyncing) sink?.routeAdded?.(topicFilter)
      if (former !== undefined) this.#ports.broker.removeRoute(topicFilter, former)
    }
  }

  init(actor: string, incarnation: number): InitResult['type'] {
    return this.#init(actor, incarnation, undefined)
  }

  /**
   * As `init`, of an actor that speaks our own dialect.
   * @param hashKey what `hashKeyFor` said, or the actor
   */
  initNative(
    actor: string,
    incarnation: number,
    hashKey: HashKey,
    send: (reply: RouteReply) => void,
  ): InitResult['type'] {
    return this.#init(actor, incarnation, { hashKey, send })
  }

  /** With which our copy of the actor's routes is digested; `undefined` if there is none. */
  hashKeyOf(actor: string): HashKey | undefined {
    return this.#listeners.get(actor)?.hashKey
  }

  #init(
    actor: string,
    incarnation: number,
    native: { readonly hashKey: HashKey; readonly send: (reply: RouteReply) => void } | undefined,
  ): InitResult['type'] {
    const wasElsewhere = this.#sharing?.isElsewhere(actor) ?? false
    const isDoubtful = this.#sharing?.isDoubtful(actor) ?? false
    const isNative = native !== undefined
    const result = this.#replica.init(actor, incarnation, this.#ports.clock.nowMs(), isDoubtful, isNative)
    if ('effects' in result) {
      this.#admissions += 1
      this.#farewell = undefined
      const known = this.#listeners.get(actor)
      // What another node heard meanwhile, or was said in the other dialect, it does not have; and to go back is not in its nature.
      const isOld = wasElsewhere || !isNative || (known?.life ?? 0) > incarnation
      if (isOld) this.#forgetListener(actor)
      const listener = isNative ? this.#listenerOf(actor, native.hashKey) : undefined
      const isNew = listener !== known
      if (native !== undefined) listener?.connected(native.hashKey, native.send)
      this.#landed(actor, incarnation, result.type === 'resumed' || isNative, () => {
        if (isNew && this.#listeners.get(actor) === listener) listener?.prepare()
      })
      this.#obey(result.effects)
      // Another node turned out to know better.
      if (this.#sharing?.isElsewhere(actor) === true) return 'outdated'
    }
    return result.type
  }

  /** Routes that are no filters, or not for a peer to have, are left out. */
  apply(actor: string, incarnation: number, ops: readonly RouteOp[]): ApplyResult['type'] {
    const good = ops.filter(({ topicFilter }) => isRoutable(topicFilter))
    const { log } = this.#ports
    if (good.length < ops.length) {
      log.warn({ link: this.name, actor, count: ops.length - good.length }, 'cluster_link_extrouter_route_ignored')
    }
    const result = this.#replica.apply(actor, incarnation, good, this.#ports.clock.nowMs())
    if ('effects' in result) this.#sharing?.share(actor, result.type === 'full' ? good.slice(0, result.taken) : good)
    return this.#applied(result)
  }

  heartbeat(actor: string, incarnation: number): ApplyResult['type'] {
    return this.#applied(this.#replica.heartbeat(actor, incarnation, this.#ports.clock.nowMs()))
  }

  /** What an actor says in our own dialect. */
  hear(actor: string, incarnation: number, statement: RouteStatement): ApplyResult['type'] {
    const alive = this.heartbeat(actor, incarnation)
    if (alive !== 'applied') return alive
    return this.#listeners.get(actor)?.take(statement) ?? 'unknown_actor'
  }

  disconnected(actor: string, incarnation: number): void {
    this.#replica.disconnected(actor, incarnation)
    // A later life has a connection of its own.
    if (this.#replica.actor(actor)?.incarnation === incarnation) this.#listeners.get(actor)?.disconnected()
  }

  #landed(actor: string, incarnation: number, isComplete: boolean, adopted: () => void): void {
    if (this.#sharing === undefined) adopted()
    else this.#sharing.landed(actor, incarnation, isComplete, adopted)
  }

  #listenerOf(actor: string, hashKey: HashKey): RouteListener {
    const known = this.#listeners.get(actor)
    if (known !== undefined) return known
    const listener = new RouteListener(
      {
        clock: this.#ports.clock,
        pairs: () => this.#replica.pairsOf(actor),
        apply: (ops) => {
          const incarnation = this.#replica.actor(actor)?.incarnation
          return incarnation === undefined ? 'unknown_actor' : this.apply(actor, incarnation, ops)
        },
        left: (reason) => this.#left(actor, reason),
      },
      hashKey,
    )
    this.#listeners.set(actor, listener)
    return listener
  }

  #forgetListener(actor: string): void {
    this.#listeners.get(actor)?.stop()
    this.#listeners.delete(actor)
  }

  #left(actor: string, reason: GoodbyeReason): void {
    this.#forgetListener(actor)
    this.#farewell = reason
    this.#sharing?.farewell(actor, reason)
    this.#ports.log.info({ link: this.name, actor, reason }, 'cluster_link_goodbye')
    this.#obey(this.#replica.leave(actor))
    this.#ports.changed(this.name)
  }

  /**
   * The link is disabled or deleted: nothing is gathered for the peer any more, until it introduces itself again. Returns whether
   * any of its actors was known.
   */
  clear(): boolean {
    this.#sharing?.clear()
    const effects = this.#replica.clear()
    this.#obey(effects)
    this.#disarm()
    return effects.length > 0
  }

  /** The node stops: time no longer matters to the peer's routes. */
  stop(): void {
    this.#stopped = true
    for (const listener of this.#listeners.values()) listener.stop()
    this.#sharing?.stop()
    this.#disarm()
  }

  status(): InboundStatus {
    return {
      actors: this.#replica.actors(),
      admissions: this.#admissions,
      routes: this.#routes,
      stale: this.#replica.stale,
      late: this.#replica.late,
      lastRefusal: this.lastRefusal,
      dismissed: this.isDismissed,
      farewell: this.#farewell,
      side: this.side,
      lastMessageAtMs: this.lastMessageAtMs,
      messages: this.ledger.snapshot(),
      bytes: this.bytes,
    }
  }

  /** What it wants, each filter once. */
  filters(): Iterable<string> {
    return this.#replica.filters()
  }

  #landedElsewhere(): void {
    this.#admissions += 1
    this.#farewell = undefined
    this.lastRefusal = undefined
    this.isDismissed = false
    this.#ports.changed(this.name)
  }

  #applied(result: ApplyResult): ApplyResult['type'] {
    if ('effects' in result) this.#obey(result.effects)
    return result.type
  }

  #obey(effects: readonly ReplicaEffect[]): void {
    for (const effect of effects) this.#obeyOne(effect)
    this.#look()
  }

  /** Obeying takes its time, and time itself may end something: a lease, or what is left of a former life. */
  #look(): void {
    const { effects, nextAtMs } = this.#replica.tick(this.#ports.clock.nowMs())
    for (const effect of effects) this.#obeyOne(effect)
    this.#sharing?.tellStates()
    this.#arm(nextAtMs)
    const { stale, late } = this.#replica
    // A peer that was only stopped for a while speaks again without a new connection.
    if (effects.length > 0 || stale !== this.#stale || late !== this.#late) {
      this.#stale = stale
      this.#late = late
      this.#ports.changed(this.name)
    }
  }

  #obeyOne(effect: ReplicaEffect): void {
    const { broker, log } = this.#ports
    switch (effect.type) {
      case 'route_added':
        this.#routes += 1
        if (this.#sink !== undefined) broker.addRoute(effect.topicFilter, this.#sink)
        if (this.#isSyncing) this.#sink?.routeAdded?.(effect.topicFilter)
        return
      case 'route_removed':
        this.#routes -= 1
        if (this.#sink !== undefined) broker.removeRoute(effect.topicFilter, this.#sink)
        if (this.#isSyncing) this.#sink?.routeRemoved?.(effect.topicFilter)
        return
      case 'actor_stale':
        log.warn({ link: this.name, actor: effect.actor }, 'cluster_link_extrouter_actor_stale')
        return
      case 'actor_swept':
        this.#sharing?.swept(effect.actor, effect.pairs)
        log.debug({ link: this.name, actor: effect.actor, routes: effect.routes }, 'cluster_link_extrouter_actor_swept')
        return
      case 'actor_cleaned':
        this.#forgetListener(effect.actor)
        this.#sharing?.cleaned(effect.actor)
        log.info(
          { link: this.name, actor: effect.actor, reason: effect.reason },
          'cluster_link_extrouter_actor_cleaned',
        )
    }
  }

  /** A timer that fires too early only asks again, so it is replaced for an earlier time alone: heartbeats cost no timer. */
  #arm(nextAtMs: number | undefined): void {
    if (this.#stopped || nextAtMs === undefined || (this.#timer !== undefined && this.#timer.atMs <= nextAtMs)) return
    this.#timer?.cancel()
    const { clock } = this.#ports
    const timer = clock.after(Math.max(0, nextAtMs - clock.nowMs()), () => this.#fire())
    this.#timer = { atMs: nextAtMs, cancel: () => timer.cancel() }
  }

  #disarm(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #fire(): void {
    this.#timer = undefined
    this.#look()
  }
}

function timingOf({ actor_ttl, stale_ttl }: LinkConfig): ConstructorParameters<typeof Replica>[0] {
  return { actorTtlMs: actor_ttl, staleTtlMs: stale_ttl, bootstrapQuietMs, bootstrapStartMs }
}
