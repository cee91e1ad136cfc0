/** Messages that wait for a session: it is away, or its window is full. Bounded in number. */
import type { QoS } from '../packets/message.ts'
import type { Publication } from '../packets/publication.ts'
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

/** A ring, so that both ends are cheap however long it is. */
export class MessageQueue {
  #ring: (Queued | undefined)[] = []
  #head = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  push(queued: Queued): void {
    if (this.#length === this.#ring.length) this.#grow()
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = queued
    this.#length++
  }

  shift(): Queued | undefined {
    if (this.#length === 0) return undefined
    const first = this.#ring[this.#head]
    this.#ring[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    this.#length--
    return first
  }

  *[Symbol.iterator](): Iterator<Queued> {
    for (let i = 0; i < this.#length; i++) yield this.#ring[(this.#head + i) & (this.#ring.length - 1)]!
  }

  #grow(): void {
    const ring = [...this]
    ring.length = Math.max(8, this.#ring.length * 2)
    this.#ring = ring
    this.#head = 0
  }
}
