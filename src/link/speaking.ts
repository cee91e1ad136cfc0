/**
 * Which node of a cluster speaks for it to a peer. What links need of the cluster's leases, and what the right to speak means to
 * the route plane of a link. A node alone has no such port and always speaks.
 */

/** The right to speak for the cluster on one link; at most one node holds it, as far as the nodes reach each other. */
export interface SpeakingRight {
  /** `lapsed`: held, but not renewed; it may be used for as long as the peer believes us. */
  readonly state: 'follower' | 'candidate' | 'holder' | 'lapsed'
  /** The node that holds it, as far as we know. */
  readonly holder: string | undefined
  /** Above all that were given for this link in the whole cluster. For a holder, also a lapsed one. */
  nextIncarnation(): number
  /** Called after `state` or `holder` changed. Returns how to stop it. */
  onChange(listener: () => void): () => void
  /** Asks who holds it now; resolves when `state` and `holder` say so, and rejects if nobody answers. */
  reread?(): Promise<void>
  /** Gives it up, and stops contesting. */
  release(): Promise<void>
}

export interface Speaking {
  /** Takes part in the contest for a link until the right is released; a link may be contested anew after that. */
  contest(link: string): SpeakingRight
}

/** What the route plane knows of it. */
export type SpeakingFact =
  /** There is no cluster to share the right with. */
  | { readonly state: 'alone' }
  | { readonly state: 'holder' | 'lapsed' | 'follower'; readonly holder: string | undefined }

export function speakingFact(right: Pick<SpeakingRight, 'state' | 'holder'> | undefined): SpeakingFact {
  if (right === undefined) return { state: 'alone' }
  const { state, holder } = right
  return { state: state === 'candidate' ? 'follower' : state, holder }
}

export function maySpeak({ state }: SpeakingFact): boolean {
  return state !== 'follower'
}

/** The node that speaks for the cluster, if that is known; `undefined` for a node alone. */
export function speakerOf(fact: SpeakingFact | undefined): string | undefined {
  return fact === undefined || fact.state === 'alone' ? undefined : fact.holder
}

export function sameSpeaking(one: SpeakingFact, other: SpeakingFact): boolean {
  return one.state === other.state && speakerOf(one) === speakerOf(other)
}

/** How long a speaker that does not reach the peer keeps the right before another node may try, milliseconds. */
const patienceMsMin = 1_500
const patienceMsMax = 60_000

/** Longer each time: when nobody reaches the peer, the right need not go round and round. */
export function nextPatienceMs(previousMs: number): number {
  return Math.min(patienceMsMax, previousMs === 0 ? patienceMsMin : previousMs * 2)
}
