/**
 * Which links of a node read otherwise than before, for those who ask again and again: of 1,000 links that rest, nothing is said. The
 * links are read when somebody asks, and not twice within a moment, however many ask.
 */
import { isDeepStrictEqual } from 'node:util'
import type { LinkReading } from './readings.ts'

export type LinksSince = {
  /** Those whose reading changed since `version` was told. */
  readonly changed: readonly LinkReading[]
  readonly gone: readonly string[]
  /** Whether `changed` are all that there are: what is not named is gone. */
  readonly isWhole: boolean
  /** To be named next time. */
  readonly version: number
  /** Of the process that answers: another one counts its versions anew. */
  readonly life: number
  /** When the links were read, by a clock that is never set. */
  readonly steadyMs: number
}

/** How long one reading is good enough. */
const READ_AGAIN_MS = 250
/** Names of links that are gone which are remembered. */
const GONE_MAX = 1_000

type Known = { reading: LinkReading; version: number }

export class LinkChanges {
  readonly #read: () => Iterable<LinkReading>
  readonly #steadyMs: () => number
  readonly #life: number
  readonly #known = new Map<string, Known>()
  readonly #gone = new Map<string, number>()
  #version = 0
  /** Whoever knows less gets everything. */
  #wholeBelow = 1
  #readAtMs = Number.NEGATIVE_INFINITY

  /** @param life differs from that of every other process that had this node's name */
  constructor(read: () => Iterable<LinkReading>, steadyMs: () => number, life: number) {
    this.#read = read
    this.#steadyMs = steadyMs
    this.#life = life
  }

  /** @param version as this node told it last; 0 for everything */
  since(life: number, version: number): LinksSince {
    this.#look()
    const isWhole = life !== this.#life || version < this.#wholeBelow
    const changed: LinkReading[] = []
    for (const known of this.#known.values()) if (isWhole || known.version > version) changed.push(known.reading)
    const gone = isWhole ? [] : [...this.#gone].flatMap(([name, at]) => (at > version ? [name] : []))
    return { changed, gone, isWhole, version: this.#version, life: this.#life, steadyMs: this.#readAtMs }
  }

  #look(): void {
    const nowMs = this.#steadyMs()
    if (nowMs - this.#readAtMs < READ_AGAIN_MS) return
    this.#readAtMs = nowMs
    this.#version += 1
    const seen = new Set<string>()
    for (const reading of this.#read()) {
      seen.add(reading.name)
      const known = this.#known.get(reading.name)
      if (known !== undefined && sameReading(known.reading, reading)) continue
      this.#known.set(reading.name, { reading, version: this.#version })
      this.#gone.delete(reading.name)
    }
    for (const name of this.#known.keys()) if (!seen.has(name)) this.#forget(name)
  }

  #forget(name: string): void {
    this.#known.delete(name)
    this.#gone.set(name, this.#version)
    const oldest = this.#gone.entries().next().value
    if (this.#gone.size <= GONE_MAX || oldest === undefined) return
    this.#gone.delete(oldest[0])
    this.#wholeBelow = oldest[1]
  }
}

function sameReading(one: LinkReading, other: LinkReading): boolean {
  return (
    one.out === other.out &&
    one.in === other.in &&
    one.bytes_out === other.bytes_out &&
    one.bytes_in === other.bytes_in &&
    one.outbox === other.outbox &&
    one.enable === other.enable &&
    one.routes_ours === other.routes_ours &&
    one.routes_peers === other.routes_peers &&
    one.p50_ms === other.p50_ms &&
    one.p99_ms === other.p99_ms &&
    isDeepStrictEqual(one.state, other.state)
  )
}
