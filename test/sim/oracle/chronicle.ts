/** What was done, in order, and what follows from it: who was alive when, which link was configured how, and when nothing was wrong. */
import type { Act, LinkTerms } from './acts.ts'

export type Span = { readonly fromMs: number; toMs: number }

type NodeLife = { readonly startedMs: number; endedMs: number; end: 'lives' | 'killed' | 'stopped' }

type NodeRecord = {
  readonly cluster: string
  readonly hasStore: boolean
  readonly lives: NodeLife[]
  readonly diskLost: number[]
  readonly diskFull: Span[]
}

/** Asked for at `fromMs`, done at `atMs`. */
type TermsSince = { readonly fromMs: number; readonly atMs: number; readonly terms: LinkTerms | undefined }

/** How long a change of the configuration may take to reach all nodes, if nothing is in its way. */
export const CHANGE_REACH_MS = 10_000

/** How long after it has room again something may wait to be written that found none: what failed is tried again in 5 s at the latest. */
const FULL_MS = 8_000

export class Chronicle {
  readonly acts: Act[] = []
  readonly #nodes = new Map<string, NodeRecord>()
  readonly #links = new Map<string, TermsSince[]>()
  /** By what is wrong: the last one may still last. */
  readonly #troubles = new Map<string, Span[]>()
  /** How often a trouble was begun and not ended: the same may be done twice at once. */
  readonly #depths = new Map<string, number>()
  /** Those between clients and their nodes alone. */
  readonly #ofClients = new Set<string>()
  /** Clusters that a trouble may touch. */
  readonly #touched = new Map<string, ReadonlySet<string> | undefined>()
  #quietMs: number | undefined

  /** To be called in the order of time. */
  add(act: Act): void {
    this.acts.push(act)
    switch (act.type) {
      case 'node_planned':
        this.#nodes.set(act.node, { ...act, lives: [], diskLost: [], diskFull: [] })
        return
      case 'node_started':
        this.#node(act.node).lives.push({ startedMs: act.atMs, endedMs: Infinity, end: 'lives' })
        this.#depths.set(`down:${act.node}`, 0)
        return this.#mended(`down:${act.node}`, act.atMs)
      case 'node_killed':
      case 'node_stopped': {
        const life = this.#node(act.node).lives.at(-1)
        if (life !== undefined && life.end === 'lives') {
          life.endedMs = act.atMs
          life.end = act.type === 'node_killed' ? 'killed' : 'stopped'
        }
        return this.#disturbed(`down:${act.node}`, act.atMs, [act.node])
      }
      case 'disk_lost':
        return void this.#node(act.node).diskLost.push(act.atMs)
      case 'disk_full':
        this.#node(act.node).diskFull.push({ fromMs: act.atMs, toMs: Infinity })
        return this.#disturbed(`disk:${act.node}`, act.atMs, [act.node])
      case 'disk_mended': {
        const span = this.#node(act.node).diskFull.at(-1)
        if (span !== undefined) span.toMs = act.atMs
        return this.#mended(`disk:${act.node}`, act.atMs)
      }
      case 'node_frozen':
        return this.#disturbed(`frozen:${act.node}`, act.atMs, [act.node])
      case 'node_thawed':
        return this.#mended(`frozen:${act.node}`, act.atMs)
      case 'clock_set':
        this.#disturbed(`clock:${act.node}`, act.atMs, [act.node])
        return this.#mended(`clock:${act.node}`, act.atMs)
      case 'network_disturbed':
        return this.#disturbed(`network:${act.hosts.join()}`, act.atMs, act.hosts)
      case 'network_mended':
        return this.#mended(`network:${act.hosts.join()}`, act.atMs)
      case 'coordination_disturbed':
        return this.#disturbed(`nats:${act.cluster}`, act.atMs, [act.cluster])
      case 'coordination_mended':
        return this.#mended(`nats:${act.cluster}`, act.atMs)
      case 'link_set': {
        const key = linkKey(act.cluster, act.peer)
        const since = this.#links.get(key) ?? []
        since.push({ fromMs: act.askedMs ?? act.atMs, atMs: act.atMs, terms: act.terms })
        this.#links.set(key, since)
        return
      }
      case 'outbox_purged':
      case 'link_paused':
      case 'link_resumed':
      case 'ledger_reset':
        return
      case 'quiet':
        this.#quietMs = act.atMs
    }
  }

