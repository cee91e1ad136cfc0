/**
 * An MQTT client (3.1.1 or 5.0) of the simulated network. It keeps to the specification, comes back by itself, resends what was not
 * acknowledged, and writes down in a `History` all that it does and is told.
 *
 *     away -> dialling -> connected -> waiting (backoff) -> dialling ...      `connect` and `disconnect` lead in and out
 *
 * It has no timer but one for each connection: for the CONNACK, then for its keep alive.
 */
import { generate, type IConnackPacket, type IConnectPacket, type Packet, parser, type Parser } from 'mqtt-packet'
import type { QoS } from '../../../src/packets/message.ts'
import type { ClientClock, ClientRandom } from './client-clock.ts'
import type { ClientIdentity, ConnectionRecord, History, PublishedMessage, SessionRecord } from './history.ts'
import { payloadOf } from './history.ts'
import { Incoming } from './incoming.ts'
import { Outgoing } from './outgoing.ts'
import { Subscriptions, type WantedSubscription } from './subscriptions.ts'
import type { ClientServer, ClientWire, DialWire } from './wire.ts'

export type ClientPorts = {
  readonly clock: ClientClock
  readonly random: ClientRandom
  readonly dial: DialWire
  readonly history: History
}

export type ClientTerms = {
  readonly clientId: string
  readonly cluster: string
  /** Where it runs: faults lie between hosts. Default: its ClientID. */
  readonly host?: string
  readonly version?: 4 | 5
  /** For how long its session outlives its connection; 0: it does not. MQTT 3.1.1 knows only whether. */
  readonly sessionExpirySeconds?: number
  readonly keepAliveSeconds?: number
  /** Of QoS 1 and 2, towards the client. */
  readonly receiveMaximum?: number
  /** How long it works on a message before it acknowledges it. */
  readonly acknowledgeMs?: number
  readonly username?: string
  readonly password?: string
  readonly will?: WillTerms
}

export type WillTerms = {
  readonly topic: string
  readonly qos: QoS
  readonly retain?: boolean
  readonly delaySeconds?: number
}

export type PublishTerms = {
  readonly topic: string
  readonly qos: QoS
  readonly retain?: boolean
  readonly expirySeconds?: number
  /** Length of the payload, if it is to be longer than its number. */
  readonly bytes?: number
}

const CONNACK_MS_MAX = 10_000
const BACKOFF_MS = { min: 100, max: 5_000 }
/** What a broker takes that does not say [MQTT 5, 3.2.2.3.3]. */
const RECEIVE_MAXIMUM = 65_535

type Connection = {
  readonly record: ConnectionRecord
  readonly wire: ClientWire
  readonly will: PublishedMessage | undefined
}

export class SimulatedClient {
  readonly identity: ClientIdentity
  readonly #terms: ClientTerms
  readonly #ports: ClientPorts
  /** Nodes of its cluster, tried in turn. */
  readonly #servers: readonly ClientServer[]
  readonly #outgoing: Outgoing
  readonly #incoming: Incoming
  readonly #subscriptions: Subscriptions
  #serverAt: number
  #isWanted = false
  #cleanNext = true
  #connection: Connection | undefined
  #isConnected = false
  #session: SessionRecord | undefined
  #backoffMs = 0
  #timer: { cancel(): void } | undefined
  #sentMs = 0
  /** When the connection of a kept session was lost. */
  #awaySinceMs: number | undefined

