/**
 * What the nodes of a cluster tell each other of one peer's actors. The node on which an actor landed owns a map of its routes;
 * the others mirror that map into their replica, and so does the former owner once the actor has landed elsewhere.
 *
 *     landed: own the map, adopt what it holds ---> somebody owns it under a higher life: mirror ---> landed again ...
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
import type { Replica, ReplicaEffect } from '../../routes/replica.ts'
import type { GoodbyeReason } from '../../routes/route-frames.ts'
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
  /** An actor has said goodbye to another node. */
  leftElsewhere(reason: GoodbyeReason): void
}

/** A map of ours. */
type Owned = {
  readonly map: OwnSharedMap
  incarnation: number
  life: number
  /** As it was told last. */
  state: SharedState | undefined
  /** The map and the replica are being made equal, or what is left of a gone actor is taken away. */
  work: { cancel(): void } | undefined
  /** What the actor said that the map does not have yet, if that is the work. */
  later: (readonly RouteOp[])[] | undefined
  /** Waits until the replica has all that the former owner said. */
  adopted: (() => void) | undefined
}

/** What another node says of an actor. */
type Foreign = {
  readonly owner: MapOwner
  life: number
  state: SharedState
  ownerIsThere: boolean
  readonly held: Held | undefined
}

/**
 * Keys of routes that a dead owner had and its successor lacks. One that knew of them would have gone on with them, so that it is for the
 * actor to say that they are over: until it has named again what it wants, they stay.
 */
type Held = { readonly keys: Set<string>; readonly timer: { cancel(): void } }

