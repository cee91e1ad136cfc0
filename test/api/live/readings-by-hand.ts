/** Readings that a test sets. */
import type { LinkOnNode } from '../../../src/api/links/node-status.ts'
import type { LinkReading, NodeReading, Readings } from '../../../src/api/live/readings.ts'

/** A link that rests, but for what is said of it. */
export function linkReading(name: string, over: Partial<LinkReading> = {}): LinkReading {
  return {
    name,
    enable: true,
    state: linkState('running'),
    out: 0,
    in: 0,
    bytes_out: 0,
    bytes_in: 0,
    outbox: 0,
    routes_ours: 0,
    routes_peers: 0,
    p50_ms: null,
    p99_ms: null,
    ...over,
  }
}

export function linkState(status: LinkOnNode['status'], reasons: readonly string[] = []): LinkOnNode {
  const up = status === 'running' ? 1 : 0
  return {
    status,
    reasons,
    planes: {
      route_sync: { state: 'syncing' },
      forwarding: { state: up === 1 ? 'up' : 'down', connections: 1, up },
      inbound: { state: 'live' },
    },
    paused: false,
  }
}

export class ReadingsByHand implements Readings {
  links_: readonly LinkReading[] = []
  node_: NodeReading = { published: 0, delivered: 0, connections: 0, cpu_ms: 0, memory: 0, loop_delay_ms: 0 }
  /** How often the links were read. */
  reads = 0

  links(): Iterable<LinkReading> {
    this.reads += 1
    return this.links_
  }

  node(): NodeReading {
    return this.node_
  }
}
