/** The copies that this node has of other nodes' maps, and what they ask for: few pieces at a time, however many maps there are. */
import type { HashKey } from '../../topics/keyed-hash.ts'
import type { MapContent } from '../../routes/map-content.ts'
import { MapCopy } from '../../routes/map-copy.ts'
import type { Claim, MapStatement } from '../../routes/map-protocol.ts'
import type { ClusterClock } from '../cluster-clock.ts'
import type { ClusterLog } from '../cluster-log.ts'
import type { Sender } from '../coordination.ts'
import { answerMs, type MapsLimits } from './maps-limits.ts'
import type { MapsMessage } from './maps-messages.ts'
import type { MapTellings } from './map-tellings.ts'

export type CopiedMap = { readonly name: string; readonly copy: MapCopy; owner: Sender }

export type CopiedMapsPorts = {
  readonly clock: ClusterClock
  readonly log: ClusterLog
  readonly limits: MapsLimits
  readonly hashKey: HashKey | undefined
  readonly tellings: MapTellings
  readonly send: (message: MapsMessage, node: string) => void
  readonly wake: () => void
}

export class CopiedMaps {
  readonly #ports: CopiedMapsPorts
  readonly #maps = new Map<string, CopiedMap>()
  /** Those that have a turn to pull, and those that wait for one. */
  readonly #pulling = new Set<CopiedMap>()
  readonly #waiting = new Set<CopiedMap>()
  readonly #sweeping = new Set<CopiedMap>()
  #isFull = false

  constructor(ports: CopiedMapsPorts) {
    this.#ports = ports
  }

  get(name: string): CopiedMap | undefined {
    return this.#maps.get(name)
  }

  values(): Iterable<CopiedMap> {
    return this.#maps.values()
  }

  get isBusy(): boolean {
    return this.#sweeping.size > 0 || (this.#waiting.size > 0 && this.#mayPull)
  }

  /** What an owner says. */
  take(from: Sender, name: string, statement: MapStatement): void {
    const map = this.#maps.get(name) ?? this.#begin(from, name)
    if (map === undefined) return
    const taken = map.copy.take(statement)
    if (taken === 'outdated') {
      // It hears by whom it was replaced, or that it has to take a higher life than a former process of its node.
      const question = map.copy.position()
      if (statement.type === 'heartbeat') this.#ports.send({ type: 'question', name, question }, from.node)
      return
    }
    for (const { key, value } of taken) this.#ports.tellings.touch(name, key, value === undefined)
    this.#follow(map)
    this.#poll(map)
  }

  /** A map that was this node's own until another one took it over. */
  adopt(name: string, content: MapContent, by: Claim): void {
    this.#add(name, { node: by.owner, boot: by.boot }, content)
  }

  /** Returns what there was. */
  remove(name: string): CopiedMap | undefined {
    const map = this.#maps.get(name)
    if (map === undefined) return undefined
    this.#maps.delete(name)
    for (const set of [this.#pulling, this.#waiting, this.#sweeping]) set.delete(map)
    this.#isFull = false
    return map
  }

  /** No answer will come: the connection was lost. */
  forgetQuestions(): void {
    for (const { copy } of this.#maps.values()) copy.forgetQuestion()
  }

  /** What was asked and never answered is asked again. */
  askAgain(): void {
    const nowMs = this.#ports.clock.steadyMs()
    for (const map of this.#pulling) {
      if (map.copy.isWaiting(nowMs)) continue
      // One whose owner is gone must not stand in the way of others.
      this.#pulling.delete(map)
      this.#waiting.add(map)
    }
    for (const map of this.#maps.values()) if (map.copy.need?.type === 'since') this.#poll(map)
    this.#startPulls()
  }

  /** What is due in this turn. */
  work(): void {
    let left = this.#ports.limits.changesPerTurnMax
    for (const map of this.#sweeping) {
      if (left <= 0) break
      const changes = map.copy.work(left)
      left -= changes.length
      for (const { key } of changes) this.#ports.tellings.touch(map.name, key, true)
      if (!map.copy.isBusy) this.#sweeping.delete(map)
    }
    this.#startPulls()
  }

  #begin(from: Sender, name: string): CopiedMap | undefined {
    const { limits, log } = this.#ports
    let ofOwner = 0
    for (const { owner } of this.#maps.values()) if (owner.node === from.node) ofOwner += 1
    if (this.#maps.size < limits.copiesMax && ofOwner < limits.copiesPerOwnerMax) return this.#add(name, from)
    if (!this.#isFull) log.warn({ map: name, node: from.node, maps: this.#maps.size, ofOwner }, 'map_copy_refused')
    this.#isFull = true
    return undefined
  }

  #add(name: string, owner: Sender, content?: MapContent): CopiedMap {
    const { limits, hashKey, tellings } = this.#ports
    const copy = new MapCopy({ entriesMax: limits.entriesMax, answerMs, hashKey, content })
    const map = { name, copy, owner }
    this.#maps.set(name, map)
    tellings.show({ name, content: copy.content, owner, isOwn: false })
    return map
  }

  /** What was said may have made another node the owner, or have left something to take away. */
  #follow(map: CopiedMap): void {
    const { name, copy, owner } = map
    const { claim } = copy
    if (claim !== undefined && (claim.owner !== owner.node || claim.boot !== owner.boot)) {
      map.owner = { node: claim.owner, boot: claim.boot }
      this.#ports.tellings.show({ name, content: copy.content, owner: map.owner, isOwn: false })
    }
    if (!copy.isBusy) return
    this.#sweeping.add(map)
    this.#ports.wake()
  }

  #poll(map: CopiedMap): void {
    const need = map.copy.need?.type
    if (need === 'pull') {
      if (!this.#pulling.has(map)) this.#waiting.add(map)
      else if (this.#mayGoOn) this.#ask(map)
      else {
        this.#pulling.delete(map)
        this.#waiting.add(map)
      }
    } else {
      this.#pulling.delete(map)
      this.#waiting.delete(map)
      if (need === 'since') this.#ask(map)
    }
    this.#startPulls()
  }

  #startPulls(): void {
    for (const map of this.#waiting) {
      if (!this.#mayPull) return
      this.#waiting.delete(map)
      if (map.copy.need?.type !== 'pull') continue
      this.#pulling.add(map)
      this.#ask(map)
    }
  }

  get #mayGoOn(): boolean {
    return this.#ports.tellings.backlog <= this.#ports.limits.backlogMax
  }

  get #mayPull(): boolean {
    return this.#mayGoOn && this.#pulling.size < this.#ports.limits.pullsMax
  }

  #ask(map: CopiedMap): void {
    const asked = map.copy.ask(this.#ports.clock.steadyMs())
    if (asked === undefined) {
      // It gave up until somebody speaks.
      if (map.copy.need === undefined) this.#pulling.delete(map)
      return
    }
    this.#ports.send({ type: 'question', name: map.name, question: asked.question }, asked.of.owner)
  }
}
