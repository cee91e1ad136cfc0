/** Messages that wait for a session: it is away, or its window is full. Bounded in number. */
import type { QoS } from '../../packets/message.ts'
import type { Publication } from '../../packets/publication.ts'
import type { ShareGroup } from './subscription.ts'

/** A message on its way to one session, with all that was decided about it. */
export type Queued = {
  readonly publication: Publication
  /** QoS of the delivery: that of the publish or of the subscription, whichever is lower. */
  readonly qos: QoS
  readonly retain: boolean
  readonly subscriptionIdentifiers: readonly number[]
  /** The shared subscription that chose this session. If the session ends first, another member gets the message. */
  readonly group: ShareGroup | undefined
}

/** In the order of arrival, but for QoS 0, which may go ahead of what waits for a window: it needs none. */
export class MessageQueue {
  readonly #unacknowledged = new Ring()
  readonly #acknowledged = new Ring()
  #arrivals = 0

  get length(): number {
    return this.#unacknowledged.length + this.#acknowledged.length
  }

  /** Bytes of the packets that wait; others may hold the same ones. */
  get bytes(): number {
    return this.#unacknowledged.bytes + this.#acknowledged.bytes
  }

  /** How many messages of QoS 0 there are. */
  get qos0Length(): number {
    return this.#unacknowledged.length
  }

  push(queued: Queued): void {
    const ring = queued.qos === 0 ? this.#unacknowledged : this.#acknowledged
    ring.push(queued, this.#arrivals++)
  }

  /** The oldest message. */
  shift(): Queued | undefined {
    const isQos0First = this.#unacknowledged.firstArrival < this.#acknowledged.firstArrival
    return (isQos0First ? this.#unacknowledged : this.#acknowledged).shift()
  }

  /** The oldest message of QoS 1 or 2, which stays where it is. */
  get firstAcknowledged(): Queued | undefined {
    return this.#acknowledged.first
  }

  /** The oldest message of QoS 0. */
  shiftQos0(): Queued | undefined {
    return this.#unacknowledged.shift()
  }

  /** Takes out those messages for which `isWanted` says no. */
  keep(isWanted: (queued: Queued) => boolean): void {
    this.#unacknowledged.keep(isWanted)
    this.#acknowledged.keep(isWanted)
  }

  /** Puts another in the place of each. */
  replace(other: (queued: Queued) => Queued): void {
    this.#unacknowledged.replace(other)
    this.#acknowledged.replace(other)
  }

  *[Symbol.iterator](): Iterator<Queued> {
    yield* this.#unacknowledged
    yield* this.#acknowledged
  }

  /** All of them in the order of their arrival. */
  *inOrder(): Generator<Queued> {
    const [a, b] = [this.#unacknowledged, this.#acknowledged]
    for (let i = 0, j = 0; i < a.length || j < b.length;) yield a.arrivalAt(i) < b.arrivalAt(j) ? a.at(i++) : b.at(j++)
  }
}

/** Shared by all queues that nothing ever waited in: `#grow` makes new ones. */
const noSlots: (Queued | undefined)[] = []
const noArrivals: number[] = []

/** Both ends are cheap however long it is. */
class Ring {
  #slots: (Queued | undefined)[] = noSlots
  /** When the message in each slot came, as a count of all that came to the queue. */
  #arrivals: number[] = noArrivals
  #head = 0
  #length = 0
  #bytes = 0

  get length(): number {
    return this.#length
  }

  get bytes(): number {
    return this.#bytes
  }

  get firstArrival(): number {
    return this.#length === 0 ? Number.POSITIVE_INFINITY : this.#arrivals[this.#head]!
  }

  /** Of the oldest, and those after it; there must be so many. */
  at(index: number): Queued {
    return this.#slots[(this.#head + index) & (this.#slots.length - 1)]!
  }

  arrivalAt(index: number): number {
    if (index >= this.#length) return Number.POSITIVE_INFINITY
    return this.#arrivals[(this.#head + index) & (this.#slots.length - 1)]!
  }

  get first(): Queued | undefined {
    return this.#slots[this.#head]
  }

  push(queued: Queued, arrival: number): void {
    if (this.#length === this.#slots.length) this.#grow()
    const slot = (this.#head + this.#length) & (this.#slots.length - 1)
    this.#slots[slot] = queued
    this.#arrivals[slot] = arrival
    this.#length++
    this.#bytes += queued.publication.byteLength
  }

  shift(): Queued | undefined {
    if (this.#length === 0) return undefined
    const first = this.#slots[this.#head]!
    this.#bytes -= first.publication.byteLength
    this.#slots[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#slots.length - 1)
    this.#length--
    return first
  }

  keep(isWanted: (queued: Queued) => boolean): void {
    for (let left = this.#length; left > 0; left--) {
      const arrival = this.firstArrival
      const queued = this.shift()!
      if (isWanted(queued)) this.push(queued, arrival)
    }
  }

  replace(other: (queued: Queued) => Queued): void {
    for (let left = this.#length; left > 0; left--) {
      const arrival = this.firstArrival
      this.push(other(this.shift()!), arrival)
    }
  }

  *[Symbol.iterator](): Iterator<Queued> {
    for (let i = 0; i < this.#length; i++) yield this.at(i)
  }

  #grow(): void {
    const size = this.#slots.length
    const turn = <T>(values: T[]): T[] => [...values.slice(this.#head), ...values.slice(0, this.#head)]
    this.#slots = turn(this.#slots)
    this.#arrivals = turn(this.#arrivals)
    this.#slots.length = this.#arrivals.length = Math.max(8, size * 2)
    this.#head = 0
  }
}