  /** When faults and acts were over; `undefined` before. */
  get quietMs(): number | undefined {
    return this.#quietMs
  }

  get nodes(): Iterable<string> {
    return this.#nodes.keys()
  }

  nodesOf(cluster: string): string[] {
    return [...this.#nodes].filter(([, node]) => node.cluster === cluster).map(([name]) => name)
  }

  clusterOf(node: string): string {
    return this.#node(node).cluster
  }

  hasStore(node: string): boolean {
    return this.#node(node).hasStore
  }

  diskLostBetween(node: string, fromMs: number, toMs: number): boolean {
    const { hasStore, diskLost, diskFull } = this.#node(node)
    if (!hasStore || diskFull.some((span) => overlaps(span, fromMs, toMs))) return true
    return diskLost.some((atMs) => atMs >= fromMs && atMs <= toMs)
  }

  /** Since when the disk took nothing, if it took nothing then or shortly before. */
  diskFullSince(node: string, atMs: number): number | undefined {
    const { diskFull } = this.#node(node)
    return diskFull.find((span) => overlaps(span, atMs - FULL_MS, atMs))?.fromMs
  }

  /** Which process of the node ran then, counted from 0; `undefined` if none did. */
  lifeAt(node: string, atMs: number): number | undefined {
    const at = this.#node(node).lives.findLastIndex(({ startedMs, endedMs }) => startedMs <= atMs && atMs <= endedMs)
    return at < 0 ? undefined : at
  }

  life(node: string, life: number): Readonly<NodeLife> | undefined {
    return this.#node(node).lives[life]
  }

  /** Ends of processes of a cluster between two moments. */
  endsIn(cluster: string, fromMs: number, toMs: number): { readonly node: string; readonly atMs: number }[] {
    return [...this.#nodes]
      .filter(([, node]) => node.cluster === cluster)
      .flatMap(([node, { lives }]) => lives.map(({ endedMs }) => ({ node, atMs: endedMs })))
      .filter(({ atMs }) => atMs >= fromMs && atMs <= toMs)
  }

  /** Links that were ever configured. */
  *links(): Iterable<{ readonly cluster: string; readonly peer: string }> {
    for (const key of this.#links.keys()) {
      const [cluster = '', peer = ''] = key.split('>')
      yield { cluster, peer }
    }
  }

  /** `undefined`: there is no such link then. */
  termsAt(cluster: string, peer: string, atMs: number): LinkTerms | undefined {
    return this.#links.get(linkKey(cluster, peer))?.findLast((since) => since.atMs <= atMs)?.terms
  }

  /** All that may have held on some node between two moments, what was just changed before included; `undefined` where there was no link. */
  termsBetween(cluster: string, peer: string, fromMs: number, toMs: number): (LinkTerms | undefined)[] {
    const since = this.#links.get(linkKey(cluster, peer)) ?? []
    const reachMs = this.#reachBefore(fromMs)
    const within = since.filter((one, at) => {
      const nextMs = since[at + 1]?.atMs ?? Infinity
      return one.fromMs <= toMs && nextMs >= reachMs
    })
    const isNone = (since[0]?.atMs ?? Infinity) > fromMs
    return [...(isNone ? [undefined] : []), ...within.map(({ terms }) => terms)]
  }

  /** Whether the two have had links to each other, both enabled, at some moment up to then. */
  wereLinked(one: string, other: string, untilMs: number): boolean {
    const isOn = (cluster: string, peer: string): boolean =>
      (this.#links.get(linkKey(cluster, peer)) ?? []).some(
        ({ fromMs, terms }) => fromMs <= untilMs && terms?.enable === true,
      )
    return isOn(one, other) && isOn(other, one)
  }

  /** Whether anything was wrong in these clusters, or between them, at some moment of the span. */
  wasDisturbed(clusters: readonly string[], fromMs: number, toMs: number): boolean {
    for (const [trouble, spans] of this.#troubles) {
      const touched = this.#touched.get(trouble)
      if (touched !== undefined && !clusters.some((cluster) => touched.has(cluster))) continue
      if (spans.some((span) => overlaps(span, fromMs, toMs))) return true
    }
    return false
  }

  /** Whether anything was wrong within the cluster itself: not between it and another one. */
  wasDisturbedWithin(cluster: string, fromMs: number, toMs: number): boolean {
    for (const [trouble, spans] of this.#troubles) {
      const touched = this.#touched.get(trouble)
      if (touched !== undefined && !(touched.size === 1 && touched.has(cluster))) continue
      if (this.#ofClients.has(trouble)) continue
      if (spans.some((span) => overlaps(span, fromMs, toMs))) return true
    }
    return false
  }

  /** Whether something was wrong there for so long at a stretch, one trouble after the other. */
  troublesLongerThan(clusters: readonly string[], fromMs: number, toMs: number, longMs: number): boolean {
    if (toMs - fromMs < longMs) return false
    const spans = [...this.#troubles]
      .filter(([trouble]) => {
        const touched = this.#touched.get(trouble)
        return touched === undefined || clusters.some((cluster) => touched.has(cluster))
      })
      .flatMap(([, list]) => list)
      .toSorted((one, other) => one.fromMs - other.fromMs)
    let beganMs = -Infinity
    let endMs = -Infinity
    for (const span of spans) {
      if (span.fromMs > endMs + CHANGE_REACH_MS) beganMs = span.fromMs
      endMs = Math.max(endMs, span.toMs)
      if (Math.min(endMs, toMs) - Math.max(beganMs, fromMs) >= longMs) return true
    }
    return false
  }

  /** The same, but for one node's own faults. */
  wereOthersDisturbed(cluster: string, but: string, fromMs: number, toMs: number): boolean {
    for (const [trouble, spans] of this.#troubles) {
      if (trouble.endsWith(`:${but}`) && !trouble.startsWith('nats:')) continue
      if (this.#touched.get(trouble)?.has(cluster) === false) continue
      if (spans.some((span) => overlaps(span, fromMs, toMs))) return true
    }
    return false
  }

  /** Nodes of the cluster that were down or frozen at some moment of the span. */
  absentBetween(cluster: string, fromMs: number, toMs: number): string[] {
    return this.nodesOf(cluster).filter((node) =>
      [`down:${node}`, `frozen:${node}`].some((trouble) =>
        (this.#troubles.get(trouble) ?? []).some((span) => overlaps(span, fromMs, toMs)),
      ),
    )
  }

  /** When a change must have been made at the latest to hold everywhere then: before all that was in its way meanwhile. */
  #reachBefore(atMs: number): number {
    let reachMs = atMs - CHANGE_REACH_MS
    for (const spans of this.#troubles.values())
      for (const span of spans)
        if (overlaps(span, reachMs, atMs)) reachMs = Math.min(reachMs, span.fromMs - CHANGE_REACH_MS)
    return reachMs
  }

  #node(name: string): NodeRecord {
    const node = this.#nodes.get(name)
    if (node === undefined) throw new Error(`nobody planned the node ${name}`)
    return node
  }

  #disturbed(trouble: string, atMs: number, hosts: readonly string[]): void {
    const depth = (this.#depths.get(trouble) ?? 0) + 1
    this.#depths.set(trouble, depth)
    const spans = this.#troubles.get(trouble) ?? []
    this.#troubles.set(trouble, spans)
    if (depth > 1 && spans.at(-1)?.toMs === Infinity) return
    spans.push({ fromMs: atMs, toMs: Infinity })
    const names = new Set([...this.#nodes.values()].map(({ cluster }) => cluster))
    const clusters = hosts.map((host) => this.#nodes.get(host)?.cluster ?? host.replace(/^nats:/, ''))
    const touched = new Set(clusters.filter((cluster) => names.has(cluster)))
    if (touched.size > 0 && clusters.some((cluster) => !names.has(cluster))) this.#ofClients.add(trouble)
    this.#touched.set(trouble, touched.size === 0 ? undefined : touched)
  }

  #mended(trouble: string, atMs: number): void {
    const depth = (this.#depths.get(trouble) ?? 0) - 1
    this.#depths.set(trouble, Math.max(0, depth))
    const span = this.#troubles.get(trouble)?.at(-1)
    if (depth <= 0 && span !== undefined && span.toMs === Infinity) span.toMs = atMs
  }
}

function overlaps(span: Span, fromMs: number, toMs: number): boolean {
  return span.fromMs <= toMs && span.toMs >= fromMs
}

function linkKey(cluster: string, peer: string): string {
  return `${cluster}>${peer}`
}
