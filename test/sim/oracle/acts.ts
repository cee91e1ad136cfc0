/**
 * What was done to the world: faults, and acts of operators. The oracle is told of each when it happens, since what may be lost, come
 * twice or stop flowing depends on it. The configuration that a world begins with comes as acts at time 0.
 */

/** Of a link of one cluster, as all its nodes have it. */
export type LinkTerms = {
  readonly enable: boolean
  readonly topics: readonly string[]
  readonly durable: boolean
  readonly retained: 'live' | 'sync' | 'off'
  readonly overflow: 'drop_oldest' | 'drop_newest' | 'backpressure'
  readonly dialect: 'auto' | 'native' | 'emqx'
  readonly bufferBytesMax: number
  /** `Infinity` for no limit. */
  readonly bufferMessagesMax: number
  /** How long messages may wait; `Infinity` for no limit. */
  readonly requestTtlMs: number
  readonly staleTtlMs: number
}

export type Act =
  /** A node of this cluster there is, whether or not it runs. */
  | {
      readonly type: 'node_planned'
      readonly atMs: number
      readonly node: string
      readonly cluster: string
      readonly hasStore: boolean
    }
  /** The process was started; it may take a while until it serves. */
  | { readonly type: 'node_started'; readonly atMs: number; readonly node: string }
  /** SIGKILL, or power loss: what was not committed is gone. */
  | { readonly type: 'node_killed'; readonly atMs: number; readonly node: string }
  /** SIGTERM: from when it was told to end. */
  | { readonly type: 'node_stopped'; readonly atMs: number; readonly node: string }
  /** Its disk was emptied while it was down. */
  | { readonly type: 'disk_lost'; readonly atMs: number; readonly node: string }
  /** The disk takes nothing; until `disk_mended`. */
  | { readonly type: 'disk_full'; readonly atMs: number; readonly node: string }
  | { readonly type: 'disk_mended'; readonly atMs: number; readonly node: string }
  /** SIGSTOP, SIGCONT. */
  | { readonly type: 'node_frozen'; readonly atMs: number; readonly node: string }
  | { readonly type: 'node_thawed'; readonly atMs: number; readonly node: string }
  | { readonly type: 'clock_set'; readonly atMs: number; readonly node: string; readonly byMs: number }
  /** Anything between hosts: cut, reset, slow. `hosts` are names of nodes, clients or `nats:CLUSTER`. */
  | {
      readonly type: 'network_disturbed'
      readonly atMs: number
      readonly hosts: readonly string[]
      readonly how: string
    }
  | { readonly type: 'network_mended'; readonly atMs: number; readonly hosts: readonly string[] }
  /** What the nodes of the cluster coordinate through is away from some of them, or has lost what it knew. */
  | { readonly type: 'coordination_disturbed'; readonly atMs: number; readonly cluster: string; readonly how: string }
  | { readonly type: 'coordination_mended'; readonly atMs: number; readonly cluster: string }
  /**
   * An operator made, edited or deleted (`undefined`) the link of this cluster to that peer, and was told that it is done. It was asked
   * for before: from then on some node may already have it.
   */
  | {
      readonly type: 'link_set'
      readonly atMs: number
      readonly askedMs?: number
      readonly cluster: string
      readonly peer: string
      readonly terms: LinkTerms | undefined
    }
  /** Somebody gave up what waits, or paused what is for the peer, or lets it go on. */
  | {
      readonly type: 'outbox_purged' | 'link_paused' | 'link_resumed'
      readonly atMs: number
      readonly cluster: string
      readonly peer: string
    }
  /** `ledger.reset` on one node. */
  | { readonly type: 'ledger_reset'; readonly atMs: number; readonly node: string; readonly peer: string }
  /** No fault is left and nobody does anything any more: from here on the bound of convergence counts. */
  | { readonly type: 'quiet'; readonly atMs: number }
