/**
 * A run that never happened, written by hand: two linked clusters of one node each, a publisher in the first, and a subscriber with a
 * kept session in both. All goes well, unless a test plants something.
 */
import type { InboundLedgerSnapshot } from '../../../src/lanes/inbound-ledger.ts'
import type { LedgerSnapshot } from '../../../src/lanes/ledger.ts'
import type { QoS } from '../../../src/packets/message.ts'
import type { Arrival, ClientIdentity, ConnectionRecord, PublishedMessage, SessionRecord } from '../clients/history.ts'
import { History } from '../clients/history.ts'
import type { Act, LinkTerms } from './acts.ts'
import type { LinkFacts, NodeFacts } from './node-facts.ts'
import { Oracle } from './oracle.ts'
import type { Invariant, Violation } from './violation.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
export type PlantedLink = Mutable<LinkFacts> & { routes: string[] }
export type PlantedNode = Omit<Mutable<NodeFacts>, 'links'> & { links: PlantedLink[] }

export const terms: LinkTerms = {
  enable: true,
  topics: ['t/#'],
  durable: false,
  retained: 'live',
  overflow: 'drop_oldest',
  dialect: 'auto',
  bufferBytesMax: 1_000_000,
  bufferMessagesMax: Infinity,
  requestTtlMs: Infinity,
  staleTtlMs: 86_400_000,
}

/** The account of a link, with 0 for what is left out. */
export function ledgerOf(counts: Partial<LedgerSnapshot>): LedgerSnapshot {
  return { matched: 0, delivered: 0, inflight: 0, queued: 0, dropped: {}, failed: {}, retried: 0, ...counts }
}

/** The same of what came from the peer. */
export function inboundOf(counts: Partial<InboundLedgerSnapshot>): InboundLedgerSnapshot {
  const none = { received: 0, accepted: 0, maybe_duplicate: 0, duplicate: 0 }
  return { ...none, not_in_topics: 0, link_disabled: 0, malformed: 0, ...counts }
}

export class PlantedRun {
  nowMs = 0
  readonly history = new History()
  readonly found: Violation[] = []
  readonly a: PlantedNode = plantedNode('a1', 'a', 'b', ['t/#'])
  readonly b: PlantedNode = plantedNode('b1', 'b', 'a', [])
  readonly publisher: ClientIdentity = { clientId: 'publisher', cluster: 'a' }
  readonly home: SessionRecord
  readonly away: SessionRecord
  /** Of nodes that don't answer. */
  readonly silent = new Set<string>()
  readonly oracle: Oracle

  constructor(topics = ['t/1', 't/2', 'u/1']) {
    const nodes = [this.a, this.b].map((facts) => ({
      node: facts.node,
      cluster: facts.cluster,
      facts: () =>
        this.silent.has(facts.node) ? undefined : { ...facts, links: facts.links.map((link) => ({ ...link })) },
    }))
    this.oracle = new Oracle({ history: this.history, nodes, topics })
    for (const [node, cluster] of [
      ['a1', 'a'],
      ['b1', 'b'],
    ] as const) {
      this.act({ type: 'node_planned', atMs: 0, node, cluster, hasStore: true })
      this.act({ type: 'node_started', atMs: 0, node })
    }
    this.act({ type: 'link_set', atMs: 0, cluster: 'a', peer: 'b', terms: { ...terms, topics: [] } })
    this.act({ type: 'link_set', atMs: 0, cluster: 'b', peer: 'a', terms })
    this.home = this.session('at-home', 'a', 'a1')
    this.away = this.session('far-away', 'b', 'b1')
    // What a subscriber wants is there for long before the first message.
    this.pass(1_000)
    this.pass(40_000)
  }

  act(act: Act): void {
    this.oracle.acted(act)
  }

  /** So much time, then a look at all nodes. */
  pass(ms = 1_000): void {
    this.nowMs += ms
    this.found.push(...this.oracle.step(this.nowMs))
  }

