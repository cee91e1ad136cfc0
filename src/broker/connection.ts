/**
 * One client's connection: packets in, packets out (MQTT 3.1.1 and 5.0, sections 3 and 4). PUBLISH and its
 * acknowledgements are read and written in place; the other packets are rare and go through `mqtt-packet`.
 */
import type { IDisconnectPacket, ISubscription } from 'mqtt-packet'
import type { LinkClient } from '../link/broker-port.ts'
import { Framer, type PacketHandler } from '../packets/framer.ts'
import type { PublishView } from '../packets/publish-view.ts'
import { connackReturnCode, PacketFault, reasonCode, refusalWords } from '../packets/reason-code.ts'
import { parseSubscription } from '../topics/subscription.ts'
import { topicFilterProblem } from '../topics/topic-filter.ts'
import type { AuthenticationResult } from './access/authenticator.ts'
import type { ClientAccess } from './access/authorizer.ts'
import { type CertificateName, type Identity, identityOf, noAttributes } from './access/client-info.ts'
import type { Broker } from './broker.ts'
import { Promises, type Promiser } from './durable/promises.ts'
import { ConnectionOutlet, type OutletOwner } from './connection-outlet.ts'
import { type ConnectTerms, expiryMs, judgeConnect } from './connect.ts'
import { answerFilters, parseConnect, parseDisconnect, parseSubscribe, parseUnsubscribe } from './control-packets.ts'
import { type FilterSlice, sliceFilters } from './filter-slices.ts'
import { LinkPeer } from './link-peer.ts'
import { memoryLevel } from './memory-guard.ts'
import type { Sink } from './output.ts'
import { checkAcknowledgement, type ProtocolVersion, versionToAnswer } from './packet-rules.ts'
import type { Session } from './session.ts'
import { type Delivery, reservedNamespace } from './subscription.ts'
import type { PresentClient } from './system-port.ts'
import { TopicAliases } from './topic-aliases.ts'

/** A socket as a connection sees it. */
export interface Transport extends Sink {
  /** Address and port of the client. */
  readonly remoteAddress: string
  /** The same, apart. An IPv4 address is never written as IPv6. */
  readonly peerHost: string
  readonly peerPort: number
  /** The port of ours that the client came to. */
  readonly localPort: number
  /** The listener by type and name: `tcp:default`. */
  readonly listener: string
  readonly certificate: CertificateName | undefined
  /** How long the client may leave more unread than it should, milliseconds. EMQX's `send_timeout`. */
  readonly sendTimeoutMs: number
  /** Reads nothing more until `resume`; what was read already may still come. */
  pause(): void
  resume(): void
  /** Sends what was written, then closes. */
  end(): void
  /** Closes at once. */
  destroy(): void
}

/** What connections share: who is written to at the end of the turn, and who is open. */
export interface Hub {
  readonly broker: Broker
  /** Calls `connection.flush` once at the end of this turn of the event loop. */
  flushLater(connection: Connection): void
  /** Calls `connection.proceed` in the next turn of the event loop. */
  nextTurn(connection: Connection): void
  closed(connection: Connection): void
}

/** Packet types (MQTT 5, 2.1.2) that a server has to do with. */
const packetType = {
  connect: 1,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  unsubscribe: 10,
  pingreq: 12,
  disconnect: 14,
  auth: 15,
} as const

const STORE_FAILS = 'the node can not keep what it would have to promise: its disk takes nothing'

/** How long a client is silent before what can be found again is let go of: most of many connections are idle. */
const REST_AFTER_MS = 2_000

/**
 * How much one connection may do in one turn of the event loop before others have theirs, and what it is reckoned by: tenths of a
 * microsecond, roughly. A single read may hold thousands of small packets.
 */
const TURN_WORK_MAX = 50_000
const work = { packet: 20, receiver: 2, retained: 100, newTopic: 150, filter: 200 } as const

