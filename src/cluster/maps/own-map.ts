/** A map that this node owns: what it says here, every member soon has a copy of. */
import type { MapContent } from '../../routes/map-content.ts'
import type { MapSource } from '../../routes/map-source.ts'
import type { ClusterLog } from '../cluster-log.ts'
import type { Sender } from '../coordination.ts'
import { lifeMax } from './maps-messages.ts'
import type { MapsLimits } from './maps-limits.ts'

export type OwnMapPorts = {
  readonly log: ClusterLog
  readonly limits: MapsLimits
  /** There is something to send, and to tell. */
  readonly changed: (map: OwnMap, key: string, isGone: boolean) => void
  readonly raised: (map: OwnMap) => void
  readonly release: (map: OwnMap) => void
}

const unpairedSurrogate = /\p{Surrogate}/u

export class OwnMap {
  readonly name: string
  readonly source: MapSource
  readonly #ports: OwnMapPorts
  readonly #listeners = new Set<(by: Sender) => void>()
  #isOwned = true
  #hasRefused = false

  constructor(name: string, source: MapSource, ports: OwnMapPorts) {
    this.name = name
    this.source = source
    this.#ports = ports
  }

  /** May be higher than what it was given: a former process of this node had a higher one. */
  get life(): number {
    return this.source.claim.life
  }

  get size(): number {
    return this.source.content.size
  }

  /** False once it was released, or another node has taken it over. */
  get isOwned(): boolean {
    return this.#isOwned
  }

  get content(): MapContent {
    return this.source.content
  }

  get(key: string): number | undefined {
    return this.source.content.get(key)
  }

  entries(): Iterable<readonly [string, number]> {
    return this.source.content.entries()
  }

  /**
   * Returns false if the map can't hold it: the key is too long or no Unicode text, the map is full, or this node's no more.
   * @param value a safe integer
   */
  set(key: string, value: number): boolean {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${this.name}: ${value} is no safe integer`)
    if (!this.#isOwned) return false
    if (!this.#holds(key)) return this.#refuse(key)
    if (this.source.set(key, value)) this.#ports.changed(this, key, false)
    return true
  }

  /** Returns whether it was there. */
  delete(key: string): boolean {
    if (!this.#isOwned || !this.source.delete(key)) return false
    this.#ports.changed(this, key, true)
    return true
  }

  /** Nobody speaks for the map any more. Copies stay as they are until they are dropped. */
  release(): void {
    if (!this.#isOwned) return
    this.#isOwned = false
    this.#ports.release(this)
  }

  /** Another node has taken the map over: this one has a copy of it now, and changes it no more. Returns how to stop it. */
  onSuperseded(listener: (by: Sender) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  supersede(by: Sender): void {
    this.#isOwned = false
    for (const listener of this.#listeners) listener(by)
  }

  /** Goes on under a life above this one, if it does not already. */
  outlive(life: number): void {
    if (!this.#isOwned || life < this.life || life >= lifeMax) return
    this.source.raise(life + 1)
    this.#ports.raised(this)
  }

  /** This node owns the map anew, in another one of these. */
  end(): void {
    this.#isOwned = false
  }

  #holds(key: string): boolean {
    const { entriesMax, keyBytesMax } = this.#ports.limits
    if (3 * key.length > keyBytesMax && Buffer.byteLength(key) > keyBytesMax) return false
    return (this.size < entriesMax || this.content.has(key)) && !unpairedSurrogate.test(key)
  }

  #refuse(key: string): false {
    if (!this.#hasRefused)
      this.#ports.log.warn({ map: this.name, size: this.size, keyLength: key.length }, 'map_entry_refused')
    this.#hasRefused = true
    return false
  }
}
