/** A node as its debug socket shows it. */
import { clusterView } from '../debug/cluster-view.ts'
import type { CoordinationFaults } from '../debug/coordination-faults.ts'
import { DebugSocket } from '../debug/debug-socket.ts'
import type { LinkFaults } from '../debug/link-faults.ts'
import { nodeView } from '../debug/node-view.ts'
import type { NodeForApi } from './node-for-api.ts'
import { nodeLinks } from './node-status.ts'

export type DebugOptions = {
  /** See `Node.resetLedger`. */
  readonly resetLedger: (link: string) => boolean
  /** Only if the configuration allows faults. */
  readonly linkFaults: LinkFaults | undefined
  /** The same of a cluster. */
  readonly coordinationFaults: CoordinationFaults | undefined
}

/** Not open yet. @param path of the socket */
export function debugSocketOf(path: string, node: NodeForApi, options: DebugOptions): DebugSocket {
  const { broker, links, gate, cluster, history, logs, clock } = node
  const view = nodeView({
    history,
    index: broker.index,
    links: () => nodeLinks(links, gate),
    cluster: cluster === undefined ? undefined : clusterView(cluster),
    log: logs,
    steadyMs: () => clock.steadyMs(),
    ...options,
  })
  return new DebugSocket(path, view)
}
