/** The other nodes as the API asks them; a node that is alone has none. */
import type { Members } from '../api/member-calls.ts'
import type { Cluster } from '../cluster/cluster.ts'

/** @param cluster `undefined` for a node that is alone */
export function membersOf(self: string, cluster: Cluster | undefined): Members {
  return {
    self,
    others: () => (cluster === undefined ? [] : cluster.all()),
    ask: (node, kind, body, timeoutMs) =>
      cluster === undefined
        ? Promise.reject(new Error(`${node} is no member of this cluster of one`))
        : cluster.requests.ask(node, kind, body, timeoutMs),
    serve: (kind, answer) => void cluster?.requests.serve(kind, (_from, body) => answer(body)),
  }
}
