/**
 * The last hour of a node and of its links, a sample each ten seconds, in memory that is fixed: the charts need no database. Samples
 * are taken when the wall clock shows a multiple of the interval, so that those of several nodes stand over each other.
 */
import { grown, type LinkReading, type NodeReading, type Readings } from './readings.ts'
import { Series, Timeline } from './timeline.ts'

export const INTERVAL_MS = 10_000
/** Links beyond have no history: each takes 10 kB. */
export const LINKS_MAX = 2_000
/** Links that are read in one turn of the event loop. */
const LINKS_PER_TURN = 500

export const linkColumns = ['out', 'in', 'bytes_out', 'bytes_in', 'outbox', 'p50_ms', 'p99_ms'] as const
export const nodeColumns = ['published', 'delivered', 'connections', 'cpu', 'memory', 'loop_delay_ms'] as const

export type LinkColumn = (typeof linkColumns)[number]
export type NodeColumn = (typeof nodeColumns)[number]

/** `at`: milliseconds since 1970. `NaN` where nothing is known. */
export type SeriesOf<Column extends string> = { readonly at: number[] } & Readonly<Record<Column, number[]>>

export interface HistoryClock {
  nowMs(): number
  steadyMs(): number
  after(ms: number, call: () => void): { cancel(): void }
}

type LinkHistory = { readonly series: Series; last: LinkReading; lastSteadyMs: number; isSeen: boolean }

export class History {
  readonly #readings: Readings
  readonly #clock: HistoryClock
  readonly #defer: (call: () => void) => void
  readonly #timeline = new Timeline()
  readonly #links = new Map<string, LinkHistory>()
  readonly #node = new Series(nodeColumns.length)
  #lastNode: NodeReading | undefined
  #lastSteadyMs = 0
  #timer: { cancel(): void } | undefined
  #isStopped = false

  /** @param defer calls after the event loop has done what else there is to do */
  constructor(readings: Readings, clock: HistoryClock, defer: (call: () => void) => void) {
    this.#readings = readings
    this.#clock = clock
    this.#defer = defer
  }

  start(): void {
    // Rates need something to grow from.
    this.#sample(undefined)
    this.#arm()
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  /** Of the last so many milliseconds; `undefined` for a link without a history. */
  link(name: string, lastMs: number): SeriesOf<LinkColumn> | undefined {
    const link = this.#links.get(name)
    return link === undefined ? undefined : this.#read(link.series, linkColumns, lastMs)
  }

  node(lastMs: number): SeriesOf<NodeColumn> {
    return this.#read(this.#node, nodeColumns, lastMs)
  }

  #read<Column extends string>(series: Series, columns: readonly Column[], lastMs: number): SeriesOf<Column> {
    const { atMs: at, slots } = this.#timeline.since(this.#clock.nowMs() - lastMs)
    const values = columns.map((column, index) => [column, slots.map((slot) => series.get(index, slot))] as const)
    // Built from the columns themselves.
    return { at, ...(Object.fromEntries(values) as Record<Column, number[]>) }
  }

  #arm(): void {
    const nowMs = this.#clock.nowMs()
    this.#timer = this.#clock.after(INTERVAL_MS - (nowMs % INTERVAL_MS), () => {
      this.#arm()
      const atMs = Math.round(this.#clock.nowMs() / INTERVAL_MS) * INTERVAL_MS
      // Timers may be early by a bit.
      if (atMs !== this.#timeline.lastAtMs) this.#sample(this.#timeline.begin(atMs))
    })
  }

  #sample(slot: number | undefined): void {
    this.#sampleNode(slot)
    const readings = this.#readings.links()[Symbol.iterator]()
    for (const link of this.#links.values()) link.isSeen = false
    this.#sampleLinks(slot, readings)
  }

  #sampleLinks(slot: number | undefined, readings: Iterator<LinkReading>): void {
    for (let left = LINKS_PER_TURN; left > 0; left -= 1) {
      const next = readings.next()
      if (next.done === true) return this.#sampled(slot)
      this.#sampleLink(slot, next.value)
    }
    this.#defer(() => {
      if (!this.#isStopped) this.#sampleLinks(slot, readings)
    })
  }

  #sampleLink(slot: number | undefined, reading: LinkReading): void {
    const steadyMs = this.#clock.steadyMs()
    const known = this.#links.get(reading.name)
    if (known === undefined) {
      if (this.#links.size >= LINKS_MAX) return
      const series = new Series(linkColumns.length)
      this.#links.set(reading.name, { series, last: reading, lastSteadyMs: steadyMs, isSeen: true })
      return
    }
    const { last, lastSteadyMs } = known
    known.last = reading
    known.lastSteadyMs = steadyMs
    known.isSeen = true
    const seconds = (steadyMs - lastSteadyMs) / 1_000
    if (slot === undefined) return
    const perSecond = (name: 'out' | 'in' | 'bytes_out' | 'bytes_in'): number =>
      seconds > 0 ? grown(last[name], reading[name]) / seconds : Number.NaN
    const values: Record<LinkColumn, number> = {
      out: perSecond('out'),
      in: perSecond('in'),
      bytes_out: perSecond('bytes_out'),
      bytes_in: perSecond('bytes_in'),
      outbox: reading.outbox,
      p50_ms: reading.p50_ms ?? Number.NaN,
      p99_ms: reading.p99_ms ?? Number.NaN,
    }
    for (const [column, name] of linkColumns.entries()) known.series.set(column, slot, values[name])
  }

  #sampled(slot: number | undefined): void {
    for (const [name, { isSeen }] of this.#links) if (!isSeen) this.#links.delete(name)
    if (slot !== undefined) this.#timeline.end()
  }

  #sampleNode(slot: number | undefined): void {
    const reading = this.#readings.node()
    const steadyMs = this.#clock.steadyMs()
    const ms = steadyMs - this.#lastSteadyMs
    const last = this.#lastNode
    this.#lastNode = reading
    this.#lastSteadyMs = steadyMs
    if (slot === undefined || last === undefined) return
    const perSecond = (before: number, now: number): number => (ms > 0 ? (grown(before, now) * 1_000) / ms : Number.NaN)
    const values: Record<NodeColumn, number> = {
      published: perSecond(last.published, reading.published),
      delivered: perSecond(last.delivered, reading.delivered),
      connections: reading.connections,
      cpu: perSecond(last.cpu_ms, reading.cpu_ms) / 10,
      memory: reading.memory,
      loop_delay_ms: reading.loop_delay_ms,
    }
    for (const [column, name] of nodeColumns.entries()) this.#node.set(column, slot, values[name])
  }
}
