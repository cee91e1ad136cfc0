/**
 * Maps that every member of a cluster has a copy of: text to safe integer, each with one owner. They are replicated as DESIGN section 4
 * says (`src/routes/map-source.ts`, `map-copy.ts`), over the bus channel `maps`. What differs is sent, and nothing else; what both of
 * two owners have never goes; nothing here keeps the event loop for long, however large a map is.
 *
 * Copies of a map whose owner is gone stay until `drop`.
 */
import type { HashKey } from '../../topics/keyed-hash.ts'
import type { CopyState } from '../../routes/map-copy.ts'
import { compareClaims, type Claim } from '../../routes/map-protocol.ts'
import type { ClusterClock } from '../cluster-clock.ts'
import type { ClusterLog } from '../cluster-log.ts'
import type { Coordination, Sender } from '../coordination.ts'
import { CopiedMaps, type CopiedMap } from './copied-maps.ts'
import { decodeMapsMessage, encodeMapsMessage, lifeMax, nameLengthMax, type MapsMessage } from './maps-messages.ts'
import { defaultMapsLimits, heartbeatMs, limitsFor, type MapsLimits } from './maps-limits.ts'
import { MapTellings, type MapWatcher, type WatchOptions } from './map-tellings.ts'
import type { OwnMap } from './own-map.ts'
import { OwnMaps } from './own-maps.ts'

export type SharedMapsOptions = {
  readonly coordination: Coordination
  readonly clock: ClusterClock
  readonly log: ClusterLog
  /** From 0 up to 1. */
  readonly random: () => number
  /** Calls in a later turn of the event loop; `clock.after(0)` if left out. */
  readonly defer?: (call: () => void) => void
  /** One for all members. */
  readonly hashKey?: HashKey
  readonly limits?: Partial<MapsLimits>
}

/** A shared map as this node has it, for people. */
export type SharedMapStatus = {
  readonly name: string
  readonly owner: Sender
  /** `undefined` before a copy had anything. */
  readonly life: number | undefined
  readonly size: number
  readonly state: CopyState | 'own'
}

/** What anybody may read of a copy. */
export type CopyView = {
  readonly owner: Sender
  readonly size: number
  readonly state: CopyState
  get(key: string): number | undefined
  entries(): Iterable<readonly [string, number]>
}

export class SharedMaps {
  readonly #coordination: Coordination
  readonly #clock: ClusterClock
  readonly #log: ClusterLog
  readonly #defer: (call: () => void) => void
  readonly #limits: MapsLimits
  readonly #tellings: MapTellings
  readonly #own: OwnMaps
  readonly #copies: CopiedMaps
  readonly #stops: readonly (() => void)[]
  #timer: { cancel(): void }
  #isAwake = false
  #isStopped = false

  constructor({ coordination, clock, log, random, defer, hashKey, limits }: SharedMapsOptions) {
    this.#coordination = coordination
    this.#clock = clock
    this.#log = log
    this.#defer = defer ?? ((call) => void clock.after(0, call))
    this.#limits = limitsFor({ ...defaultMapsLimits, ...limits }, coordination.bus.payloadBytesMax)
    const wake = () => this.#wake()
    this.#tellings = new MapTellings(log, wake)
    const ports = { log, limits: this.#limits, hashKey, wake, tellings: this.#tellings, clock }
    this.#copies = new CopiedMaps({ ...ports, send: (message, node) => this.#send(message, node) })
    this.#own = new OwnMaps({
      ...ports,
      self: coordination.self,
      send: (message, node) => this.#send(message, node),
      touched: (name, key, isGone) => this.#tellings.touch(name, key, isGone),
      released: ({ name }) => this.#tellings.hide(name),
      superseded: (map, by) => this.#giveAway(map, by),
    })
    this.#stops = [
      coordination.bus.listen('maps', (from, payload) => this.#receive(from, payload)),
      coordination.onConnection((isConnected) => isConnected && this.#greet()),
    ]
    // Members that start together need not all speak at once each second.
    this.#timer = clock.after(heartbeatMs * random(), () => this.#beat())
    this.#greet()
  }

  /**
   * This node speaks for the map from now on, unless somebody does so under a higher life. It goes on with what is in the map here,
   * said by another owner or by this one before: who owns it deletes what is not so any more. Throws a RangeError if there is no
   * room for it.
   * @param life higher than that of whoever owned it before; lower than 2 ** 52
   */
  own(name: string, life: number): OwnMap {
    if (name === '' || name.length > nameLengthMax) throw new RangeError(`a shared map's name of ${name.length}`)
    if (!Number.isSafeInteger(life) || life < 0 || life >= lifeMax) throw new RangeError(`${name}: life ${life}`)
    const { self } = this.#coordination
    const former = this.#own.get(name)
    if (former === undefined) this.#own.assertRoom(name)
    else this.#own.replace(former)
    const known = this.#copies.remove(name)
    // What a former process of this node said of itself is not so any more.
    const copied = known?.owner.node === self.node ? undefined : known?.copy.content
    const claim = {
      life: Math.max(life, former === undefined ? 0 : former.life + 1),
      owner: self.node,
      boot: self.boot,
    }
    const map = this.#own.add(name, claim, former?.content ?? copied)
    this.#tellings.show({ name, content: map.content, owner: self, isOwn: true })
    const other = known?.copy.claim
    // Not before whoever calls this has had the chance to listen.
    if (other !== undefined && compareClaims(other, claim) > 0) this.#defer(() => this.#contend(name, other))
    return map
  }

