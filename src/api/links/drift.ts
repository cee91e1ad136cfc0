/** What each side of a link believes of the other, side by side. A pure function of what this side knows. */

export type DriftFacts = {
  /** Our cluster, and the name of the link: the peer's. */
  readonly cluster: string
  readonly peer: string
  readonly topics: readonly string[]
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

export function driftOf(facts: DriftFacts): DriftItem[] {
  const { cluster, peer, topics, routes, dialect, version, features, frameBytesMax, clockOffsetMs, ledger } = facts
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
    { ...item('topics that we want', topics, null, `${notTold}: it is told routes within them, see below`) },
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
    item('messages that it took of us', ledger.delivered, null, notTold),
    item('messages that we took of it', ledger.accepted, null, notTold),
  ]
}

function item(what: string, ours: unknown, theirs: unknown, note: string): DriftItem {
  const agrees = theirs === null || ours === null ? null : JSON.stringify(ours) === JSON.stringify(theirs)
  return { what, ours, theirs, agrees, note }
}

function nameNote(isAccepted: boolean, words: string): string {
  return isAccepted ? `${words} under this name` : `not known: one side has not accepted the other yet`
}
