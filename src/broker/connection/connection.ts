/**
 * One client's connection: it opens, gets to know its client (CONNECT), hands on what that client sends, minds its deadlines, and
 * closes, telling why where MQTT has a word for it.
 */
import type { IDisconnectPacket } from 'mqtt-packet'
import { connackReturnCode, PacketFault, reasonCode } from '../../packets/reason-code.ts'
import type { Broker } from '../broker.ts'
import type { Fetched } from '../handover/handovers.ts'
import { ClientTap } from '../hooks/client-tap.ts'
import type { ClientConnection } from './client-connection.ts'
import { Client } from './client.ts'
import { ConnectionOutlet, type OutletOwner } from './connection-outlet.ts'
import { type ConnectTerms, expiryMs } from './connect.ts'
import { encodeControlPacket, parseConnect, parseDisconnect } from './control-packets.ts'
import { greet, type Greeted, greetingOf, greetingProperty } from './greet.ts'
import { type Admission, judgeClient, type Rejection } from './handshake.ts'
import { Inbox, type InboxOwner } from './inbox.ts'
import { packetType, versionToAnswer } from './packet-rules.ts'
import type { Transport } from './transport.ts'

/** What connections share: who is written to at the end of the turn, and who is open. */
export interface Hub {
  readonly broker: Broker
  /** Calls `connection.flush` once at the end of this turn of the event loop. */
  flushLater(connection: Connection): void
  /** Calls `connection.proceed` in the next turn of the event loop. */
  nextTurn(connection: Connection): void
  closed(connection: Connection): void
}

/** How long a client is silent before what can be found again is let go of: most of many connections are idle. */
const REST_AFTER_MS = 2_000

export class Connection implements InboxOwner, OutletOwner, ClientConnection {
  readonly inbox: Inbox
  readonly outlet: ConnectionOutlet
  readonly transport: Transport
  readonly #hub: Hub
  readonly #broker: Broker
  readonly #openedAtMs: number
  #state: 'connecting' | 'authenticating' | 'connected' | 'closed' = 'connecting'
  #client: Client | undefined
  /** Why the connection ends, as a reason code; `undefined` where nobody said anything. */
  #endReason: number | undefined

  constructor(hub: Hub, transport: Transport) {
    const { broker } = hub
    this.#hub = hub
    this.#broker = broker
    this.transport = transport
    this.outlet = new ConnectionOutlet(broker, transport, this)
    this.inbox = new Inbox(this, transport, broker.clock, broker.mqtt.max_packet_size)
    this.#openedAtMs = this.inbox.lastReceivedAtMs
    broker.counters.socketsOpened++
  }

  get clientId(): string | undefined {
    return this.#client?.terms.clientId
  }

  get client(): Client | undefined {
    return this.#client
  }

  get isOpen(): boolean {
    return this.#state !== 'closed'
  }

  // ---- from the socket, and from time

  /** Bytes were read; they are ours from now on. */
  receive(chunk: Buffer): void {
    if (!this.isOpen) return
    const { counters, limits } = this.#broker
    counters.bytesReceived += chunk.length
    if (counters.bytesReceived + counters.bytesSent > limits.lookAtBytes) limits.look()
    this.inbox.receive(chunk)
  }

  /** The next turn has come for what was too much for one. */
  proceed(): void {
    this.inbox.proceed()
  }

  /** Nobody listens to the client just now, so that it is not to be taken for silent. */
  notHeard(steadyMs: number): void {
    this.inbox.lastReceivedAtMs = steadyMs
  }

  /** The socket is gone, by whoever's doing. */
  disconnected(): void {
    this.#close()
  }

