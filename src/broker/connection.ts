/**
 * One client's connection: packets in, packets out (MQTT 3.1.1 and 5.0, sections 3 and 4). PUBLISH and its
 * acknowledgements are read and written in place; the other packets are rare and go through `mqtt-packet`.
 */
import type { IDisconnectPacket, ISubscribePacket, IUnsubscribePacket } from 'mqtt-packet'
import type { LinkClient } from '../link/broker-port.ts'
import { Framer, type PacketHandler } from '../packets/framer.ts'
import { type PublishForm, withoutAlias } from '../packets/publish-form.ts'
import type { PublishView } from '../packets/publish-view.ts'
import { connackReturnCode, PacketFault, reasonCode } from '../packets/reason-code.ts'
import { topicFilterProblem } from '../topics/topic-filter.ts'
import type { Broker } from './broker.ts'
import { type ConnectTerms, expiryMs, judgeConnect } from './connect.ts'
import {
  encodeControlPacket,
  parseConnect,
  parseDisconnect,
  parseSubscribe,
  parseUnsubscribe,
  type ServerPacket,
} from './control-packets.ts'
import { LinkPeer } from './link-peer.ts'
import { Output, type Sink } from './output.ts'
import { checkAcknowledgement, type ProtocolVersion, versionToAnswer } from './packet-rules.ts'
import { type Outlet, Session } from './session.ts'
import { type Delivery, reservedNamespace } from './subscription.ts'

/** A socket as a connection sees it. */
export interface Transport extends Sink {
  /** Address and port of the client. */
  readonly remoteAddress: string
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
  closed(connection: Connection): void
}

const pingresp = Buffer.from([0xd0, 0])
/** Seconds for which a connection may hold more unsent bytes than it should, before it is closed. EMQX's `send_timeout`. */
const SEND_TIMEOUT_MS = 15_000

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

export class Connection implements PacketHandler, Outlet {
  readonly #hub: Hub
  readonly #broker: Broker
  readonly #transport: Transport
  readonly #framer: Framer
  readonly #output = new Output()
  readonly #openedAtMs: number
  #state: 'connecting' | 'connected' | 'closed' = 'connecting'
  #version: ProtocolVersion = 4
  #terms: ConnectTerms | undefined
  #session: Session | undefined
  /** Topic of each alias that the client set. */
  #aliasesIn: Map<number, Buffer> | undefined
  /** Alias of each topic that we set. */
  #aliasesOut: Map<string, number> | undefined
  #peer: LinkPeer | undefined
  /** Bytes that the socket holds, as of when it was last asked. */
  #unsent = 0
  /** Since when more bytes wait than may; `undefined` while the reader keeps up. */
  #congestedSinceMs: number | undefined
  #lastReceivedAtMs: number
  isFlushPending = false

  constructor(hub: Hub, transport: Transport) {
    this.#hub = hub
    this.#broker = hub.broker
    this.#transport = transport
    this.#framer = new Framer(this, hub.broker.mqtt.max_packet_size)
    this.#openedAtMs = this.#lastReceivedAtMs = hub.broker.clock.nowMs()
  }

  get clientId(): string | undefined {
    return this.#terms?.clientId
  }

  // ---- from the socket

