/** What a client publishes, until it is told what became of it: its half of QoS 1 and 2 (MQTT 5, 4.3 and 4.4). */
import type { IPublishPacket, Packet } from 'mqtt-packet'
import type { ConnectionRecord, PublishedMessage } from './history.ts'
import { payloadOf } from './history.ts'

/** As many as a client holds while it is away; more are given up. */
const WAITING_MAX = 20_000

type Flying = { readonly message: PublishedMessage; state: 'published' | 'received' }

export type OutgoingPorts = {
  readonly nowMs: () => number
  readonly send: (packet: Packet) => void
}

export class Outgoing {
  readonly #ports: OutgoingPorts
  /** By packet identifier, in the order in which they were sent. */
  readonly #flying = new Map<number, Flying>()
  #waiting: PublishedMessage[] = []
  #waitingAt = 0
  #bytes = new Map<PublishedMessage, number>()
  #lastId = 0
  #connection: ConnectionRecord | undefined
  /** As many of QoS 1 and 2 as the broker takes without acknowledging them. */
  #quota = 0
  #isV5 = true

  constructor(ports: OutgoingPorts) {
    this.#ports = ports
  }

  /** Messages of QoS 1 and 2 whose publisher was not told yet, and all that were not sent. */
  get open(): number {
    return this.#flying.size + this.#waiting.length - this.#waitingAt
  }

  publish(message: PublishedMessage, bytes: number): void {
    if (this.#waiting.length - this.#waitingAt >= WAITING_MAX) {
      message.isGivenUp = true
      return
    }
    if (bytes > 0) this.#bytes.set(message, bytes)
    this.#waiting.push(message)
    this.#pump()
  }

  /** @param sessionPresent what flew is sent again as it was; else the session is another one, and it is published anew [MQTT-4.4.0-1] */
  connected(connection: ConnectionRecord, isV5: boolean, receiveMaximum: number, sessionPresent: boolean): void {
    this.#connection = connection
    this.#isV5 = isV5
    this.#quota = receiveMaximum
    if (sessionPresent) this.#sendAgain()
    else this.#beginAnew()
    this.#pump()
  }

  disconnected(): void {
    this.#connection = undefined
  }

  /** The client died, and what it held with it. */
  forget(): void {
    for (const { message } of this.#flying.values()) message.isGivenUp = true
    for (const message of this.#waiting.slice(this.#waitingAt)) message.isGivenUp = true
    this.#flying.clear()
    this.#waiting = []
    this.#waitingAt = 0
  }

  /** What flies under that packet identifier. */
  messageOf(id: number): PublishedMessage | undefined {
    return this.#flying.get(id)?.message
  }

  puback(id: number, reasonCode: number): void {
    const flying = this.#flying.get(id)
    if (flying === undefined || flying.message.qos !== 1) return
    this.#told(flying.message, reasonCode)
    this.#settled(id)
  }

  pubrec(id: number, reasonCode: number): void {
    const flying = this.#flying.get(id)
    if (flying === undefined) return this.#ports.send({ cmd: 'pubrel', messageId: id, reasonCode: 0x92 })
    this.#told(flying.message, reasonCode)
    if (reasonCode >= 0x80) return this.#settled(id)
    flying.state = 'received'
    this.#ports.send({ cmd: 'pubrel', messageId: id })
  }

  pubcomp(id: number): void {
    if (this.#flying.get(id)?.state === 'received') this.#settled(id)
  }

  #told(message: PublishedMessage, reasonCode: number): void {
    message.reasonCode ??= reasonCode
    if (reasonCode >= 0x80) message.isGivenUp = true
    else message.acknowledgedMs ??= this.#ports.nowMs()
  }

  #settled(id: number): void {
    this.#flying.delete(id)
    this.#pump()
  }

  #sendAgain(): void {
    for (const [id, { message, state }] of this.#flying) {
      if (state === 'received') this.#ports.send({ cmd: 'pubrel', messageId: id })
      else this.#write(message, id, true)
    }
  }

  #beginAnew(): void {
    const flown = [...this.#flying.values()].filter(({ state }) => state === 'published').map(({ message }) => message)
    this.#flying.clear()
    this.#waiting = [...flown, ...this.#waiting.slice(this.#waitingAt)]
    this.#waitingAt = 0
  }

  #pump(): void {
    while (this.#connection !== undefined && this.#waitingAt < this.#waiting.length) {
      const message = this.#waiting[this.#waitingAt]
      if (message === undefined || (message.qos > 0 && this.#flying.size >= this.#quota)) return
      this.#waitingAt += 1
      if (this.#waitingAt === this.#waiting.length) {
        this.#waiting = []
        this.#waitingAt = 0
      }
      if (message.qos === 0) {
        this.#write(message, undefined, false)
        continue
      }
      const id = this.#nextId()
      this.#flying.set(id, { message, state: 'published' })
      this.#write(message, id, false)
    }
  }

  #write(message: PublishedMessage, id: number | undefined, isRepeat: boolean): void {
    const connection = this.#connection
    if (connection === undefined) return
    const { topic, qos, retain, expirySeconds } = message
    message.sends.push({ atMs: this.#ports.nowMs(), node: connection.node, connection: connection.number, isRepeat })
    const packet: IPublishPacket = {
      cmd: 'publish',
      topic,
      qos,
      retain,
      dup: isRepeat,
      payload: payloadOf(message.number, this.#bytes.get(message)),
    }
    if (id !== undefined) packet.messageId = id
    if (this.#isV5 && expirySeconds !== undefined) packet.properties = { messageExpiryInterval: expirySeconds }
    this.#ports.send(packet)
  }

  #nextId(): number {
    // Those from 60,000 on are of SUBSCRIBE and UNSUBSCRIBE.
    do this.#lastId = this.#lastId >= 59_999 ? 1 : this.#lastId + 1
    while (this.#flying.has(this.#lastId))
    return this.#lastId
  }
}