  /** Called about once a second: deadlines of this connection. */
  checkDeadlines(steadyMs: number): void {
    const { mqtt, clock } = this.#broker
    if (this.#client === undefined) {
      if (steadyMs - this.#openedAtMs > mqtt.idle_timeout) this.transport.destroy()
      return
    }
    const { terms, access, validUntilMs } = this.#client.admission
    // Who waits for a hook is not heard.
    if (this.#client.isHooked) this.notHeard(steadyMs)
    const silentMs = steadyMs - this.inbox.lastReceivedAtMs
    if (silentMs >= REST_AFTER_MS) access.forget()
    const keepAliveMs = terms.keepAlive * 1000 * mqtt.keepalive_multiplier
    if (clock.nowMs() >= validUntilMs)
      this.disconnect(reasonCode.notAuthorized, 'what you authenticated with has expired')
    else if (keepAliveMs > 0 && silentMs > keepAliveMs)
      this.disconnect(reasonCode.keepAliveTimeout, 'no packet within the keep alive') // [MQTT-3.1.2-22]
    else if (this.outlet.isOverdue(steadyMs, this.transport.sendTimeoutMs)) this.tooSlow()
  }

  // ---- from the inbox (InboxOwner)

  packet(buffer: Buffer, start: number, body: number, end: number): void {
    const client = this.#client
    const type = buffer[start]! >> 4
    if (client === undefined) {
      if (type !== packetType.connect)
        throw new PacketFault(reasonCode.protocolError, 'the first packet must be CONNECT') // [MQTT-3.1.0-1]
      this.#connect(buffer.subarray(start, end), body - start)
    } else if (type === packetType.publish) client.publish(buffer, start, body, end)
    else this.#other(client, type, buffer, start, body, end)
  }

  nextTurn(): void {
    this.#hub.nextTurn(this)
  }

  fault(error: unknown): void {
    if (!this.isOpen) return
    const { log } = this.#broker
    const fields = { clientid: this.clientId, peer: this.transport.remoteAddress }
    if (!(error instanceof PacketFault)) log.error({ ...fields, err: error }, 'connection_crashed')
    const { reason, words } =
      error instanceof PacketFault
        ? { reason: error.reason, words: error.message }
        : { reason: reasonCode.unspecifiedError, words: 'internal error' }
    if (this.#client === undefined) return this.#refuse({ type: 'refused', reason, words })
    if (error instanceof PacketFault)
      log.info({ ...fields, reason_code: reason, reason: words }, 'client_protocol_fault')
    this.disconnect(reason, words)
  }

  #other(client: Client, type: number, buffer: Buffer, start: number, body: number, end: number): void {
    const required =
      type === packetType.pubrel || type === packetType.subscribe || type === packetType.unsubscribe ? 2 : 0
    // A client of MQTT 3.1 may set DUP in what it sends again, and more that means nothing.
    if (client.version === 3) buffer[start] = (type << 4) | required
    if ((buffer[start]! & 15) !== required)
      throw new PacketFault(reasonCode.malformedPacket, `reserved flags of packet type ${type}`) // [MQTT-2.1.3-1]
    this.#broker.counters.packetsReceived[type]!++
    switch (type) {
      case packetType.puback:
      case packetType.pubrec:
      case packetType.pubrel:
      case packetType.pubcomp:
        client.acknowledgement(type, buffer, body, end)
        break
      case packetType.pingreq:
        if (end > body) throw new PacketFault(reasonCode.malformedPacket, 'PINGREQ with a body')
        this.outlet.pingresp()
        break
      case packetType.subscribe:
        client.subscribe(buffer.subarray(start, end), body - start)
        break
      case packetType.unsubscribe:
        client.unsubscribe(buffer.subarray(start, end), body - start)
        break
      case packetType.disconnect:
        this.#clientDisconnects(client, parseDisconnect(buffer.subarray(start, end), body - start, client.version))
        break
      case packetType.connect:
        throw new PacketFault(reasonCode.protocolError, 'a second CONNECT') // [MQTT-3.1.0-2]
      case packetType.auth:
        throw new PacketFault(reasonCode.protocolError, 'AUTH without an authentication method')
      default:
        throw new PacketFault(reasonCode.protocolError, `packet type ${type} is not for a client to send`)
    }
  }

  // ---- CONNECT

  #connect(bytes: Buffer, body: number): void {
    this.outlet.version = versionToAnswer(bytes, body)
    this.#broker.counters.packetsReceived[packetType.connect]!++
    const packet = parseConnect(bytes, body)
    this.outlet.version = packet.facts.version
    this.outlet.heed(packet.properties)
    const greeting = greetingOf(packet)
    const judged = judgeClient(this.#broker, this.transport, packet)
    const admitted =
      judged instanceof Promise
        ? judged.then((verdict) => this.#admitOrRefuse(verdict, greeting))
        : this.#admitOrRefuse(judged, greeting)
    if (admitted === undefined) return
    this.#state = 'authenticating'
    this.inbox.hold()
    void this.#waitFor(admitted)
  }

  async #waitFor(admitted: Promise<void>): Promise<void> {
    try {
      await admitted
      // A client need not wait for CONNACK, so that what it sent at once is done now [MQTT-3.1.4-5].
      if (this.isOpen) this.inbox.release()
    } catch (error) {
      this.fault(error)
    }
  }

  /** A promise only where another node has to be asked: for what a peer sent there, or for the client's session. */
  #admitOrRefuse(verdict: Admission | Rejection, greeting: string | undefined): Promise<void> | undefined {
    if (!this.isOpen) return undefined
    if (verdict.type === 'refused') {
      this.#refuse(verdict)
      return undefined
    }
    if (greeting === undefined) return this.#fetchAndAdmit(verdict, undefined)
    const disconnect = (reason: number, words = ''): void => this.disconnect(reason, words)
    const greeted = greet(this.#broker, disconnect, verdict, this.transport.remoteAddress, greeting)
    if (!(greeted instanceof Promise)) return this.#fetchAndAdmit(verdict, greeted)
    return greeted.then((known) => this.#fetchAndAdmit(verdict, known))
  }

  #fetchAndAdmit(admission: Admission, greeted: Greeted | undefined): Promise<void> | undefined {
    if (!this.isOpen) {
      greeted?.peer.closed()
      return undefined
    }
    const { clientId, cleanStart, username } = admission.terms
    const fetching = this.#broker.handovers.fetch(clientId, { cleanStart, username }, this)
    if (fetching !== undefined) return this.#admitWith(fetching, admission, greeted)
    this.#admit(admission, greeted)
    return undefined
  }

  async #admitWith(fetching: Promise<Fetched>, admission: Admission, greeted: Greeted | undefined): Promise<void> {
    const fetched = await fetching
    if (this.isOpen && fetched.type === 'fetched') return this.#admit(admission, greeted)
    greeted?.peer.closed()
    if (!this.isOpen || fetched.type === 'fetched') return
    const { clientId } = admission.terms
    this.#refuse({ type: 'refused', reason: reasonCode.serverUnavailable, words: fetched.words, clientId })
  }

  #admit(admission: Admission, greeted: Greeted | undefined): void {
    const { terms, identity, access } = admission
    const { counters, log, systemTopics } = this.#broker
    this.outlet.accept(terms)
    this.#state = 'connected'
    const { session, isResumed } = this.#broker.sessionLives.take(terms, identity, access)
    this.#broker.handovers.present(terms.clientId)
    const client = new Client(this.#broker, this, admission, session, greeted?.peer)
    this.#client = client
    session.will = terms.will
    counters.clientsConnected++
    counters.connected.add(1)
    this.outlet.control({
      cmd: 'connack',
      sessionPresent: isResumed,
      ...(terms.version === 5 ? { reasonCode: 0, properties: connackOf(terms, greeted) } : { returnCode: 0 }),
    })
    log.debug(
      { clientid: terms.clientId, peer: this.transport.remoteAddress, session_present: isResumed },
      'client_connected',
    )
    systemTopics?.connected(client)
    const { hooks } = this.#broker
    if (hooks?.watchesClients === true) this.outlet.tap = new ClientTap(hooks, identity)
    this.outlet.tap?.connected()
    this.outlet.traces = this.#broker.traces?.deliveries(terms.clientId)
    session.resume(this.outlet, terms.receiveMaximum, client.connectedAtMs)
  }

  #refuse({ reason, words, clientId, byAuthenticator = false }: Rejection): void {
    const { counters, log } = this.#broker
    const { version } = this.outlet
    counters.connectsRefused++
    if (reason === reasonCode.badUserNameOrPassword || reason === reasonCode.notAuthorized)
      counters.authenticationFailures++
    const fields = { clientid: clientId, peer: this.transport.remoteAddress, reason_code: reason, reason: words }
    // Who guesses passwords must not fill the log: the authenticator tells of it, so many lines a second.
    if (byAuthenticator) log.debug(fields, 'client_refused')
    else log.info(fields, 'client_refused')
    const properties = { reasonString: words }
    if (version === 5) this.outlet.control({ cmd: 'connack', sessionPresent: false, reasonCode: reason, properties })
    else {
      const returnCode = connackReturnCode(reason)
      if (returnCode !== undefined) this.outlet.control({ cmd: 'connack', sessionPresent: false, returnCode })
    }
    this.#closeAfterFlush()
  }