  /** Bytes were read; they are ours from now on. */
  receive(chunk: Buffer): void {
    if (this.#state === 'closed') return
    this.#lastReceivedAtMs = this.#broker.clock.nowMs()
    try {
      this.#framer.push(chunk)
    } catch (error) {
      this.#fault(error)
    }
  }

  /** The socket is gone, by whoever's doing. */
  disconnected(): void {
    this.#close()
  }

  /** Called about once a second: deadlines of this connection. */
  checkDeadlines(nowMs: number): void {
    const { mqtt } = this.#broker
    if (this.#state === 'connecting') {
      if (nowMs - this.#openedAtMs > mqtt.idle_timeout) this.#transport.destroy()
      return
    }
    const keepAliveMs = (this.#terms?.keepAlive ?? 0) * 1000 * mqtt.keepalive_multiplier
    if (keepAliveMs > 0 && nowMs - this.#lastReceivedAtMs > keepAliveMs)
      this.disconnect(reasonCode.keepAliveTimeout, 'no packet within the keep alive') // [MQTT-3.1.2-22]
    else if (this.isCongested && nowMs - (this.#congestedSinceMs ??= nowMs) > SEND_TIMEOUT_MS) this.#closeSlow()
  }

  onPacket(buffer: Buffer, start: number, body: number, end: number): boolean {
    const type = buffer[start]! >> 4
    if (this.#state === 'connecting') {
      if (type !== packetType.connect)
        throw new PacketFault(reasonCode.protocolError, 'the first packet must be CONNECT') // [MQTT-3.1.0-1]
      this.#connect(buffer.subarray(start, end), body - start)
    } else if (type === packetType.publish) this.#publish(buffer, start, body, end)
    else this.#other(type, buffer, start, body, end)
    return this.#isOpen
  }

  /** A getter, because what a packet does to the state is out of the type checker's sight. */
  get #isOpen(): boolean {
    return this.#state !== 'closed'
  }

  #other(type: number, buffer: Buffer, start: number, body: number, end: number): void {
    const required =
      type === packetType.pubrel || type === packetType.subscribe || type === packetType.unsubscribe ? 2 : 0
    if ((buffer[start]! & 15) !== required)
      throw new PacketFault(reasonCode.malformedPacket, `reserved flags of packet type ${type}`) // [MQTT-2.1.3-1]
    switch (type) {
      case packetType.puback:
      case packetType.pubrec:
      case packetType.pubrel:
      case packetType.pubcomp:
        this.#acknowledgement(type, buffer, body, end)
        break
      case packetType.pingreq:
        if (end > body) throw new PacketFault(reasonCode.malformedPacket, 'PINGREQ with a body')
        this.#send(pingresp)
        break
      case packetType.subscribe:
        this.#subscribe(parseSubscribe(buffer.subarray(start, end), body - start, this.#version))
        break
      case packetType.unsubscribe:
        this.#unsubscribe(parseUnsubscribe(buffer.subarray(start, end), body - start, this.#version))
        break
      case packetType.disconnect:
        this.#disconnected(parseDisconnect(buffer.subarray(start, end), body - start, this.#version))
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
    this.#version = versionToAnswer(bytes, body)
    const packet = parseConnect(bytes, body)
    this.#version = packet.facts.version
    const { clock, mqtt, random } = this.#broker
    const peerHost = this.#transport.remoteAddress.replace(/:\d+$/, '')
    const terms = judgeConnect(packet, mqtt, peerHost, clock.nowMs(), () => `auto-${randomId(random)}`)
    if (terms.type === 'refused') return this.#refuse(terms.reason, terms.words)
    this.#terms = terms
    this.#state = 'connected'
    const { session, isResumed } = this.#takeSession(terms, peerHost)
    this.#session = session
    session.will = terms.will
    this.#sendControl({
      cmd: 'connack',
      sessionPresent: isResumed,
      ...(terms.version === 5 ? { reasonCode: 0, properties: terms.connack } : { returnCode: 0 }),
    })
    this.#broker.log.debug(
      { clientid: terms.clientId, peer: this.#transport.remoteAddress, session_present: isResumed },
      'client_connected',
    )
    session.resume(this, terms.receiveMaximum, clock.nowMs())
  }

  /** The session of this ClientID: the one that there is, or a new one. Whoever held it before is disconnected [MQTT-3.1.4-3]. */
  #takeSession(terms: ConnectTerms, peerHost: string): { session: Session; isResumed: boolean } {
    const { sessions, mqtt, counters } = this.#broker
    const publisher = { clientId: terms.clientId, username: terms.username, peerHost }
    const known = sessions.get(terms.clientId)
    if (known?.outlet instanceof Connection) {
      // A will with a delay is not sent if the session goes on [MQTT-3.1.3-9].
      known.outlet.disconnect(reasonCode.sessionTakenOver, 'another connection with this ClientID')
    }
    const session = sessions.get(terms.clientId)
    if (session !== undefined && !terms.cleanStart) {
      sessions.resume(session)
      session.publisher = publisher
      session.expiryIntervalMs = terms.sessionExpiryMs
      return { session, isResumed: true }
    }
    if (session !== undefined) sessions.end(session)
    const fresh = new Session(publisher, terms.sessionExpiryMs, mqtt, counters)
    sessions.add(fresh)
    return { session: fresh, isResumed: false }
  }

  #refuse(reason: number, words: string): void {
    this.#broker.log.info(
      { clientid: this.clientId, peer: this.#transport.remoteAddress, reason_code: reason, reason: words },
      'client_refused',
    )
    if (this.#version === 5)
      this.#sendControl({
        cmd: 'connack',
        sessionPresent: false,
        reasonCode: reason,
        properties: { reasonString: words },
      })
    else {
      const returnCode = connackReturnCode(reason)
      if (returnCode !== undefined) this.#sendControl({ cmd: 'connack', sessionPresent: false, returnCode })
    }
    this.#closeAfterFlush()
  }

