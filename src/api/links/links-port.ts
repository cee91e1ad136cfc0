/** What the API of links needs of a node: its links as it knows them, and the one way to change them. */
import type { DecideLinks } from '../../cluster/config/link-edits.ts'
import type { LinkConfig } from '../../config/config.ts'
import type { LinkMetricsOnNode } from './link-metrics.ts'
import type { LinkOnNode } from './node-status.ts'

export interface LinksPort {
  /** Name of the local cluster. */
  readonly cluster: string
  configs(): readonly LinkConfig[]
  /**
   * On all nodes of the cluster; resolves with the links once they are so on this one. Rejects with what `decide` throws, or with
   * `ClusterError`: then nothing has changed.
   */
  change(decide: DecideLinks): Promise<readonly LinkConfig[]>
  /** Of this node; `undefined` if it does not have the link, as in all methods here. */
  status(name: string): LinkOnNode | undefined
  metrics(name: string): LinkMetricsOnNode | undefined
  /** All counts begin anew. False if it does not have the link. */
  resetMetrics(name: string): boolean
}
