/** Nodes of the cluster as the API shows them. */

export type RunningNode = {
  readonly node: string
  readonly node_status: 'running'
  /** Name of its cluster. */
  readonly cluster: string
  readonly version: string
  readonly boot: string
  readonly host: string
  readonly pid: number
  /** Milliseconds. */
  readonly uptime: number
  /** Sessions, those included whose client is away. */
  readonly connections: number
  readonly live_connections: number
  /** Bytes: of the process, and of the machine. */
  readonly memory_used: number
  readonly memory_total: number
  readonly load1: number
  readonly load5: number
  readonly load15: number
  /** Its number in ClientIDs of links. */
  readonly slot: number | null
  readonly listeners: readonly { readonly id: string; readonly bind: string | null; readonly connections: number }[]
  readonly event_loop_delay_p99_ms: number
  readonly store_bytes: number
  readonly members: readonly string[]
  readonly coordination: 'solo' | 'connected' | 'lost'
}
export type SilentNodeRow = { readonly node: string; readonly node_status: 'stopped'; readonly error: string }
export type ClusterNode = RunningNode | SilentNodeRow

export type Member = {
  readonly node: string
  readonly boot: string
  readonly state: 'up' | 'lost'
  readonly is_self: boolean
  readonly started_at: string
  readonly silent_ms: number
  readonly slot: number | null
  readonly version: string
  readonly host: string
  readonly pid: number
}

export type Lease = {
  readonly name: string
  /** Of the node that was asked. */
  readonly state: string
  readonly reason: string
  readonly since: string
  readonly holder?: string
  readonly incarnation?: number
  readonly renewed_ms_ago?: number
}

/** The last hour: what is not known is null. */
export type NodeSeries = Readonly<Record<NodeColumn, readonly (number | null)[]>>
export type NodeColumn = 'at' | 'published' | 'delivered' | 'connections' | 'cpu' | 'memory' | 'loop_delay_ms'
export type NodeHistory = {
  readonly interval_ms: number
  /** Of the whole cluster. */
  readonly series: NodeSeries
  readonly nodes: readonly { readonly node: string; readonly series: NodeSeries }[]
}