  // ---- DISCONNECT, and other ends

  #clientDisconnects({ session }: Client, packet: IDisconnectPacket): void {
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
    if (!this.isOpen) return
    this.#endReason = reason
    if (this.#client?.version === 5)
      this.outlet.control({ cmd: 'disconnect', reasonCode: reason, properties: { reasonString: words } })
    this.#closeAfterFlush()
  }

  tooSlow(): void {
    this.#endReason = reasonCode.quotaExceeded
    this.#broker.counters.closedSlow++
    this.#broker.log.warn({ clientid: this.clientId, unsent_bytes: this.outlet.unsentBytes }, 'client_too_slow')
    this.outlet.close()
    this.transport.destroy()
    this.#close()
  }

  takenOver(): void {
    this.disconnect(reasonCode.sessionTakenOver, 'another connection with this ClientID')
  }

  #closeAfterFlush(): void {
    this.outlet.flush()
    this.transport.end()
    this.#close()
  }

  #close(): void {
    if (!this.isOpen) return
    this.#state = 'closed'
    this.inbox.close()
    this.outlet.close()
    this.#hub.closed(this)
    const client = this.#client
    if (client === undefined) return
    client.closed()
    const { session } = client
    if (session.outlet === this.outlet) {
      session.outlet = undefined
      this.#broker.sessions.leave(session)
    }
    const { counters, log, systemTopics } = this.#broker
    counters.clientsDisconnected++
    counters.connected.add(-1)
    systemTopics?.disconnected(client, this.#endReason)
    this.outlet.tap?.disconnected(this.#endReason)
    this.outlet.traces?.closed()
    log.debug({ clientid: session.clientId }, 'client_disconnected')
  }

  // ---- from the outlet (OutletOwner), and to it

  flushLater(): void {
    this.#hub.flushLater(this)
  }

  /** Writes what this turn gathered. */
  flush(): void {
    this.outlet.flush()
  }

  drained(): void {
    const session = this.#client?.session
    if (session?.hasWaiting === true) session.drain(this.#broker.clock.nowMs())
  }
}

/** What the CONNACK tells an MQTT 5 client. A peer whose packets are too small for our answer goes without. */
function connackOf({ connack, packetBytesMax }: ConnectTerms, greeted: Greeted | undefined): ConnectTerms['connack'] {
  if (greeted === undefined) return connack
  const properties = { ...connack, userProperties: { [greetingProperty]: greeted.answer } }
  const packet = { cmd: 'connack', sessionPresent: false, reasonCode: reasonCode.success, properties } as const
  return encodeControlPacket(packet, 5).length > packetBytesMax ? connack : properties
}
