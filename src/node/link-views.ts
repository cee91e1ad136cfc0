/** What the API looks at inside a link of this node. */
import type { DriftPort } from '../api/links/drift-api.ts'
import type { LanesOnNode } from '../api/links/lanes-api.ts'
import { Paces } from '../api/links/paces.ts'
import type { ProgressOnNode } from '../api/links/progress-api.ts'
import type { RoutesPort } from '../api/links/routes-api.ts'
import type { Config } from '../config/config.ts'
import type { LinkGate } from '../link/inbound/link-gate.ts'
import type { LinkRuntime } from '../link/link-runtime.ts'
import { features, versionMax } from '../link/native/greeting.ts'

/** How often progress is looked at, whether or not somebody asks, milliseconds. */
const LOOK_MS = 1_000

export interface LookClock {
  steadyMs(): number
  after(ms: number, call: () => void): { cancel(): void }
}

export function routesOf(links: LinkRuntime, gate: LinkGate): RoutesPort {
  return {
    peers: (link) => {
      const count = gate.inboundStatus(link)?.routes
      return count === undefined ? undefined : { count, filters: gate.routesOf(link) }
    },
    ours: (link) => {
      const filters = links.routesOf(link)
      return filters === undefined ? undefined : { count: links.routeCount(link), filters }
    },
    speaker: (link) => links.status(link)?.speaker,
  }
}

export function lanesOf(links: LinkRuntime, gate: LinkGate, link: string): LanesOnNode | null {
  const out = links.lanesOf(link)
  if (out === undefined) return null
  const marks = [...gate.marksOf(link)].flatMap(([from, known]) =>
    known.map(({ epoch, lane, sequence, isSure }) => ({ from, epoch, lane, sequence, is_sure: isSure })),
  )
  return { out, in: marks }
}

export function driftPort(config: () => Config, links: LinkRuntime, gate: LinkGate): DriftPort {
  return {
    speaker: (link) => links.status(link)?.speaker,
    facts: (name) => {
      const { cluster, mqtt } = config()
      const link = cluster.links.find((one) => one.name === name)
      const status = links.status(name)
      if (link === undefined || status === undefined) return undefined
      const inbound = gate.inboundStatus(name)
      const peer = status.peer ?? inbound?.side
      const phase = status.planes?.routeSync.state
      return {
        cluster: cluster.name,
        peer: name,
        topics: link.topics,
        enable: link.enable,
        pausedBy: links.pauseOf(name)?.by,
        routes: { ours: links.routeCount(name), confirmed: links.confirmedRoutes(name) },
        peersRoutes: inbound?.routes ?? 0,
        isAccepted: phase === 'syncing' || phase === 'degraded' || phase === 'bootstrapping',
        isPeerAccepted: (inbound?.actors.length ?? 0) > 0 && inbound?.dismissed !== true,
        refusal: inbound?.lastRefusal?.words,
        dialect: { ours: links.senderView(name)?.dialect, peers: gate.dialectOf(name) },
        version: { ours: versionMax, peers: peer?.version },
        features: { ours: features, common: peer?.features },
        frameBytesMax: { ours: mqtt.max_packet_size, peers: peer?.frameBytesMax },
        clockOffsetMs: links.probe(name)?.clock_offset_ms ?? undefined,
        ledger: { delivered: links.ledger(name)?.delivered ?? 0, accepted: inbound?.messages.accepted ?? 0 },
      }
    },
  }
}

/** Knows how fast it goes from when it began on, because it looks. */
export class LinkProgress {
  readonly #links: LinkRuntime
  readonly #clock: LookClock
  readonly #paces = new Paces()
  #timer: { cancel(): void } | undefined

  constructor(links: LinkRuntime, clock: LookClock) {
    this.#links = links
    this.#clock = clock
  }

  start(): void {
    this.#timer = this.#clock.after(LOOK_MS, () => {
      this.start()
      for (const [name, { progress }] of this.#links.statuses()) if (progress !== undefined) this.#routes(name)
    })
  }

  stop(): void {
    this.#timer?.cancel()
  }

  of(link: string): ProgressOnNode | null {
    const view = this.#links.senderView(link)
    if (view === undefined) return null
    const { backlog } = view
    return {
      routes: this.#routes(link),
      backlog:
        backlog === undefined
          ? null
          : {
              messages: backlog.messages,
              bytes: backlog.bytes,
              per_second: backlog.perSecond,
              seconds_left: backlog.secondsLeft ?? null,
            },
      retained: this.#retained(link),
    }
  }

  #routes(link: string): ProgressOnNode['routes'] {
    const progress = this.#links.status(link)?.progress
    const name = `routes ${link}`
    if (progress === undefined) {
      this.#paces.end(name)
      return null
    }
    const { told: sent, total } = progress
    return { sent, total, ...this.#paces.look(name, sent, Math.max(0, total - sent), this.#clock.steadyMs()) }
  }

  #retained(link: string): ProgressOnNode['retained'] {
    const progress = this.#links.retainedProgress(link)
    const name = `retained ${link}`
    if (progress === undefined || progress.routes + progress.topics === 0) {
      this.#paces.end(name)
      return null
    }
    const { routes, topics, told: sent } = progress
    return { sent, routes, topics, ...this.#paces.look(name, sent, topics, this.#clock.steadyMs()) }
  }
}