  #disconnected(packet: IDisconnectPacket): void {
    const session = this.#session!
    const expiry = packet.properties?.sessionExpiryInterval
    if (expiry !== undefined && expiry > 0 && session.expiryIntervalMs === 0)
      throw new PacketFault(reasonCode.protocolError, 'Session Expiry Interval set at DISCONNECT, 0 at CONNECT') // [MQTT-3.14.2-2]
    if (expiry !== undefined)
      session.expiryIntervalMs = Math.min(expiryMs(expiry), this.#broker.mqtt.session_expiry_interval)
    if ((packet.reasonCode ?? reasonCode.success) === reasonCode.success) session.will = undefined // [MQTT-3.14.4-3]
    this.#closeAfterFlush()
  }

  /** Tells the client why (MQTT 5), then closes. */
  disconnect(reason: number, words: string): void {
    if (this.#state === 'closed') return
    if (this.#state === 'connected' && this.#version === 5) {
      this.#sendControl({ cmd: 'disconnect', reasonCode: reason, properties: { reasonString: words } })
    }
    this.#closeAfterFlush()
  }

  #fault(error: unknown): void {
    if (!(error instanceof PacketFault)) {
      this.#broker.log.error(
        { err: error, clientid: this.clientId, peer: this.#transport.remoteAddress },
        'connection_crashed',
      )
      return this.disconnect(reasonCode.unspecifiedError, 'internal error')
    }
    const { reason, message } = error
    if (this.#state === 'connecting') return this.#refuse(reason, message)
    this.#broker.log.info(
      { clientid: this.clientId, peer: this.#transport.remoteAddress, reason_code: reason, reason: message },
      'client_protocol_fault',
    )
    this.disconnect(reason, message)
  }

  #closeSlow(): void {
    this.#broker.counters.closedSlow++
    this.#broker.log.warn(
      { clientid: this.clientId, unsent_bytes: this.#unsent + this.#output.bytes },
      'client_too_slow',
    )
    this.#output.clear()
    this.#transport.destroy()
    this.#close()
  }

