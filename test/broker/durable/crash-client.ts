/** A client with a memory of its own that keeps to the letter of QoS 1 and 2 (MQTT 5, 4.3 and 4.4), whatever becomes of the server. */
import assert from 'node:assert/strict'
import { generate, type Packet, parser } from 'mqtt-packet'
/** The connection of a client. What it sends gathers until it is delivered, and so does what comes. */
export interface Wire {
  readonly isOpen: boolean
  readonly toServer: Buffer[]
  readonly toClient: Buffer[]
  deliverToServer(): void
  cut(): void
}

/** Few identifiers come back soon, so that a reuse that goes wrong shows. */
export type Habits = { readonly identifiers: number; readonly receiveMaximum: number }

export type Sent = {
  readonly qos: 1 | 2
  readonly topic: string
  readonly text: string
  packetId: number
  state: 'sent' | 'released'
}

export class CrashClient {
  readonly id: string
  readonly isKept: boolean
  readonly #filter: string | undefined
  readonly habits: Habits
  #wire: Wire | undefined
  #parser = parser({ protocolVersion: 5 })
  #isAccepted = false
  /** The subscription was acknowledged. */
  isSubscribed = false
  /** Own messages that are not through yet, in order. */
  #outgoing: Sent[] = []
  #nextId = 1
  /** QoS 2 identifiers received whose PUBREL is to come. */
  #received = new Set<number>()
  /** Texts whose publish was acknowledged, in this order. */
  readonly acknowledged: Sent[] = []
  /** Texts received as an application gets them: QoS 1 perhaps twice, QoS 2 once. */
  readonly got: { readonly text: string; readonly qos: number }[] = []

  constructor(id: string, isKept: boolean, filter?: string, habits: Habits = { identifiers: 6, receiveMaximum: 3 }) {
    this.habits = habits
    this.id = id
    this.isKept = isKept
    this.#filter = filter
  }

  get isConnected(): boolean {
    return this.#wire?.isOpen === true
  }

  /** Whether the server knows that this client is there. */
  get isAccepted(): boolean {
    return this.isConnected && this.#isAccepted
  }

  connect(wire: Wire): void {
    this.#wire = wire
    this.#isAccepted = false
    this.#parser = parser({ protocolVersion: 5 })
    this.#parser.on('packet', (packet: Packet) => this.#handle(packet))
    this.#send({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 5,
      clientId: this.id,
      clean: !this.isKept,
      keepalive: 0,
      properties: { sessionExpiryInterval: this.isKept ? 0xffffffff : 0, receiveMaximum: this.habits.receiveMaximum },
    })
  }

  /** The connection is gone, by whoever's doing. */
  lost(): void {
    const wire = this.#wire
    this.#wire = undefined
    if (wire?.isOpen === true) wire.cut()
  }

  publish(qos: 1 | 2, text: string, topic = 't'): void {
    if (this.#outgoing.length === this.habits.identifiers) return
    while (this.#outgoing.some(({ packetId }) => packetId === this.#nextId)) this.#bumpId()
    const sent: Sent = { qos, topic, text, packetId: this.#nextId, state: 'sent' }
    this.#bumpId()
    this.#outgoing.push(sent)
    if (this.isAccepted) this.#sendPublish(sent, false)
  }

  #bumpId(): void {
    this.#nextId = (this.#nextId % this.habits.identifiers) + 1
  }

  get unfinished(): number {
    return this.#outgoing.length
  }

  /** Moves all bytes that are under way; returns whether there were any. */
  move(): boolean {
    const wire = this.#wire
    if (wire === undefined) return false
    const moves = wire.toServer.length + wire.toClient.length > 0
    this.toServer()
    this.toClient()
    return moves
  }

  toServer(): void {
    this.#wire?.deliverToServer()
  }

  toClient(): void {
    const bytes = Buffer.concat(this.#wire?.toClient.splice(0) ?? [])
    if (bytes.length > 0) this.#parser.parse(bytes)
  }

  #send(packet: Packet): void {
    this.#wire!.toServer.push(generate(packet, { protocolVersion: 5 }))
  }

  #sendPublish({ qos, topic, text, packetId }: Sent, dup: boolean): void {
    this.#send({ cmd: 'publish', topic, payload: text, qos, messageId: packetId, dup, retain: false })
  }

  #handle(packet: Packet): void {
    if (packet.cmd === 'connack') this.#accepted(packet.sessionPresent)
    else if (packet.cmd === 'suback') {
      assert.deepEqual(packet.granted, [2])
      this.isSubscribed = true
    } else if (packet.cmd === 'publish') {
      this.#incoming(packet.qos, packet.messageId ?? 0, packet.payload.toString())
    } else if (packet.cmd === 'pubrel') {
      this.#received.delete(packet.messageId!)
      this.#send({ cmd: 'pubcomp', messageId: packet.messageId! })
    } else if (packet.cmd === 'puback') this.#done(packet.messageId!, 1, packet.reasonCode ?? 0)
    else if (packet.cmd === 'pubrec') this.#pubrec(packet.messageId!, packet.reasonCode ?? 0)
    else if (packet.cmd === 'pubcomp') this.#forget(packet.messageId!, 'released')
    // After DISCONNECT the server closes, and the test connects again.
  }

  #accepted(sessionPresent: boolean): void {
    this.#isAccepted = true
    if (!sessionPresent) {
      assert(!this.isSubscribed || !this.isKept, `${this.id}: an acknowledged subscription is gone`)
      this.#received.clear()
      // Without a session what was not acknowledged is the application's again; at QoS 2 nobody can tell whether it came.
      if (!this.isKept) this.#outgoing = []
    }
    if (this.#filter !== undefined && !this.isSubscribed)
      this.#send({ cmd: 'subscribe', messageId: 100, subscriptions: [{ topic: this.#filter, qos: 2 }] })
    for (const sent of this.#outgoing)
      if (sent.state === 'released') this.#send({ cmd: 'pubrel', messageId: sent.packetId })
      else this.#sendPublish(sent, true)
  }

  #incoming(qos: number, packetId: number, text: string): void {
    if (qos === 1) {
      this.got.push({ text, qos })
      return this.#send({ cmd: 'puback', messageId: packetId })
    }
    if (!this.#received.has(packetId)) this.got.push({ text, qos })
    this.#received.add(packetId)
    this.#send({ cmd: 'pubrec', messageId: packetId })
  }

  #find(packetId: number, state: Sent['state']): Sent | undefined {
    return this.#outgoing.find((sent) => sent.packetId === packetId && sent.state === state)
  }

  #forget(packetId: number, state: Sent['state']): void {
    const found = this.#find(packetId, state)
    this.#outgoing = this.#outgoing.filter((sent) => sent !== found)
  }

  /** Refused (the disk takes nothing) is not acknowledged, and the message is given up. */
  #done(packetId: number, qos: 1 | 2, reason: number): void {
    const found = this.#find(packetId, 'sent')
    assert(found?.qos === qos, `${this.id}: an acknowledgement of nothing, ${packetId}`)
    if (reason < 0x80) this.acknowledged.push(found)
    this.#forget(packetId, 'sent')
  }

  #pubrec(packetId: number, reason: number): void {
    const found = this.#find(packetId, 'sent')
    if (found === undefined || reason >= 0x80) {
      if (found !== undefined) this.#forget(packetId, 'sent')
      return
    }
    this.acknowledged.push(found)
    found.state = 'released'
    this.#send({ cmd: 'pubrel', messageId: packetId })
  }
}
