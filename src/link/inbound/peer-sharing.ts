/**
 * What the nodes of a cluster tell each other of one peer's actors. The node on which an actor landed owns a map of its routes;
 * the others mirror that map into their replica, and so does the former owner once the actor has landed elsewhere.
 *
 *     landed: own the map ---> somebody owns it under a higher life: mirror ---> landed again ...
 */
import {
  actorOfSharedName,
  factKey,
  isTrusted,
  landingLife,
  opOf,
  parseSharedKey,
  routeKey,
  sharedName,
  sharedNamePrefix,
  sharedStateIn,
  sharedStateOf,
  sharedStates,
  type SharedFact,
  type SharedState,
} from '../../routes/shared-actor.ts'
import type { RoutePair } from '../../routes/actor-routes.ts'
import type { MirrorResult, Replica, ReplicaEffect } from '../../routes/replica.ts'
import type { RouteOp } from '../../routes/route-op.ts'
import type { InboundPorts } from './inbound-ports.ts'
import { isRoutable } from './routable.ts'
import type { MapOwner, OwnSharedMap, SharedChange, Sharing } from './sharing-port.ts'

/** What the peer does with what it hears. */
export type SharingListener = {
  obey(effects: readonly ReplicaEffect[]): void
  /** An actor that we believed to speak to us speaks to another node. */
  movedAway(actor: string): void
  /** An actor has landed on another node. */
  landedElsewhere(): void
}

/** A map of ours. */
type Owned = {
  readonly map: OwnSharedMap
  readonly incarnation: number
  readonly life: number
  /** As it was told last. */
  state: SharedState | undefined
  /** It does not have all routes yet. */
  seeding: { cancel(): void } | undefined
}

/** What another node says of an actor. */
type Foreign = { owner: MapOwner; life: number; state: SharedState; ownerIsThere: boolean }

/** Some milliseconds of work. */
const sliceMax = 2_000
/** Actors that are heard elsewhere are heard here so many times within a lease. */
const hearingsPerLease = 4

export class PeerSharing {
  readonly #link: string
  readonly #ports: Pick<InboundPorts, 'clock' | 'log'>
  readonly #sharing: Sharing
  readonly #replica: Replica
  readonly #listener: SharingListener
  readonly #owned = new Map<string, Owned>()
  readonly #foreign = new Map<string, Foreign>()
  #actorTtlMs: number
  #stopWatching: (() => void) | undefined
  #stopMembers: (() => void) | undefined
  #timer: { cancel(): void } | undefined

  constructor(
    link: string,
    actorTtlMs: number,
    ports: Pick<InboundPorts, 'clock' | 'log'>,
    sharing: Sharing,
    replica: Replica,
    listener: SharingListener,
  ) {
    this.#link = link
    this.#actorTtlMs = actorTtlMs
    this.#ports = ports
    this.#sharing = sharing
    this.#replica = replica
    this.#listener = listener
  }

  setActorTtl(ms: number): void {
    this.#actorTtlMs = ms
  }

