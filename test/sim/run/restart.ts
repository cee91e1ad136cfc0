/**
 * Who runs nodes starts one again that ended because it can't work, as service managers do. A node that finds no room on its disk for
 * what it must remember does not start, and says so (`node.data_dir`); for any other end there is no reason, and the oracle finds it.
 */
import { ClusterError } from '../../../src/cluster/cluster-error.ts'
import type { Act } from '../oracle/acts.ts'
import type { World } from '../world/world.ts'
import type { Untimed } from './do-step.ts'

/** As systemd's RestartSec may be. */
const RESTART_MS = 2_000

export function restartNodes({ nodes, time }: World, acts: readonly Act[], did: (act: Untimed) => void): void {
  for (const node of nodes) {
    node.failed = (error) => {
      if (!(error instanceof ClusterError) || error.code !== 'DATA_DIR_UNUSABLE') return
      const { host } = node
      did({ type: 'node_killed', node: host })
      const end = acts.at(-1)
      time.after(RESTART_MS, () => {
        // Whatever was done to it since is what it now depends on.
        if (acts.findLast((act) => isOfProcess(act, host)) !== end) return
        node.start()
        did({ type: 'node_started', node: host })
      })
    }
  }
}

function isOfProcess(act: Act, host: string): boolean {
  return (act.type === 'node_killed' || act.type === 'node_stopped' || act.type === 'node_started') && act.node === host
}
