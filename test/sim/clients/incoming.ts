/** What comes to a client: acknowledged as MQTT asks (4.3), and written down. */
import type { IPublishPacket, Packet } from 'mqtt-packet'
import type { ConnectionRecord, History, SessionRecord } from './history.ts'
import { numberIn } from './history.ts'

export type IncomingPorts = {
  readonly history: History
  readonly clock: { readonly nowMs: number; after(ms: number, call: () => void): { cancel(): void } }
  readonly send: (packet: Packet, connection: ConnectionRecord) => void
  /** How long the client works on a message of QoS 1 or 2 before it acknowledges it. */
  readonly acknowledgeMs: number
}

export class Incoming {
  readonly #ports: IncomingPorts
  /** Packet identifiers of QoS 2 whose PUBREL has not come: what comes under one of them came before. */
  readonly #received = new Set<number>()
  #inflight = 0

  constructor(ports: IncomingPorts) {
    this.#ports = ports
  }

  /** The broker has another session than the one for which these came. */
  forget(): void {
    this.#received.clear()
  }

  connected(): void {
    this.#inflight = 0
  }

  publish(packet: IPublishPacket, session: SessionRecord, connection: ConnectionRecord): void {
    const { qos, messageId: id = 0 } = packet
    if (qos > 0) {
      this.#inflight += 1
      connection.inflightMax = Math.max(connection.inflightMax, this.#inflight)
    }
    const isKnown = qos === 2 && this.#received.has(id)
    if (qos === 2) this.#received.add(id)
    if (!isKnown) this.#write(packet, session, connection)
    if (qos === 0) return
    const answer: Packet = qos === 1 ? { cmd: 'puback', messageId: id } : { cmd: 'pubrec', messageId: id }
    if (this.#ports.acknowledgeMs === 0) return this.#answer(answer, connection)
    this.#ports.clock.after(this.#ports.acknowledgeMs, () => this.#answer(answer, connection))
  }

  pubrel(id: number, connection: ConnectionRecord): void {
    this.#received.delete(id)
    this.#inflight = Math.max(0, this.#inflight - 1)
    this.#ports.send({ cmd: 'pubcomp', messageId: id }, connection)
  }

  #answer(answer: Packet, connection: ConnectionRecord): void {
    if (answer.cmd === 'puback') this.#inflight = Math.max(0, this.#inflight - 1)
    this.#ports.send(answer, connection)
  }

  #write({ topic, payload, qos, dup, retain }: IPublishPacket, session: SessionRecord, connection: ConnectionRecord) {
    const { history, clock } = this.#ports
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
    const number = numberIn(bytes)
    if (number === undefined) {
      history.strangers.push({ client: session.client, topic, atMs: clock.nowMs, bytes: bytes.length })
      return
    }
    history.arrivals.push({
      number,
      session,
      atMs: clock.nowMs,
      node: connection.node,
      connection: connection.number,
      topic,
      qos,
      isRepeat: dup,
      isRetained: retain,
    })
  }
}