export class Connection implements PacketHandler, OutletOwner, PresentClient, Promiser {
  readonly #hub: Hub
  readonly #broker: Broker
  readonly #transport: Transport
  readonly #framer: Framer
  readonly #outlet: ConnectionOutlet
  readonly #openedAtMs: number
  #state: 'connecting' | 'authenticating' | 'connected' | 'closed' = 'connecting'
  /** What was read while it was not yet known who the client is, or while it waits for its next turn. */
  #held: Buffer[] | undefined
  /** Work of this turn, see `TURN_WORK_MAX`. */
  #work = 0
  /** What is left to do of a packet that one turn is too short for. */
  #unfinished: Iterator<void, void> | undefined
  #terms: ConnectTerms | undefined
  #identity: Identity | undefined
  #access: ClientAccess | undefined
  #wasDenied = false
  /** When what the client proved itself with runs out, milliseconds since 1970. */
  #authenticatedUntilMs = Number.POSITIVE_INFINITY
  #session: Session | undefined
  #aliases: TopicAliases | undefined
  #peer: LinkPeer | undefined
  /** Acknowledgements that wait for the disk. */
  #promises: Promises | undefined
  /** By the steady clock. */
  #lastReceivedAtMs: number
  /** When the packets that are being handled were read, milliseconds since 1970. */
  #readAtMs = 0
  #connectedAtMs = 0
  /** Why the connection ends, as a reason code; `undefined` where nobody said anything. */
  #endReason: number | undefined

  constructor(hub: Hub, transport: Transport) {
    this.#hub = hub
    this.#broker = hub.broker
    this.#transport = transport
    this.#outlet = new ConnectionOutlet(this.#broker, transport, this)
    this.#framer = new Framer(this, hub.broker.mqtt.max_packet_size)
    this.#openedAtMs = this.#lastReceivedAtMs = hub.broker.clock.steadyMs()
    this.#broker.counters.socketsOpened++
  }

  get clientId(): string | undefined {
    return this.#terms?.clientId
  }

  // ---- from the socket

