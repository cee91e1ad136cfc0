/**
 * Which topics each node would send to each peer, sample by sample: its view of the peer's routes, looked at through the topics that
 * clients really use. A filter is seen as what it does, so that any union that does the same is as good.
 */
import type { NodeFacts } from './node-facts.ts'
import { matchesAny } from './topic-match.ts'

/** A node had routes for the topic at every sample from one to the other; `toMs` is the last one. */
export type Covered = { readonly fromMs: number; toMs: number }

/** It had, and at this sample it has not. */
export type Uncovered = {
  readonly node: string
  readonly life: number
  readonly cluster: string
  readonly peer: string
  readonly topic: string
  readonly atMs: number
  readonly covered: Covered
}

type View = {
  /** What the peer's routes were when they were last looked at. */
  routes: string
  readonly topics: Map<string, Covered[]>
}

export class Coverage {
  readonly uncovered: Uncovered[] = []
  readonly #topics: readonly string[]
  readonly #views = new Map<string, View>()

  /** @param topics all that clients publish to */
  constructor(topics: readonly string[]) {
    this.#topics = topics
  }

  sample(nowMs: number, { node, life, cluster, links }: NodeFacts): void {
    for (const { name: peer, peersRoutes } of links) {
      const filters = [...peersRoutes()]
      const routes = filters.join('\n')
      const key = `${node}/${life}/${peer}`
      let view = this.#views.get(key)
      if (view === undefined) this.#views.set(key, (view = { routes: '', topics: new Map() }))
      if (routes === view.routes) {
        for (const spans of view.topics.values()) extend(spans, nowMs)
        continue
      }
      view.routes = routes
      for (const topic of this.#topics) {
        const spans = view.topics.get(topic)
        const open = openSpan(spans)
        if (matchesAny(filters, topic)) {
          if (open !== undefined) open.toMs = nowMs
          else if (spans === undefined) view.topics.set(topic, [{ fromMs: nowMs, toMs: nowMs }])
          else spans.push({ fromMs: nowMs, toMs: nowMs })
        } else if (open !== undefined && spans !== undefined) {
          this.uncovered.push({ node, life, cluster, peer, topic, atMs: nowMs, covered: { ...open } })
          spans.push(gone)
        }
      }
    }
  }

  /** The span that holds the moment, between two samples. */
  at(node: string, life: number, peer: string, topic: string, atMs: number): Covered | undefined {
    const spans = this.#views.get(`${node}/${life}/${peer}`)?.topics.get(topic)
    return spans?.find(({ fromMs, toMs }) => fromMs <= atMs && atMs <= toMs)
  }

  /** What the node would send to the peer at the last sample. */
  now(node: string, life: number, peer: string): ReadonlySet<string> {
    const topics = this.#views.get(`${node}/${life}/${peer}`)?.topics ?? new Map<string, Covered[]>()
    return new Set([...topics].filter(([, spans]) => openSpan(spans) !== undefined).map(([topic]) => topic))
  }
}

/** Stands behind a span that is over. */
const gone: Covered = { fromMs: Infinity, toMs: -Infinity }

function openSpan(spans: readonly Covered[] | undefined): Covered | undefined {
  const last = spans?.at(-1)
  return last === gone ? undefined : last
}

function extend(spans: readonly Covered[], nowMs: number): void {
  const open = openSpan(spans)
  if (open !== undefined) open.toMs = nowMs
}
