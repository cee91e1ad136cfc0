/** All links of the cluster as they are now, with rates, put together from what its nodes say has changed. */
import type { LinksSince } from './link-changes.ts'
import { mergedStatus, nodeStatus } from '../links/node-status.ts'
import { grown, type LinkReading } from './readings.ts'

/** One link in the live view; a link that is gone has its name and `removed` alone. Rates are per second. */
export type LinkRow =
  | {
      readonly name: string
      readonly status: string
      readonly reasons: readonly string[]
      readonly emqx_status: string
      readonly enable: boolean
      readonly out_rate: number
      readonly in_rate: number
      readonly bytes_out_rate: number
      readonly bytes_in_rate: number
      /** Messages that wait or fly. */
      readonly outbox: number
      readonly routes: { readonly ours: number; readonly peers: number }
      readonly p50_ms: number | null
      readonly p99_ms: number | null
    }
  | { readonly name: string; readonly removed: true }

const counts = ['out', 'in', 'bytes_out', 'bytes_in'] as const
type Rates = Record<(typeof counts)[number], number>

type OnNode = { reading: LinkReading; rates: Rates }
type NodeState = { life: number; version: number; steadyMs: number; readonly links: Map<string, OnNode> }
type Standing = { row: LinkRow; text: string; changedAt: number }

const atRest: Rates = { out: 0, in: 0, bytes_out: 0, bytes_in: 0 }

export class LinkBoard {
  readonly #nodes = new Map<string, NodeState>()
  readonly #rows = new Map<string, Standing>()
  /** Links that are gone are told of until everybody must have heard; then they are forgotten. */
  readonly #removed = new Map<string, number>()
  #turn = 0

  /** Grows with each `settle`. */
  get turn(): number {
    return this.#turn
  }

  /** What to ask a node for: what it has not told yet. */
  knownOf(node: string): { readonly life: number; readonly version: number } {
    const { life, version } = this.#nodes.get(node) ?? { life: 0, version: 0 }
    return { life, version }
  }

  /** What a node answered. */
  take(node: string, { changed, gone, isWhole, version, life, steadyMs }: LinksSince): void {
    let state = this.#nodes.get(node)
    if (state === undefined || (isWhole && state.life !== life)) {
      state = { life, version, steadyMs, links: new Map() }
      this.#nodes.set(node, state)
    }
    const seconds = (steadyMs - state.steadyMs) / 1_000
    state.version = version
    state.steadyMs = steadyMs
    // It was read for somebody else just now: rates are as they were.
    if (seconds > 0) for (const link of state.links.values()) link.rates = atRest
    for (const name of gone) state.links.delete(name)
    const named = new Set<string>()
    for (const reading of changed) {
      named.add(reading.name)
      const known = state.links.get(reading.name)
      const rates =
        known === undefined || seconds <= 0 ? (known?.rates ?? atRest) : ratesOf(known.reading, reading, seconds)
      state.links.set(reading.name, { reading, rates })
    }
    if (isWhole) for (const name of state.links.keys()) if (!named.has(name)) state.links.delete(name)
  }

  /** Nodes that are gone, or silent, have no say. */
  keepOnly(nodes: readonly string[]): void {
    for (const node of this.#nodes.keys()) if (!nodes.includes(node)) this.#nodes.delete(node)
  }

  /** All answers of this turn are there: what came of them is what `since` tells. */
  settle(): void {
    this.#turn += 1
    const onNodes = new Map<string, (OnNode & { readonly node: string })[]>()
    for (const [node, { links }] of this.#nodes)
      for (const [name, link] of links) {
        const list = onNodes.get(name)
        if (list === undefined) onNodes.set(name, [{ node, ...link }])
        else list.push({ node, ...link })
      }
    for (const [name, links] of onNodes) {
      const row = rowOf(name, links)
      const text = JSON.stringify(row)
      if (this.#rows.get(name)?.text === text) continue
      this.#rows.set(name, { row, text, changedAt: this.#turn })
      this.#removed.delete(name)
    }
    for (const name of this.#rows.keys()) {
      if (onNodes.has(name)) continue
      this.#rows.delete(name)
      this.#removed.set(name, this.#turn)
    }
  }

  /** What changed after that turn, as JSON; everything, if it is 0. `undefined` if nothing did. */
  since(turn: number): string | undefined {
    const texts: string[] = []
    for (const { text, changedAt } of this.#rows.values()) if (changedAt > turn) texts.push(text)
    if (turn > 0)
      for (const [name, at] of this.#removed) if (at > turn) texts.push(JSON.stringify({ name, removed: true }))
    return texts.length === 0 && turn > 0 ? undefined : `[${texts.join(',')}]`
  }

  /** Nobody asks any more for what was before this turn. */
  forgetBefore(turn: number): void {
    for (const [name, at] of this.#removed) if (at <= turn) this.#removed.delete(name)
  }
}

function ratesOf(before: LinkReading, now: LinkReading, seconds: number): Rates {
  const rate = (count: (typeof counts)[number]): number => grown(before[count], now[count]) / seconds
  return { out: rate('out'), in: rate('in'), bytes_out: rate('bytes_out'), bytes_in: rate('bytes_in') }
}

function rowOf(name: string, links: readonly (OnNode & { readonly node: string })[]): LinkRow {
  const sum = (value: (link: OnNode) => number): number => links.reduce((total, link) => total + value(link), 0)
  const rate = (count: (typeof counts)[number]): number => Math.round(sum(({ rates }) => rates[count]) * 10) / 10
  const max = (value: (link: OnNode) => number): number => Math.max(...links.map(value))
  const slowest = (column: 'p50_ms' | 'p99_ms'): number | null => {
    const known = links.flatMap(({ reading }) => reading[column] ?? [])
    return known.length === 0 ? null : Math.max(...known)
  }
  return {
    name,
    ...mergedStatus(links.map(({ node, reading: { state } }) => nodeStatus({ node, type: 'ok', result: state }))),
    enable: links.some(({ reading }) => reading.enable),
    out_rate: rate('out'),
    in_rate: rate('in'),
    bytes_out_rate: rate('bytes_out'),
    bytes_in_rate: rate('bytes_in'),
    outbox: sum(({ reading }) => reading.outbox),
    // All nodes have all of the peer's; ours are told by one of them for all.
    routes: { ours: max(({ reading }) => reading.routes_ours), peers: max(({ reading }) => reading.routes_peers) },
    p50_ms: slowest('p50_ms'),
    p99_ms: slowest('p99_ms'),
  }
}
