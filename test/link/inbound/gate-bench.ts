/** A gate with everything around it made up: a clock that stands still, a broker that only remembers, clients that only listen. */
import type { LinkConfig } from '../../../src/config/config.ts'
import type { DurableLinks } from '../../../src/link/durable/durable-links.ts'
import type { Sharing } from '../../../src/link/inbound/sharing-port.ts'
import { LinkGate } from '../../../src/link/inbound/link-gate.ts'
import type { LinkClient, RouteSink } from '../../../src/link/broker-port.ts'
import type { Message, QoS } from '../../../src/packets/message.ts'
import { matches } from '../../../src/topics/match.ts'

export class GateBench {
  readonly links = new Map<string, LinkConfig>()
  readonly sinks = new Map<string, RouteSink>()
  readonly clock = new StillClock()
  /** Filters of local subscribers. */
  readonly subscribers: string[] = []
  readonly delivered: Message[] = []
  readonly logged: string[] = []
  readonly changed: string[] = []
  /** What the broker was told, as `filter > sink`. */
  readonly attached = new Set<string>()
  /** How long the broker takes to attach a route, milliseconds. */
  attachMs = 0
  readonly gate: LinkGate

  constructor(localCluster: string, sharing?: Sharing, durable?: DurableLinks) {
    this.gate = new LinkGate({
      localCluster,
      self: sharing?.self ?? { node: `${localCluster}@127.0.0.1`, boot: '1' },
      clock: this.clock,
      broker: {
        addRoute: (topicFilter, sink) => {
          const route = `${topicFilter} > ${sink.id}`
          this.clock.spend(this.attachMs)
          if (this.attached.has(route)) throw new Error(`${route} was there already`)
          this.attached.add(route)
        },
        removeRoute: (topicFilter, sink) => {
          if (!this.attached.delete(`${topicFilter} > ${sink.id}`)) throw new Error(`${topicFilter} was not there`)
        },
        deliver: (message) => {
          this.delivered.push(message)
          return this.subscribers.filter((topicFilter) => matches(message.topic, topicFilter)).length
        },
      },
      link: (peer) => this.links.get(peer),
      sinkOf: (peer) => this.sinks.get(peer),
      links: () => this.links.keys(),
      routes: () => durable,
      ...(sharing === undefined ? {} : { sharing }),
      log: {
        debug: () => undefined,
        info: (_, event) => this.logged.push(event),
        warn: (_, event) => this.logged.push(event),
      },
      changed: (peer) => this.changed.push(peer),
    })
  }

  /** Adds or changes a link, as somebody editing the configuration would. */
  setLink(name: string, change: Partial<LinkConfig> = {}): void {
    this.links.set(name, { ...(this.links.get(name) ?? linkTo(name)), ...change })
    if (!this.sinks.has(name)) this.sinks.set(name, sinkTo(name))
    this.gate.linksChanged()
  }

  deleteLink(name: string): void {
    this.links.delete(name)
    this.sinks.delete(name)
    this.gate.linksChanged()
  }

  /** Filters that the peer's messages are gathered under, sorted. */
  routes(peer: string): string[] {
    return Array.from(this.attached, (route) => route.split(' > '))
      .flatMap(([topicFilter = '', sink]) => (sink === peer ? [topicFilter] : []))
      .toSorted()
  }
}

export function sinkTo(id: string): RouteSink {
  return { id, accept: () => undefined }
}

/** A link with defaults that a test seldom looks at. */
export function linkTo(name: string): LinkConfig {
  return {
    name,
    enable: true,
    server: '127.0.0.1:1',
    clientid: 'link',
    ssl: { enable: false, verify: 'verify_none' },
    topics: ['#'],
    pool_size: 1,
    retry_interval: 15_000,
    max_inflight: 32,
    tcp_opts: { nodelay: true, keepalive: true },
    resource_opts: {
      worker_pool_size: 1,
      health_check_interval: 15_000,
      start_timeout: 5_000,
      request_ttl: Infinity,
      inflight_window: 100,
      max_buffer_bytes: 1_000_000,
      max_buffer_messages: Infinity,
    },
    actor_ttl: 30_000,
    stale_ttl: 86_400_000,
    dialect: 'auto',
    durable: false,
    overflow: 'drop_oldest',
    retained: 'live',
    compression: 'off',
  }
}

export class BenchClient implements LinkClient {
  readonly clientId: string
  readonly protocolVersion: 3 | 4 | 5
  readonly username: string | undefined
  readonly certificateCommonName: string | undefined
  /** As on a broker without authentication and rules. */
  brokerIsOpen = true
  rules: ReturnType<LinkClient['verdict']> = 'unsaid'
  readonly remoteAddress = '127.0.0.1:1'
  readonly sent: Parameters<LinkClient['send']>[0][] = []
  disconnected: { readonly reasonCode: number; readonly reasonString: string } | undefined

  constructor(
    clientId: string,
    protocolVersion: 3 | 4 | 5 = 5,
    proved: { readonly username?: string; readonly certificateCommonName?: string } = {},
  ) {
    this.clientId = clientId
    this.protocolVersion = protocolVersion
    this.username = proved.username
    this.certificateCommonName = proved.certificateCommonName
  }

  verdict(): ReturnType<LinkClient['verdict']> {
    return this.rules
  }

  send(packet: Parameters<LinkClient['send']>[0]): void {
    this.sent.push(packet)
  }

  disconnect(reasonCode: number, reasonString = ''): void {
    this.disconnected = { reasonCode, reasonString }
  }
}

export function publishOf(topic: string, payload: Buffer, more: Partial<Message> = {}): Message {
  const qos: QoS = 1
  return {
    topic,
    payload,
    qos,
    retain: false,
    properties: undefined,
    from: 'peer',
    username: undefined,
    peerHost: '127.0.0.1',
    timestampMs: 0,
    origin: undefined,
    ...more,
  }
}

export class StillClock {
  #nowMs = 1_795_289_000_000
  /** Timers that were ever set. */
  started = 0
  readonly #timers = new Set<{ readonly atMs: number; readonly call: () => void }>()

  get armed(): number {
    return this.#timers.size
  }

  nowMs(): number {
    return this.#nowMs
  }

  after(ms: number, call: () => void): { cancel(): void } {
    const timer = { atMs: this.#nowMs + ms, call }
    this.#timers.add(timer)
    this.started += 1
    return { cancel: () => this.#timers.delete(timer) }
  }

  /** Time that goes by within one turn of the event loop: no timer fires. */
  spend(ms: number): void {
    this.#nowMs += ms
  }

  /** Lets so much time pass; timers fire in their order, at their time. */
  pass(ms: number): void {
    const endMs = this.#nowMs + ms
    for (;;) {
      const due = [...this.#timers].filter(({ atMs }) => atMs <= endMs).toSorted((a, b) => a.atMs - b.atMs)[0]
      if (due === undefined) break
      this.#timers.delete(due)
      this.#nowMs = Math.max(this.#nowMs, due.atMs)
      due.call()
    }
    this.#nowMs = endMs
  }
}
