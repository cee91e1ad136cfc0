/** A node as the debug socket sees it, put together from its parts. */
import type { Delivery, Destination } from '../broker/sessions/subscription.ts'
import type { TopicIndex } from '../topics/topic-index.ts'
import type { TransitionHistory } from '../transitions/transition-history.ts'
import type { CoordinationFaults } from './coordination-faults.ts'
import type { ClusterPort, DebugPort, LinkRow, LogPort } from './debug-port.ts'
import type { LinkFaults } from './link-faults.ts'
import { RoutesView } from './routes-view.ts'

export type NodeParts = {
  readonly history: TransitionHistory
  readonly index: TopicIndex<Destination, Delivery>
  readonly links: () => readonly LinkRow[]
  readonly resetLedger: (link: string) => boolean
  /** `undefined` for a node that is alone. */
  readonly cluster: ClusterPort | undefined
  /** What the node reports to; with a `level` it can be changed. */
  readonly log: object
  /** Only if the configuration allows faults. */
  readonly linkFaults: LinkFaults | undefined
  /** The same of a cluster. */
  readonly coordinationFaults?: CoordinationFaults | undefined
  readonly steadyMs: () => number
}

export function nodeView(parts: NodeParts): DebugPort {
  const { history, index, cluster, log, steadyMs } = parts
  const links = { links: parts.links, resetLedger: parts.resetLedger }
  return {
    actors: history,
    routes: new RoutesView({ index, links, steadyMs, defer: setImmediate }),
    links,
    cluster,
    log: hasLevel(log) ? log : undefined,
    faults: faultsOf(parts),
  }
}

function faultsOf({ linkFaults: faults, coordinationFaults, history, links }: NodeParts): DebugPort['faults'] {
  if (faults === undefined) return undefined
  const onLink = (name: string, act: () => string | undefined): string | undefined =>
    links().some((link) => link.name === name) ? act() : `there is no link ${name}`
  return {
    killActor: (id) => {
      if (isSupervisor(id)) return `${id} supervises others: nobody would start it again`
      return history.crash(id, 'killed by fault.kill_actor') ? undefined : `no actor ${id} runs`
    },
    cut: (link) =>
      onLink(link, () => (faults.cut(link) === 0 ? `the link ${link} has no connection just now` : undefined)),
    cutCoordination: (ms) => {
      if (coordinationFaults === undefined) return 'this node is not part of a cluster over NATS'
      coordinationFaults.cut(ms)
      return undefined
    },
    pause: (link, ms) => onLink(link, () => faults.pause(link, ms)),
    delay: (link, ms) => onLink(link, () => faults.delay(link, ms)),
  }
}

/** As `LinkRuntime` names them. */
function isSupervisor(id: string): boolean {
  return id.startsWith('supervisor:') || id.endsWith('/supervised')
}

function hasLevel(log: object): log is LogPort {
  if ('hasLevel' in log) return log.hasLevel === true
  return 'level' in log && typeof log.level === 'string'
}
