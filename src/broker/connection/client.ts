/**
 * A client that was let in: what its PUBLISH packets, acknowledgements, subscriptions come to (MQTT 3.1.1 and 5.0, sections 3 and 4).
 * PUBLISH and its acknowledgements are read and written in place; the other packets are rare and go through `mqtt-packet`.
 */
import type { Debt } from '../../link/broker-port.ts'
import type { Publication } from '../../packets/publication.ts'
import type { PublishView } from '../../packets/publish-view.ts'
import { PacketFault, reasonCode, refusalWords } from '../../packets/reason-code.ts'
import { topicFilterProblem } from '../../topics/topic-filter.ts'
import type { Broker } from '../broker.ts'
import type { ClientConnection } from './client-connection.ts'
import type { ConnectTerms } from './connect.ts'
import { Promises, type Promiser } from '../durable/promises.ts'
import { sliceFilters } from './filter-slices.ts'
import type { Admission } from './handshake.ts'
import { work } from './inbox.ts'
import type { ClientTap } from '../hooks/client-tap.ts'
import type { Hooked, PublishHooks } from '../hooks/publish-hooks.ts'
import { LinkPeer } from './link-peer.ts'
import { LinkSpeech, type LinkSpeaker } from './link-speech.ts'
import { checkAcknowledgement, packetType, type ProtocolVersion } from './packet-rules.ts'
import type { Session } from '../sessions/session.ts'
import { subscribe, type Subscriber, unsubscribe } from './subscribing.ts'
import type { Delivery } from '../sessions/subscription.ts'
import type { PresentClient } from '../system-port.ts'
import { TopicAliases } from './topic-aliases.ts'
import type { Transport } from './transport.ts'

const STORE_FAILS = 'the node can not keep what it would have to promise: its disk takes nothing'

export class Client implements PresentClient, Promiser, LinkSpeaker, Subscriber {
  readonly broker: Broker
  readonly session: Session
  readonly admission: Admission
  readonly connectedAtMs: number
  /** PUBLISH packets that it sent; batches of a peer are one each. */
  publishCount = 0
  readonly #connection: ClientConnection
  /** Whether its next packet waits for what a hook has to say of the last one. */
  isHooked = false
  #wasDenied = false
  #aliases: TopicAliases | undefined
  /** What it says under `$LINK/`; nearly nobody does. */
  #link: LinkSpeech | undefined
  /** Acknowledgements that wait for the disk. */
  #promises: Promises | undefined

  /** @param peer the client as links know it, if it greeted us as the peer of one */
  constructor(
    broker: Broker,
    connection: ClientConnection,
    admission: Admission,
    session: Session,
    peer: LinkPeer | undefined,
  ) {
    this.broker = broker
    this.#connection = connection
    this.admission = admission
    this.session = session
    this.connectedAtMs = broker.clock.nowMs()
    if (peer !== undefined) this.#link = this.#speech(peer)
  }

  get terms(): ConnectTerms {
    return this.admission.terms
  }

  get version(): ProtocolVersion {
    return this.admission.terms.version
  }

  get peerHost(): string {
    return this.admission.identity.peerHost
  }

  get localPort(): number {
    return this.#connection.transport.localPort
  }

  get tap(): ClientTap | undefined {
    return this.#connection.outlet.tap
  }

  get transport(): Transport {
    return this.#connection.transport
  }

  /** Whether it speaks for another cluster. */
  get isLinkPeer(): boolean {
    return this.#link !== undefined && (this.#link.peer.isGreeted || this.#link.peer.isHeard)
  }

  /** The connection is gone. */
  closed(): void {
    this.#promises?.close()
    this.#link?.closed()
  }

  // ---- PUBLISH