  #closeAfterFlush(): void {
    this.flush()
    this.#transport.end()
    this.#close()
  }

  #close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#output.clear()
    this.#hub.closed(this)
    this.#closePeer()
    const session = this.#session
    if (session === undefined || session.outlet !== this) return
    session.outlet = undefined
    this.#broker.sessions.leave(session)
    this.#broker.log.debug({ clientid: session.clientId }, 'client_disconnected')
  }

  // ---- PUBLISH and its acknowledgements

  #publish(buffer: Buffer, start: number, body: number, end: number): void {
    const broker = this.#broker
    const { passing, mqtt } = broker
    const { view } = passing
    const session = this.#session!
    view.read(buffer, start, body, end, this.#version === 5)
    if (view.topicAlias > 0) this.#resolveAlias(view)
    else if (view.topicLength === 0)
      throw new PacketFault(reasonCode.protocolError, 'neither a topic name nor a Topic Alias')
    const delivery = broker.index.lookupBytes(view.buffer, view.topicStart, view.topicEnd)
    if (delivery === undefined || delivery.levelCount > mqtt.max_topic_levels)
      throw new PacketFault(reasonCode.topicNameInvalid, 'topic name empty, too deep, not UTF-8, or with a wildcard')
    if (view.qos > mqtt.max_qos_allowed) throw new PacketFault(reasonCode.qosNotSupported, `QoS ${view.qos}`) // [MQTT-3.2.2-11]
    if (view.retain && !mqtt.retain_available) throw new PacketFault(reasonCode.retainNotSupported, 'RETAIN') // [MQTT-3.2.2-14]
    const { qos, packetId } = view
    if (qos === 2) {
      if (session.awaitingRel.has(packetId)) return this.#acknowledge(0x50, packetId, 0) // [MQTT-4.3.3-10]
      if (session.awaitingRel.size >= mqtt.max_awaiting_rel)
        throw new PacketFault(
          reasonCode.receiveMaximumExceeded,
          `more than ${mqtt.max_awaiting_rel} messages of QoS 2 await PUBREL`,
        )
    }
    passing.fromClient(delivery.topic, session, this.#lastReceivedAtMs)
    const reason = delivery.reserved === undefined ? this.#pass(delivery) : this.#publishReserved(delivery)
    if (qos === 0 || !this.#isOpen) return
    if (qos === 1) return this.#acknowledge(0x40, packetId, reason)
    // MQTT 3.1.1 has no word for a refusal there, so that its client goes on with PUBREL.
    if (reason < 0x80 || this.#version < 5) session.awaitingRel.add(packetId)
    this.#acknowledge(0x50, packetId, reason)
  }

  #pass(delivery: Delivery): number {
    return this.#broker.publish(this.#broker.passing, delivery) === 0
      ? reasonCode.noMatchingSubscribers
      : reasonCode.success
  }

  /** What begins with `$LINK/` or `$SYS/` is never passed on, whatever happens. */
  #publishReserved(delivery: Delivery): number {
    if (delivery.reserved === 'sys') return reasonCode.notAuthorized
    try {
      return this.#broker.linkInlet.publish(this.#linkPeer, this.#broker.passing.toMessage())
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
    const terms = this.#terms!
    this.#peer ??= new LinkPeer(this.#broker, this, this.#session!, terms, this.#transport.remoteAddress)
    return this.#peer
  }

  #resolveAlias(view: PublishView): void {
    const { topicAlias } = view
    if (topicAlias > this.#broker.mqtt.max_topic_alias)
      throw new PacketFault(
        reasonCode.topicAliasInvalid,
        `Topic Alias ${topicAlias}, the maximum is ${this.#broker.mqtt.max_topic_alias}`,
      )
    this.#aliasesIn ??= new Map()
    let topic = this.#aliasesIn.get(topicAlias)
    if (view.topicLength > 0) {
      topic = Buffer.from(view.buffer.subarray(view.topicStart, view.topicEnd))
      this.#aliasesIn.set(topicAlias, topic)
    } else if (topic === undefined)
      throw new PacketFault(reasonCode.protocolError, `Topic Alias ${topicAlias} was never set`)
    withoutAlias(view, topic)
  }

  #acknowledge(firstByte: number, packetId: number, reason: number): void {
    const withReason = reason !== 0 && this.#version === 5
    const { buffer, at } = this.#output.reserve(withReason ? 5 : 4)
    buffer[at] = firstByte
    buffer[at + 1] = withReason ? 3 : 2
    buffer[at + 2] = packetId >> 8
    buffer[at + 3] = packetId & 255
    if (withReason) buffer[at + 4] = reason
    this.#touch()
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
    switch (type) {
      case packetType.puback:
        window.acknowledge(packetId)
        break
      case packetType.pubrec:
        if (reason >= 0x80) window.refuse(packetId)
        else this.#acknowledge(0x62, packetId, window.receive(packetId) ? 0 : reasonCode.packetIdentifierNotFound)
        break
      case packetType.pubrel:
        this.#acknowledge(
          0x70,
          packetId,
          session.awaitingRel.delete(packetId) ? 0 : reasonCode.packetIdentifierNotFound,
        )
        break
      default:
        window.complete(packetId)
    }
    if (session.hasWaiting) session.drain(this.#lastReceivedAtMs)
  }

  // ---- SUBSCRIBE and UNSUBSCRIBE

  #subscribe(packet: ISubscribePacket): void {
    const session = this.#session!
    const identifier = packet.properties?.subscriptionIdentifier ?? 0
    if (packet.properties?.subscriptionIdentifier === 0)
      throw new PacketFault(reasonCode.protocolError, 'Subscription Identifier 0')
    const isBridge = this.#version < 5 && this.#terms!.isBridge
    const granted = packet.subscriptions.map(({ topic, qos, nl = false, rap = false, rh = 0 }) => {
      if (nl && topic.startsWith('$share/'))
        throw new PacketFault(reasonCode.protocolError, 'No Local on a shared subscription') // [MQTT-3.8.3-4]
      if (reservedNamespace(topic) === 'link') return this.#subscribeLink(topic, qos)
      const retainHandling = rh as 0 | 1 | 2
      const options = { qos, noLocal: nl || isBridge, retainAsPublished: rap || isBridge, retainHandling, identifier }
      return this.#broker.subscribe(session, topic, options)
    })
    if (!this.#isOpen) return
    this.#sendControl({
      cmd: 'suback',
      messageId: packet.messageId!,
      granted: this.#version === 5 ? granted : granted.map((code) => (code >= 0x80 ? 0x80 : code)),
    })
    session.drain(this.#lastReceivedAtMs)
  }

  #subscribeLink(topicFilter: string, qos: 0 | 1 | 2): number {
    if (topicFilterProblem(topicFilter) !== undefined) return reasonCode.topicFilterInvalid
    try {
      return this.#broker.linkInlet.subscribe(this.#linkPeer, topicFilter, qos)
    } catch (error) {
      this.#broker.log.error({ err: error, clientid: this.clientId, topic_filter: topicFilter }, 'link_inlet_crashed')
      return reasonCode.implementationSpecificError
    }
  }

  #unsubscribe(packet: IUnsubscribePacket): void {
    const granted = packet.unsubscriptions.map((name) =>
      this.#broker.unsubscribe(this.#session!, name) ? reasonCode.success : reasonCode.noSubscriptionExisted,
    )
    this.#sendControl({ cmd: 'unsuback', messageId: packet.messageId!, granted: this.#version === 5 ? granted : [] })
  }

  // ---- to the socket (Outlet)

  publish(view: PublishView, form: PublishForm, exclusive: boolean): boolean {
    const terms = this.#terms!
    form.v5 = this.#version === 5
    form.topicAlias = 0
    form.topicAliasKnown = false
    if (terms.topicAliasMaximum > 0) this.#alias(view, form, terms.topicAliasMaximum)
    if (form.keepsBytesOf(view)) {
      const length = view.end - view.start
      if (length > terms.packetBytesMax) return false
      this.#forward(view, form, exclusive, length)
    } else {
      const length = form.lengthOf(view)
      if (length > terms.packetBytesMax) return false
      const { buffer, at } = this.#output.reserve(length)
      form.write(buffer, at, view)
    }
    this.#broker.counters.sent++
    this.#touch()
    return true
  }

  /** The publisher's own bytes, with our flags and packet identifier. */
  #forward(view: PublishView, form: PublishForm, exclusive: boolean, length: number): void {
    const { firstByte } = form
    let { buffer, start } = view
    if (form.qos > 0 || buffer[start] !== firstByte) {
      if (exclusive) this.#output.append(buffer, start, view.end)
      else {
        const room = this.#output.reserve(length)
        view.buffer.copy(room.buffer, room.at, view.start, view.end)
        buffer = room.buffer
        start = room.at
      }
      buffer[start] = firstByte
      if (form.qos > 0) {
        const idAt = start + view.packetIdAt - view.start
        buffer[idAt] = form.packetId >> 8
        buffer[idAt + 1] = form.packetId & 255
      }
    } else this.#output.append(buffer, start, view.end)
  }

  /** The first topics of a connection get an alias, as many as the client takes (MQTT 5, 3.3.2.3.4). */
  #alias(view: PublishView, form: PublishForm, aliasMax: number): void {
    this.#aliasesOut ??= new Map()
    const topic = view.buffer.toString('latin1', view.topicStart, view.topicEnd)
    const alias = this.#aliasesOut.get(topic)
    if (alias !== undefined) {
      form.topicAlias = alias
      form.topicAliasKnown = true
    } else if (this.#aliasesOut.size < aliasMax) {
      form.topicAlias = this.#aliasesOut.size + 1
      // A packet that turns out too large is not sent, and then the client must not be taken to know the alias.
      if (form.lengthOf(view) <= this.#terms!.packetBytesMax) this.#aliasesOut.set(topic, form.topicAlias)
    }
  }

  pubrel(packetId: number): void {
    this.#acknowledge(0x62, packetId, 0)
  }

  get isCongested(): boolean {
    const limit = this.#broker.mqtt.max_outbound_bytes
    if (this.#unsent + this.#output.bytes <= limit) return false
    // What the socket held when it was last asked may be gone by now.
    this.#unsent = this.#transport.writableLength
    return this.#unsent + this.#output.bytes > limit
  }

  /** Writes what this turn gathered. */
  flush(): void {
    this.isFlushPending = false
    if (this.#state === 'closed' || this.#output.bytes === 0) return
    if (this.isCongested) {
      this.#congestedSinceMs ??= this.#broker.clock.nowMs()
      if (this.#unsent + this.#output.bytes > 2 * this.#broker.mqtt.max_outbound_bytes) return this.#closeSlow()
    }
    this.#output.flush(this.#transport, this.#onWritten)
    this.#unsent = this.#transport.writableLength
  }

  readonly #onWritten = (): void => {
    this.#unsent = this.#transport.writableLength
    if (this.#state === 'closed' || this.isCongested) return
    this.#congestedSinceMs = undefined
    const session = this.#session
    if (session?.hasWaiting === true) session.drain(this.#broker.clock.nowMs())
  }

  #sendControl(packet: ServerPacket): void {
    const bytes = encodeControlPacket(packet, this.#version)
    const bytesMax = this.#terms?.packetBytesMax ?? Number.POSITIVE_INFINITY
    // A reason string is left out where the client could not take it [MQTT-3.2.2-19, MQTT-3.14.2-3].
    if (bytes.length > bytesMax && 'properties' in packet)
      this.#send(encodeControlPacket(withoutReasonString(packet), this.#version))
    else this.#send(bytes)
  }

  #send(bytes: Buffer): void {
    this.#output.append(bytes, 0, bytes.length)
    this.#touch()
  }

  #touch(): void {
    if (this.isFlushPending) return
    this.isFlushPending = true
    this.#hub.flushLater(this)
  }
}

function withoutReasonString(packet: ServerPacket): ServerPacket {
  const { reasonString: _, ...properties } = packet.properties ?? {}
  return { ...packet, properties }
}

function randomId(random: () => number): string {
  return Array.from({ length: 4 }, () =>
    Math.floor(random() * 0x10000)
      .toString(16)
      .padStart(4, '0'),
  ).join('')
}
