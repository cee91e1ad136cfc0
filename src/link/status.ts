/** What a link is worth just now, in one word and with reasons for people. A pure function of what its parts report. */
import type { ForwardingFact } from '../../actors/forwarding.ts'
import type { RouteProgress, RouteSyncFact, RouteSyncPhase } from '../../actors/route-sync.ts'
import type { PeerSide } from './native/route-greeting.ts'
import type { GoodbyeReason } from '../routes/route-frames.ts'
import type { LinkFailure } from './link-failure.ts'
import { type Pause, pauseReason } from './pause.ts'
import type { ProbeFact } from './probe/link-prober.ts'
import { speakerOf } from './speaking.ts'

export type LinkState = 'running' | 'connecting' | 'bootstrapping' | 'degraded' | 'stopped' | 'failed'
export type LinkStatus = {
  readonly state: LinkState
  /** Everything a human would want to know; empty for a link that runs as it should. */
  readonly reasons: readonly string[]
  /** In a cluster: the node that tells the peer what all of them want, if one is known to. */
  readonly speaker?: string
  /** Who the peer says that it is, if it speaks our own dialect. */
  readonly peer?: PeerSide
  /** While a peer of our own dialect learns what we want. */
  readonly progress?: RouteProgress
  /** How each of its parts is, while its actor runs. */
  readonly planes?: LinkPlanes
}

/** What lives and fails apart, each with its own trouble, if it has one. */
export type LinkPlanes = {
  readonly routeSync: { readonly state: RouteSyncPhase; readonly reason?: string; readonly failure?: LinkFailure }
  readonly forwarding: {
    readonly state: 'up' | 'partial' | 'down'
    /** Those that are wanted just now, and those of them that are up. */
    readonly connections: number
    readonly up: number
    readonly reason?: string
    readonly failure?: LinkFailure
  }
  readonly inbound: { readonly state: InboundFact['state']; readonly reason?: string }
}

/** What the peer does to us, as the accepting side sees it. */
export type InboundFact =
  /** No actor of the peer has come yet. A peer that wants nothing from us may never send one. */
  | { readonly state: 'absent' }
  | {
      readonly state: 'live'
      /** How many times an actor of the peer was let in. */
      readonly admissions: number
    }
  /** The peer's heartbeats are overdue; it is believed until its lease is over. */
  | { readonly state: 'late' }
  /** All of the peer's actors are silent: their routes still gather messages. */
  | { readonly state: 'stale' }
  /** The peer said goodbye: its link to us is disabled or deleted, and nothing is wrong. */
  | { readonly state: 'left'; readonly reason: GoodbyeReason }
  /** The peer tried, and we said no. */
  | { readonly state: 'refused'; readonly reason: string }

/** The peer is there, or there again: what we waited for may work now. */
export function peerCame(before: InboundFact, now: InboundFact): boolean {
  return now.state === 'live' && (before.state !== 'live' || before.admissions !== now.admissions)
}

export type OutboxFact = { readonly aboveHighWaterMark: boolean }

export type LinkFacts = {
  readonly routeSync: RouteSyncFact
  readonly forwarding: ForwardingFact
  readonly inbound: InboundFact
  readonly outbox: OutboxFact
  /** The nodes of the cluster don't reach each other. */
  readonly coordinationLost?: boolean
  /** Whether anything crosses; left out for a link that is not probed. */
  readonly probe?: ProbeFact
  /** Somebody has paused forwarding. */
  readonly pause?: Pause | undefined
}

/** Without its slot a node of a cluster has no ClientIDs. */
export function slotAwaitedStatus(coordinationLost: boolean): LinkStatus {
  return {
    state: 'connecting',
    reasons: ['waits for its slot in the cluster', ...(coordinationLost ? [coordinationLostReason] : [])],
  }
}

const coordinationLostReason = 'coordination lost'

export const stoppedStatus: LinkStatus = { state: 'stopped', reasons: ['the link is disabled'] }

/** Its actor crashed more often than it may. */
export function failedStatus(reason: string): LinkStatus {
  return { state: 'failed', reasons: [reason] }
}

/** Its actor crashed and is about to start again. */
export function restartingStatus(reason: string): LinkStatus {
  return { state: 'connecting', reasons: [reason] }
}

/** The status of a link whose actor runs. */
export function statusOf(facts: LinkFacts): LinkStatus {
  const reasons = [
    ...routeSyncReasons(facts.routeSync),
    ...forwardingReasons(facts.forwarding),
    ...inboundReasons(facts.inbound),
    ...outboxReasons(facts.outbox),
    ...(facts.probe?.state === 'mute' ? [facts.probe.reason] : []),
    ...(facts.pause === undefined ? [] : [pauseReason(facts.pause)]),
    ...(facts.coordinationLost === true ? [coordinationLostReason] : []),
  ]
  const { speaking, peer, progress } = facts.routeSync
  const speaker = speakerOf(speaking)
  return {
    ...stateWithReasons(facts, reasons),
    planes: planesOf(facts),
    ...(speaker === undefined ? {} : { speaker }),
    ...(peer === undefined ? {} : { peer }),
    ...(progress === undefined ? {} : { progress }),
  }
}