  publish(buffer: Buffer, start: number, body: number, end: number): void {
    const { broker, session } = this
    const { inbox } = this.#connection
    const { passing, mqtt, index } = broker
    const { view } = passing
    view.read(buffer, start, body, end, this.version === 5)
    broker.counters.publishesReceived[view.qos]!++
    this.publishCount++
    broker.counters.payloadBytesReceived += view.end - view.payloadStart
    checkDepth(view, mqtt.max_topic_levels)
    if (view.topicAlias > 0) {
      if (this.#publishAliasedBatch()) return
      this.#aliases ??= new TopicAliases()
      this.#aliases.resolve(view, mqtt.max_topic_alias)
    } else if (view.topicLength === 0)
      throw new PacketFault(reasonCode.protocolError, 'neither a topic name nor a Topic Alias')
    const { planned } = index
    const delivery = index.lookupBytes(view.buffer, view.topicStart, view.topicEnd)
    if (index.planned !== planned) inbox.spend(work.newTopic)
    if (delivery === undefined || delivery.levelCount > mqtt.max_topic_levels)
      throw new PacketFault(reasonCode.topicNameInvalid, 'topic name empty, too deep, not UTF-8, or with a wildcard')
    if (view.qos > mqtt.max_qos_allowed) throw new PacketFault(reasonCode.qosNotSupported, `QoS ${view.qos}`) // [MQTT-3.2.2-11]
    if (view.retain && !mqtt.retain_available) throw new PacketFault(reasonCode.retainNotSupported, 'RETAIN') // [MQTT-3.2.2-14]
    if (mqtt.payload_format_validation && !view.isPayloadAsIndicated) return this.#refusePayload()
    const { qos, packetId } = view
    if (qos === 2) {
      if (session.awaitingRel.has(packetId)) return this.#answerAgain(0x50, packetId, 0) // [MQTT-4.3.3-10]
      if (session.awaitingRel.size >= mqtt.max_awaiting_rel)
        throw new PacketFault(
          reasonCode.receiveMaximumExceeded,
          `more than ${mqtt.max_awaiting_rel} messages of QoS 2 await PUBREL`,
        )
    } else if (qos === 1 && this.isInUse(packetId))
      return this.#answer(0x40, packetId, reasonCode.packetIdentifierInUse, broker.journal.changes)
    passing.fromClient(delivery.topic, session, inbox.readAtMs)
    if (delivery.reserved === 'link' && this.#link?.publishBatch(delivery.topic) === true) return
    const publishHooks = broker.hooks?.publish
    if (publishHooks !== undefined && delivery.reserved === undefined) this.#hook(publishHooks, delivery)
    else this.#takeOn(delivery, qos, packetId, false)
  }

  /** @param packetId of the publisher's packet. @param isAllowed whether the rules were asked already */
  #takeOn(delivery: Delivery, qos: number, packetId: number, isAllowed: boolean): void {
    const { broker, session } = this
    const { inbox } = this.#connection
    const { passing } = broker
    if (qos > 0 && broker.isUnkeepable(delivery, passing.view.retain)) return this.#refusePromise(qos, packetId)
    const changesBefore = broker.journal.changes
    const markBefore = broker.spread.mark
    const mayPublish = isAllowed || this.#mayPublish(delivery)
    const reason = mayPublish ? this.#pass(delivery) : this.deny('publish', delivery.topic)
    const { debt } = passing
    if (qos === 0 || !this.#connection.isOpen) {
      // Nobody answers it, so that its publisher is only slowed down.
      if (debt !== undefined && !debt.isPaid) inbox.wait(debt, true)
      return
    }
    // Their acknowledgements hold back most of them, but not who sends thousands before the first one is acknowledged.
    if (debt?.isPressing === true) inbox.wait(debt, false)
    if (qos === 1) return this.#answer(0x40, packetId, reason, changesBefore, markBefore, debt)
    // MQTT 3.1.1 has no word for a refusal there, so that its client goes on with PUBREL.
    if (reason < 0x80 || this.version < 5) session.awaitRel(packetId)
    if (broker.spread.mark !== markBefore) session.mark = broker.spread.mark
    if (debt !== undefined) session.debt = broker.debts.join(session.debt, debt)
    this.#answer(0x50, packetId, reason, changesBefore, markBefore, debt)
  }

  /** Hooks see what the rules let pass. */
  #hook(hooks: PublishHooks, delivery: Delivery): void {
    const { passing } = this.broker
    const { qos, packetId } = passing.view
    if (!this.#mayPublish(delivery)) return this.#takeOn(delivery, qos, packetId, false)
    const before = passing.publication
    const hooked = hooks.run(before)
    if (hooked instanceof Promise) {
      this.#connection.inbox.hold()
      this.isHooked = true
      void this.#waitForHooks(before, hooked, qos, packetId)
    } else if (hooked === before) this.#takeOn(delivery, qos, packetId, true)
    else this.#takeOnHooked(before, hooked, qos, packetId)
  }

  async #waitForHooks(before: Publication, hooks: Promise<Hooked>, qos: number, packetId: number): Promise<void> {
    const hooked = await hooks
    this.isHooked = false
    // A publisher that was not answered and is gone sends it again.
    if (qos > 0 && !this.isOpen) return
    try {
      const { clock, passing } = this.broker
      passing.fromPublication(before, clock.nowMs())
      passing.session = this.session
      this.#takeOnHooked(before, hooked, qos, packetId)
    } catch (error) {
      this.#connection.fault(error)
    }
    if (this.isOpen) this.#connection.nextTurn()
  }

