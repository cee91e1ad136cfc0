/** The lanes from other members: each batch is handed to the broker once, and acknowledged when the broker has it safe. */
import type { Directive } from '../../lanes/batches/batch-writer.ts'
import { type LaneBegin, writeAck } from '../../lanes/batches/lane-frame.ts'
import { LaneReceiver } from '../../lanes/lane-receiver.ts'
import { readBatch } from '../../lanes/batches/read-batch.ts'
import type { Publication } from '../../packets/publication.ts'
import type { ClusterClock } from '../cluster-clock.ts'
import type { ClusterLog } from '../cluster-log.ts'
import type { Coordination, Sender } from '../coordination.ts'

/** What the lanes need of the broker here. */
export interface MemberDelivery {
  /** A message from another member; it borrows the memory of its batch (`Publication.own`). */
  deliver(publication: Publication, directive: Directive): void
  /** Calls, at once or later, when all that was delivered so far is as safe as this node makes it. */
  kept(call: () => void): void
}

export type InboundSnapshot = {
  readonly member: string
  /** Its process. */
  readonly boot: string
  readonly epoch: number
  /** Number of the last batch of QoS 1 and 2 that was taken. */
  readonly taken: number
  /** Messages that were handed to the broker. */
  readonly delivered: number
  /** Batches that came again, that came out of turn, and that nobody could read. */
  readonly duplicates: number
  readonly outOfTurn: number
  readonly malformed: number
}

type InboundPorts = {
  readonly coordination: Coordination
  readonly clock: ClusterClock
  readonly log: ClusterLog
  readonly defer: (call: () => void) => void
  readonly delivery: MemberDelivery
}

/** One process of a member. */
type Member = {
  readonly node: string
  readonly boot: string
  readonly receiver: LaneReceiver
  delivered: number
  malformed: number
  /** Whether it is to be acknowledged at the end of this turn. */
  isDue: boolean
  /** Batches of which the broker was asked whether they are safe: up to this one of this lane. */
  askedEpoch: number
  asked: number
}

/** More members than any cluster has: names come from the bus. */
const MEMBERS_MAX = 1_024
/** A node's process, and the one before it, whose last words may still be on their way. */
const BOOTS_MAX = 2
const REMARK_MS = 60_000

export class InboundLanes {
  readonly #ports: InboundPorts
  /** By boot, the oldest first. */
  readonly #members = new Map<string, Member>()
  readonly #due: Member[] = []
  #remarkedAtMs = Number.NEGATIVE_INFINITY
  #isResting = false

  constructor(ports: InboundPorts) {
    this.#ports = ports
  }

  batch(from: Sender, epoch: number, sequence: number, frame: Buffer): void {
    if (this.#isResting) return
    const member = this.#memberOf(from)
    if (sequence === 0) return this.#deliver(member, frame)
    switch (member.receiver.judge(epoch, sequence)) {
      case 'deliver':
        this.#deliver(member, frame)
        return this.#acknowledgeSoon(member)
      case 'duplicate':
        return this.#acknowledgeSoon(member)
      case 'missing':
      case 'unknown':
        if (member.receiver.tellMissing()) this.#acknowledge(member, true)
        return
      case 'late':
    }
  }

  begin(from: Sender, begin: LaneBegin): void {
    const member = this.#memberOf(from)
    if (!member.receiver.begin(begin)) return
    this.#acknowledge(member, member.receiver.taken < begin.last)
  }

  list(): InboundSnapshot[] {
    return [...this.#members.values()].map(({ node, boot, receiver, delivered, malformed }) => {
      const { epoch, taken, duplicates, outOfTurn } = receiver
      return { member: node, boot, epoch, taken, delivered, duplicates, outOfTurn, malformed }
    })
  }

  /** Takes no batch any more: it comes again to this node's next process. */
  rest(): void {
    this.#isResting = true
  }

  /** Whether something was taken that is not acknowledged yet: it would come again though it was delivered. */
  get owes(): boolean {
    for (const { receiver } of this.#members.values()) if (!receiver.isKept) return true
    return false
  }

  /** What came last is acknowledged, too, if the bus still takes it: else it would come again to this node's next process. */
  stop(): void {
    this.#acknowledgeDue()
  }

  #memberOf({ node, boot }: Sender): Member {
    const known = this.#members.get(boot)
    if (known?.node === node) return known
    this.#forgetOld(node)
    const member: Member = {
      node,
      boot,
      receiver: new LaneReceiver(boot),
      delivered: 0,
      malformed: 0,
      isDue: false,
      askedEpoch: 0,
      asked: 0,
    }
    this.#members.set(boot, member)
    return member
  }

  #forgetOld(node: string): void {
    const boots = [...this.#members.values()].filter((member) => member.node === node).map(({ boot }) => boot)
    for (const boot of boots.slice(0, Math.max(0, boots.length + 1 - BOOTS_MAX))) this.#members.delete(boot)
    const [oldest] = this.#members.keys()
    if (this.#members.size >= MEMBERS_MAX && oldest !== undefined) this.#members.delete(oldest)
  }

  /** A batch that can't be read counts as taken: it would come as it is again and again, and hold up all that follows. */
  #deliver(member: Member, frame: Buffer): void {
    const batch = readBatch(frame)
    if (batch.type === 'malformed') {
      member.malformed += 1
      return this.#remark({ member: member.node, reason: batch.reason }, 'lane_batch_malformed')
    }
    const { delivery } = this.#ports
    const { publications, directives } = batch
    for (let i = 0; i < publications.length; i += 1) {
      try {
        delivery.deliver(publications[i]!, directives[i]!)
      } catch (error) {
        this.#remark({ member: member.node, err: error }, 'lane_delivery_failed')
      }
    }
    member.delivered += publications.length
  }

  #remark(fields: object, event: string): void {
    const nowMs = this.#ports.clock.steadyMs()
    if (nowMs - this.#remarkedAtMs < REMARK_MS) return
    this.#remarkedAtMs = nowMs
    this.#ports.log.error(fields, event)
  }

  #acknowledgeSoon(member: Member): void {
    if (member.isDue) return
    member.isDue = true
    this.#due.push(member)
    if (this.#due.length === 1) this.#ports.defer(this.#acknowledgeDue)
  }

  readonly #acknowledgeDue = (): void => {
    for (const member of this.#due) {
      member.isDue = false
      this.#keep(member)
    }
    this.#due.length = 0
  }

  /** Asks the broker once for all that came in this turn; what comes meanwhile is another question. */
  #keep(member: Member): void {
    const { receiver } = member
    const { epoch, taken } = receiver
    // It came again: the acknowledgement was lost, or is still to come.
    if (member.askedEpoch === epoch && member.asked >= taken) return this.#acknowledge(member, false)
    member.askedEpoch = epoch
    member.asked = taken
    this.#ports.delivery.kept(() => {
      if (receiver.keep(epoch, taken)) this.#acknowledge(member, false)
    })
  }

  #acknowledge({ node, receiver }: Member, isMissing: boolean): void {
    try {
      this.#ports.coordination.bus.send(node, 'lanes', writeAck(receiver.ack(isMissing)))
    } catch (error) {
      this.#remark({ member: node, err: error }, 'lane_send_failed')
    }
  }
}
