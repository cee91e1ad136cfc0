/** What this node knows of one of its links, for the doctor. */
import type { Broker } from '../broker/broker.ts'
import type { Config } from '../config/config.ts'
import type { LinkGate } from '../link/inbound/link-gate.ts'
import type { LinkFailure } from '../link/link-failure.ts'
import type { LinkRuntime } from '../link/link-runtime.ts'
import type { LinkOnNode, Recent, TopicOnNode, Trouble } from '../link/doctor/link-on-node.ts'
import type { TransitionHistory } from '../transitions/transition-history.ts'
import { peersRouteOf, routeHolding, subscriberOf } from './topic-on-node.ts'

export type NodeForDoctor = {
  readonly config: () => Config
  readonly broker: Broker
  readonly links: LinkRuntime
  readonly gate: LinkGate
  readonly history: TransitionHistory
  readonly clock: { nowMs(): number; steadyMs(): number }
}

/** How far back lost connections are told. */
const RECENT_MINUTES = 15
const STRANGERS_MAX = 5

/** `undefined` for a link that this node does not have. */
export async function linkOnNode(
  parts: NodeForDoctor,
  name: string,
  topic: string | undefined,
): Promise<LinkOnNode | undefined> {
  const { config, links, gate, clock } = parts
  const link = config().cluster.links.find((one) => one.name === name)
  const status = links.status(name)
  const ledger = links.ledger(name)
  const view = links.senderView(name)
  if (link === undefined || status === undefined || ledger === undefined || view === undefined) return undefined
  const pause = links.pauseOf(name)
  const side = status.peer ?? gate.inboundStatus(name)?.side
  const ageMs = links.outboxAgeMs(name)
  return {
    node: config().node.name,
    state: status.state,
    reasons: [...status.reasons],
    speaker: status.speaker ?? null,
    ...planesOf(status.planes),
    inbound: inboundOf(gate, name),
    strangers: [...gate.strangers()]
      .slice(-STRANGERS_MAX)
      .map(([cluster, { reason, words, clientId, remoteAddress }]) => ({
        cluster,
        reason,
        words,
        clientId,
        remoteAddress,
      })),
    peer: side === undefined ? null : { node: side.node, version: side.version, features: [...side.features] },
    dialect: { ours: view.dialect ?? null, peers: gate.dialectOf(name) ?? null },
    pause: pause === undefined ? null : { by: pause.by, sinceMs: pause.atMs },
    outbox: { ...view.outbox, oldestMs: ageMs === undefined ? null : Math.round(ageMs), overflow: link.overflow },
    ledger,
    routes: { ours: links.routeCount(name), confirmed: links.confirmedRoutes(name) ?? null },
    clockOffsetMs: links.probe(name)?.clock_offset_ms ?? null,
    recent: recentOf(parts, name),
    ...(topic === undefined ? {} : { topic: await topicOf(parts, name, topic, () => clock.steadyMs()) }),
  }
}

function planesOf(
  planes: NonNullable<ReturnType<LinkRuntime['status']>>['planes'],
): Pick<LinkOnNode, 'routeSync' | 'forwarding'> {
  if (planes === undefined) return { routeSync: null, forwarding: null }
  const { routeSync, forwarding } = planes
  const { state, connections, up } = forwarding
  return {
    routeSync: { phase: routeSync.state, ...troubleOf(routeSync.failure) },
    forwarding: { state, connections, up, ...troubleOf(forwarding.failure) },
  }
}

function troubleOf(failure: LinkFailure | undefined): { readonly trouble?: Trouble } {
  if (failure === undefined) return {}
  const { cause, reason, reasonCode, rejection } = failure
  return {
    trouble: {
      cause,
      reason,
      ...(reasonCode === undefined ? {} : { reasonCode }),
      ...(rejection === undefined ? {} : { rejection }),
    },
  }
}

function inboundOf(gate: LinkGate, name: string): LinkOnNode['inbound'] {
  const status = gate.inboundStatus(name)
  const { state } = gate.inboundFact(name)
  const { lastRefusal: refusal, farewell, routes = 0 } = status ?? {}
  return {
    state,
    routes,
    ...(farewell === undefined ? {} : { farewell }),
    ...(refusal === undefined
      ? {}
      : {
          refusal: {
            reason: refusal.reason,
            words: refusal.words,
            clientId: refusal.clientId,
            remoteAddress: refusal.remoteAddress,
          },
        }),
  }
}

/** Ends of connections as their actors saw them. */
function recentOf({ history, clock }: NodeForDoctor, name: string): Recent {
  const sinceMs = clock.nowMs() - RECENT_MINUTES * 60_000
  let disconnects = 0
  let last: Recent['last']
  for (const actor of history.ids()) {
    if (actor !== `${name}/route-sync` && !actor.startsWith(`${name}/forwarding/`)) continue
    for (const { atMs, event, reason } of history.of(actor)) {
      if (atMs < sinceMs || reason === undefined || !isEnd(event)) continue
      disconnects += 1
      if (last === undefined || atMs >= last.atMs) last = { atMs, actor, reason }
    }
  }
  return { minutes: RECENT_MINUTES, disconnects, ...(last === undefined ? {} : { last }) }
}

const isEnd = (event: string): boolean => event === 'disconnected' || event === 'down'

async function topicOf(
  { broker, links }: NodeForDoctor,
  name: string,
  topic: string,
  steadyMs: () => number,
): Promise<TopicOnNode> {
  return {
    peersRoute: (await peersRouteOf(broker, name, topic)) ?? null,
    subscriber: (await subscriberOf(broker, topic)) ?? null,
    ourRoute: (await routeHolding(links.routesOf(name) ?? [], topic, steadyMs)) ?? null,
  }
}
