/**
 * The outbound window of one session: QoS 1 and 2 messages that were sent and not yet acknowledged, by packet identifier.
 * Built on flat arrays: for a session that ends with its connection an entry is one byte and no object.
 */
import type { QoS } from '../../packets/message.ts'
import type { Queued } from './queue.ts'

/** Where an identifier stands. PUBCOMP is awaited once PUBREL was sent, and from then on the message is not needed. */
const free = 0
const awaitingPuback = 1
const awaitingPubrec = 2
const awaitingPubcomp = 3

const SLOTS_MIN = 16
const SLOTS_MAX = 65_536

export type Unacknowledged =
  | { readonly type: 'publish'; readonly packetId: number; readonly queued: Queued }
  | { readonly type: 'pubrel'; readonly packetId: number }

/** A message that has its identifier already: of QoS 2, where it outlives the process, or one that another node has sent. */
type Fixed = { readonly order: number; queued: Queued | undefined }

export class Window {
  /** Messages that may be unacknowledged at once: Receive Maximum of the client, or ours. */
  limit: number
  /** Identifiers above are not given out by `open`. */
  idMax = 65_535
  /** Is told when nothing more is to be done for a message that was kept. */
  settled: ((queued: Queued) => void) | undefined
  #count = 0
  #nextId = 1
  /** Slot of an identifier: its low bits. Identifiers are given in order, so that two seldom want one slot. */
  #states = new Uint8Array(SLOTS_MIN)
  #ids = new Uint16Array(SLOTS_MIN)
  #kept: (Queued | undefined)[] = []
  #order = 0
  #orders: number[] = []
  /** By their identifiers, which `open` leaves out. `queued` is gone once PUBCOMP is awaited. */
  #fixed: Map<number, Fixed> | undefined

  constructor(limit: number) {
    this.limit = limit
  }

  get count(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#count >= this.limit
  }