  /** The message that passes is `before`. */
  #takeOnHooked(before: Publication, hooked: Hooked, qos: number, packetId: number): void {
    const { broker, session } = this
    if (hooked === undefined) {
      broker.dropByHook(before)
      if (qos === 0) return
      if (qos === 2) session.awaitRel(packetId)
      // As EMQX answers it: nobody got it.
      return this.#answer(qos === 1 ? 0x40 : 0x50, packetId, reasonCode.noMatchingSubscribers, broker.journal.changes)
    }
    if (hooked !== before) broker.passing.become(hooked)
    this.#takeOn(broker.index.lookup(hooked.topic), qos, packetId, true)
  }

  /** What is under `$LINK/` the link's inlet judges. */
  #mayPublish(delivery: Delivery): boolean {
    const { access } = this.admission
    const { view } = this.broker.passing
    if (access.publishesFreely || delivery.reserved === 'link') return true
    return access.mayPublish(delivery.topic, view.qos, view.retain, delivery)
  }

  #pass(delivery: Delivery): number {
    if (delivery.reserved !== undefined) return this.#publishReserved(delivery)
    const { passing } = this.broker
    const receivers = this.broker.publish(passing, delivery)
    this.#connection.inbox.spend(receivers * work.receiver + (passing.view.retain ? work.retained : 0))
    if (passing.isRetainRefused) return reasonCode.quotaExceeded
    return receivers === 0 ? reasonCode.noMatchingSubscribers : reasonCode.success
  }

  /** A denial is told once a connection; who goes on trying must not fill the log. */
  deny(action: 'publish' | 'subscribe', topic: string): number {
    const { authorizer, counters, log } = this.broker
    const { clientId, username } = this.terms
    const fields = { clientid: clientId, username, action, topic }
    if (this.#wasDenied) log.debug(fields, 'authorization_denied')
    else log.info(fields, 'authorization_denied')
    this.#wasDenied = true
    counters.denied++
    if (authorizer.denyAction === 'disconnect')
      this.#connection.disconnect(reasonCode.notAuthorized, `no right to ${action}`)
    return reasonCode.notAuthorized
  }

  /** Its payload is not the UTF-8 that the publisher says it is (MQTT 5, 3.3.2.3.2). */
  #refusePayload(): void {
    const { qos, packetId } = this.broker.passing.view
    if (qos === 0) throw new PacketFault(reasonCode.payloadFormatInvalid, refusalWords(reasonCode.payloadFormatInvalid))
    this.#answer(qos === 1 ? 0x40 : 0x50, packetId, reasonCode.payloadFormatInvalid, this.broker.journal.changes)
  }

  // ---- acknowledgements

  acknowledgement(type: number, buffer: Buffer, body: number, end: number): void {
    if (end - body < 2) throw new PacketFault(reasonCode.malformedPacket, 'acknowledgement without a packet identifier')
    const packetId = (buffer[body]! << 8) | buffer[body + 1]!
    if (packetId === 0) throw new PacketFault(reasonCode.malformedPacket, 'packet identifier 0') // [MQTT-2.2.1-3]
    let reason: number = reasonCode.success
    if (end - body > 2) {
      const isAnswer = type === packetType.puback || type === packetType.pubrec
      checkAcknowledgement(buffer, body + 2, end, this.version, isAnswer)
      reason = buffer[body + 2]!
    }
    const { session } = this
    const { window } = session
    const changesBefore = this.broker.journal.changes
    switch (type) {
      case packetType.puback:
        if (window.acknowledge(packetId)) this.#acknowledged(packetId)
        else this.#countMissed(type)
        break
      case packetType.pubrec:
        if (reason >= 0x80) window.refuse(packetId)
        else this.#answer(0x62, packetId, foundOrNot(session.received(packetId)), changesBefore)
        break
      case packetType.pubrel:
        if (session.release(packetId)) this.#answer(0x70, packetId, 0, changesBefore)
        else this.#answerAgain(0x70, packetId, reasonCode.packetIdentifierNotFound)
        break
      default:
        if (session.completed(packetId)) this.#acknowledged(packetId)
        else this.#countMissed(type)
    }
    if (session.hasWaiting) session.drain(this.#connection.inbox.readAtMs)
  }

  #acknowledged(packetId: number): void {
    const { tap, traces } = this.#connection.outlet
    tap?.acknowledged(packetId)
    traces?.acknowledged(packetId)
  }

  #countMissed(type: number): void {
    this.broker.counters.acknowledgementsMissed[type]!++
  }

  /**
   * Acknowledges at once, or, if something was recorded since, when that is on disk, and if something was handed to other nodes since,
   * when they have it, and if links owe something for it, when that is paid.
   */
  #answer(
    firstByte: number,
    packetId: number,
    reason: number,
    changesBefore: number,
    markBefore = this.broker.spread.mark,
    debt?: Debt,
  ): void {
    const { journal, spread } = this.broker
    const isKept = journal.changes === changesBefore
    const isThere = spread.mark === markBefore
    const isPaid = debt === undefined || debt.isPaid
    if (isKept && isThere && isPaid && (this.#promises === undefined || this.#promises.isEmpty))
      this.#connection.outlet.acknowledge(firstByte, packetId, reason)
    else
      this.promises.acknowledge(
        firstByte,
        packetId,
        reason,
        isKept ? 0 : journal.gatheringCommit,
        isThere ? 0 : spread.mark,
        debt,
      )
  }

  get promises(): Promises {
    this.#promises ??= new Promises(this.broker.journal, this.broker.spread, this)
    return this.#promises
  }

  /** To what came before, over a connection that broke perhaps: what the first answer waited for may still be on its way to disk. */
  #answerAgain(firstByte: number, packetId: number, reason: number): void {
    const { journal } = this.broker
    const commit = this.session.stored?.changedIn ?? 0
    const { mark } = this.session
    const debt = this.session.debt?.isPaid === false ? this.session.debt : undefined
    const isDue = commit <= journal.committed && mark === 0 && debt === undefined
    if (isDue && (this.#promises === undefined || this.#promises.isEmpty))
      this.#connection.outlet.acknowledge(firstByte, packetId, reason)
    else this.promises.acknowledge(firstByte, packetId, reason, commit, mark, debt)
  }

  /** The disk takes nothing, so that nothing can be promised: the message is not taken on. */
  #refusePromise(qos: number, packetId: number): void {
    // MQTT 3.1.1 has no word for it.
    if (this.version < 5) this.promiseBroken()
    else this.#answer(qos === 1 ? 0x40 : 0x50, packetId, reasonCode.quotaExceeded, this.broker.journal.changes)
  }

  acknowledge(firstByte: number, packetId: number, reason: number): void {
    this.#connection.outlet.acknowledge(firstByte, packetId, reason)
  }

  promiseBroken(): void {
    this.#connection.disconnect(reasonCode.quotaExceeded, STORE_FAILS)
  }

  // ---- SUBSCRIBE and UNSUBSCRIBE

  subscribe(packet: Buffer, body: number): void {
    const { inbox, outlet } = this.#connection
    inbox.do(subscribe(this, outlet, inbox, sliceFilters(packet, body, this.version, 1)))
  }

  unsubscribe(packet: Buffer, body: number): void {
    const { inbox, outlet } = this.#connection
    inbox.do(unsubscribe(this, outlet, inbox, sliceFilters(packet, body, this.version, 0)))
  }

  get isOpen(): boolean {
    return this.#connection.isOpen
  }

  /** Answers at once, or, if something was recorded since, when that is on disk. */
  whenKept(changesBefore: number, answer: () => void): void {
    const { journal } = this.broker
    const isKept = journal.changes === changesBefore
    if (isKept && (this.#promises === undefined || this.#promises.isEmpty)) answer()
    else this.promises.call(answer, isKept ? 0 : journal.gatheringCommit, 0)
  }

  /** Whether a QoS 2 message awaits its PUBREL under this identifier. MQTT 3.1.1 has no word for it and is let pass. */
  isInUse(packetId: number): boolean {
    return this.version === 5 && this.session.awaitingRel.has(packetId)
  }

  // ---- `$LINK/`

  /** What begins with `$LINK/` or `$SYS/` is never passed on, whatever happens. */
  #publishReserved({ reserved, topic }: Delivery): number {
    if (reserved === 'sys') return reasonCode.notAuthorized
    return this.#linkSpeech.publish(topic)
  }

  /** A batch is large, and need not be copied for the sake of its topic's name. False for what is none, or is to be looked at. */
  #publishAliasedBatch(): boolean {
    const { index, mqtt, passing } = this.broker
    const { view } = passing
    const link = this.#link
    const topic = link?.peer.isGreeted === true ? this.#aliases?.known(view) : undefined
    if (link === undefined || topic === undefined) return false
    if (view.retain || view.isTextPayload || view.qos > mqtt.max_qos_allowed) return false
    const delivery = index.lookupBytes(topic, 0, topic.length)
    return delivery?.reserved === 'link' && !this.isInUse(view.packetId) && link.publishBatch(delivery.topic)
  }

  /** Returns the reason code. */
  subscribeLink(topicFilter: string, qos: 0 | 1 | 2): number {
    if (topicFilterProblem(topicFilter) !== undefined) return reasonCode.topicFilterInvalid
    return this.#linkSpeech.subscribe(topicFilter, qos)
  }

  get #linkSpeech(): LinkSpeech {
    if (this.#link !== undefined) return this.#link
    const disconnect = (reason: number, words = ''): void => this.#connection.disconnect(reason, words)
    const { remoteAddress } = this.#connection.transport
    this.#link = this.#speech(new LinkPeer(this.broker, disconnect, this.admission, remoteAddress))
    return this.#link
  }

  #speech(peer: LinkPeer): LinkSpeech {
    peer.admitted(this.session)
    return new LinkSpeech(peer, this.broker, this.#connection, this)
  }
}

/** Before anything is made of its levels: a topic of nothing but slashes has 65,536 of them. */
function checkDepth(view: PublishView, levelsMax: number): void {
  if (view.topicLength < levelsMax) return
  let levels = 1
  for (let at = view.topicStart; at < view.topicEnd; at++) if (view.buffer[at] === 0x2f) levels++
  if (levels > levelsMax) throw new PacketFault(reasonCode.topicNameInvalid, `a topic of ${levels} levels`)
}

function foundOrNot(isKnown: boolean): number {
  return isKnown ? reasonCode.success : reasonCode.packetIdentifierNotFound
}
