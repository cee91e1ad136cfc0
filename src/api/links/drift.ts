/** What each side of a link believes of the other, side by side. A pure function of what this side knows and the other one tells. */

/** What a node of the peer says of itself and its link to us. `Account` satisfies it. */
export type PeerAccount = {
  readonly cluster: string
  readonly node: string
  /** `null`: it has none. */
  readonly link: {
    readonly enable: boolean
    readonly topics: readonly string[]
    readonly paused_by?: string | undefined
    /** By that node. */
    readonly delivered: number
    readonly accepted: number
  } | null
}

export type DriftFacts = {
  /** Our cluster, and the name of the link: the peer's. */
  readonly cluster: string
  readonly peer: string
  readonly topics: readonly string[]
  readonly enable: boolean
  /** Who has paused what we send. */
  readonly pausedBy: string | undefined
  /** Filters that we want of the peer, and those that it has confirmed; `undefined`: it has not, or can't say. */
  readonly routes: { readonly ours: number; readonly confirmed: number | undefined }
  /** Filters that the peer wants of us. */
  readonly peersRoutes: number
  /** Whether the peer has let us speak, and whether we have let it. */
  readonly isAccepted: boolean
  readonly isPeerAccepted: boolean
  /** Why we turned it away last. */
  readonly refusal: string | undefined
  readonly dialect: { readonly ours: string | undefined; readonly peers: string | undefined }
  readonly version: { readonly ours: number; readonly peers: number | undefined }
  readonly features: { readonly ours: readonly string[]; readonly common: readonly string[] | undefined }
  readonly frameBytesMax: { readonly ours: number; readonly peers: number | undefined }
  readonly clockOffsetMs: number | undefined
  readonly ledger: { readonly delivered: number; readonly accepted: number }
}

export type DriftItem = {
  readonly what: string
  readonly ours: unknown
  readonly theirs: unknown
  /** `null`: one of them is not known. */
  readonly agrees: boolean | null
  readonly note: string
}

const CLOCKS_APART_MS_MAX = 1_000
const notTold = 'not told by the peer'

/** Whether the peer is one that may be asked. */
export function isOurLike({ dialect, version }: DriftFacts): boolean {
  return dialect.ours === 'native' || dialect.peers === 'native' || version.peers !== undefined
}

/** @param account left out for a peer that was not asked, or did not answer */
export function driftOf(facts: DriftFacts, account?: PeerAccount): DriftItem[] {
  const { topics, routes, dialect, version, features, frameBytesMax, clockOffsetMs } = facts
  return [
    ...(account === undefined ? namesOf(facts) : namesTold(facts, account)),
    item('topics that we want', topics, null, `${notTold}: it is told routes within them, see below`),
    ...(account?.link ? sidesTold(facts, account.node, account.link) : []),
    item(
      'routes that we want',
      routes.ours,
      routes.confirmed ?? null,
      routes.confirmed === undefined
        ? 'the peer has not confirmed any on this connection'
        : 'what the peer has confirmed',
    ),
    item(
      'routes that the peer wants',
      facts.peersRoutes,
      null,
      dialect.peers === 'native'
        ? 'compared by digests with each heartbeat, and repaired where they differ'
        : `${notTold}: EMQX has no digests`,
    ),
    item('dialect', dialect.ours ?? null, dialect.peers ?? null, 'what each side speaks, while it is connected here'),
    item(
      'version of the native dialect',
      version.ours,
      version.peers ?? null,
      'the highest that we speak, and the one agreed',
    ),
    item('features', features.ours, features.common ?? null, 'all of ours, and those that both sides have'),
    {
      ...item('longest frame', frameBytesMax.ours, frameBytesMax.peers ?? null, 'bytes that each side takes'),
      agrees: frameBytesMax.peers === undefined ? null : true,
    },
    {
      ...item('clock', 0, clockOffsetMs ?? null, 'milliseconds by which the peer is ahead: an estimate of the probe'),
      agrees: clockOffsetMs === undefined ? null : Math.abs(clockOffsetMs) <= CLOCKS_APART_MS_MAX,
    },
    ...messagesOf(facts, account),
  ]
}

/** As what each side has let the other do shows. */
function namesOf(facts: DriftFacts): DriftItem[] {
  const { cluster, peer } = facts
  return [
    item(
      'our cluster’s name',
      cluster,
      facts.isAccepted ? cluster : null,
      nameNote(facts.isAccepted, 'it has accepted us'),
    ),
    item(
      'the peer’s name',
      peer,
      facts.isPeerAccepted ? peer : null,
      facts.refusal === undefined
        ? nameNote(facts.isPeerAccepted, 'we have accepted it')
        : `we turned it away last: ${facts.refusal}`,
    ),
  ]
}

function namesTold({ cluster, peer, refusal }: DriftFacts, { cluster: itsName, node, link }: PeerAccount): DriftItem[] {
  const says = `${node} says so`
  const ours = item('our cluster’s name', cluster, cluster, `${node} has a link to it under this name`)
  return [
    link === null ? { ...ours, theirs: null, agrees: false, note: `${node} has no link to it` } : ours,
    item(
      'the peer’s name',
      peer,
      itsName,
      refusal === undefined ? says : `${says}; we turned it away last: ${refusal}`,
    ),
  ]
}

function sidesTold(facts: DriftFacts, node: string, link: NonNullable<PeerAccount['link']>): DriftItem[] {
  const pause = item(
    'who has paused sending',
    facts.pausedBy ?? 'nobody',
    link.paused_by ?? 'nobody',
    `${node} says so`,
  )
  return [
    item('topics that the peer wants', null, link.topics, `${node} says so; we have its routes within them, see below`),
    item('the link is enabled', facts.enable, link.enable, `${node} says so`),
    // Each for what it sends itself: that one has and the other has not is no contradiction.
    { ...pause, agrees: true },
  ]
}

function messagesOf({ ledger }: DriftFacts, account: PeerAccount | undefined): DriftItem[] {
  const link = account?.link ?? undefined
  const note = account === undefined || link === undefined ? notTold : `counted by this node and by ${account.node}`
  return [
    counted('messages that it took of us', ledger.delivered, link?.accepted, note),
    counted('messages that we took of it', ledger.accepted, link?.delivered, note),
  ]
}

/** Nodes count for themselves and since they were reset, and something is always on its way: unequal counts are no contradiction. */
function counted(what: string, ours: number, theirs: number | undefined, note: string): DriftItem {
  return { what, ours, theirs: theirs ?? null, agrees: ours === theirs ? true : null, note }
}

function item(what: string, ours: unknown, theirs: unknown, note: string): DriftItem {
  const agrees = theirs === null || ours === null ? null : JSON.stringify(ours) === JSON.stringify(theirs)
  return { what, ours, theirs, agrees, note }
}

function nameNote(isAccepted: boolean, words: string): string {
  return isAccepted ? `${words} under this name` : `not known: one side has not accepted the other yet`
}