function planesOf({ routeSync, forwarding: { members }, inbound }: LinkFacts): LinkPlanes {
  const up = members.filter(({ state }) => state === 'up').length
  const sending = members.find(({ state, failure }) => state !== 'up' && failure !== undefined)?.failure
  return {
    routeSync: {
      state: routeSync.phase,
      ...reasonIn(routeSyncReasons(routeSync)),
      ...(routeSync.failure === undefined ? {} : { failure: routeSync.failure }),
    },
    forwarding: {
      state: up === 0 ? 'down' : up === members.length ? 'up' : 'partial',
      connections: members.length,
      up,
      ...reasonIn(forwardingReasons({ members })),
      ...(sending === undefined ? {} : { failure: sending }),
    },
    inbound: {
      state: inbound.state,
      ...reasonIn(inbound.state === 'left' ? [leftReason(inbound)] : inboundReasons(inbound)),
    },
  }
}

function reasonIn([reason]: readonly string[]): { readonly reason?: string } {
  return reason === undefined ? {} : { reason }
}

/** That we can't reach a peer that took its leave is no trouble. */
function stateWithReasons(facts: LinkFacts, reasons: readonly string[]): Pick<LinkStatus, 'state' | 'reasons'> {
  const { inbound } = facts
  if (inbound.state !== 'left') return { state: stateOf(facts, reasons.length > 0), reasons }
  return { state: 'connecting', reasons: [leftReason(inbound), ...reasons] }
}

function leftReason({ reason }: Extract<InboundFact, { readonly state: 'left' }>): string {
  return `the peer has ${reason} its link to us`
}

/** What a DISCONNECT says to whom the peer has no link any more. */
const administrativeAction = 0x98

function stateOf({ routeSync, forwarding }: LinkFacts, troubled: boolean): LinkState {
  const sends = forwarding.members.some(({ state }) => state === 'up')
  const sendingBroke = forwarding.members.some(({ failure }) => failure !== undefined)
  switch (routeSync.phase) {
    case 'standby':
      if (speakerOf(routeSync.speaking) === undefined) return 'connecting'
      if (!sends && !sendingBroke) return 'connecting'
      return troubled ? 'degraded' : 'running'
    case 'syncing':
    case 'degraded':
      // The first connections are on their way: nothing is wrong yet.
      if (!sends && !sendingBroke) return 'connecting'
      return troubled ? 'degraded' : 'running'
    case 'bootstrapping':
      return sends || !sendingBroke ? 'bootstrapping' : 'degraded'
    case 'connecting':
    case 'handshaking':
    case 'disconnected':
    case 'refused':
    default:
      // Somebody's hand at the peer is no trouble; and neither way open is more than a degradation.
      if (routeSync.failure?.reasonCode === administrativeAction) return 'connecting'
      return sends && routeSync.failure !== undefined ? 'degraded' : 'connecting'
  }
}

function routeSyncReasons({ phase, failure, speaking }: RouteSyncFact): string[] {
  if (phase === 'standby') {
    if (speakerOf(speaking) !== undefined) return []
    const because = failure === undefined ? '' : `; from here: ${failure.reason}`
    return [`no node of the cluster is known to tell the peer what we want${because}`]
  }
  return failure === undefined ? [] : [`the peer does not know what we want: ${failure.reason}`]
}

function forwardingReasons({ members }: ForwardingFact): string[] {
  const broken = members.filter(({ state, failure }) => state !== 'up' && failure !== undefined)
  const failure = broken[0]?.failure
  if (failure === undefined) return []
  const count =
    broken.length === members.length ? 'no connection' : `${broken.length} of ${members.length} connections lacking`
  return [`messages cannot all be sent, ${count}: ${failure.reason}`]
}

function inboundReasons(inbound: InboundFact): string[] {
  if (inbound.state === 'late') return ['heartbeats of the peer are late']
  if (inbound.state === 'stale') return ['the peer has fallen silent: what it wanted last is kept for it']
  return inbound.state === 'refused' ? [`we refused the peer: ${inbound.reason}`] : []
}

function outboxReasons({ aboveHighWaterMark }: OutboxFact): string[] {
  return aboveHighWaterMark ? ['the outbox is nearly full'] : []
}

/** But for how its parts are, as far as that changes neither the word nor a reason. */
export function sameStatus(one: LinkStatus, other: LinkStatus): boolean {
  return (
    one.state === other.state &&
    one.speaker === other.speaker &&
    one.reasons.join('\n') === other.reasons.join('\n') &&
    samePeer(one.peer, other.peer) &&
    one.progress?.told === other.progress?.told &&
    one.progress?.total === other.progress?.total
  )
}

function samePeer(one: PeerSide | undefined, other: PeerSide | undefined): boolean {
  return one?.node === other?.node && one?.version === other?.version
}