  constructor(terms: ClientTerms, ports: ClientPorts, servers: readonly ClientServer[], firstServer = 0) {
    this.identity = { clientId: terms.clientId, cluster: terms.cluster }
    this.#terms = terms
    this.#ports = ports
    this.#servers = servers
    this.#serverAt = firstServer % servers.length
    const nowMs = () => ports.clock.nowMs
    const send = (packet: Packet): void => this.#send(packet)
    this.#outgoing = new Outgoing({ nowMs, send })
    this.#incoming = new Incoming({
      history: ports.history,
      clock: ports.clock,
      send: (packet, connection) => {
        if (this.#connection?.record === connection) this.#send(packet)
      },
      acknowledgeMs: terms.acknowledgeMs ?? 0,
    })
    this.#subscriptions = new Subscriptions({ nowMs, send, history: ports.history, client: this.identity })
  }

  get isConnected(): boolean {
    return this.#isConnected
  }

  /** The node that it is connected to, or that it tries next. */
  get node(): string {
    return this.#server.node
  }

  get session(): SessionRecord | undefined {
    return this.#session
  }

  /** Messages that it was not told about yet. */
  get open(): number {
    return this.#outgoing.open
  }

  // ---- acts

  /** Connects, and stays connected. @param clean whether the session begins anew */
  connect(clean = false): void {
    if (clean) this.#cleanNext = true
    if (this.#isWanted) return
    this.#isWanted = true
    this.#dial()
  }

  /** Says goodbye and stays away. @param ends whether its session ends, too */
  disconnect(ends = false): void {
    this.#isWanted = false
    const connection = this.#connection
    if (this.#isConnected) this.#sayGoodbye(ends)
    else if (ends) this.#cleanNext = true
    this.#left()
    connection?.wire.end()
  }

  /** Its connection breaks; it comes back. */
  drop(): void {
    const connection = this.#connection
    if (connection === undefined) return
    this.#left()
    connection.wire.destroy()
    if (this.#isWanted) this.#dialLater()
  }

  /** It dies without a word and stays away until `connect`: what it had not sent, and what it knew of its session, is gone. */
  crash(): void {
    this.#isWanted = false
    const connection = this.#connection
    this.#left()
    connection?.wire.destroy()
    this.#outgoing.forget()
    this.#incoming.forget()
    this.#cleanNext = true
  }

  /** Goes to another node of its cluster, with goodbye. */
  moveTo(node: string): void {
    this.#prefer(node)
    const connection = this.#connection
    if (this.#isConnected) this.#sayGoodbye(false)
    this.#left()
    connection?.wire.end()
    if (this.#isWanted) this.#dial()
  }

  /** Comes a second time with the same ClientID, to that node: what it had before stays open until the broker ends it. */
  takeOver(node: string): void {
    if (this.#connection === undefined) return this.#prefer(node)
    this.#prefer(node)
    this.#left()
    this.#isWanted = true
    this.#dial()
  }

  pause(): void {
    this.#connection?.wire.pause()
  }

  resume(): void {
    this.#connection?.wire.resume()
  }

  publish({ topic, qos, retain = false, expirySeconds, bytes = 0 }: PublishTerms): PublishedMessage {
    const { history, clock } = this.#ports
    const message = history.published({ publisher: this.identity, topic, qos, retain, expirySeconds, isWill: false })
    if (topic.startsWith('$LINK')) {
      const { number } = message
      history.trespasses.push({
        client: this.identity,
        action: 'publish',
        topic,
        atMs: clock.nowMs,
        message: number,
        answer: undefined,
      })
    }
    this.#outgoing.publish(message, bytes)
    return message
  }

  /** Asks for a filter; the client asks again whenever its session begins anew. */
  subscribe(subscription: WantedSubscription): void {
    this.#subscriptions.want(subscription)
  }

  unsubscribe(filter: string): void {
    this.#subscriptions.unwant(filter)
  }

  // ---- connections

  get #server(): ClientServer {
    const server = this.#servers[this.#serverAt]
    if (server === undefined) throw new RangeError(`${this.identity.clientId} knows no server`)
    return server
  }

  #prefer(node: string): void {
    const at = this.#servers.findIndex((server) => server.node === node)
    if (at < 0) throw new RangeError(`${this.identity.clientId} knows no node ${node}`)
    this.#serverAt = at
  }

  #dial(): void {
    this.#timer?.cancel()
    const { clock, history, dial } = this.#ports
    const record: ConnectionRecord = {
      number: history.connections.length,
      client: this.identity,
      node: this.#server.node,
      openedMs: clock.nowMs,
      acceptedMs: undefined,
      reasonCode: undefined,
      sessionPresent: false,
      closedMs: undefined,
      disconnectedWith: undefined,
      heardMs: clock.nowMs,
      inflightMax: 0,
      receiveMaximum: this.#terms.receiveMaximum ?? RECEIVE_MAXIMUM,
    }
    history.connections.push(record)
    const reader = this.#reader(record)
    const wire = dial(this.#terms.host ?? this.#terms.clientId, this.#server, {
      opened: () => {
        if (this.#connection?.record === record) this.#sendConnect()
      },
      read: (chunk) => {
        record.heardMs = clock.nowMs
        reader.parse(chunk)
      },
      closed: () => {
        record.closedMs ??= clock.nowMs
        if (this.#connection?.record !== record) return
        this.#left()
        if (this.#isWanted) this.#dialLater()
      },
    })
    this.#connection = { record, wire, will: this.#willOf(record) }
    this.#timer = clock.after(CONNACK_MS_MAX, () => this.drop())
  }

  /** Each connection has its own, also one that another has taken the place of: what comes there is looked at for its end alone. */
  #reader(record: ConnectionRecord): Parser {
    const reader = parser({ protocolVersion: this.#version })
    reader.on('packet', (packet) => {
      if (this.#connection?.record === record) this.#take(packet, record)
      else if (packet.cmd === 'disconnect') record.disconnectedWith = packet.reasonCode ?? 0
    })
    reader.on('error', (error: unknown) => {
      throw new Error(`${this.identity.clientId} can't read what ${record.node} sent`, { cause: error })
    })
    return reader
  }

  /** Its connection is gone, or no more its own. */
  #left(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    const connection = this.#connection
    this.#connection = undefined
    if (!this.#isConnected) return
    this.#isConnected = false
    this.#outgoing.disconnected()
    this.#subscriptions.disconnected()
    if (connection !== undefined) this.#trespassesClosed()
    const session = this.#session
    if (session === undefined) return
    this.#awaySinceMs = this.#ports.clock.nowMs
    if (!session.isKept) this.#endSession('connection_ended')
  }

  #dialLater(): void {
    const { clock, random } = this.#ports
    this.#serverAt = (this.#serverAt + 1) % this.#servers.length
    const upTo = Math.min(BACKOFF_MS.max, Math.max(BACKOFF_MS.min, this.#backoffMs * 3))
    this.#backoffMs = BACKOFF_MS.min + random.next() * (upTo - BACKOFF_MS.min)
    this.#timer?.cancel()
    this.#timer = clock.after(this.#backoffMs, () => this.#dial())
  }

  get #version(): 4 | 5 {
    return this.#terms.version ?? 5
  }

  get #expirySeconds(): number {
    return this.#terms.sessionExpirySeconds ?? 0
  }

  get #keepAliveSeconds(): number {
    return this.#terms.keepAliveSeconds ?? 30
  }

  // ---- CONNECT

  #sendConnect(): void {
    const { clientId, username, password, receiveMaximum } = this.#terms
    const isV5 = this.#version === 5
    const packet: IConnectPacket = {
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: this.#version,
      clientId,
      keepalive: this.#keepAliveSeconds,
      // With 3.1.1 it is the same flag that says whether the session is to outlive the connection.
      clean: isV5 ? this.#cleanNext : this.#expirySeconds === 0,
    }
    if (username !== undefined) packet.username = username
    if (password !== undefined) packet.password = Buffer.from(password)
    if (isV5) {
      packet.properties = { sessionExpiryInterval: this.#expirySeconds }
      if (receiveMaximum !== undefined) packet.properties.receiveMaximum = receiveMaximum
    }
    this.#addWill(packet)
    this.#send(packet)
  }

  #willOf({ number, node }: ConnectionRecord): PublishedMessage | undefined {
    const { will } = this.#terms
    if (will === undefined) return undefined
    const { history, clock } = this.#ports
    const { topic, qos, retain = false } = will
    const publisher = this.identity
    const message = history.published({ publisher, topic, qos, retain, expirySeconds: undefined, isWill: true })
    message.sends.push({ atMs: clock.nowMs, node, connection: number, isRepeat: false })
    return message
  }

  #addWill(packet: IConnectPacket): void {
    const { will } = this.#terms
    const message = this.#connection?.will
    if (will === undefined || message === undefined) return
    const { topic, qos, retain = false, delaySeconds = 0 } = will
    packet.will = { topic, qos, retain, payload: payloadOf(message.number) }
    if (this.#version === 5) packet.will.properties = { willDelayInterval: delaySeconds }
  }

  #accepted(packet: IConnackPacket, record: ConnectionRecord): void {
    const { clock } = this.#ports
    record.reasonCode = packet.reasonCode ?? packet.returnCode ?? 0
    if (record.reasonCode !== 0) return this.drop()
    record.acceptedMs = clock.nowMs
    record.sessionPresent = packet.sessionPresent
    this.#isConnected = true
    this.#backoffMs = 0
    this.#takeSession(packet, record)
    this.#awaySinceMs = undefined
    this.#cleanNext = false
    this.#incoming.connected()
    this.#subscriptions.connected(this.#sessionNow(), packet.sessionPresent)
    const receiveMaximum = packet.properties?.receiveMaximum ?? RECEIVE_MAXIMUM
    this.#outgoing.connected(record, this.#version === 5, receiveMaximum, packet.sessionPresent)
    this.#armKeepAlive(record)
  }

  #takeSession({ sessionPresent, properties }: IConnackPacket, record: ConnectionRecord): void {
    const { clock, history } = this.#ports
    if (sessionPresent && this.#session !== undefined) {
      this.#session.connections.push(record)
      return
    }
    this.#incoming.forget()
    this.#endSession(this.#howItEnded())
    const asked = this.#expirySeconds
    const expirySeconds = Math.min(asked, properties?.sessionExpiryInterval ?? asked)
    this.#session = {
      number: history.sessions.length,
      client: this.identity,
      startedMs: clock.nowMs,
      isKept: expirySeconds > 0,
      expirySeconds,
      subscriptions: [],
      connections: [record],
      endedMs: undefined,
      end: undefined,
    }
    history.sessions.push(this.#session)
  }

  #howItEnded(): NonNullable<SessionRecord['end']> {
    const session = this.#session
    if (session === undefined || (this.#cleanNext && this.#version === 5)) return 'client_ended'
    const awayMs = this.#ports.clock.nowMs - (this.#awaySinceMs ?? this.#ports.clock.nowMs)
    return awayMs >= session.expirySeconds * 1_000 ? 'expired' : 'lost_by_broker'
  }

  #endSession(end: NonNullable<SessionRecord['end']>): void {
    const session = this.#session
    this.#session = undefined
    if (session === undefined || session.end !== undefined) return
    session.end = end
    session.endedMs = this.#awaySinceMs ?? this.#ports.clock.nowMs
    for (const subscription of session.subscriptions) subscription.endedMs ??= session.endedMs
  }

  #sessionNow(): SessionRecord {
    if (this.#session === undefined) throw new Error(`${this.identity.clientId} is connected and has no session`)
    return this.#session
  }

  /** A kept session of MQTT 3.1.1 can't be ended this way. */
  #sayGoodbye(ends: boolean): void {
    const packet: Packet = { cmd: 'disconnect' }
    const endsSession = this.#version === 5 && ends
    if (endsSession && this.#session?.isKept === true) packet.properties = { sessionExpiryInterval: 0 }
    this.#send(packet)
    if (!endsSession) return
    this.#endSession('client_ended')
    this.#cleanNext = true
  }

  // ---- packets

  #send(packet: Packet): void {
    this.#sentMs = this.#ports.clock.nowMs
    this.#connection?.wire.write(generate(packet, { protocolVersion: this.#version }))
  }

  #take(packet: Packet, record: ConnectionRecord): void {
    const { messageId: id = 0 } = packet
    switch (packet.cmd) {
      case 'connack':
        return this.#accepted(packet, record)
      case 'publish':
        return this.#incoming.publish(packet, this.#sessionNow(), record)
      case 'puback':
        this.#answered(id, packet.reasonCode ?? 0)
        return this.#outgoing.puback(id, packet.reasonCode ?? 0)
      case 'pubrec':
        this.#answered(id, packet.reasonCode ?? 0)
        return this.#outgoing.pubrec(id, packet.reasonCode ?? 0)
      case 'pubrel':
        return this.#incoming.pubrel(id, record)
      case 'pubcomp':
        return this.#outgoing.pubcomp(id)
      case 'suback':
        return this.#subscriptions.granted(id, packet.granted.map(Number))
      case 'unsuback':
        return this.#subscriptions.ended(id)
      case 'disconnect':
        record.disconnectedWith = packet.reasonCode ?? 0
        return
      case 'pingresp':
        return
      case 'connect':
      case 'subscribe':
      case 'unsubscribe':
      case 'pingreq':
      case 'auth':
      default:
        throw new Error(`${record.node} sent ${packet.cmd} to ${this.identity.clientId}`)
    }
  }

  /** An acknowledgement of MQTT 3.1.1 does not say whether the broker did anything with the message. */
  #answered(id: number, reasonCode: number): void {
    if (this.#version === 4) return
    const number = this.#outgoing.messageOf(id)?.number
    for (const trespass of this.#ports.history.trespasses)
      if (number !== undefined && trespass.message === number) trespass.answer ??= reasonCode
  }

  #trespassesClosed(): void {
    for (const trespass of this.#ports.history.trespasses) {
      if (trespass.client === this.identity) trespass.answer ??= 'closed'
    }
  }

  /** One timer a connection: says something when nothing was said for as long as was promised, and hangs up when nothing comes back. */
  #armKeepAlive(record: ConnectionRecord): void {
    this.#timer?.cancel()
    this.#timer = undefined
    const ms = this.#keepAliveSeconds * 1_000
    if (ms === 0) return
    const { clock } = this.#ports
    this.#timer = clock.after(ms * 0.75, () => {
      if (clock.nowMs - record.heardMs > ms * 1.5) return this.drop()
      if (clock.nowMs - this.#sentMs >= ms * 0.7 || clock.nowMs - record.heardMs >= ms * 0.7) {
        this.#send({ cmd: 'pingreq' })
      }
      this.#armKeepAlive(record)
    })
  }
}