/** Some milliseconds of work. */
const sliceMax = 1_000
/** Actors that are heard elsewhere are heard here so many times within a lease. */
const hearingsPerLease = 4
/** Maps of actors that are gone, which say so to whoever was away meanwhile. */
const gravesMax = 64
/** How often it is looked whether all is here that stands for what was restored, milliseconds. */
const restoredLookMs = 1_000

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
  #restoredTimer: { cancel(): void } | undefined

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
    // Who disabled the link later than we did may have told us of its maps until then, and would never take them back.
    for (const { name } of this.#sharing.maps.list())
      if (name.startsWith(sharedNamePrefix(this.#link))) this.#sharing.maps.drop(name)
    // A watch may tell of something before it returns.
    this.#stopWatching = () => {}
    this.#stopMembers = this.#sharing.onMembers(() => this.#judgeOwners())
    const watcher = {
      changed: (name: string, owner: MapOwner, changes: readonly SharedChange[]) =>
        this.#changed(actorOfSharedName(this.#link, name), owner, changes),
      dropped: (name: string) => this.#dropped(actorOfSharedName(this.#link, name)),
    }
    // Of our own too, or all would be taken back when a map becomes ours.
    this.#stopWatching = this.#sharing.maps.watch(sharedNamePrefix(this.#link), watcher, { own: true })
  }

  /** The node stops. What it owns stays with the others: the peer is about to come to one of them. */
  stop(): void {
    this.#stopWatching?.()
    this.#stopWatching = undefined
    this.#stopMembers?.()
    this.#stopMembers = undefined
    this.#timer?.cancel()
    this.#timer = undefined
    this.#restoredTimer?.cancel()
    this.#restoredTimer = undefined
    for (const { work } of this.#owned.values()) work?.cancel()
    for (const { held } of this.#foreign.values()) held?.timer.cancel()
  }

  /** The link is disabled or gone, on the other nodes too, or soon. */
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
    if (foreign === undefined) return false
    const isInSync = this.#sharing.maps.copy(sharedName(this.#link, actor))?.state === 'in_sync'
    return !isTrusted({ ...foreign, isInSync })
  }

  /** Another node says that the actor is not there any more. */
  isGone(actor: string): boolean {
    return this.#foreign.get(actor)?.state === sharedStates.gone
  }

  /** The actor speaks to another node, or did so last. */
  isElsewhere(actor: string): boolean {
    return this.#foreign.has(actor)
  }

  /**
   * The actor was let in here: its map is ours from now on.
   * @param isComplete it names nothing again: what the map holds is what it wants
   * @param adopted called when the replica has all that the former owner said
   */
  landed(actor: string, incarnation: number, isComplete: boolean, adopted?: () => void): void {
    const before = this.#owned.get(actor)
    if (before !== undefined) {
      this.#landedAgain(before, incarnation)
      if (before.work === undefined) adopted?.()
      else before.adopted = adopted
      return
    }
    const isDoubtful = this.isDoubtful(actor)
    const life = landingLife(incarnation, this.#foreign.get(actor)?.life, this.#sharing.random())
    const map = this.#own(actor, life)
    if (map === undefined) return adopted?.()
    this.#forgetForeign(actor)
    const owned: Owned = { map, incarnation, life, state: undefined, work: undefined, later: undefined, adopted }
    this.#owned.set(actor, owned)
    map.onSuperseded((by) => this.#superseded(actor, map, by))
    const isNew = map.size === 0
    map.delete(factKey('farewell'))
    map.set(factKey('incarnation'), incarnation)
    map.set(factKey('life'), life)
    this.#work(owned, isNew ? this.#fill(actor, map) : this.#adopt(actor, map, isComplete, isDoubtful))
  }

  /** What the actor said here, as far as it was taken. A large batch is told in slices: the broker has it already. */
  share(actor: string, ops: readonly RouteOp[]): void {
    const owned = this.#owned.get(actor)
    if (owned === undefined) return
    if (owned.later !== undefined) owned.later.push(ops)
    // What is being adopted must not take for gone what is only not in the map yet.
    else if (owned.work !== undefined || this.#stopWatching === undefined || ops.length <= sliceMax)
      for (const op of ops) shareOne(owned.map, op)
    else {
      owned.later = [ops]
      this.#work(owned, this.#shareLater(actor, owned, owned.later))
    }
  }

  swept(actor: string, pairs: readonly RoutePair[]): void {
    const map = this.#owned.get(actor)?.map
    for (const [topicFilter, id] of pairs) map?.delete(routeKey(topicFilter, id))
  }

  /** The actor said goodbye; to be called before it is forgotten. */
  farewell(actor: string, reason: GoodbyeReason): void {
    this.#owned.get(actor)?.map.set(factKey('farewell'), farewells[reason])
  }

  /** The replica has forgotten the actor. */
  cleaned(actor: string): void {
    const owned = this.#owned.get(actor)
    if (owned !== undefined) this.#bury(owned)
    if (this.#forgetForeign(actor)) this.#sharing.maps.drop(sharedName(this.#link, actor))
  }

  #forgetForeign(actor: string): boolean {
    this.#foreign.get(actor)?.held?.timer.cancel()
    return this.#foreign.delete(actor)
  }

  /** To be called after anything may have changed about actors of ours. */
  tellStates(): void {
    for (const [actor, owned] of this.#owned) {
      const status = this.#replica.actor(actor)
      if (status === undefined) continue
      this.#tellState(owned, owned.work === undefined ? sharedStateOf(status) : sharedStates.bootstrapping)
      this.#tellLife(owned)
    }
  }

  #tellState(owned: Owned, state: SharedState): void {
    if (state === owned.state) return
    owned.state = state
    owned.map.set(factKey('state'), state)
  }

  /** Somebody may have remembered a higher life of a former process of ours. */
  #tellLife(owned: Owned): void {
    if (owned.map.life <= owned.life) return
    owned.life = owned.map.life
    owned.map.set(factKey('life'), owned.life)
  }

  /** `undefined` if there is no room for one more map: the others know nothing of the actor then. */
  #own(actor: string, life: number): OwnSharedMap | undefined {
    try {
      return this.#sharing.maps.own(sharedName(this.#link, actor), life)
    } catch (error) {
      this.#ports.log.warn({ link: this.#link, actor, err: error }, 'cluster_link_extrouter_not_shared')
      return undefined
    }
  }

  #landedAgain(owned: Owned, incarnation: number): void {
    if (owned.incarnation !== incarnation) {
      const life = landingLife(incarnation, owned.life, this.#sharing.random())
      // Above everything that a landing of an older incarnation could get.
      owned.map.outlive(life - 1)
      owned.incarnation = incarnation
      owned.life = life
      owned.map.delete(factKey('farewell'))
      owned.map.set(factKey('incarnation'), incarnation)
      owned.map.set(factKey('life'), life)
    }
    this.tellStates()
  }

  /** Others are told that the actor is gone; one that was away for a while finds that out when it is back. */
  #bury(owned: Owned): void {
    this.#tellState(owned, sharedStates.gone)
    owned.later = undefined
    this.#work(owned, this.#empty(owned.map))
    const graves = [...this.#owned].filter(([, { state }]) => state === sharedStates.gone)
    for (const [actor, grave] of graves.slice(0, -gravesMax)) {
      grave.work?.cancel()
      this.#owned.delete(actor)
      grave.map.release()
    }
  }

  /** Does some of it now, and the rest in later turns. */
  #work(owned: Owned, steps: Iterator<unknown>): void {
    owned.work?.cancel()
    owned.work = undefined
    for (let count = 0; count < sliceMax; count += 1) {
      if (steps.next().done !== true) continue
      this.tellStates()
      const { adopted } = owned
      owned.adopted = undefined
      adopted?.()
      return
    }
    if (this.#stopWatching === undefined) return
    owned.work = this.#ports.clock.after(0, () => this.#work(owned, steps))
    this.tellStates()
  }

  /** Says what is so by then, whatever came and went meanwhile. */
  *#shareLater(actor: string, owned: Owned, later: (readonly RouteOp[])[]): Generator {
    for (let ops = later.shift(); ops !== undefined; ops = later.shift()) {
      for (const { topicFilter, id } of ops) {
        shareOne(owned.map, { type: this.#replica.hasPair(actor, topicFilter, id) ? 'add' : 'delete', topicFilter, id })
        yield
      }
    }
    owned.later = undefined
  }

  /** An empty map gets what the replica has. */
  *#fill(actor: string, map: OwnSharedMap): Generator {
    for (const [topicFilter, id] of this.#replica.pairsOf(actor)) {
      // It may have gone since.
      if (this.#replica.hasPair(actor, topicFilter, id)) map.set(routeKey(topicFilter, id), 1)
      yield
    }
  }

  /**
   * What the former owner said and we have not been told yet: the replica gets it, or loses it.
   * @param isDoubtful what the map lacks the former owner may have said nevertheless: it is for the actor to say that it is over
   */
  *#adopt(actor: string, map: OwnSharedMap, isComplete: boolean, isDoubtful: boolean): Generator {
    for (const [topicFilter, id] of this.#replica.pairsOf(actor)) {
      const key = routeKey(topicFilter, id)
      if (map.get(key) === undefined) {
        if (!isDoubtful) this.#amend(actor, 'delete', topicFilter, id, isComplete)
        else if (this.#replica.hasPair(actor, topicFilter, id)) map.set(key, 1)
      }
      yield
    }
    for (const [key] of map.entries()) {
      const entry = parseSharedKey(key)
      if (entry.type === 'route' && !this.#replica.hasPair(actor, entry.topicFilter, entry.id)) {
        if (isRoutable(entry.topicFilter)) this.#amend(actor, 'add', entry.topicFilter, entry.id, isComplete)
        else map.delete(key)
      }
      yield
    }
  }

  #amend(actor: string, type: RouteOp['type'], topicFilter: string, id: string, isComplete: boolean): void {
    const nowMs = this.#ports.clock.nowMs()
    this.#listener.obey(this.#replica.amend(actor, { type, topicFilter, id }, !isComplete, nowMs))
  }

  *#empty(map: OwnSharedMap): Generator {
    for (const [key] of map.entries()) {
      if (parseSharedKey(key).type !== 'fact') map.delete(key)
      yield
    }
  }

  #superseded(actor: string, map: OwnSharedMap, by: MapOwner): void {
    const owned = this.#owned.get(actor)
    if (owned?.map !== map) return
    owned.work?.cancel()
    this.#owned.delete(actor)
    const { life, state = sharedStates.silent } = owned
    // Only what differs from what we said will be told.
    const foreign: Foreign = { owner: by, life, state, ownerIsThere: this.#sharing.isMember(by), held: undefined }
    this.#foreign.set(actor, foreign)
    if (this.#replica.actor(actor) !== undefined) this.#mirror(actor, foreign, [])
    this.#listener.movedAway(actor)
    this.#arm()
  }

  #changed(actor: string, owner: MapOwner, changes: readonly SharedChange[]): void {
    const { node, boot } = this.#sharing.self
    const owned = this.#owned.get(actor)
    // A former process of ours says nothing any more.
    if (owner.node === node && (owner.boot === boot || owned !== undefined)) return
    if (owned !== undefined) this.#superseded(actor, owned.map, owner)
    const known = this.#foreign.get(actor)
    // What we dropped is taken back.
    if (known === undefined && changes.every(({ value }) => value === undefined)) return
    const { life = 0, state = sharedStates.silent } = known ?? {}
    const held = known === undefined ? undefined : this.#heldFrom(actor, known, owner)
    const foreign: Foreign = { owner, life, state, ownerIsThere: this.#sharing.isMember(owner), held }
    this.#foreign.set(actor, foreign)
    this.#mirror(actor, foreign, changes)
    // Of one that is gone we may hear for the first time.
    if (foreign.life !== life && foreign.state !== sharedStates.gone) this.#listener.landedElsewhere()
    this.#arm()
  }

  /** For as long as an actor is believed that says nothing. */
  #heldFrom(actor: string, { owner: before, held }: Foreign, owner: MapOwner): Held | undefined {
    if (before.node === owner.node && before.boot === owner.boot) return held
    if (this.#sharing.isMember(before)) return held
    held?.timer.cancel()
    const timer = this.#ports.clock.after(this.#actorTtlMs, () => this.#letGo(actor, timer))
    return { keys: held?.keys ?? new Set(), timer }
  }

  /** What the actor has not named again by now is over. */
  #letGo(actor: string, timer: Held['timer']): void {
    const foreign = this.#foreign.get(actor)
    if (foreign?.held?.timer !== timer) return
    const released: Foreign = { ...foreign, held: undefined }
    this.#foreign.set(actor, released)
    const changes = [...foreign.held.keys].map((key) => ({ key, value: undefined }))
    if (changes.length > 0) this.#mirror(actor, released, changes)
  }

  #mirror(actor: string, foreign: Foreign, changes: readonly SharedChange[]): void {
    const { held } = foreign
    const ops: RouteOp[] = []
    const facts = new Map<SharedFact, number | undefined>()
    for (const { key, value } of changes) {
      const entry = parseSharedKey(key)
      if (entry.type === 'fact') facts.set(entry.fact, value)
      else if (entry.type === 'route' && isRoutable(entry.topicFilter)) {
        if (held !== undefined && value === undefined) {
          held.keys.add(key)
          continue
        }
        held?.keys.delete(key)
        ops.push(opOf(entry, value))
      }
    }
    foreign.life = facts.get('life') ?? foreign.life
    if (facts.has('state')) foreign.state = sharedStateIn(facts.get('state'))
    const farewell = farewellIn(facts.get('farewell'))
    if (farewell !== undefined) this.#listener.leftElsewhere(farewell)
    // Facts and routes come in any order: routes of an actor that returned may come before the word that it did.
    if (foreign.state === sharedStates.gone && !ops.some(({ type }) => type === 'add')) {
      return this.#listener.obey(this.#replica.mirrorGone(actor))
    }
    const nowMs = this.#ports.clock.nowMs()
    const { type, effects } = this.#replica.mirror(actor, ops, nowMs)
    if (type === 'full') this.#ports.log.warn({ link: this.#link, actor }, 'cluster_link_extrouter_mirror_full')
    const incarnation = facts.get('incarnation')
    if (incarnation !== undefined) this.#replica.mirrorLife(actor, incarnation)
    this.#listener.obey(effects)
    this.#listener.obey(this.#replica.mirrorSign(actor, signOf(foreign), nowMs))
    this.lookAtRestored()
  }

  /** What was restored of actors goes when all is here that others know of them. To be called after something was. */
  lookAtRestored(): void {
    if (this.#restoredTimer !== undefined || this.#stopWatching === undefined) return
    const waiting = [...this.#foreign.keys()].filter((actor) => (this.#replica.actor(actor)?.formerRoutes ?? 0) > 0)
    if (waiting.length === 0) return
    this.#restoredTimer = this.#ports.clock.after(restoredLookMs, () => {
      this.#restoredTimer = undefined
      for (const actor of waiting) if (!this.isDoubtful(actor)) this.#listener.obey(this.#replica.mirrorComplete(actor))
      this.lookAtRestored()
    })
  }

  #dropped(actor: string): void {
    if (this.#forgetForeign(actor)) this.#listener.obey(this.#replica.mirrorGone(actor))
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

function shareOne(map: OwnSharedMap, { type, topicFilter, id }: RouteOp): void {
  if (type === 'add') map.set(routeKey(topicFilter, id), 1)
  else map.delete(routeKey(topicFilter, id))
}

/** What stands in a map for the words of a goodbye. */
const farewells: Readonly<Record<GoodbyeReason, number>> = { disabled: 1, deleted: 2 }

function farewellIn(value: number | undefined): GoodbyeReason | undefined {
  return (['disabled', 'deleted'] as const).find((reason) => farewells[reason] === value)
}

function signOf({ state, ownerIsThere }: Foreign): 'heard' | 'silent' | 'lost' {
  if (!ownerIsThere) return 'lost'
  return state === sharedStates.complete || state === sharedStates.bootstrapping ? 'heard' : 'silent'
}
