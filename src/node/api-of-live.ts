/** Ties what is told of a node to those who look at it from wherever: its last hour, its log, its actors, and what changes of its links. */
import { randomInt } from 'node:crypto'
import type { ApiPart } from '../api/api-server.ts'
import type { LinksPort } from '../api/links/links-port.ts'
import { actorsApi } from '../api/live/actors-api.ts'
import { historyApi } from '../api/live/history-api.ts'
import { History } from '../api/live/history.ts'
import { LinkChanges } from '../api/live/link-changes.ts'
import { serveLive } from '../api/live/live-calls.ts'
import { logApi, type NodeLog } from '../api/live/log-api.ts'
import { Tail } from '../api/live/tail.ts'
import type { MemberCalls } from '../api/member-calls.ts'
import type { ComponentLog } from './component-log.ts'
import { NodeReadings } from './live-parts.ts'
import type { LoopDelay } from './loop-delay.ts'
import type { NodeForApi } from './node-for-api.ts'

/** Transitions of actors that are remembered for those who watch. */
const TRANSITIONS_MAX = 1_000

export type LiveParts = { readonly parts: readonly ApiPart[]; stop(): void }

/** @param loop of which each sample of the history ends a window */
export function openLiveAnswers(
  node: NodeForApi,
  calls: MemberCalls,
  { statuses, loop }: { readonly statuses: Pick<LinksPort, 'status'>; readonly loop: LoopDelay },
): LiveParts {
  const { broker, links, gate, history: actors, clock, config, logs } = node
  const readings = new NodeReadings({ broker, links, gate, statuses, loop })
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
  serveLive(calls, { changes, tails: { log: logs.tail ?? new Tail<object>(1, life), actors: transitions } })
  charts.start()
  return {
    parts: [
      historyApi(calls, charts, () => config().cluster.links.map(({ name }) => name)),
      logApi(calls, nodeLog(logs)),
      actorsApi(calls, actors),
    ],
    stop: () => {
      stopWatching()
      charts.stop()
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
