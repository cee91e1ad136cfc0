/** What other nodes of the cluster hand to this one: delivered to subscribers here, and kept where it is to be kept. */
import type { Publication } from '../../packets/publication.ts'
import { topicNameProblem } from '../../topics/topic-filter.ts'
import type { Clock } from '../clock.ts'
import type { Counters } from '../counters.ts'
import type { Journal } from '../durable/journal.ts'
import { Promises } from '../durable/promises.ts'
import type { Limits } from '../limits/limits.ts'
import { memoryLevel } from '../limits/memory-guard.ts'
import type { Directive } from '../members-port.ts'
import { Passing } from '../sessions/passing.ts'
import type { ShareGroup } from '../sessions/subscription.ts'
import type { SubscriptionTable } from '../sessions/subscription-table.ts'
import { type GroupKey, readGroupKey } from './group-key.ts'
import type { RetainedDeletion } from '../retained/shared-retained.ts'
import type { Spread } from './spread.ts'

export type FromMembersPorts = {
  readonly clock: Clock
  readonly counters: Counters
  readonly journal: Journal
  readonly limits: Limits
  readonly spread: Spread
  readonly table: SubscriptionTable
  /** Index of a member of a group among so many; `undefined`: they take turns. */
  readonly pickMember: () => ((memberCount: number) => number) | undefined
  /** Takes over a retained message, or that there is none, if that is later than what is here. Returns whether it was. */
  readonly applyRetained: (retained: Publication | RetainedDeletion) => boolean
}

/** Other nodes wait until the disk takes something again. */
const patient = { acknowledge: () => undefined, promiseBroken: () => undefined }
const nobody: readonly string[] = []

export class FromMembers {
  readonly #ports: FromMembersPorts
  readonly #passing = new Passing()
  /** One that is handed on to another node; it may happen while the other one passes, or one of the broker. */
  readonly #handedOn = new Passing()
  /** What other nodes wait for, and the last commit that concerns them. */
  readonly #owed: Promises
  #owedCommit = 0

  constructor(ports: FromMembersPorts) {
    this.#ports = ports
    this.#owed = new Promises(ports.journal, ports.spread, patient)
  }

  /** Returns how many receivers it found. See `Broker.deliverFromMember`. */
  deliver(publication: Publication, directive: Directive): number {
    const { changes } = this.#ports.journal
    const receivers = this.#deliver(publication, directive)
    this.#owe(changes)
    return receivers
  }

  #deliver(publication: Publication, { plain, groups }: Directive): number {
    const { clock, counters, limits, table, applyRetained } = this.#ports
    const { topic, qos } = publication
    counters.receivedFromMembers++
    if (topicNameProblem(topic) !== undefined) return 0
    const { targets, reserved } = table.index.lookup(topic)
    if (reserved !== undefined) return 0
    if (publication.retain) applyRetained(publication)
    if (!plain && groups.length === 0) return 0
    const nowMs = clock.nowMs()
    if (publication.expiresAtMs <= nowMs) {
      counters.droppedExpired++
      limits.drops?.dropped(publication, 'expired')
      return 0
    }
    if (limits.memory !== memoryLevel.ok && qos === 0) {
      counters.shedMemory++
      limits.drops?.dropped(publication, 'memory_qos0')
      return 0
    }
    this.#passing.fromPublication(publication, nowMs)
    if (plain)
      for (let i = 0; i < targets.length; i++) targets[i]!.session.deliver(this.#passing, targets[i]!, undefined, false)
    for (const key of groups) this.#deliverToGroup(publication, key, nowMs)
    return (plain ? targets.length : 0) + groups.length
  }

  /** Whoever handed it over has chosen this node, so that a member here goes first even if it has to wait. */
  #deliverToGroup(publication: Publication, text: string, nowMs: number): void {
    const named = readGroupKey(text)
    const group = this.#groupOf(named)
    const member = group?.choose(this.#ports.pickMember())
    if (member !== undefined) member.session.deliver(this.#passing, member, group, false)
    else if (!this.handOn(publication, group, named?.tried ?? nobody, nowMs)) this.#noMember(publication)
  }

  #noMember(publication: Publication): void {
    const { counters, limits } = this.#ports
    counters.droppedNoMember++
    limits.drops?.dropped(publication, 'no_group_member')
  }

  #groupOf(named: GroupKey | undefined): ShareGroup | undefined {
    return named === undefined ? undefined : this.#ports.table.group(named.key)
  }

  /** Hands a message for a group on to another node that has members of it. Returns whether there is one left to try. */
  handOn(
    publication: Publication,
    group: ShareGroup | undefined,
    tried: readonly string[],
    nowMs: number,
    who: 'ready' | 'any' = 'any',
  ): boolean {
    if (group === undefined || !group.isSpread) return false
    // If it was to be retained it is: by now the topic may have another message, or none.
    this.#handedOn.fromPublication(publication.withoutRetain(), nowMs)
    return this.#ports.spread.handOn(this.#handedOn, group, tried, who)
  }

  /** See `Broker.redispatch`. */
  redispatch(publication: Publication, { plain, groups }: Directive, lostNode: string): number {
    const { clock, counters, journal, limits, spread } = this.#ports
    const { changes } = journal
    const { mark } = spread
    const nowMs = clock.nowMs()
    if (plain) {
      counters.droppedMemberLost++
      limits.drops?.dropped(publication, 'member_lost')
    }
    for (const key of groups) this.#redispatchToGroup(publication, key, lostNode, nowMs)
    this.#owe(changes)
    return spread.mark === mark ? 0 : spread.mark
  }

  /** See `Broker.isServedWithout`. */
  isServedWithout(node: string, text: string): boolean {
    const named = readGroupKey(text)
    const group = this.#groupOf(named)
    if (group === undefined || named === undefined || group.members.length > 0) return true
    return group.chooseNode([...named.tried.filter((tried) => tried !== node), node], 'any') !== undefined
  }

  #redispatchToGroup(publication: Publication, text: string, lostNode: string, nowMs: number): void {
    const { counters, limits, pickMember } = this.#ports
    if (publication.expiresAtMs <= nowMs) {
      counters.droppedExpired++
      return limits.drops?.dropped(publication, 'expired')
    }
    const named = readGroupKey(text)
    const group = this.#groupOf(named)
    const tried = [...(named?.tried ?? nobody), lostNode]
    const ready = group?.chooseReady(pickMember())
    if (ready === undefined && this.handOn(publication, group, tried, nowMs, 'ready')) return
    const member = ready ?? group?.choose(pickMember())
    if (member === undefined) {
      if (!this.handOn(publication, group, tried, nowMs)) this.#noMember(publication)
      return
    }
    this.#passing.fromPublication(publication, nowMs)
    member.session.deliver(this.#passing, member, group, false)
  }

  /** See `Broker.applyRetained`. */
  applyRetained(retained: Publication | RetainedDeletion): boolean {
    const { changes } = this.#ports.journal
    const isNewer = this.#ports.applyRetained(retained)
    this.#owe(changes)
    return isNewer
  }

  /** Notes what other nodes wait for: what was recorded since. */
  #owe(changesBefore: number): void {
    const { journal } = this.#ports
    if (journal.changes !== changesBefore) this.#owedCommit = journal.gatheringCommit
  }

  /** See `Broker.whenKept`. */
  whenKept(call: () => void): void {
    this.#owed.call(call, this.#owedCommit, 0)
  }
}
