/** What the server knows of one client between and during its connections (MQTT 5, 4.1). */
import type { Debt } from '../../link/broker-port.ts'
import type { QoS } from '../../packets/message.ts'
import type { Publication, Publisher } from '../../packets/publication.ts'
import { PublishForm } from '../../packets/publish-form.ts'
import { PublishView } from '../../packets/publish-view.ts'
import type { Counters } from '../counters.ts'
import { CROWDED_FILL } from '../limits/crowd.ts'
import type { Limits } from '../limits/limits.ts'
import { memoryLevel } from '../limits/memory-guard.ts'
import { StoredDelivery } from '../durable/batch.ts'
import { QOS2_ID_MIN, qos2Id, type StoredSession } from '../durable/stored-session.ts'
import type { Arrivals } from '../handover/arrivals.ts'
import type { Passing } from './passing.ts'
import { MessageQueue, type Queued } from './queue.ts'
import { reservedNamespace, type ShareGroup, type Subscription, type Target } from './subscription.ts'
import { type Unacknowledged, Window } from './window.ts'

/** The connection of a session, as far as sending goes. */
export interface Outlet {
  /**
   * Sends what the view shows in this form. Returns false if the client can't take a packet so large.
   * @param exclusive whether nobody else needs the bytes of the view, so that they may be changed and sent in place
   */
  publish(view: PublishView, form: PublishForm, exclusive: boolean): boolean
  /** Whether more unsent bytes wait than a connection may hold: its reader is slow. */
  readonly isCongested: boolean
  pubrel(packetId: number): void
  /** Another connection has come for the session: this one is to close. */
  takenOver(): void
}

export type Will = { readonly publication: Publication; readonly delayMs: number }

/** One of each serves all sessions: a delivery is over before the next one begins. */
const form = new PublishForm()
const storedView = new PublishView()

export class Session {
  readonly clientId: string
  publisher: Publisher
  /** `undefined` while the client is away. */
  outlet: Outlet | undefined
  /** How long the session outlives its connection, milliseconds; 0: not at all. */
  expiryIntervalMs: number
  will: Will | undefined
  /** When the client went, milliseconds since 1970; `undefined` while it is there. */
  leftAtMs: number | undefined
  /** The session in the store; `undefined` for one that is not kept, or where there is no store. */
  stored: StoredSession | undefined
  /** What the last message of QoS 2 from its client waited for at other nodes; 0: nothing ever. */
  mark = 0
  /** What messages of QoS 2 from its client wait for at links; what is paid of it may be there still. */
  debt: Debt | undefined
  /** Messages that its queue had no room for. */
  droppedCount = 0
  readonly subscriptions = new Map<string, Subscription>()
  /** What `targetAlone` made for this session. */
  readonly targets = new Map<string, readonly Target[]>()
  /** Packet identifiers of QoS 2 messages received whose PUBREL is to come. */
  readonly awaitingRel = new Set<number>()
  /** For a moment after the session has come from another node, which hands on what it still gets for it. */
  arrivals: Arrivals | undefined
  readonly window: Window
  readonly queue = new MessageQueue()
  /** Retained messages for new subscriptions. Not limited in number: they are references into the retained store. */
  readonly #retained = new MessageQueue()
  /** What the client had not acknowledged when it last went, still to be sent again. */
  #resend: Unacknowledged[] = []
  readonly #limits: Limits
  readonly #counters: Counters
  /** What the client takes unacknowledged on its present connection. */
  #receiveMaximum = Number.POSITIVE_INFINITY

  constructor(publisher: Publisher, expiryIntervalMs: number, limits: Limits, counters: Counters) {
    this.clientId = publisher.clientId
    this.publisher = publisher
    this.expiryIntervalMs = expiryIntervalMs
    this.window = new Window(limits.mqtt.max_inflight)
    this.#limits = limits
    this.#counters = counters
  }

  /** Takes over settings that have changed, in so far as it does not ask for them each time. */
  configured(nowMs: number): void {
    this.#limitWindow()
    if (this.hasWaiting) this.drain(nowMs)
  }

  #limitWindow(): void {
    this.window.limit = Math.min(this.#receiveMaximum, this.#limits.mqtt.max_inflight, this.window.idMax)
  }