  /** Follows what other nodes say. Harmless if it does so already. */
  start(): void {
    if (this.#stopWatching !== undefined) return
    // A watch may tell of something before it returns.
    this.#stopWatching = () => {}
    this.#stopMembers = this.#sharing.onMembers(() => this.#judgeOwners())
    this.#stopWatching = this.#sharing.maps.watch(sharedNamePrefix(this.#link), {
      changed: (name, owner, changes) => this.#changed(actorOfSharedName(this.#link, name), owner, changes),
      dropped: (name) => this.#dropped(actorOfSharedName(this.#link, name)),
    })
  }

  /** The node stops. What it owns stays with the others: the peer is about to come to one of them. */
  stop(): void {
    this.#stopWatching?.()
    this.#stopWatching = undefined
    this.#stopMembers?.()
    this.#stopMembers = undefined
    this.#timer?.cancel()
    this.#timer = undefined
    for (const { seeding } of this.#owned.values()) seeding?.cancel()
  }

  /** The link is disabled or gone. */
  clear(): void {
    this.stop()
    for (const { map } of this.#owned.values()) map.release()
    this.#owned.clear()
    for (const actor of this.#foreign.keys()) this.#sharing.maps.drop(sharedName(this.#link, actor))
    this.#foreign.clear()
  }

  /** What we have of the actor came by another node, and may not be all. */
  isDoubtful(actor: string): boolean {
    const foreign = this.#foreign.get(actor)
    return foreign !== undefined && !isTrusted(foreign)
  }

  /** The actor speaks to another node, or did so last. */
  isElsewhere(actor: string): boolean {
    return this.#foreign.has(actor)
  }

  /** The actor was let in here: its map is ours from now on. */
  landed(actor: string, incarnation: number): void {
    const before = this.#owned.get(actor)
    if (before?.incarnation === incarnation) return
    const life = landingLife(incarnation, before?.life ?? this.#foreign.get(actor)?.life, this.#sharing.random())
    before?.seeding?.cancel()
    this.#owned.delete(actor)
    this.#foreign.delete(actor)
    const map = this.#sharing.maps.own(sharedName(this.#link, actor), life)
    const owned: Owned = { map, incarnation, life, state: undefined, seeding: undefined }
    this.#owned.set(actor, owned)
    map.set(factKey('incarnation'), incarnation)
    map.set(factKey('life'), life)
    const status = this.#replica.actor(actor)
    const isLacking = status !== undefined && map.size < status.routes + status.formerRoutes
    if (isLacking) this.#seed(actor, owned, this.#replica.pairsOf(actor)[Symbol.iterator]())
    this.tellStates()
  }

  /** What the actor said here, as far as it was taken. */
  share(actor: string, ops: readonly RouteOp[]): void {
    const map = this.#owned.get(actor)?.map
    if (map === undefined) return
    for (const { type, topicFilter, id } of ops) {
      if (type === 'add') map.set(routeKey(topicFilter, id), 1)
      else map.delete(routeKey(topicFilter, id))
    }
  }

  swept(actor: string, pairs: readonly RoutePair[]): void {
    const map = this.#owned.get(actor)?.map
    for (const [topicFilter, id] of pairs) map?.delete(routeKey(topicFilter, id))
  }

  /** The replica has forgotten the actor. */
  cleaned(actor: string): void {
    const owned = this.#owned.get(actor)
    owned?.seeding?.cancel()
    if (this.#owned.delete(actor)) owned?.map.release()
    if (this.#foreign.delete(actor)) this.#sharing.maps.drop(sharedName(this.#link, actor))
  }

  /** To be called after anything may have changed about actors of ours. */
  tellStates(): void {
    for (const [actor, owned] of this.#owned) {
      const status = this.#replica.actor(actor)
      if (status === undefined) continue
      const state = owned.seeding === undefined ? sharedStateOf(status) : sharedStates.bootstrapping
      if (state === owned.state) continue
      owned.state = state
      owned.map.set(factKey('state'), state)
    }
  }

  /** A map that began with less than we know gets the rest, some at a time. */
  #seed(actor: string, owned: Owned, pairs: Iterator<RoutePair>): void {
    for (let count = 0; count < sliceMax; count += 1) {
      const next = pairs.next()
      if (next.done === true) {
        owned.seeding = undefined
        return
      }
      const [topicFilter, id] = next.value
      // It may have gone since.
      if (this.#replica.hasPair(actor, topicFilter, id)) owned.map.set(routeKey(topicFilter, id), 1)
    }
    owned.seeding = this.#ports.clock.after(0, () => {
      this.#seed(actor, owned, pairs)
      this.tellStates()
    })
  }

  #changed(actor: string, owner: MapOwner, changes: readonly SharedChange[]): void {
    const { self } = this.#sharing
    if (owner.node === self.node && owner.boot === self.boot) return
    const owned = this.#owned.get(actor)
    owned?.seeding?.cancel()
    this.#owned.delete(actor)
    // Of a map that was ours only what differs is told.
    const { life = 0, state = sharedStates.silent } = this.#foreign.get(actor) ?? owned ?? {}
    const foreign: Foreign = { owner, life, state, ownerIsThere: false }
    foreign.ownerIsThere = this.#sharing.isMember(owner)
    this.#foreign.set(actor, foreign)
    this.#mirror(actor, foreign, changes)
    if (owned !== undefined) this.#listener.movedAway(actor)
    if (foreign.life !== life) this.#listener.landedElsewhere()
    this.#arm()
  }

  #mirror(actor: string, foreign: Foreign, changes: readonly SharedChange[]): void {
    const ops: RouteOp[] = []
    const facts = new Map<SharedFact, number | undefined>()
    for (const { key, value } of changes) {
      const entry = parseSharedKey(key)
      if (entry.type === 'fact') facts.set(entry.fact, value)
      else if (entry.type === 'route' && isRoutable(entry.topicFilter)) ops.push(opOf(entry, value))
    }
    const nowMs = this.#ports.clock.nowMs()
    const result = this.#replica.mirror(actor, ops, nowMs)
    this.#logFull(actor, result)
    const incarnation = facts.get('incarnation')
    if (incarnation !== undefined) this.#replica.mirrorLife(actor, incarnation)
    foreign.life = facts.get('life') ?? foreign.life
    if (facts.has('state')) foreign.state = sharedStateIn(facts.get('state'))
    this.#listener.obey(result.effects)
    this.#listener.obey(this.#replica.mirrorSign(actor, signOf(foreign), nowMs))
  }

  #logFull(actor: string, { type }: MirrorResult): void {
    if (type === 'full') this.#ports.log.warn({ link: this.#link, actor }, 'cluster_link_extrouter_mirror_full')
  }

  #dropped(actor: string): void {
    if (this.#foreign.delete(actor)) this.#listener.obey(this.#replica.mirrorGone(actor))
  }

  /** A member came or went. */
  #judgeOwners(): void {
    for (const [actor, foreign] of this.#foreign) {
      const isThere = this.#sharing.isMember(foreign.owner)
      if (isThere === foreign.ownerIsThere) continue
      foreign.ownerIsThere = isThere
      this.#listener.obey(this.#replica.mirrorSign(actor, signOf(foreign), this.#ports.clock.nowMs()))
    }
    this.#arm()
  }

  /** As long as an actor is heard elsewhere, it is heard here. */
  #arm(): void {
    const isAnyHeard = [...this.#foreign.values()].some((foreign) => signOf(foreign) === 'heard')
    if (this.#timer !== undefined || !isAnyHeard || this.#stopWatching === undefined) return
    this.#timer = this.#ports.clock.after(this.#actorTtlMs / hearingsPerLease, () => {
      this.#timer = undefined
      for (const [actor, foreign] of this.#foreign) {
        if (signOf(foreign) === 'heard')
          this.#listener.obey(this.#replica.mirrorSign(actor, 'heard', this.#ports.clock.nowMs()))
      }
      this.#arm()
    })
  }
}

function signOf({ state, ownerIsThere }: Foreign): 'heard' | 'silent' | 'lost' {
  if (!ownerIsThere) return 'lost'
  return state === sharedStates.silent ? 'silent' : 'heard'
}