  /** Tells of all maps whose names begin so: first what is there, in slices. Returns how to stop it. */
  watch(namePrefix: string, watcher: MapWatcher, options: WatchOptions = {}): () => void {
    return this.#tellings.watch(namePrefix, watcher, options)
  }

  copy(name: string): CopyView | undefined {
    const map = this.#copies.get(name)
    if (map === undefined) return undefined
    const { copy, owner } = map
    const { content, state } = copy
    return { owner, size: content.size, state, get: (key) => content.get(key), entries: () => content.entries() }
  }

  /** Whether those who watch have been told all that is in the maps. */
  get isTold(): boolean {
    return !this.#tellings.isBusy
  }

  /** Forgets a copy: its owner is gone for good. If it is not, the copy is soon here again. */
  drop(name: string): void {
    if (this.#copies.remove(name) !== undefined) this.#tellings.hide(name)
  }

  list(): readonly SharedMapStatus[] {
    const own = Array.from(this.#own.values(), ({ name, life, size }) => {
      return { name, owner: this.#coordination.self, life, size, state: 'own' } as const
    })
    const copies = Array.from(this.#copies.values(), statusOf)
    return [...own, ...copies].toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Sends and tells nothing any more. */
  stop(): void {
    this.#isStopped = true
    this.#timer.cancel()
    for (const stop of this.#stops) stop()
  }

  /** This node is here, or here again: whoever owns a map tells it, and it tells of its own. */
  #greet(): void {
    this.#copies.forgetQuestions()
    this.#send({ type: 'hello' })
    this.#own.announce()
    this.#wake()
  }

  #beat(): void {
    this.#timer = this.#clock.after(heartbeatMs, () => this.#beat())
    if (!this.#coordination.isConnected) return
    this.#own.announce()
    this.#copies.askAgain()
  }

  #receive(from: Sender, payload: Uint8Array): void {
    const message = decodeMapsMessage(from, payload)
    if (message === undefined) {
      this.#log.warn({ node: from.node, bytes: payload.length }, 'map_message_malformed')
      return
    }
    if (message.type === 'hello') this.#own.greet(from.node)
    else if (message.type === 'question') this.#own.ask(from.node, message.name, message.question)
    else {
      for (const { name, statement } of message.type === 'heartbeats' ? message.maps : [message]) {
        this.#contend(name, statement.claim)
        if (this.#own.get(name) === undefined) this.#copies.take(from, name, statement)
      }
    }
  }

  #contend(name: string, claim: Claim): void {
    const map = this.#own.get(name)
    if (map !== undefined) this.#own.contend(map, claim)
  }

  #giveAway(map: OwnMap, by: Claim): void {
    const owner = { node: by.owner, boot: by.boot }
    this.#log.info({ map: map.name, node: by.owner, life: by.life, formerly: map.life }, 'map_superseded')
    this.#copies.adopt(map.name, map.content, by)
    map.supersede(owner)
  }

  #send(message: MapsMessage, node?: string): void {
    const { bus, isConnected } = this.#coordination
    if (!isConnected || this.#isStopped) return
    try {
      const payload = encodeMapsMessage(message)
      if (node === undefined) bus.broadcast('maps', payload)
      else bus.send(node, 'maps', payload)
    } catch (error) {
      this.#log.error({ type: message.type, err: error }, 'map_message_not_sent')
    }
  }

  #wake(): void {
    if (this.#isAwake || this.#isStopped) return
    this.#isAwake = true
    this.#defer(() => this.#turn())
  }

  #turn(): void {
    this.#isAwake = false
    if (this.#isStopped) return
    if (this.#coordination.isConnected) this.#own.work()
    this.#tellings.work(this.#limits.changesPerTurnMax)
    this.#copies.work()
    const isOwnBusy = this.#coordination.isConnected && this.#own.isBusy
    if (isOwnBusy || this.#tellings.isBusy || this.#copies.isBusy) this.#wake()
  }
}

function statusOf({ name, owner, copy }: CopiedMap): SharedMapStatus {
  return { name, owner, life: copy.claim?.life, size: copy.content.size, state: copy.state }
}
