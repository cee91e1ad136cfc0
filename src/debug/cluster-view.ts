/** A cluster as the debug socket tells of it: what its parts know of themselves, row by row. */
import type { AnyMachineSnapshot } from 'xstate'
import type { OutboundSnapshot } from '../cluster/lanes/outbound-lanes.ts'
import type { LeaseStanding } from '../cluster/leases/lease.ts'
import { leaseName } from '../cluster/leases/leases.ts'
import type { MemberStanding } from '../cluster/members/membership.ts'
import type { ActorName } from '../transitions/transition-history.ts'
import type { ClusterPort, LaneRow, LeaseRow, MemberRow } from './debug-port.ts'

/** `Cluster` is one. */
export type ClusterParts = {
  readonly membership: { list(): readonly MemberStanding[] }
  readonly leases: { list(): readonly LeaseStanding[] }
  readonly lanes: { list(): readonly OutboundSnapshot[] }
}

export function clusterView({ membership, leases, lanes }: ClusterParts): ClusterPort {
  return {
    members: () => membership.list().map(memberRow),
    leases: () => leases.list().map(leaseRow),
    lanes: () => lanes.list().map(laneRow),
  }
}

/** For `TransitionHistory.inspector`: leases stand beside the tree of links, under a name that no link could have. */
export function leaseActor(snapshot: AnyMachineSnapshot): ActorName | undefined {
  const name = leaseName(snapshot)
  return name === undefined ? undefined : { id: `lease:${name}`, parent: undefined }
}

function memberRow({ node, boot, state, isSelf, startedAtMs, silentMs, slot, version }: MemberStanding): MemberRow {
  return { node, boot, state, isSelf, sinceMs: startedAtMs, silentMs, ...(slot === undefined ? {} : { slot }), version }
}

function leaseRow({ name, state, sinceMs, reason, holder, incarnation, renewedMsAgo }: LeaseStanding): LeaseRow {
  return {
    name,
    state,
    sinceMs,
    reason,
    ...(holder === undefined ? {} : { holder }),
    ...(incarnation === undefined ? {} : { incarnation }),
    ...(renewedMsAgo === undefined ? {} : { renewedMsAgo }),
  }
}

function laneRow({
  member,
  epoch,
  sent,
  acknowledged,
  waiting,
  waitingQos0,
  waitingBytes,
  ...rest
}: OutboundSnapshot): LaneRow {
  const { oldestAgeMs, dropped, resent, isHeld } = rest
  const waitingMessages = waiting + waitingQos0
  return {
    to: member,
    epoch,
    sent,
    acknowledged,
    waitingMessages,
    waitingBytes,
    ...(waiting > 0 ? { oldestMs: oldestAgeMs } : {}),
    resent,
    isHeld,
    dropped: { ...dropped },
  }
}
