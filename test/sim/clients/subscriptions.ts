/** What a client has asked for and was granted: asked again whenever its session begins anew. */
import type { Packet } from 'mqtt-packet'
import type { QoS } from '../../../src/packets/message.ts'
import type { ClientIdentity, History, SessionRecord, SubscriptionRecord } from './history.ts'

export type WantedSubscription = {
  readonly filter: string
  readonly qos: QoS
  readonly noLocal?: boolean
  /** As of MQTT 5, 3.8.3.1: 0 tells what is retained at each SUBSCRIBE, 1 if the subscription is new, 2 never. */
  readonly retainHandling?: 0 | 1 | 2
}

export type SubscriptionsPorts = {
  readonly nowMs: () => number
  readonly send: (packet: Packet) => void
  readonly history: History
  readonly client: ClientIdentity
}

type Asked = { readonly packet: Packet; readonly record: SubscriptionRecord | undefined }

export class Subscriptions {
  readonly #ports: SubscriptionsPorts
  readonly #wanted = new Map<string, WantedSubscription>()
  /** What was not answered, by packet identifier. */
  readonly #asked = new Map<number, Asked>()
  /** Filters of the session that nobody wants any more, for which there was no connection. */
  readonly #unwanted = new Set<string>()
  #session: SessionRecord | undefined
  #lastId = 0

  constructor(ports: SubscriptionsPorts) {
    this.#ports = ports
  }

  want(subscription: WantedSubscription): void {
    this.#wanted.set(subscription.filter, subscription)
    this.#unwanted.delete(subscription.filter)
    if (this.#session !== undefined) this.#subscribe(subscription, this.#session)
  }

  unwant(filter: string): void {
    if (!this.#wanted.delete(filter)) return
    if (this.#session === undefined) this.#unwanted.add(filter)
    else this.#unsubscribe(filter, this.#session)
  }

  connected(session: SessionRecord, sessionPresent: boolean): void {
    this.#session = session
    const unanswered = [...this.#asked.values()]
    this.#asked.clear()
    if (!sessionPresent) {
      this.#unwanted.clear()
      for (const subscription of this.#wanted.values()) this.#subscribe(subscription, session)
      return
    }
    for (const filter of this.#unwanted) this.#unsubscribe(filter, session)
    this.#unwanted.clear()
    for (const { packet, record } of unanswered) this.#ask(packet, record)
    const had = new Set(
      session.subscriptions.filter(({ endedMs }) => endedMs === undefined).map(({ filter }) => filter),
    )
    for (const wanted of this.#wanted.values()) if (!had.has(wanted.filter)) this.#subscribe(wanted, session)
  }

  disconnected(): void {
    this.#session = undefined
  }

  granted(id: number, codes: readonly number[]): void {
    const record = this.#asked.get(id)?.record
    this.#asked.delete(id)
    const code = codes[0] ?? 0x80
    if (record === undefined) return
    if (code < 0x80) record.grantedMs ??= this.#ports.nowMs()
    else {
      record.refusedWith = code
      record.endedMs ??= this.#ports.nowMs()
    }
    for (const trespass of this.#ports.history.trespasses) {
      if (
        trespass.action === 'subscribe' &&
        trespass.client === this.#ports.client &&
        trespass.topic === record.filter
      ) {
        trespass.answer ??= code
      }
    }
  }

  ended(id: number): void {
    this.#asked.delete(id)
  }

  #subscribe({ filter, qos, noLocal = false, retainHandling = 0 }: WantedSubscription, session: SessionRecord): void {
    const { client, history, nowMs } = this.#ports
    const { topicFilter, shareName } = splitShare(filter)
    const record: SubscriptionRecord = {
      session,
      filter,
      topicFilter,
      shareName,
      qos,
      noLocal,
      sentMs: nowMs(),
      grantedMs: undefined,
      refusedWith: undefined,
      endedMs: undefined,
    }
    session.subscriptions.push(record)
    if (topicFilter.startsWith('$LINK')) {
      const atMs = nowMs()
      history.trespasses.push({
        client,
        action: 'subscribe',
        topic: filter,
        atMs,
        message: undefined,
        answer: undefined,
      })
    }
    const subscription = { topic: filter, qos, nl: noLocal, rap: false, rh: retainHandling }
    this.#ask({ cmd: 'subscribe', subscriptions: [subscription] }, record)
  }

  #unsubscribe(filter: string, session: SessionRecord): void {
    for (const record of session.subscriptions) if (record.filter === filter) record.endedMs ??= this.#ports.nowMs()
    this.#ask({ cmd: 'unsubscribe', unsubscriptions: [filter] }, undefined)
  }

  #ask(packet: Packet, record: SubscriptionRecord | undefined): void {
    // Apart from those of messages, which count from 1.
    this.#lastId = this.#lastId <= 60_000 ? 65_535 : this.#lastId - 1
    packet.messageId = this.#lastId
    this.#asked.set(this.#lastId, { packet, record })
    this.#ports.send(packet)
  }
}

function splitShare(filter: string): { topicFilter: string; shareName: string | undefined } {
  if (!filter.startsWith('$share/')) return { topicFilter: filter, shareName: undefined }
  const at = filter.indexOf('/', 7)
  return { topicFilter: filter.slice(at + 1), shareName: filter.slice(7, at) }
}