  /** Bytes were read; they are ours from now on. */
  receive(chunk: Buffer): void {
    if (this.#state === 'closed') return
    const { counters, limits } = this.#broker
    counters.bytesReceived += chunk.length
    if (counters.bytesReceived + counters.bytesSent > limits.lookAtBytes) limits.look()
    this.#work = 0
    this.#takeOrHold(chunk)
  }

  #takeOrHold(chunk: Buffer): void {
    if (this.#held !== undefined) this.#held.push(chunk)
    else this.#take(chunk)
  }

  #take(chunk: Buffer): void {
    if (this.#state === 'closed') return
    const { clock } = this.#broker
    this.#lastReceivedAtMs = clock.steadyMs()
    this.#readAtMs = clock.nowMs()
    try {
      const taken = this.#framer.push(chunk)
      if (taken < chunk.length || this.#unfinished !== undefined) this.#hold(chunk.subarray(taken))
    } catch (error) {
      this.#fault(error)
    }
  }

  #hold(rest: Buffer): void {
    if (this.#state === 'connected') {
      this.#held = []
      this.#transport.pause()
      this.#hub.nextTurn(this)
    }
    this.#held?.push(rest)
  }

  /** The next turn has come for what was too much for one. */
  proceed(): void {
    if (this.#state !== 'connected') return
    this.#work = 0
    try {
      this.#finish()
    } catch (error) {
      return this.#fault(error)
    }
    if (this.#unfinished === undefined) this.#release()
    else this.#hub.nextTurn(this)
  }

  /** Goes on with a large packet for as long as this turn lasts. */
  #finish(): void {
    while (this.#unfinished !== undefined && this.#work < TURN_WORK_MAX)
      if (this.#unfinished.next().done === true) this.#unfinished = undefined
  }

  /** Takes what was held, and reads on unless that is more than one turn again. */
  #release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const chunk of held) this.#takeOrHold(chunk)
    if (this.#held === undefined) this.#transport.resume()
  }

  /** The socket is gone, by whoever's doing. */
  disconnected(): void {
    this.#close()
  }

  /** Nobody listens to the client just now, so that it is not to be taken for silent. */
  notHeard(steadyMs: number): void {
    this.#lastReceivedAtMs = steadyMs
  }

  /** Called about once a second: deadlines of this connection. */
  checkDeadlines(steadyMs: number): void {
    const { mqtt } = this.#broker
    if (this.#state !== 'connected') {
      if (steadyMs - this.#openedAtMs > mqtt.idle_timeout) this.#transport.destroy()
      return
    }
    if (this.#broker.clock.nowMs() >= this.#authenticatedUntilMs)
      return this.disconnect(reasonCode.notAuthorized, 'what you authenticated with has expired')
    if (steadyMs - this.#lastReceivedAtMs >= REST_AFTER_MS) this.#access!.forget()
    const keepAliveMs = (this.#terms?.keepAlive ?? 0) * 1000 * mqtt.keepalive_multiplier
    if (keepAliveMs > 0 && steadyMs - this.#lastReceivedAtMs > keepAliveMs)
      this.disconnect(reasonCode.keepAliveTimeout, 'no packet within the keep alive') // [MQTT-3.1.2-22]
    else if (this.#outlet.isOverdue(steadyMs, this.#transport.sendTimeoutMs)) this.tooSlow()
  }

  onPacket(buffer: Buffer, start: number, body: number, end: number): boolean {
    const type = buffer[start]! >> 4
    if (this.#state === 'connecting') {
      if (type !== packetType.connect)
        throw new PacketFault(reasonCode.protocolError, 'the first packet must be CONNECT') // [MQTT-3.1.0-1]
      this.#connect(buffer.subarray(start, end), body - start)
    } else if (type === packetType.publish) this.#publish(buffer, start, body, end)
    else this.#other(type, buffer, start, body, end)
    this.#work += work.packet
    return this.#state === 'connected' && this.#work < TURN_WORK_MAX && this.#unfinished === undefined
  }

  get #version(): ProtocolVersion {
    return this.#outlet.version
  }

  /** A getter, because what a packet does to the state is out of the type checker's sight. */
  get #isOpen(): boolean {
    return this.#state !== 'closed'
  }

  #other(type: number, buffer: Buffer, start: number, body: number, end: number): void {
    const required =
      type === packetType.pubrel || type === packetType.subscribe || type === packetType.unsubscribe ? 2 : 0
    // A client of MQTT 3.1 may set DUP in what it sends again, and more that means nothing.
    if (this.#version === 3) buffer[start] = (type << 4) | required
    if ((buffer[start]! & 15) !== required)
      throw new PacketFault(reasonCode.malformedPacket, `reserved flags of packet type ${type}`) // [MQTT-2.1.3-1]
    this.#broker.counters.packetsReceived[type]!++
    switch (type) {
      case packetType.puback:
      case packetType.pubrec:
      case packetType.pubrel:
      case packetType.pubcomp:
        this.#acknowledgement(type, buffer, body, end)
        break
      case packetType.pingreq:
        if (end > body) throw new PacketFault(reasonCode.malformedPacket, 'PINGREQ with a body')
        this.#outlet.pingresp()
        break
      case packetType.subscribe:
        this.#unfinished = this.#subscribe(sliceFilters(buffer.subarray(start, end), body - start, this.#version, 1))
        this.#finish()
        break
      case packetType.unsubscribe:
        this.#unfinished = this.#unsubscribe(sliceFilters(buffer.subarray(start, end), body - start, this.#version, 0))
        this.#finish()
        break
      case packetType.disconnect:
        this.#clientDisconnects(parseDisconnect(buffer.subarray(start, end), body - start, this.#version))
        break
      case packetType.connect:
        throw new PacketFault(reasonCode.protocolError, 'a second CONNECT') // [MQTT-3.1.0-2]
      case packetType.auth:
        throw new PacketFault(reasonCode.protocolError, 'AUTH without an authentication method')
      default:
        throw new PacketFault(reasonCode.protocolError, `packet type ${type} is not for a client to send`)
    }
  }

  // ---- CONNECT and DISCONNECT

  #connect(bytes: Buffer, body: number): void {
    this.#outlet.version = versionToAnswer(bytes, body)
    this.#broker.counters.packetsReceived[packetType.connect]!++
    const packet = parseConnect(bytes, body)
    this.#outlet.version = packet.facts.version
    this.#outlet.heed(packet.properties)
    const { clock, mqtt, random } = this.#broker
    const { peerHost, peerPort, listener, certificate } = this.#transport
    const terms = judgeConnect(packet, mqtt, peerHost, clock.nowMs(), () => `auto-${randomId(random)}`)
    if (terms.type === 'refused') return this.#refuse(terms.reason, terms.words)
    if (this.#broker.limits.memory !== memoryLevel.ok) {
      this.#broker.counters.refusedBusy++
      return this.#refuse(reasonCode.serverBusy, 'the node is short of memory; try again later')
    }
    this.#terms = terms
    const { clientId, username, version } = terms
    const client = { clientId, username, peerHost, peerPort, protocolVersion: version, listener, certificate }
    const { authenticator } = this.#broker
    if (authenticator.isOpen) return this.#accept(terms, identityOf(client, false, noAttributes))
    this.#state = 'authenticating'
    this.#held = []
    this.#transport.pause()
    const password = packet.password === undefined ? undefined : Buffer.from(packet.password)
    void authenticator
      .authenticate({ ...client, password })
      .then((result) => this.#authenticated(terms, client, result))
      .catch((error: unknown) => this.#fault(error))
  }

  #authenticated(
    terms: ConnectTerms,
    client: Omit<Identity, 'isSuperuser' | 'attributes'>,
    result: AuthenticationResult,
  ): void {
    if (!this.#isOpen) return
    if (result.type === 'refused') return this.#refuse(result.reason, result.words)
    const { isSuperuser, attributes, expiresAtMs } = result
    if (expiresAtMs !== undefined) this.#authenticatedUntilMs = expiresAtMs
    this.#accept(terms, identityOf(client, isSuperuser, attributes))
    // A client need not wait for CONNACK, so that what it sent at once is done now [MQTT-3.1.4-5].
    this.#release()
  }

  #accept(terms: ConnectTerms, identity: Identity): void {
    const access = this.#broker.authorizer.accessOf(identity)
    const will = terms.will?.publication
    if (will !== undefined && !access.publishesFreely && !access.mayPublish(will.topic, will.qos, will.retain))
      return this.#refuse(reasonCode.notAuthorized, `no right to publish a will on ${will.topic}`)
    this.#identity = identity
    this.#access = access
    this.#outlet.accept(terms)
    this.#state = 'connected'
    const { session, isResumed } = this.#broker.takeSession(terms, identity, access)
    this.#session = session
    session.will = terms.will
    this.#broker.counters.clientsConnected++
    this.#broker.counters.connected.add(1)
    this.#outlet.control({
      cmd: 'connack',
      sessionPresent: isResumed,
      ...(terms.version === 5 ? { reasonCode: 0, properties: terms.connack } : { returnCode: 0 }),
    })
    this.#broker.log.debug(
      { clientid: terms.clientId, peer: this.#transport.remoteAddress, session_present: isResumed },
      'client_connected',
    )
    this.#connectedAtMs = this.#broker.clock.nowMs()
    this.#broker.systemTopics?.connected(this)
    session.resume(this.#outlet, terms.receiveMaximum, this.#connectedAtMs)
  }

  #refuse(reason: number, words: string): void {
    const { counters } = this.#broker
    counters.connectsRefused++
    if (reason === reasonCode.badUserNameOrPassword || reason === reasonCode.notAuthorized)
      counters.authenticationFailures++
    this.#broker.log.info(
      { clientid: this.clientId, peer: this.#transport.remoteAddress, reason_code: reason, reason: words },
      'client_refused',
    )
    if (this.#version === 5)
      this.#outlet.control({
        cmd: 'connack',
        sessionPresent: false,
        reasonCode: reason,
        properties: { reasonString: words },
      })
    else {
      const returnCode = connackReturnCode(reason)
      if (returnCode !== undefined) this.#outlet.control({ cmd: 'connack', sessionPresent: false, returnCode })
    }
    this.#closeAfterFlush()
  }

  #clientDisconnects(packet: IDisconnectPacket): void {
    const session = this.#session!
    const expiry = packet.properties?.sessionExpiryInterval
    if (expiry !== undefined && expiry > 0 && session.expiryIntervalMs === 0)
      throw new PacketFault(reasonCode.protocolError, 'Session Expiry Interval set at DISCONNECT, 0 at CONNECT') // MQTT 5, 3.14.2.2.2
    if (expiry !== undefined)
      session.expiryIntervalMs = Math.min(expiryMs(expiry), this.#broker.mqtt.session_expiry_interval)
    this.#endReason = packet.reasonCode ?? reasonCode.success
    if (this.#endReason === reasonCode.success) session.will = undefined // [MQTT-3.14.4-3]
    this.#closeAfterFlush()
  }

  /** Tells the client why (MQTT 5), then closes. */
  disconnect(reason: number, words: string): void {
    if (this.#state === 'closed') return
    this.#endReason = reason
    if (this.#state === 'connected' && this.#version === 5) {
      this.#outlet.control({ cmd: 'disconnect', reasonCode: reason, properties: { reasonString: words } })
    }
    this.#closeAfterFlush()
  }

  #fault(error: unknown): void {
    if (!this.#isOpen) return
    if (!(error instanceof PacketFault)) {
      this.#broker.log.error(
        { err: error, clientid: this.clientId, peer: this.#transport.remoteAddress },
        'connection_crashed',
      )
      if (this.#state !== 'connected') return this.#refuse(reasonCode.unspecifiedError, 'internal error')
      return this.disconnect(reasonCode.unspecifiedError, 'internal error')
    }
    const { reason, message } = error
    if (this.#state !== 'connected') return this.#refuse(reason, message)
    this.#broker.log.info(
      { clientid: this.clientId, peer: this.#transport.remoteAddress, reason_code: reason, reason: message },
      'client_protocol_fault',
    )
    this.disconnect(reason, message)
  }

  tooSlow(): void {
    this.#endReason = reasonCode.quotaExceeded
    this.#broker.counters.closedSlow++
    this.#broker.log.warn({ clientid: this.clientId, unsent_bytes: this.#outlet.unsentBytes }, 'client_too_slow')
    this.#outlet.close()
    this.#transport.destroy()
    this.#close()
  }

  #closeAfterFlush(): void {
    this.#outlet.flush()
    this.#transport.end()
    this.#close()
  }

  #close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#held = undefined
    this.#unfinished = undefined
    this.#outlet.close()
    this.#promises?.close()
    this.#hub.closed(this)
    this.#closePeer()
    const session = this.#session
    if (session === undefined) return
    if (session.outlet === this.#outlet) {
      session.outlet = undefined
      this.#broker.sessions.leave(session)
    }
    this.#countGone()
    this.#broker.log.debug({ clientid: session.clientId }, 'client_disconnected')
  }

  #countGone(): void {
    const { counters, systemTopics } = this.#broker
    counters.clientsDisconnected++
    counters.connected.add(-1)
    systemTopics?.disconnected(this, this.#endReason)
  }

  // ---- as events tell of it (PresentClient)

  get terms(): ConnectTerms {
    return this.#terms!
  }

  get peerHost(): string {
    return this.#transport.peerHost
  }

  get localPort(): number {
    return this.#transport.localPort
  }

  get connectedAtMs(): number {
    return this.#connectedAtMs
  }

  // ---- from the outlet (OutletOwner), and to it

  flushLater(): void {
    this.#hub.flushLater(this)
  }

  /** Writes what this turn gathered. */
  flush(): void {
    this.#outlet.flush()
  }

  drained(): void {
    const session = this.#session
    if (session?.hasWaiting === true) session.drain(this.#broker.clock.nowMs())
  }

  takenOver(): void {
    this.disconnect(reasonCode.sessionTakenOver, 'another connection with this ClientID')
  }

  // ---- PUBLISH and its acknowledgements

  #publish(buffer: Buffer, start: number, body: number, end: number): void {
    const broker = this.#broker
    const { passing, mqtt } = broker
    const { view } = passing
    const session = this.#session!
    view.read(buffer, start, body, end, this.#version === 5)
    broker.counters.publishesReceived[view.qos]!++
    broker.counters.payloadBytesReceived += view.end - view.payloadStart
    this.#checkDepth(view, mqtt.max_topic_levels)
    if (view.topicAlias > 0) (this.#aliases ??= new TopicAliases()).resolve(view, mqtt.max_topic_alias)
    else if (view.topicLength === 0)
      throw new PacketFault(reasonCode.protocolError, 'neither a topic name nor a Topic Alias')
    const { planned } = broker.index
    const delivery = broker.index.lookupBytes(view.buffer, view.topicStart, view.topicEnd)
    if (broker.index.planned !== planned) this.#work += work.newTopic
    if (delivery === undefined || delivery.levelCount > mqtt.max_topic_levels)
      throw new PacketFault(reasonCode.topicNameInvalid, 'topic name empty, too deep, not UTF-8, or with a wildcard')
    if (view.qos > mqtt.max_qos_allowed) throw new PacketFault(reasonCode.qosNotSupported, `QoS ${view.qos}`) // [MQTT-3.2.2-11]
    if (view.retain && !mqtt.retain_available) throw new PacketFault(reasonCode.retainNotSupported, 'RETAIN') // [MQTT-3.2.2-14]
    if (mqtt.payload_format_validation && !view.isPayloadAsIndicated) return this.#refusePayload()
    const { qos, packetId } = view
    if (qos === 2) {
      if (session.awaitingRel.has(packetId)) return this.#receiveAgain(packetId) // [MQTT-4.3.3-10]
      if (session.awaitingRel.size >= mqtt.max_awaiting_rel)
        throw new PacketFault(
          reasonCode.receiveMaximumExceeded,
          `more than ${mqtt.max_awaiting_rel} messages of QoS 2 await PUBREL`,
        )
    } else if (qos === 1 && this.#isInUse(packetId))
      return this.#answer(0x40, packetId, reasonCode.packetIdentifierInUse, broker.journal.changes)
    passing.fromClient(delivery.topic, session, this.#readAtMs)
    if (broker.journal.isFailing && qos > 0 && broker.isPromise(delivery)) return this.#refusePromise(qos, packetId)
    const changesBefore = broker.journal.changes
    const reason = this.#mayPublish(delivery) ? this.#pass(delivery) : this.#deny('publish', delivery.topic)
    if (qos === 0 || !this.#isOpen) return
    if (qos === 1) return this.#answer(0x40, packetId, reason, changesBefore)
    // MQTT 3.1.1 has no word for a refusal there, so that its client goes on with PUBREL.
    if (reason < 0x80 || this.#version < 5) session.awaitRel(packetId)
    this.#answer(0x50, packetId, reason, changesBefore)
  }

  /** Acknowledges at once, or, if something was recorded since, when that is on disk. */
  #answer(firstByte: number, packetId: number, reason: number, changesBefore: number): void {
    const { journal } = this.#broker
    if (journal.changes === changesBefore && (this.#promises === undefined || this.#promises.isEmpty))
      this.#outlet.acknowledge(firstByte, packetId, reason)
    else this.#promised.acknowledge(firstByte, packetId, reason, journal.gatheringCommit)
  }

  get #promised(): Promises {
    this.#promises ??= new Promises(this.#broker.journal, this)
    return this.#promises
  }

  /** A QoS 2 message that came before: the first one may still be on its way to disk. */
  #receiveAgain(packetId: number): void {
    const { journal } = this.#broker
    const commit = this.#session!.stored?.changedIn ?? 0
    if (commit <= journal.committed && (this.#promises === undefined || this.#promises.isEmpty))
      this.#outlet.acknowledge(0x50, packetId, 0)
    else this.#promised.acknowledge(0x50, packetId, 0, commit)
  }

  /** The disk takes nothing, so that nothing can be promised: the message is not taken on. */
  #refusePromise(qos: number, packetId: number): void {
    // MQTT 3.1.1 has no word for it.
    if (this.#version < 5) this.disconnect(reasonCode.quotaExceeded, STORE_FAILS)
    else this.#answer(qos === 1 ? 0x40 : 0x50, packetId, reasonCode.quotaExceeded, this.#broker.journal.changes)
  }

  acknowledge(firstByte: number, packetId: number, reason: number): void {
    this.#outlet.acknowledge(firstByte, packetId, reason)
  }

  promiseBroken(): void {
    this.disconnect(reasonCode.quotaExceeded, STORE_FAILS)
  }

  /** Its payload is not the UTF-8 that the publisher says it is (MQTT 5, 3.3.2.3.2). */
  #refusePayload(): void {
    const { qos, packetId } = this.#broker.passing.view
    if (qos === 0) throw new PacketFault(reasonCode.payloadFormatInvalid, refusalWords(reasonCode.payloadFormatInvalid))
    this.#answer(qos === 1 ? 0x40 : 0x50, packetId, reasonCode.payloadFormatInvalid, this.#broker.journal.changes)
  }

  /** What is under `$LINK/` the link's inlet judges. */
  #mayPublish({ topic, reserved }: Delivery): boolean {
    const access = this.#access!
    const { view } = this.#broker.passing
    return access.publishesFreely || reserved === 'link' || access.mayPublish(topic, view.qos, view.retain)
  }

  /** A denial is told once a connection; who goes on trying must not fill the log. */
  #deny(action: 'publish' | 'subscribe', topic: string): number {
    const { authorizer, counters, log } = this.#broker
    const fields = { clientid: this.clientId, username: this.#terms!.username, action, topic }
    if (this.#wasDenied) log.debug(fields, 'authorization_denied')
    else log.info(fields, 'authorization_denied')
    this.#wasDenied = true
    counters.denied++
    if (authorizer.denyAction === 'disconnect') this.disconnect(reasonCode.notAuthorized, `no right to ${action}`)
    return reasonCode.notAuthorized
  }

  #pass(delivery: Delivery): number {
    if (delivery.reserved !== undefined) return this.#publishReserved(delivery)
    const receivers = this.#broker.publish(this.#broker.passing, delivery)
    this.#work += receivers * work.receiver + (this.#broker.passing.view.retain ? work.retained : 0)
    if (this.#broker.passing.isRetainRefused) return reasonCode.quotaExceeded
    return receivers === 0 ? reasonCode.noMatchingSubscribers : reasonCode.success
  }

  /** What begins with `$LINK/` or `$SYS/` is never passed on, whatever happens. */
  #publishReserved(delivery: Delivery): number {
    if (delivery.reserved === 'sys') return reasonCode.notAuthorized
    try {
      const reason = this.#broker.linkInlet.publish(this.#linkPeer, this.#broker.passing.toMessage())
      return reason === reasonCode.notAuthorized ? this.#deny('publish', delivery.topic) : reason
    } catch (error) {
      this.#broker.log.error({ err: error, clientid: this.clientId, topic: delivery.topic }, 'link_inlet_crashed')
      return reasonCode.implementationSpecificError
    }
  }

  #closePeer(): void {
    try {
      this.#peer?.closed()
    } catch (error) {
      this.#broker.log.error({ err: error, clientid: this.clientId }, 'link_inlet_crashed')
    }
  }

  get #linkPeer(): LinkClient {
    const disconnect = (reason: number, words = ''): void => this.disconnect(reason, words)
    const { remoteAddress } = this.#transport
    this.#peer ??= new LinkPeer(this.#broker, disconnect, this.#session!, this.#identity!, this.#access!, remoteAddress)
    return this.#peer
  }

  #acknowledgement(type: number, buffer: Buffer, body: number, end: number): void {
    if (end - body < 2) throw new PacketFault(reasonCode.malformedPacket, 'acknowledgement without a packet identifier')
    const packetId = (buffer[body]! << 8) | buffer[body + 1]!
    if (packetId === 0) throw new PacketFault(reasonCode.malformedPacket, 'packet identifier 0') // [MQTT-2.2.1-3]
    let reason: number = reasonCode.success
    if (end - body > 2) {
      const isAnswer = type === packetType.puback || type === packetType.pubrec
      checkAcknowledgement(buffer, body + 2, end, this.#version, isAnswer)
      reason = buffer[body + 2]!
    }
    const session = this.#session!
    const { window } = session
    const changesBefore = this.#broker.journal.changes
    switch (type) {
      case packetType.puback:
        if (!window.acknowledge(packetId)) this.#countMissed(type)
        break
      case packetType.pubrec:
        if (reason >= 0x80) window.refuse(packetId)
        else this.#answer(0x62, packetId, foundOrNot(session.received(packetId)), changesBefore)
        break
      case packetType.pubrel:
        this.#answer(0x70, packetId, foundOrNot(session.release(packetId)), changesBefore)
        break
      default:
        if (!session.completed(packetId)) this.#countMissed(type)
    }
    if (session.hasWaiting) session.drain(this.#readAtMs)
  }

  /** Before anything is made of its levels: a topic of nothing but slashes has 65,536 of them. */
  #checkDepth(view: PublishView, levelsMax: number): void {
    if (view.topicLength < levelsMax) return
    let levels = 1
    for (let at = view.topicStart; at < view.topicEnd; at++) if (view.buffer[at] === 0x2f) levels++
    if (levels > levelsMax) throw new PacketFault(reasonCode.topicNameInvalid, `a topic of ${levels} levels`)
  }

  #countMissed(type: number): void {
    this.#broker.counters.acknowledgementsMissed[type]!++
  }

  // ---- SUBSCRIBE and UNSUBSCRIBE

  *#subscribe(slices: Iterable<FilterSlice>): Generator<void, void> {
    const session = this.#session!
    const changesBefore = this.#broker.journal.changes
    const filters: string[] = []
    const granted: number[] = []
    let packetId = 0
    for (const { bytes, body } of slices) {
      if (filters.length > 0) yield
      const { messageId, properties, subscriptions } = parseSubscribe(bytes, body, this.#version)
      if (properties?.subscriptionIdentifier === 0)
        throw new PacketFault(reasonCode.protocolError, 'Subscription Identifier 0')
      packetId = messageId!
      const isInUse = this.#isInUse(packetId)
      for (const subscription of subscriptions) {
        filters.push(subscription.topic)
        granted.push(
          isInUse
            ? reasonCode.packetIdentifierInUse
            : this.#subscribeOne(subscription, properties?.subscriptionIdentifier ?? 0),
        )
        this.#work += work.filter
      }
      if (!this.#isOpen) return
    }
    this.#whenKept(changesBefore, () => {
      this.#outlet.control(answerFilters('suback', packetId, filters, granted, this.#version))
      session.drain(this.#broker.clock.nowMs())
    })
  }

  /** Returns the reason code. */
  #subscribeOne({ topic, qos, nl = false, rap = false, rh = 0 }: ISubscription, identifier: number): number {
    if (nl && /^\$(?:share|queue)\//.test(topic))
      throw new PacketFault(reasonCode.protocolError, 'No Local on a shared subscription') // [MQTT-3.8.3-4]
    if (reservedNamespace(topic) === 'link') return this.#subscribeLink(topic, qos)
    if (!this.#maySubscribe(topic, qos)) return this.#deny('subscribe', topic)
    const isBridge = this.#version < 5 && this.#terms!.isBridge
    const retainHandling = rh as 0 | 1 | 2
    const options = { qos, noLocal: nl || isBridge, retainAsPublished: rap || isBridge, retainHandling, identifier }
    const session = this.#session!
    const isNew = !session.subscriptions.has(topic)
    const code = this.#broker.subscribe(session, topic, options)
    if (code < 0x80) this.#broker.systemTopics?.subscribed(this, topic, options, isNew)
    return code
  }

  /** Answers at once, or, if something was recorded since, when that is on disk. */
  #whenKept(changesBefore: number, answer: () => void): void {
    const { journal } = this.#broker
    if (journal.changes === changesBefore) answer()
    else this.#promised.call(answer, journal.gatheringCommit)
  }

  /** Whether a QoS 2 message awaits its PUBREL under this identifier. MQTT 3.1.1 has no word for it and is let pass. */
  #isInUse(packetId: number): boolean {
    return this.#version === 5 && this.#session!.awaitingRel.has(packetId)
  }

  #maySubscribe(name: string, qos: 0 | 1 | 2): boolean {
    const parsed = parseSubscription(name)
    // What can't be subscribed anyway is told by its own reason.
    return parsed.type === 'invalid' || this.#access!.maySubscribe(parsed.topicFilter, qos)
  }

  #subscribeLink(topicFilter: string, qos: 0 | 1 | 2): number {
    if (topicFilterProblem(topicFilter) !== undefined) return reasonCode.topicFilterInvalid
    try {
      const reason = this.#broker.linkInlet.subscribe(this.#linkPeer, topicFilter, qos)
      return reason === reasonCode.notAuthorized ? this.#deny('subscribe', topicFilter) : reason
    } catch (error) {
      this.#broker.log.error({ err: error, clientid: this.clientId, topic_filter: topicFilter }, 'link_inlet_crashed')
      return reasonCode.implementationSpecificError
    }
  }

  *#unsubscribe(slices: Iterable<FilterSlice>): Generator<void, void> {
    const changesBefore = this.#broker.journal.changes
    const filters: string[] = []
    const granted: number[] = []
    let packetId = 0
    for (const { bytes, body } of slices) {
      if (filters.length > 0) yield
      const { messageId, unsubscriptions } = parseUnsubscribe(bytes, body, this.#version)
      packetId = messageId!
      const isInUse = this.#isInUse(packetId)
      for (const name of unsubscriptions) {
        filters.push(name)
        granted.push(isInUse ? reasonCode.packetIdentifierInUse : this.#unsubscribeOne(name))
        this.#work += work.filter
      }
    }
    this.#whenKept(changesBefore, () =>
      this.#outlet.control(answerFilters('unsuback', packetId, filters, granted, this.#version)),
    )
  }

  #unsubscribeOne(name: string): number {
    if (!this.#broker.unsubscribe(this.#session!, name)) return reasonCode.noSubscriptionExisted
    this.#broker.systemTopics?.unsubscribed(this, name)
    return reasonCode.success
  }
}

function foundOrNot(isKnown: boolean): number {
  return isKnown ? reasonCode.success : reasonCode.packetIdentifierNotFound
}

function randomId(random: () => number): string {
  return Array.from({ length: 4 }, () =>
    Math.floor(random() * 0x10000)
      .toString(16)
      .padStart(4, '0'),
  ).join('')
}
