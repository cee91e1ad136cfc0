/** What the API asks of its own node about nodes. */

/** One listener, by type and name (`tcp:default`). */
export type NodeListener = { readonly id: string; readonly bind: string | null; readonly connections: number }

export type NodeFacts = {
  /** Name of its cluster. */
  readonly cluster: string
  readonly version: string
  readonly boot: string
  readonly host: string
  readonly pid: number
  readonly uptimeMs: number
  /** Sessions, those included whose client is away. */
  readonly connections: number
  readonly liveConnections: number
  /** Bytes: of the process, and of the machine or its container. */
  readonly memoryUsed: number
  readonly memoryTotal: number
  /** Of the machine, over 1, 5 and 15 minutes. */
  readonly load: readonly [number, number, number]
  /** Our number in ClientIDs of links. */
  readonly slot: number | null
  readonly listeners: readonly NodeListener[]
  /** Of the last half minute or more. */
  readonly loopDelayP99Ms: number
  /** Of the file. */
  readonly storeBytes: number
  /** Names of those that it takes for members, itself included. */
  readonly members: readonly string[]
  readonly coordination: 'solo' | 'connected' | 'lost'
}

/** As this node sees it. */
export type MemberFacts = {
  readonly node: string
  readonly boot: string
  readonly state: 'up' | 'lost'
  readonly isSelf: boolean
  readonly startedAtMs: number
  readonly silentMs: number
  readonly slot: number | null
  readonly version: string
  readonly host: string
  readonly pid: number
  readonly listeners: Readonly<Record<string, string>>
}

export type LeaseFacts = {
  readonly name: string
  readonly state: string
  readonly sinceMs: number
  readonly reason: string
  readonly holder: string | undefined
  readonly incarnation: number | undefined
  readonly renewedMsAgo: number | undefined
}

export interface NodesPort {
  facts(): NodeFacts | Promise<NodeFacts>
  members(): readonly MemberFacts[]
  leases(): readonly LeaseFacts[]
}
