/**
 * Messages for kept sessions, as they go to disk: all of one commit in one record. A batch lives as long as one of its
 * deliveries is outstanding.
 */
import type { QoS } from '../../packets/message.ts'
import type { Publication, Slab } from '../../packets/publication.ts'
import type { Queued } from '../sessions/queue.ts'
import type { ShareGroup } from '../sessions/subscription.ts'
import type { StoredSession } from './stored-session.ts'

/** What a delivery is, in one number: there may be many of them, and each lives until it is acknowledged. */
const flag = { qos: 3, retain: 4, committed: 8, sent: 16, held: 32 } as const

/** One message on its way to one kept session. */
export class StoredDelivery implements Queued {
  readonly publication: Publication
  readonly subscriptionIdentifiers: readonly number[]
  readonly group: ShareGroup | undefined
  readonly owner: StoredSession
  /** Number of the delivery within its session: their order. */
  readonly n: number
  batch: Batch
  /** Index in the batch. */
  slot = 0
  #flags: number

  constructor(
    publication: Publication,
    qos: QoS,
    retain: boolean,
    subscriptionIdentifiers: readonly number[],
    group: ShareGroup | undefined,
    owner: StoredSession,
    n: number,
    batch: Batch,
  ) {
    this.publication = publication
    this.subscriptionIdentifiers = subscriptionIdentifiers
    this.group = group
    this.owner = owner
    this.n = n
    this.batch = batch
    this.#flags = qos | (retain ? flag.retain : 0)
  }

  get qos(): QoS {
    return (this.#flags & flag.qos) as QoS
  }

  get retain(): boolean {
    return (this.#flags & flag.retain) !== 0
  }

  /** Whether it is on disk: only then may it be sent at QoS 2. */
  get isCommitted(): boolean {
    return (this.#flags & flag.committed) !== 0
  }

  committed(): void {
    this.#flags |= flag.committed
  }

  /** At QoS 1, too, it is sent only once it is on disk: it comes again if it never got there. */
  hold(): void {
    this.#flags |= flag.held
  }

  get isHeld(): boolean {
    return (this.#flags & (flag.held | flag.committed)) === flag.held
  }

  /** Whether it was sent already, so far as is known after a restart. */
  get wasSent(): boolean {
    return (this.#flags & flag.sent) !== 0
  }

  sent(): void {
    this.#flags |= flag.sent
  }
}

/** One that another node has sent under an identifier of its own: at QoS 2 it keeps that, also after a crash. */
export class ImportedDelivery extends StoredDelivery {
  readonly packetId: number

  constructor(queued: Queued, packetId: number, owner: StoredSession, n: number, batch: Batch) {
    const { publication, qos, retain, subscriptionIdentifiers, group } = queued
    super(publication, qos, retain, subscriptionIdentifiers, group, owner, n, batch)
    this.packetId = packetId
    this.sent()
  }
}

export class Batch {
  /** Its key in the store; 0 while it gathers. */
  number = 0
  /** The commit whose changes were the last to name it. */
  changedIn = 0
  /** Whether there is a record of it, or one is on its way to disk. */
  isWritten = false
  /** By their slots; those that are done are left out. */
  deliveries: (StoredDelivery | undefined)[] = []
  #left = 0
  #bytes = 0
  #bytesLeft = 0

  get left(): number {
    return this.#left
  }

  /** Whether it takes up much more room than what is left of it needs. */
  get isSparse(): boolean {
    return this.#bytesLeft * 4 < this.#bytes
  }

  add(delivery: StoredDelivery): void {
    delivery.batch = this
    delivery.slot = this.deliveries.length
    this.deliveries.push(delivery)
    this.#left++
    const { byteLength } = delivery.publication
    this.#bytes += byteLength
    this.#bytesLeft += byteLength
  }

  /** Takes up a batch that is on disk, with what is left of it. */
  static restore(number: number, deliveries: readonly (StoredDelivery | undefined)[]): Batch {
    const batch = new Batch()
    batch.number = number
    batch.isWritten = true
    for (const delivery of deliveries) {
      if (delivery === undefined) batch.deliveries.push(undefined)
      else batch.add(delivery)
    }
    return batch
  }

  /** The delivery is done. */
  remove(delivery: StoredDelivery): void {
    this.deliveries[delivery.slot] = undefined
    this.#left--
    this.#bytesLeft -= delivery.publication.byteLength
  }

  /**
   * Gives out new slots to those that are left: before the batch is written, nobody knows the old ones. Their messages
   * were not done with as soon as was hoped: they get memory that is not that of the reads that brought them.
   */
  close(slab: Slab): void {
    const left: StoredDelivery[] = []
    for (const delivery of this.deliveries) {
      if (delivery === undefined) continue
      delivery.publication.own(slab)
      delivery.slot = left.length
      left.push(delivery)
    }
    this.deliveries = left
    this.#bytes = this.#bytesLeft
  }

  /** Hands all that is left to another batch. */
  moveTo(other: Batch): void {
    const { deliveries } = this
    this.deliveries = []
    this.#left = this.#bytesLeft = 0
    for (const delivery of deliveries) if (delivery !== undefined) other.add(delivery)
  }
}