  /**
   * Takes a packet identifier for a message about to be sent. `kept` is what a resend needs; left out, the message is
   * not resent. Must not be called on a full window.
   */
  open(qos: QoS, kept: Queued | undefined): number {
    if (this.#count * 2 >= this.#states.length && this.#states.length < SLOTS_MAX) this.#grow()
    const mask = this.#states.length - 1
    let id = this.#nextId
    while (this.#states[id & mask] !== free || this.#fixed?.has(id) === true) id = id >= this.idMax ? 1 : id + 1
    this.#nextId = id >= this.idMax ? 1 : id + 1
    const slot = id & mask
    this.#states[slot] = qos === 2 ? awaitingPubrec : awaitingPuback
    this.#ids[slot] = id
    if (kept !== undefined) {
      this.#kept[slot] = kept
      this.#orders[slot] = this.#order++
    }
    this.#count++
    return id
  }

  /** The same for a message that has its identifier already. It must be free. */
  openAs(packetId: number, kept: Queued): void {
    this.#fixed ??= new Map()
    this.#fixed.set(packetId, { order: this.#order++, queued: kept })
    this.#count++
  }

  /** Takes up a message that the client had when the process ended, and whose PUBCOMP is to come. */
  restoreReleased(packetId: number): void {
    this.#fixed ??= new Map()
    this.#fixed.set(packetId, { order: this.#order++, queued: undefined })
    this.#count++
  }

  /** Identifiers of such messages whose PUBCOMP is to come, in the order of their first sending. */
  released(): number[] {
    const found: number[] = []
    for (const [packetId, { queued }] of this.#fixed ?? []) if (queued === undefined) found.push(packetId)
    return found
  }

  /** Whether a message by this identifier is unacknowledged. */
  has(packetId: number): boolean {
    return this.#slotOf(packetId) >= 0 || this.#fixed?.has(packetId) === true
  }

  /** PUBACK. Returns false if nothing by this identifier waits for one. */
  acknowledge(packetId: number): boolean {
    return this.#close(packetId, awaitingPuback)
  }

  /** PUBREC: the message is the client's. Returns false if nothing by this identifier waits for one; a repeated PUBREC is fine. */
  receive(packetId: number): boolean {
    const slot = this.#slotOf(packetId)
    if (slot < 0) return this.#receiveFixed(packetId)
    const state = this.#states[slot]
    if (state === awaitingPubrec) {
      this.#states[slot] = awaitingPubcomp
      if (this.#kept[slot] !== undefined) this.#letGo(slot)
      return true
    }
    return state === awaitingPubcomp
  }

  #receiveFixed(packetId: number): boolean {
    const fixed = this.#fixed?.get(packetId)
    if (fixed === undefined || fixed.queued?.qos === 1) return false
    const { queued } = fixed
    fixed.queued = undefined
    if (queued !== undefined) this.settled?.(queued)
    return true
  }

  /** PUBCOMP. Returns false if nothing by this identifier waits for one. */
  complete(packetId: number): boolean {
    return this.#close(packetId, awaitingPubcomp)
  }

  /** PUBREC with an error: the client does not want the message and will not complete it. */
  refuse(packetId: number): boolean {
    return this.#close(packetId, awaitingPubrec)
  }

  /** What a reconnecting client has to be sent again, in the order of the first sending [MQTT-4.6.0-1]. */
  unacknowledged(): Unacknowledged[] {
    const found: { order: number; what: Unacknowledged }[] = []
    for (let slot = 0; slot < this.#states.length; slot++) {
      const queued = this.#kept[slot]
      const packetId = this.#ids[slot]!
      const order = this.#orders[slot] ?? 0
      if (this.#states[slot] === awaitingPubcomp) found.push({ order, what: { type: 'pubrel', packetId } })
      else if (this.#states[slot] !== free && queued !== undefined)
        found.push({ order, what: { type: 'publish', packetId, queued } })
    }
    for (const [packetId, { order, queued }] of this.#fixed ?? [])
      found.push({
        order,
        what: queued === undefined ? { type: 'pubrel', packetId } : { type: 'publish', packetId, queued },
      })
    return found.sort((a, b) => a.order - b.order).map(({ what }) => what)
  }

  /** Takes back an identifier whose message was not sent after all. */
  discard(packetId: number): void {
    const slot = this.#slotOf(packetId)
    if (slot >= 0) this.#close(packetId, this.#states[slot]!)
    else this.#closeFixed(packetId)
  }

  #slotOf(packetId: number): number {
    const slot = packetId & (this.#states.length - 1)
    return this.#states[slot] !== free && this.#ids[slot] === packetId ? slot : -1
  }

  #close(packetId: number, state: number): boolean {
    const slot = this.#slotOf(packetId)
    if (slot < 0) return this.#fixed !== undefined && this.#isFixed(packetId, state) && this.#closeFixed(packetId)
    if (this.#states[slot] !== state) return false
    this.#states[slot] = free
    if (this.#kept[slot] !== undefined) this.#letGo(slot)
    this.#count--
    return true
  }

  #letGo(slot: number): void {
    const queued = this.#kept[slot]!
    this.#kept[slot] = undefined
    this.settled?.(queued)
  }

  #isFixed(packetId: number, state: number): boolean {
    const fixed = this.#fixed?.get(packetId)
    if (fixed === undefined) return false
    if (fixed.queued === undefined) return state === awaitingPubcomp
    return state === (fixed.queued.qos === 1 ? awaitingPuback : awaitingPubrec)
  }

  #closeFixed(packetId: number): boolean {
    const queued = this.#fixed?.get(packetId)?.queued
    if (this.#fixed?.delete(packetId) !== true) return false
    this.#count--
    if (queued !== undefined) this.settled?.(queued)
    return true
  }

  #grow(): void {
    const { length } = this.#states
    const states = new Uint8Array(length * 2)
    const ids = new Uint16Array(length * 2)
    const kept: (Queued | undefined)[] = []
    const orders: number[] = []
    for (let slot = 0; slot < length; slot++) {
      if (this.#states[slot] === free) continue
      const id = this.#ids[slot]!
      const to = id & (length * 2 - 1)
      states[to] = this.#states[slot]!
      ids[to] = id
      kept[to] = this.#kept[slot]
      orders[to] = this.#orders[slot] ?? 0
    }
    this.#states = states
    this.#ids = ids
    this.#kept = kept
    this.#orders = orders
  }
}
