/** The links of a node as the API asks for them. */
import type { LinkMetricsOnNode } from '../api/links/link-metrics.ts'
import type { LinksPort } from '../api/links/links-port.ts'
import type { LinkOnNode, Planes } from '../api/links/node-status.ts'
import type { DecideLinks } from '../cluster/config/link-edits.ts'
import type { Config, LinkConfig } from '../config/config.ts'
import { InboundLedger } from '../lanes/inbound-ledger.ts'
import type { LinkGate } from '../link/inbound/link-gate.ts'
import type { LinkRuntime } from '../link/link-runtime.ts'
import type { LinkStatus } from '../link/status.ts'
import { LinkRates } from '../metrics/link-rates.ts'

export type NodeForLinks = {
  readonly config: () => Config
  readonly links: LinkRuntime
  readonly gate: LinkGate
  readonly changeLinks: (decide: DecideLinks) => Promise<readonly LinkConfig[]>
  readonly clock: { steadyMs(): number; after(ms: number, call: () => void): { cancel(): void } }
}

export class LinksOfNode implements LinksPort {
  readonly cluster: string
  readonly #node: NodeForLinks
  readonly #rates: LinkRates

  constructor(node: NodeForLinks) {
    this.#node = node
    const { config, clock, links } = node
    this.cluster = config().cluster.name
    this.#rates = new LinkRates({ clock, matched: () => matchedOf(links) })
  }

  start(): void {
    this.#rates.start()
  }

  stop(): void {
    this.#rates.stop()
  }

  configs(): readonly LinkConfig[] {
    return this.#node.config().cluster.links
  }

  change(decide: DecideLinks): Promise<readonly LinkConfig[]> {
    return this.#node.changeLinks(decide)
  }

  status(name: string): LinkOnNode | undefined {
    const { links, gate } = this.#node
    const status = links.status(name)
    if (status === undefined) return undefined
    const peer = status.peer ?? gate.inboundStatus(name)?.side
    const dialect = gate.dialectOf(name)
    const probe = links.probe(name)
    return {
      status: status.state,
      reasons: [...status.reasons],
      planes: this.#planesOf(name, status),
      paused: links.pauseOf(name) !== undefined,
      ...(status.speaker === undefined ? {} : { speaker: status.speaker }),
      ...(peer === undefined ? {} : { peer: { node: peer.node, version: peer.version } }),
      ...(dialect === undefined ? {} : { peer_dialect: dialect }),
      ...(probe === undefined ? {} : { probe }),
    }
  }

  metrics(name: string): LinkMetricsOnNode | undefined {
    const { links, gate } = this.#node
    const link = this.configs().find((one) => one.name === name)
    const ledger = links.ledger(name)
    const view = links.senderView(name)
    if (link === undefined || ledger === undefined || view === undefined) return undefined
    const inbound = gate.inboundStatus(name)
    const probe = links.probe(name)
    const ageMs = links.outboxAgeMs(name)
    const { max_buffer_messages, max_buffer_bytes } = link.resource_opts
    return {
      ledger,
      inbound: inbound?.messages ?? new InboundLedger().snapshot(),
      rates: this.#rates.of(name),
      outbox: {
        messages: view.outbox.messages,
        bytes: view.outbox.bytes,
        oldest_ms: ageMs === undefined ? null : Math.round(ageMs),
        max_messages: Number.isFinite(max_buffer_messages) ? max_buffer_messages : null,
        max_bytes: max_buffer_bytes,
        above_mark: links.outboxAboveMark(name) !== undefined,
      },
      bytes: { out: links.traffic(name)?.bytes ?? 0, in: inbound?.bytes ?? 0 },
      routes: { ours: links.routeCount(name), peers: inbound?.routes ?? 0 },
      latency: { ack: links.latency(name)?.ack ?? null },
      ...(probe === undefined ? {} : { probe }),
    }
  }

  resetMetrics(name: string): boolean {
    const { links, gate } = this.#node
    if (links.status(name) === undefined) return false
    links.resetLedger(name)
    gate.resetMessages(name)
    this.#rates.reset(name, links.ledger(name)?.matched ?? 0)
    return true
  }

  /** The peer may come to us also while our own half of the link does not run. */
  #planesOf(name: string, { state, planes }: LinkStatus): Planes {
    if (planes !== undefined) {
      // The reasons say it for people.
      const { failure: _, ...routeSync } = planes.routeSync
      const { failure: _sending, ...forwarding } = planes.forwarding
      return { route_sync: routeSync, forwarding, inbound: planes.inbound }
    }
    return {
      route_sync: { state },
      forwarding: { state, connections: 0, up: 0 },
      inbound: { state: this.#node.gate.inboundFact(name).state },
    }
  }
}

function* matchedOf(links: LinkRuntime): Iterable<readonly [link: string, count: number]> {
  for (const name of links.statuses().keys()) yield [name, links.ledger(name)?.matched ?? 0]
}
