/** What the live view reads of a node. */
import type { LinksPort } from '../api/links/links-port.ts'
import type { LinkReading, NodeReading, Readings } from '../api/live/readings.ts'
import type { Broker } from '../broker/broker.ts'
import type { LinkGate } from '../link/inbound/link-gate.ts'
import type { LinkRuntime } from '../link/link-runtime.ts'
import type { LoopDelay } from './loop-delay.ts'

export type NodeForReadings = {
  readonly broker: Broker
  readonly links: LinkRuntime
  readonly gate: LinkGate
  readonly statuses: Pick<LinksPort, 'status'>
  /** Each reading ends a window of it. */
  readonly loop: Pick<LoopDelay, 'turn'>
}

export class NodeReadings implements Readings {
  readonly #broker: Broker
  readonly #links: LinkRuntime
  readonly #gate: LinkGate
  readonly #statuses: Pick<LinksPort, 'status'>
  readonly #loop: NodeForReadings['loop']

  constructor({ broker, links, gate, statuses, loop }: NodeForReadings) {
    this.#statuses = statuses
    this.#broker = broker
    this.#links = links
    this.#gate = gate
    this.#loop = loop
  }

  *links(): Iterable<LinkReading> {
    for (const name of this.#links.statuses().keys()) {
      const reading = this.#link(name)
      if (reading !== undefined) yield reading
    }
  }

  node(): NodeReading {
    const { counters } = this.#broker
    const { user, system } = process.cpuUsage()
    return {
      published: counters.published,
      delivered: counters.sent,
      connections: counters.connected.value,
      cpu_ms: (user + system) / 1_000,
      memory: process.memoryUsage.rss(),
      loop_delay_ms: this.#loop.turn(),
    }
  }

  /** It may be gone since its name was read. */
  #link(name: string): LinkReading | undefined {
    const state = this.#statuses.status(name)
    const ledger = this.#links.ledger(name)
    const view = this.#links.senderView(name)
    if (state === undefined || ledger === undefined || view === undefined) return undefined
    const inbound = this.#gate.inboundStatus(name)
    const lately = this.#links.latency(name)?.ack_last_5m
    return {
      name,
      enable: state.status !== 'stopped',
      // What it says of itself more often than it changes is told elsewhere.
      state: { status: state.status, reasons: state.reasons, planes: state.planes, paused: state.paused },
      out: ledger.delivered,
      in: inbound?.messages.accepted ?? 0,
      bytes_out: this.#links.traffic(name)?.bytes ?? 0,
      bytes_in: inbound?.bytes ?? 0,
      outbox: view.outbox.messages,
      routes_ours: this.#links.routeCount(name),
      routes_peers: inbound?.routes ?? 0,
      p50_ms: lately === undefined || lately.count === 0 ? null : lately.p50_ms,
      p99_ms: lately === undefined || lately.count === 0 ? null : lately.p99_ms,
    }
  }
}
