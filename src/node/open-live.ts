/** Ties the live view and the charts to a node. */
import { randomInt } from 'node:crypto'
import type { Credentials } from '../api/access/access-hook.ts'
import type { ApiPart } from '../api/api-server.ts'
import { actorsApi } from '../api/live/actors-api.ts'
import { historyApi } from '../api/live/history-api.ts'
import { History } from '../api/live/history.ts'
import { progressApi } from '../api/links/progress-api.ts'
import { routesApi } from '../api/links/routes-api.ts'
import { LinkChanges } from '../api/live/link-changes.ts'
import { dryRunApi } from '../api/links/dry-run-api.ts'
import { DryRuns } from '../api/links/dry-run.ts'
import { driftApi } from '../api/links/drift-api.ts'
import { lanesApi } from '../api/links/lanes-api.ts'
import { LinkCalls } from '../api/links/link-calls.ts'
import type { LinksPort } from '../api/links/links-port.ts'
import { type LinkOnNode, nodeStatus } from '../api/links/node-status.ts'
import { outboxApi } from '../api/links/outbox-api.ts'
import { followPauses, pauseApi, type PauseApiPorts } from '../api/links/pause-api.ts'
import { liveApi } from '../api/live/live-api.ts'
import { LiveHub, type LivePorts } from '../api/live/live-hub.ts'
import { logApi, type NodeLog } from '../api/live/log-api.ts'
import { Tail } from '../api/live/tail.ts'
import type { MemberCalls, NodeAnswer } from '../api/member-calls.ts'
import type { Broker } from '../broker/broker.ts'
import type { Clock } from '../broker/clock.ts'
import type { Config } from '../config/config.ts'
import type { LinkGate } from '../link/inbound/link-gate.ts'
import type { LinkRuntime } from '../link/link-runtime.ts'
import type { TransitionHistory } from '../transitions/transition-history.ts'
import type { ComponentLog } from './component-log.ts'
import { driftPort, lanesOf, LinkProgress, routesOf } from './link-views.ts'
import { NodeReadings } from './live-parts.ts'

/** Transitions of actors that are remembered for those who watch. */
const TRANSITIONS_MAX = 1_000

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
  readonly logs: ComponentLog
}

/** What other parts of the API answer. */
export type AnswersForLive = {
  readonly links: LinksPort
  /** What a GET of this path would answer whoever may look; `undefined` for what is not there. */
  readonly get: (path: string) => Promise<object | undefined>
}

/** @param credentials of those who may look */
export function openLive(
  { broker, links, gate, history: actors, clock, config, logs }: NodeForLive,
  calls: MemberCalls,
  credentials: readonly Credentials[],
  answers: AnswersForLive,
): OpenLive {
  const readings = new NodeReadings(broker, links, gate, answers.links)
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
  const tails = { log: logs.tail ?? new Tail<object>(1, life), actors: transitions }
  const hub = new LiveHub({ calls, clock, changes, tails, subjects: subjectsOf(answers) })
  const linkNames = (): string[] => config().cluster.links.map(({ name }) => name)
  const linkCalls = new LinkCalls(calls, answers.links)
  const pauses: PauseApiPorts = {
    calls,
    links,
    nowMs: () => clock.nowMs(),
    nodeStatus: async (link) => nodeStatusesOf(await linkCalls.statuses(link), link),
  }
  const dryRuns = new DryRuns(broker, clock, () => randomInt(2 ** 32))
  const progress = new LinkProgress(links, clock)
  progress.start()
  charts.start()
  void followPauses(pauses)
  return {
    parts: [
      historyApi(calls, charts, linkNames),
      liveApi({ hub, clock, links: linkNames, credentials }),
      pauseApi(pauses),
      outboxApi(calls, links, linkNames, () => clock.nowMs()),
      dryRunApi(calls, dryRuns, linkNames),
      routesApi(calls, routesOf(links, gate), { steadyMs: () => clock.steadyMs(), defer: setImmediate }, linkNames),
      lanesApi(calls, (link) => lanesOf(links, gate, link), linkNames),
      driftApi(calls, driftPort(config, links, gate), linkNames),
      logApi(calls, nodeLog(logs)),
      actorsApi(calls, actors),
      progressApi(calls, (link) => progress.of(link), linkNames),
    ],
    stop: () => {
      stopWatching()
      progress.stop()
      dryRuns.stop()
      charts.stop()
      hub.stop()
      readings.stop()
    },
  }
}

function nodeLog(logs: ComponentLog): NodeLog {
  return {
    last: (limit) => logs.tail?.last(limit) ?? [],
    get hasLevel() {
      return logs.hasLevel
    },
    get level() {
      return logs.level
    },
    set level(level) {
      logs.level = level
    },
    get levels() {
      return logs.levels
    },
    setLevel: (component, level) => logs.setLevel(component, level),
  }
}

function subjectsOf({ get }: AnswersForLive): LivePorts['subjects'] {
  return {
    nodes: () => get('/nodes'),
    alarms: async () => {
      const page = await get('/alarms?activated=true&limit=1000')
      return page !== undefined && 'data' in page && Array.isArray(page.data) ? page.data : undefined
    },
    link: (name) => get(`/cluster/links/${encodeURIComponent(name)}/metrics`),
  }
}

function nodeStatusesOf(answers: readonly NodeAnswer<Readonly<Record<string, LinkOnNode>>>[], link: string): object[] {
  return answers.map((answer) =>
    nodeStatus(answer.type === 'failed' ? answer : { ...answer, result: answer.result[link] }),
  )
}