  session(clientId: string, cluster: string, node: string, filter = 't/#', qos: QoS = 2): SessionRecord {
    const client = { clientId, cluster }
    const session: SessionRecord = {
      number: this.history.sessions.length,
      client,
      startedMs: this.nowMs,
      isKept: true,
      expirySeconds: 3_600,
      subscriptions: [],
      connections: [this.connection(client, node)],
      endedMs: undefined,
      end: undefined,
    }
    const shareName = filter.startsWith('$share/') ? filter.split('/')[1] : undefined
    session.subscriptions.push({
      session,
      filter,
      topicFilter: shareName === undefined ? filter : filter.split('/').slice(2).join('/'),
      shareName,
      qos,
      noLocal: false,
      sentMs: this.nowMs,
      grantedMs: this.nowMs,
      refusedWith: undefined,
      endedMs: undefined,
    })
    this.history.sessions.push(session)
    return session
  }

  connection(client: ClientIdentity, node: string): ConnectionRecord {
    const connection: ConnectionRecord = {
      number: this.history.connections.length,
      client,
      node,
      openedMs: this.nowMs,
      acceptedMs: this.nowMs,
      reasonCode: 0,
      sessionPresent: false,
      closedMs: undefined,
      disconnectedWith: undefined,
      heardMs: this.nowMs,
      inflightMax: 0,
      receiveMaximum: 10,
    }
    this.history.connections.push(connection)
    return connection
  }

  /** Published at a1 and acknowledged, if nothing else is said; then a look at all nodes. */
  publish(topic = 't/1', qos: QoS = 1, isAcknowledged = true): PublishedMessage {
    const message = this.history.published({
      publisher: this.publisher,
      topic,
      qos,
      retain: false,
      expirySeconds: undefined,
      isWill: false,
    })
    message.sends.push({ atMs: this.nowMs, node: 'a1', connection: 99, isRepeat: false })
    if (isAcknowledged) message.acknowledgedMs = this.nowMs + 1
    this.pass()
    return message
  }

  arrive(message: PublishedMessage, session: SessionRecord, changed: Partial<Arrival> = {}): Arrival {
    const [connection] = session.connections
    const arrival: Arrival = {
      number: message.number,
      session,
      atMs: this.nowMs,
      node: connection?.node ?? '',
      connection: connection?.number ?? 0,
      topic: message.topic,
      qos: message.qos,
      isRepeat: false,
      isRetained: false,
      ...changed,
    }
    this.history.arrivals.push(arrival)
    return arrival
  }

  /** Published, and got by both subscribers. */
  deliver(topic?: string, qos?: QoS): PublishedMessage {
    const message = this.publish(topic, qos)
    this.arrive(message, this.home)
    this.arrive(message, this.away)
    return message
  }

  get toB(): PlantedLink {
    return linkOf(this.a)
  }

  get toA(): PlantedLink {
    return linkOf(this.b)
  }

  /** Names of what does not hold, each once; by default after faults were over for long enough. */
  verdict(isOver = true): Invariant[] {
    if (isOver) {
      this.act({ type: 'quiet', atMs: this.nowMs })
      this.pass(61_000)
    }
    this.found.push(...this.oracle.end(this.nowMs))
    return [...new Set(this.found.map(({ invariant }) => invariant))]
  }
}

function linkOf({ links: [link] }: PlantedNode): PlantedLink {
  if (link === undefined) throw new Error('a planted node has a link')
  return link
}

function plantedNode(node: string, cluster: string, peer: string, routes: string[]): PlantedNode {
  const link: PlantedLink = {
    name: peer,
    state: 'running',
    reasons: [],
    speaker: undefined,
    dialect: 'native',
    peerDialect: 'native',
    ledger: { matched: 0, delivered: 0, inflight: 0, queued: 0, dropped: {}, failed: {}, retried: 0 },
    inbound: {
      received: 0,
      accepted: 0,
      maybe_duplicate: 0,
      duplicate: 0,
      not_in_topics: 0,
      link_disabled: 0,
      malformed: 0,
    },
    outbox: { messages: 0, bytes: 0, fill: 0 },
    routes,
    peersRoutes: () => link.routes,
    peersRouteCount: 0,
    ourRoutes: () => [],
  }
  return { node, cluster, life: 0, links: [link], losses: {}, lanes: [], leases: [], slot: undefined, alarms: [] }
}
