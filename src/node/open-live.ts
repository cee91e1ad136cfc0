/** Ties the live view and the charts to a node. */
import { randomInt } from 'node:crypto'
import type { Credentials } from '../api/access/access-hook.ts'
import type { ApiPart } from '../api/api-server.ts'
import { historyApi } from '../api/live/history-api.ts'
import { History } from '../api/live/history.ts'
import { LinkChanges } from '../api/live/link-changes.ts'
import { liveApi } from '../api/live/live-api.ts'
import { LiveHub } from '../api/live/live-hub.ts'
import { Tail } from '../api/live/tail.ts'
import type { MemberCalls } from '../api/member-calls.ts'
import type { Broker } from '../broker/broker.ts'
import type { Clock } from '../broker/clock.ts'
import type { Config } from '../config/config.ts'
import type { LinkGate } from '../link/inbound/link-gate.ts'
import type { LinkRuntime } from '../link/link-runtime.ts'
import type { TransitionHistory } from '../transitions/transition-history.ts'
import { NodeReadings } from './live-parts.ts'

/** Transitions of actors that are remembered for those who watch. */
const TRANSITIONS_MAX = 1_000
const LOG_LINES_MAX = 1_000

export type OpenLive = {
  readonly parts: readonly ApiPart[]
  stop(): void
}

/** What the live view needs of a node. */
export type NodeForLive = {
  /** As it is now. */
  readonly config: () => Config
  readonly broker: Broker
  readonly links: LinkRuntime
  readonly gate: LinkGate
  readonly history: TransitionHistory
  readonly clock: Clock
}

/** @param credentials of those who may look */
export function openLive(
  { broker, links, gate, history: actors, clock, config }: NodeForLive,
  calls: MemberCalls,
  credentials: readonly Credentials[],
): OpenLive {
  const readings = new NodeReadings(broker, links, gate)
  const charts = new History(readings, clock, setImmediate)
  const life = randomInt(1, 2 ** 40)
  const transitions = new Tail<object>(TRANSITIONS_MAX, life)
  const stopWatching = actors.onTransition((actor, { atMs, ...transition }) =>
    transitions.add({ at: new Date(atMs).toISOString(), actor, ...transition }),
  )
  const changes = new LinkChanges(
    () => readings.links(),
    () => clock.steadyMs(),
    life,
  )
  const tails = { log: new Tail<object>(LOG_LINES_MAX, life), actors: transitions }
  const hub = new LiveHub({ calls, clock, changes, tails, subjects: {} })
  const linkNames = (): string[] => config().cluster.links.map(({ name }) => name)
  charts.start()
  return {
    parts: [historyApi(calls, charts, linkNames), liveApi({ hub, clock, links: linkNames, credentials })],
    stop: () => {
      stopWatching()
      charts.stop()
      hub.stop()
      readings.stop()
    },
  }
}
