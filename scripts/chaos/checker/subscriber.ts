/** Subscribes, and keeps all that it gets. */
import type { IConnackPacket, IPublishPacket, Packet } from 'mqtt-packet'
import { KeptClient } from './kept-client.ts'
import type { Received, Span, SubscriberRecord } from './observed.ts'
import type { SubscriberPlan } from './plan.ts'
import { readStamp } from './stamp.ts'

const REFUSED = 0x80
const PACKET_ID = 1

export class Subscriber {
  readonly plan: SubscriberPlan
  readonly client: KeptClient
  /** By publisher the highest number that came, other than what was retained. */
  readonly heard = new Map<string, number>()
  /** Something new came. */
  changedMs = 0
  readonly #received: Received[] = []
  readonly #spans: Span[] = []
  /** QoS 2: taken already, until its PUBREL (MQTT 5, 4.3.3). */
  readonly #unreleased = new Set<number>()
  #strange = 0
  #wanted = true
  #isGranted = false
  #disconnectedMs = 0

  constructor(plan: SubscriberPlan) {
    this.plan = plan
    const { name: clientId, username, password, ca, isDurable } = plan
    this.client = new KeptClient(
      plan.url,
      { clientId, username, password, ca, isClean: !isDurable },
      {
        onConnected: (connack) => this.#connected(connack),
        onPacket: (packet) => this.#take(packet),
        onDisconnected: () => this.#disconnected(),
      },
    )
  }

  get isSubscribed(): boolean {
    return this.#isGranted
  }

  get delivered(): number {
    return this.#received.length
  }

  /** Takes the subscription up or gives it up; the broker's answer shows in `isSubscribed`. */
  want(isWanted: boolean): void {
    this.#wanted = isWanted
    this.#ask()
  }

  record(): SubscriberRecord {
    const { name, cluster, url: server, filter, qos, isDurable } = this.plan
    const seen = { received: this.#received, strange: this.#strange }
    return {
      name,
      cluster,
      server,
      filter,
      qos,
      isDurable,
      spans: this.#spans,
      connections: this.client.records,
      ...seen,
    }
  }

  #connected({ sessionPresent }: IConnackPacket): void {
    if (sessionPresent) {
      if (this.#isGranted !== this.#wanted) this.#ask()
      return
    }
    this.#unreleased.clear()
    if (this.#isGranted) this.#endSpan('forgotten', this.#disconnectedMs)
    if (this.#wanted) this.#ask()
  }

  #disconnected(): void {
    this.#disconnectedMs = performance.now()
    if (!this.plan.isDurable && this.#isGranted) this.#endSpan('disconnect', this.#disconnectedMs)
  }

  #ask(): void {
    const { filter, qos } = this.plan
    if (this.#wanted)
      this.client.send({ cmd: 'subscribe', messageId: PACKET_ID, subscriptions: [{ topic: filter, qos }] })
    else this.client.send({ cmd: 'unsubscribe', messageId: PACKET_ID, unsubscriptions: [filter] })
  }

  #endSpan(endedBy: NonNullable<Span['endedBy']>, toMs: number): void {
    this.#isGranted = false
    const last = this.#spans.at(-1)
    if (last !== undefined) this.#spans[this.#spans.length - 1] = { ...last, toMs, endedBy }
  }

  #take(packet: Packet): void {
    if (packet.cmd === 'publish') return this.#published(packet)
    if (packet.cmd === 'suback') return this.#answered(packet.granted)
    if (packet.cmd === 'pubrel') {
      this.#unreleased.delete(packet.messageId ?? 0)
      this.client.send({ cmd: 'pubcomp', messageId: packet.messageId ?? 0 })
    } else if (packet.cmd === 'unsuback') {
      if (this.#isGranted) this.#endSpan('unsubscribe', performance.now())
    }
  }

  #answered(granted: readonly unknown[]): void {
    const [code] = granted
    if (typeof code !== 'number' || code >= REFUSED) return this.client.restart(`SUBACK ${String(code)}`)
    if (!this.#isGranted) this.#spans.push({ fromMs: performance.now() })
    this.#isGranted = true
  }

  #published(packet: IPublishPacket): void {
    const isNew = packet.qos < 2 || !this.#unreleased.has(packet.messageId ?? 0)
    if (isNew) this.#keep(packet)
    if (packet.qos === 1) this.client.send({ cmd: 'puback', messageId: packet.messageId ?? 0 })
    if (packet.qos !== 2) return
    this.#unreleased.add(packet.messageId ?? 0)
    this.client.send({ cmd: 'pubrec', messageId: packet.messageId ?? 0 })
  }

  #keep({ topic, qos, retain, dup, payload }: IPublishPacket): void {
    const atMs = (this.changedMs = performance.now())
    const stamp = readStamp(Buffer.isBuffer(payload) ? payload : Buffer.from(payload))
    if (stamp === undefined) {
      this.#strange += 1
      return
    }
    const { publisher, sequence, isChanged } = stamp
    const connection = this.client.records.length - 1
    this.#received.push({
      atMs,
      publisher,
      sequence,
      topic,
      qos,
      isRetained: retain,
      isResent: dup,
      connection,
      isChanged,
    })
    if (!retain) this.heard.set(publisher, Math.max(this.heard.get(publisher) ?? 0, sequence))
  }
}
