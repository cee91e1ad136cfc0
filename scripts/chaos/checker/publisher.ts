/**
 * Publishes at its rate while it is connected, and keeps what it is told. What was not answered when its connection broke goes again, in
 * order, if the broker knows the session still; else nobody will ever answer it.
 */
import type { IConnackPacket, Packet } from 'mqtt-packet'
import { KeptClient } from './kept-client.ts'
import type { Published, PublisherRecord } from './observed.ts'
import type { PublisherPlan } from './plan.ts'
import { stamped } from './stamp.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type Flying = { readonly message: Mutable<Published>; readonly payload: Buffer; isReleased: boolean }

const PAYLOAD_BYTES = 64
const WINDOW = 500
const REFUSES = 0x80
const PACKET_IDS = 0xffff

export class Publisher {
  readonly plan: PublisherPlan
  readonly client: KeptClient
  acknowledged = 0
  /** The number of the last that was acknowledged, or sent with QoS 0. */
  lastGood = 0
  /** Something new was sent, or answered. */
  changedMs = 0
  readonly #messages: Mutable<Published>[] = []
  /** By packet identifier, in the order in which they were first sent. */
  readonly #flying = new Map<number, Flying>()
  #packetId = 0
  #window = WINDOW
  /** Messages owed, as a fraction: grows with time, and is given away while none can go. */
  #owed = 0

  constructor(plan: PublisherPlan) {
    this.plan = plan
    const { name: clientId, username, password, ca } = plan
    this.client = new KeptClient(
      plan.url,
      { clientId, username, password, ca, isClean: false },
      {
        onConnected: (connack) => this.#connected(connack),
        onPacket: (packet) => this.#take(packet),
        onDisconnected: () => undefined,
      },
    )
  }

  get published(): number {
    return this.#messages.length
  }

  get awaited(): number {
    return this.#flying.size
  }

  /** So much time went by: sends what is due. */
  tick(ms: number): void {
    this.#owed += (ms * this.plan.perSecond) / 1_000
    const due = Math.floor(this.#owed)
    this.#owed -= due
    for (let sent = 0; sent < due && this.#mayPublish(); sent += 1) this.#publish()
  }

  record(): PublisherRecord {
    const { name, cluster, url: server, topic, qos } = this.plan
    return { name, cluster, server, topic, qos, messages: this.#messages, connections: this.client.records }
  }

  #mayPublish(): boolean {
    return this.client.isConnected && !this.client.isCrowded && this.#flying.size < this.#window
  }

  #publish(): void {
    const { name, qos, payloadBytes = PAYLOAD_BYTES } = this.plan
    const atMs = performance.now()
    const message: Mutable<Published> = { sequence: this.#messages.length + 1, atMs, sendings: 0 }
    this.#messages.push(message)
    this.changedMs = atMs
    const flying = { message, payload: stamped(name, message.sequence, payloadBytes), isReleased: false }
    if (qos === 0) {
      this.lastGood = message.sequence
      return this.#send(undefined, flying)
    }
    const packetId = this.#freePacketId()
    this.#flying.set(packetId, flying)
    this.#send(packetId, flying)
  }

  #send(packetId: number | undefined, { message, payload }: Flying): void {
    const { topic, qos, retain = false } = this.plan
    const dup = message.sendings > 0
    message.sendings += 1
    const packet = { cmd: 'publish', topic, qos, retain, dup, payload } as const
    this.client.send(packetId === undefined ? packet : { ...packet, messageId: packetId })
  }

  #freePacketId(): number {
    do this.#packetId = (this.#packetId % PACKET_IDS) + 1
    while (this.#flying.has(this.#packetId))
    return this.#packetId
  }

  #connected({ sessionPresent, properties }: IConnackPacket): void {
    this.#window = Math.min(properties?.receiveMaximum ?? PACKET_IDS, WINDOW)
    if (!sessionPresent) return this.#flying.clear()
    for (const [packetId, flying] of this.#flying)
      if (flying.isReleased) this.client.send({ cmd: 'pubrel', messageId: packetId })
      else this.#send(packetId, flying)
  }

  #take(packet: Packet): void {
    const packetId = packet.messageId
    if (packetId === undefined) return
    if (packet.cmd === 'puback' || packet.cmd === 'pubcomp') this.#answered(packetId, packet.reasonCode ?? 0)
    else if (packet.cmd === 'pubrec') this.#received(packetId, packet.reasonCode ?? 0)
  }

  #received(packetId: number, reasonCode: number): void {
    if (reasonCode >= REFUSES) return this.#answered(packetId, reasonCode)
    const flying = this.#flying.get(packetId)
    if (flying !== undefined) flying.isReleased = true
    this.client.send({ cmd: 'pubrel', messageId: packetId })
  }

  #answered(packetId: number, reasonCode: number): void {
    const flying = this.#flying.get(packetId)
    if (flying === undefined) return
    this.#flying.delete(packetId)
    this.changedMs = flying.message.answeredMs = performance.now()
    flying.message.reasonCode = reasonCode
    if (reasonCode >= REFUSES) return
    this.acknowledged += 1
    this.lastGood = Math.max(this.lastGood, flying.message.sequence)
  }
}