  /** Whether a message would go out at once. */
  get isReady(): boolean {
    const { outlet } = this
    return outlet !== undefined && !this.window.isFull && !outlet.isCongested && this.#waiting === 0
  }

  get #waiting(): number {
    return this.queue.length + this.#retained.length + this.#resend.length
  }

  /** Messages that the client has not got, or not acknowledged. */
  get unsentCount(): number {
    const unacknowledged = this.window.unacknowledged().filter(({ type }) => type === 'publish')
    return unacknowledged.length + this.queue.length + this.#retained.length
  }

  /** Whether something is to go out as soon as window and socket take it. */
  get hasWaiting(): boolean {
    return this.#waiting > 0
  }

  /** See `Crowd`. */
  get isCrowded(): boolean {
    const { outlet, queue } = this
    if (outlet === undefined) return false
    const { max_mqueue_len, max_mqueue_bytes } = this.#limits.mqtt
    return (
      outlet.isCongested ||
      queue.length > max_mqueue_len * CROWDED_FILL ||
      queue.bytes > max_mqueue_bytes * CROWDED_FILL
    )
  }

  get #qos0Waiting(): number {
    return this.queue.qos0Length + this.#retained.qos0Length
  }

  get #isKept(): boolean {
    return this.expiryIntervalMs > 0
  }

  /** From now on the session is in the store, with all that waits for it. */
  keep(stored: StoredSession): void {
    this.stored = stored
    this.window.idMax = QOS2_ID_MIN - 1
    this.window.settled = (queued) => stored.settled(queued)
    for (const queue of [this.queue, this.#retained]) queue.replace((queued) => this.#stored(queued))
    this.arrivals?.replace((queued) => this.#stored(queued))
  }

  /** From now on the session ends with its connection; what waits is still to be sent over that. */
  forsake(): void {
    this.stored?.end()
    this.stored = undefined
  }

  /** A message that was on its way to this session when the process ended. In the order of their numbers. */
  restore(delivery: StoredDelivery): void {
    this.queue.push(delivery)
  }

  /** Takes all that waits out of the queue, in the order of arrival; in the store it stays. */
  takeQueue(): Queued[] {
    const queued = [...this.queue.inOrder()]
    while (this.queue.shift() !== undefined);
    return queued
  }

  /** Retained messages that are still to be sent for new subscriptions, in order. */
  get retainedWaiting(): Queued[] {
    return [...this.#retained.inOrder()]
  }

  /** What another node has sent to the client and that is not acknowledged, in the order of the first sending. */
  takeOver(unacknowledged: Unacknowledged): void {
    const { packetId } = unacknowledged
    if (this.window.has(packetId)) return
    if (unacknowledged.type === 'pubrel') return this.window.restoreReleased(packetId)
    const { queued } = unacknowledged
    this.window.openAs(packetId, this.stored?.takeOver(queued, packetId) ?? queued)
  }

  /** What waited for the client at another node. */
  takeOverQueued({ publication, qos, retain, subscriptionIdentifiers, group }: Queued, nowMs: number): void {
    this.#sendInTurn(this.#hold(publication, qos, retain, subscriptionIdentifiers, group), nowMs)
  }

  /** What still came for the client at another node, which hands it on. */
  takeOverLate(queued: Queued, nowMs: number): void {
    const first = queued.group === undefined ? this.arrivals?.late(queued.publication) : 'first'
    if (this.arrivals === undefined || first === 'first') this.takeOverQueued(queued, nowMs)
    else if (first !== undefined) this.#sendInTurn(first, nowMs)
  }

  /** The other node hands on nothing any more. */
  endArrivals(nowMs: number): void {
    for (const queued of this.arrivals?.end() ?? []) this.#sendInTurn(queued, nowMs)
  }

  /** A retained message that a new subscription has still to be sent, from another node. */
  takeOverRetained({ publication, qos, subscriptionIdentifiers }: Queued): void {
    this.#retained.push(this.#hold(publication, qos, true, subscriptionIdentifiers, undefined))
  }

  /** The session is over: nothing is to be done for any of its messages. */
  end(): void {
    const { stored } = this
    if (stored === undefined) return
    for (const one of this.window.unacknowledged()) if (one.type === 'publish') stored.settled(one.queued)
    for (const queue of [this.queue, this.#retained]) for (const queued of queue) stored.settled(queued)
    for (const queued of this.arrivals?.held() ?? []) stored.settled(queued)
    stored.end()
  }

  /** Sends or queues what is passing. `exclusive`: no one else is to get it. */
  deliver(passing: Passing, target: Target, group: ShareGroup | undefined, exclusive: boolean): void {
    const { view } = passing
    const qos = target.qos < view.qos ? target.qos : view.qos
    const retain = target.retainAsPublished && view.retain
    // No node hands on what a group has chosen this session for.
    if (this.arrivals !== undefined && group === undefined) {
      const held = (): Queued => this.#hold(passing.publication, qos, retain, target.subscriptionIdentifiers, undefined)
      if (!this.arrivals.goesNow(passing.borrowed, held)) return
    }
    const { outlet } = this
    if (qos === 0 && outlet !== undefined) {
      // What waits there goes first; if it still waits after that, the socket is what it waits for.
      if (this.#qos0Waiting > 0) this.drain(passing.nowMs)
      if (outlet.isCongested || this.#qos0Waiting > 0) {
        this.#counters.shedQos0++
        this.#limits.drops?.dropped(passing.publication, 'shed_qos0', this.clientId)
        this.#noteCrowded()
        return
      }
    }
    const { stored } = this
    // At QoS 2 only what is on disk is sent: after a crash its identifier must not be another message's.
    const waitsForDisk = stored !== undefined && (qos === 2 || passing.isHeld)
    const goesNow = outlet !== undefined && (qos === 0 || (this.isReady && !waitsForDisk))
    let queued: Queued | undefined
    const mustKeep = !goesNow || (qos > 0 && (this.#isKept || group !== undefined))
    if (stored !== undefined && qos > 0 && goesNow) {
      queued = stored.take(passing.borrowed, qos, retain, target.subscriptionIdentifiers, group, true)
    } else if (mustKeep) {
      // What a client that is there takes in a moment gets memory together with others, if it comes to that.
      const isBrief = stored !== undefined && qos > 0 && outlet !== undefined
      const publication = isBrief ? passing.borrowed : passing.publication
      queued = this.#hold(publication, qos, retain, target.subscriptionIdentifiers, group)
      if (passing.isHeld && queued instanceof StoredDelivery) queued.hold()
    }
    if (!goesNow) return this.#enqueue(queued!)
    form.qos = qos
    form.retain = retain
    form.dup = false
    form.subscriptionIdentifiers = target.subscriptionIdentifiers
    form.expirySeconds = passing.expirySeconds
    form.packetId = qos === 0 ? 0 : this.window.open(qos, queued)
    if (!outlet.publish(view, form, exclusive)) {
      this.#limits.drops?.dropped(passing.publication, 'too_large', this.clientId)
      this.#tooLarge(form.packetId)
    }
  }

  #hold(
    publication: Publication,
    qos: QoS,
    retain: boolean,
    subscriptionIdentifiers: readonly number[],
    group: ShareGroup | undefined,
  ): Queued {
    const { stored } = this
    return stored !== undefined && qos > 0
      ? stored.take(publication, qos, retain, subscriptionIdentifiers, group, false)
      : { publication, qos, retain, subscriptionIdentifiers, group }
  }

  #stored(queued: Queued): Queued {
    const { publication, qos, retain, subscriptionIdentifiers, group } = queued
    // What a link says is for the connection of now.
    if (reservedNamespace(publication.topic) === 'link') return queued
    return this.#hold(publication, qos, retain, subscriptionIdentifiers, group)
  }

  /** Retained messages for a subscription just made; `drain` sends them. */
  queueRetained(publication: Publication, subscription: Subscription): void {
    const { identifier } = subscription
    const qos = Math.min(subscription.qos, publication.qos) as QoS
    this.#retained.push(this.#hold(publication, qos, true, identifier === 0 ? [] : [identifier], undefined))
  }

  /** Sends one message to this session alone, whatever it has subscribed to. */
  send(publication: Publication, nowMs: number): void {
    const { qos } = publication
    this.#sendInTurn({ publication, qos, retain: false, subscriptionIdentifiers: [], group: undefined }, nowMs)
  }

  /** Forgets what `send` was to send under these topics and the client has not acknowledged. */
  unsend(isTopic: (topic: string) => boolean): void {
    this.queue.keep(({ publication }) => !isTopic(publication.topic))
    for (const unacknowledged of this.window.unacknowledged())
      if (unacknowledged.type === 'publish' && isTopic(unacknowledged.queued.publication.topic))
        this.window.discard(unacknowledged.packetId)
  }

  /** A message of another member of a group, which is gone; it is sent as if it had come to this one first. */
  inherit(queued: Queued, member: Target, nowMs: number): void {
    const { publication, group } = queued
    const qos = member.qos < publication.qos ? member.qos : publication.qos
    const { subscriptionIdentifiers } = member
    this.#sendInTurn(this.#hold(publication, qos, queued.retain, subscriptionIdentifiers, group), nowMs)
  }

  #sendInTurn(queued: Queued, nowMs: number): void {
    if (this.outlet !== undefined && this.isReady && this.#maySend(queued)) this.#sendQueued(this.outlet, queued, nowMs)
    else this.#enqueue(queued)
  }

  /** The client is back: sends again what it had not acknowledged, in the old order and under the old identifiers, then what waits. */
  resume(outlet: Outlet, receiveMaximum: number, nowMs: number): void {
    this.outlet = outlet
    this.#receiveMaximum = receiveMaximum
    this.#limitWindow()
    this.#resend = this.window.unacknowledged()
    const now = this.#resend.splice(0, this.window.limit) // [MQTT-3.3.4-9]
    for (const unacknowledged of now) this.#sendAgain(outlet, unacknowledged, nowMs)
    this.drain(nowMs)
  }

  /** Sends what waits as far as window and socket take it. Called after each acknowledgement, when the socket has drained, and for what was queued meanwhile. */
  drain(nowMs: number): void {
    const { outlet } = this
    if (outlet === undefined) return
    while (this.#resend.length > 0 && this.window.count - this.#resend.length < this.window.limit)
      this.#sendAgain(outlet, this.#resend.shift()!, nowMs)
    while (!outlet.isCongested) {
      const queued = this.#nextQueued()
      if (queued === undefined) return
      this.#sendQueued(outlet, queued, nowMs)
    }
  }

  /** Order holds per QoS (MQTT 5, 4.6), so that QoS 0 need not wait for a window. */
  #nextQueued(): Queued | undefined {
    const isBlocked = this.#resend.length > 0 || this.window.isFull
    return isBlocked
      ? (this.#retained.shiftQos0() ?? this.queue.shiftQos0())
      : (this.#shiftSendable(this.#retained) ?? this.#shiftSendable(this.queue))
  }

  #shiftSendable(queue: MessageQueue): Queued | undefined {
    const first = queue.firstAcknowledged
    return first === undefined || this.#maySend(first) ? queue.shift() : queue.shiftQos0()
  }

  /** Whether it is on disk, where it has to be, and nothing else has its identifier. */
  #maySend(queued: Queued): boolean {
    if (!(queued instanceof StoredDelivery)) return true
    if (queued.qos < 2) return !queued.isHeld
    return queued.isCommitted && !this.window.has(qos2Id(queued))
  }

  /**
   * All messages that the session holds for members of groups: queued, or sent at QoS 1 and not acknowledged. One that was
   * sent at QoS 2 must not be sent to anybody else [MQTT-4.8.2-5].
   */
  *heldForGroups(): Iterable<Queued> {
    for (const unacknowledged of this.window.unacknowledged()) {
      if (unacknowledged.type === 'pubrel') continue
      const { queued } = unacknowledged
      if (queued.group !== undefined && queued.qos === 1) yield queued
    }
    for (const queued of this.queue) if (queued.group !== undefined) yield queued
  }

  #sendQueued(outlet: Outlet, queued: Queued, nowMs: number): void {
    if (queued.publication.expiresAtMs <= nowMs) {
      this.#counters.droppedExpired++
      this.#limits.drops?.dropped(queued.publication, 'expired', this.clientId)
      return this.stored?.settled(queued)
    }
    const packetId = queued.qos === 0 ? 0 : this.#open(queued)
    const isAgain = queued instanceof StoredDelivery && queued.wasSent
    if (queued instanceof StoredDelivery) queued.sent()
    if (!this.#send(outlet, queued, packetId, isAgain, nowMs)) this.#tooLarge(packetId)
  }

  #open(queued: Queued): number {
    if (queued.qos === 1 || !(queued instanceof StoredDelivery)) return this.window.open(queued.qos, queued)
    const packetId = qos2Id(queued)
    this.window.openAs(packetId, queued)
    return packetId
  }

  // ---- acknowledgements

  /** PUBREC. Returns false if nothing by this identifier waits for one. */
  received(packetId: number): boolean {
    const isKnown = this.window.receive(packetId)
    if (isKnown) this.stored?.touch()
    return isKnown
  }

  /** PUBCOMP. Returns false if nothing by this identifier waits for one. */
  completed(packetId: number): boolean {
    const isKnown = this.window.complete(packetId)
    if (isKnown) this.stored?.touch()
    return isKnown
  }

  /** A message of QoS 2 came under this identifier. */
  awaitRel(packetId: number): void {
    this.awaitingRel.add(packetId)
    this.stored?.touch()
  }

  /** PUBREL. Returns false if no message of QoS 2 came under this identifier. */
  release(packetId: number): boolean {
    const isKnown = this.awaitingRel.delete(packetId)
    if (isKnown) this.stored?.touch()
    return isKnown
  }

  #sendAgain(outlet: Outlet, unacknowledged: Unacknowledged, nowMs: number): void {
    const { packetId } = unacknowledged
    // Acknowledged before it was sent again, by a client that remembers its last connection.
    if (!this.window.has(packetId)) return
    if (unacknowledged.type === 'pubrel') outlet.pubrel(packetId)
    else if (!this.#send(outlet, unacknowledged.queued, packetId, true, nowMs)) this.#tooLarge(packetId)
  }

  #send(outlet: Outlet, queued: Queued, packetId: number, dup: boolean, nowMs: number): boolean {
    const { publication } = queued
    publication.show(storedView)
    form.qos = queued.qos
    form.retain = queued.retain
    form.dup = dup
    form.packetId = packetId
    form.subscriptionIdentifiers = queued.subscriptionIdentifiers
    form.expirySeconds = publication.expirySecondsLeft(nowMs)
    if (outlet.publish(storedView, form, false)) return true
    this.#limits.drops?.dropped(publication, 'too_large', this.clientId)
    return false
  }

  /** The client can't take it: as good as delivered, and counted [MQTT-3.1.2-25]. */
  #tooLarge(packetId: number): void {
    this.#counters.droppedTooLarge++
    if (packetId > 0) this.window.discard(packetId)
  }

  #enqueue(queued: Queued): void {
    const { mqtt, memory, drops } = this.#limits
    if (this.outlet === undefined && (!this.#isKept || (queued.qos === 0 && !mqtt.mqueue_store_qos0))) {
      this.#counters.droppedNotConnected++
      drops?.dropped(queued.publication, 'not_connected', this.clientId)
      return
    }
    if (memory === memoryLevel.critical) {
      this.#counters.droppedMemory++
      drops?.dropped(queued.publication, 'memory_queue', this.clientId)
      this.stored?.settled(queued)
      return
    }
    const limit = this.#queueLimit
    const bytesFree = mqtt.max_mqueue_bytes - queued.publication.byteLength
    while (this.queue.length >= limit || this.queue.bytes > bytesFree) {
      this.#counters.droppedQueueFull++
      this.droppedCount++
      // What would not fit into an empty queue is itself what goes.
      const oldest = bytesFree < 0 ? undefined : this.queue.shift()
      this.stored?.settled(oldest ?? queued)
      drops?.dropped((oldest ?? queued).publication, 'queue_full', this.clientId)
      if (oldest === undefined) return
    }
    this.queue.push(queued)
    this.#noteCrowded()
  }

  #noteCrowded(): void {
    const { crowd } = this.#limits
    if (crowd.isNoting && this.isCrowded) crowd.note(this)
  }

  /** What waits only for the disk needs no more room than if it had been sent at once. */
  get #queueLimit(): number {
    const { max_mqueue_len: limit } = this.#limits.mqtt
    return this.stored === undefined || this.outlet === undefined
      ? limit
      : limit + Math.max(0, this.window.limit - this.window.count)
  }
}
