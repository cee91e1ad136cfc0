/** The maps that this node owns, towards the others: changes once a turn, heartbeats, answers a few a turn. */
import type { HashKey } from '../../topics/keyed-hash.ts'
import type { MapContent } from '../../routes/map-content.ts'
import { compareClaims, type Claim, type MapHeartbeat, type MapQuestion } from '../../routes/map-protocol.ts'
import { MapSource } from '../../routes/map-source.ts'
import type { ClusterLog } from '../cluster-log.ts'
import type { Sender } from '../coordination.ts'
import type { MapsLimits } from './maps-limits.ts'
import type { MapsMessage, Named } from './maps-messages.ts'
import { OwnMap } from './own-map.ts'

export type OwnMapsPorts = {
  readonly self: Sender
  readonly log: ClusterLog
  readonly limits: MapsLimits
  readonly hashKey: HashKey | undefined
  /** To all, if no node is named. */
  readonly send: (message: MapsMessage, node?: string) => void
  readonly wake: () => void
  readonly touched: (name: string, key: string, isGone: boolean) => void
  readonly released: (map: OwnMap) => void
  readonly superseded: (map: OwnMap, by: Claim) => void
}

/** Heartbeats in one message. */
const heartbeatsMax = 64

type Asked = { readonly node: string; readonly name: string; readonly question: MapQuestion }

export class OwnMaps {
  readonly #ports: OwnMapsPorts
  readonly #maps = new Map<string, OwnMap>()
  readonly #changed = new Set<OwnMap>()
  readonly #fresh = new Set<OwnMap>()
  /** Nodes that want to hear of all maps. */
  readonly #greeted = new Set<string>()
  /** The last question of each node about each map. */
  readonly #asked = new Map<string, Asked>()

  constructor(ports: OwnMapsPorts) {
    this.#ports = ports
  }

  get(name: string): OwnMap | undefined {
    return this.#maps.get(name)
  }

  values(): Iterable<OwnMap> {
    return this.#maps.values()
  }

  get isBusy(): boolean {
    return this.#changed.size + this.#fresh.size + this.#greeted.size + this.#asked.size > 0
  }

  assertRoom(name: string): void {
    const { ownMax } = this.#ports.limits
    if (this.#maps.size >= ownMax) throw new RangeError(`${name}: this node owns ${ownMax} maps already`)
  }

  add(name: string, claim: Claim, content: MapContent | undefined): OwnMap {
    const { log, limits, hashKey, touched, wake } = this.#ports
    const { message, journal } = limits
    const source = new MapSource({ claim, message, journal, hashKey, content })
    const map = new OwnMap(name, source, {
      log,
      limits,
      changed: (map, key, isGone) => {
        touched(name, key, isGone)
        this.#changed.add(map)
        wake()
      },
      raised: (map) => {
        this.#fresh.add(map)
        wake()
      },
      release: (map) => {
        this.#remove(map)
        this.#ports.released(map)
      },
    })
    this.#maps.set(name, map)
    this.#fresh.add(map)
    wake()
    return map
  }

  /** Somebody else says what is in the map, or has a copy of what somebody else said. */
  contend(map: OwnMap, claim: Claim): void {
    const { self, superseded, log } = this.#ports
    const own = map.source.claim
    if (compareClaims(claim, own) <= 0) return
    if (claim.owner === self.node) {
      // A former process of this node said so, or another one has this node's name: that is not settled here.
      log.info({ map: map.name, life: claim.life, formerly: map.life }, 'map_life_raised')
      map.outlive(claim.life)
      return
    }
    this.#remove(map)
    superseded(map, claim)
  }

  greet(node: string): void {
    this.#greeted.add(node)
    this.#ports.wake()
  }

  ask(node: string, name: string, question: MapQuestion): void {
    const map = this.#maps.get(name)
    if (map === undefined) return
    if (question.type === 'since' && question.claim !== undefined) this.contend(map, question.claim)
    if (!this.#maps.has(name)) return
    this.#asked.set(JSON.stringify([node, name]), { node, name, question })
    this.#ports.wake()
  }

  /** Heartbeats of all maps; to all, if no node is named. One that has changes to send sends these first. */
  announce(node?: string): void {
    this.#announce([...this.#maps.values()], node)
  }

  /** What is due in this turn. */
  work(): void {
    this.#flush()
    this.#announce([...this.#fresh])
    this.#fresh.clear()
    for (const node of this.#greeted) this.announce(node)
    this.#greeted.clear()
    this.#answer()
  }

  #announce(maps: readonly OwnMap[], node?: string): void {
    const due: Named<MapHeartbeat>[] = maps
      .filter(({ source }) => !source.hasUnsent)
      .map(({ name, source }) => ({ name, statement: source.heartbeat() }))
    for (let from = 0; from < due.length; from += heartbeatsMax)
      this.#ports.send({ type: 'heartbeats', maps: due.slice(from, from + heartbeatsMax) }, node)
  }

  #flush(): void {
    const { limits, send } = this.#ports
    let ops = 0
    for (const map of this.#changed) {
      if (ops >= limits.message.opsMax) break
      const statement = map.source.takeUnsent()
      // One that has more comes after the others.
      this.#changed.delete(map)
      if (map.source.hasUnsent) this.#changed.add(map)
      if (statement === undefined) continue
      ops += statement.keys.length
      send({ type: 'statement', name: map.name, statement })
    }
  }

  #answer(): void {
    let left = this.#ports.limits.answersPerTurnMax
    for (const [id, { node, name, question }] of this.#asked) {
      if (left <= 0) break
      left -= 1
      this.#asked.delete(id)
      const statement = this.#maps.get(name)?.source.answer(question)
      if (statement !== undefined) this.#ports.send({ type: 'statement', name, statement }, node)
    }
  }

  /** Makes room for another life of the same map. */
  replace(map: OwnMap): void {
    this.#remove(map)
    map.end()
  }

  #remove(map: OwnMap): void {
    this.#maps.delete(map.name)
    this.#changed.delete(map)
    this.#fresh.delete(map)
  }
}
