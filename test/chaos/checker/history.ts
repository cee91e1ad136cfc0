/** Runs that never were, for the judge: perfect ones, into which faults are planted. */
import type {
  Observed,
  Published,
  PublisherRecord,
  QoS,
  Received,
  Span,
  SubscriberRecord,
} from '../../../scripts/chaos/checker/observed.ts'
import { isMatch } from '../../../scripts/chaos/checker/topic-match.ts'

export const EVERY_MS = 10
export const LATENCY_MS = 5

export type PublisherPart = {
  readonly name: string
  readonly cluster: string
  readonly topic: string
  readonly qos: QoS
}
export type SubscriberPart = {
  readonly name: string
  readonly cluster: string
  readonly filter: string
  readonly qos: QoS
  readonly isDurable?: boolean
  readonly spans?: readonly Span[]
}

export type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export class History {
  readonly publishers: (Omit<PublisherRecord, 'messages'> & { messages: Mutable<Published>[] })[]
  readonly subscribers: (Omit<SubscriberRecord, 'received'> & { received: Mutable<Received>[] })[]
  readonly toMs: number

  /** One node a cluster; each publisher sends so many messages, one each 10 ms from 0 on, and each arrives 5 ms later. */
  constructor(publishers: readonly PublisherPart[], subscribers: readonly SubscriberPart[], count: number) {
    this.toMs = (count + 100) * EVERY_MS
    this.publishers = publishers.map((part) => ({
      ...part,
      server: part.cluster,
      connections: [{ fromMs: -1, isSessionPresent: false }],
      messages: Array.from({ length: count }, (_, at) => message(at + 1, part.qos)),
    }))
    this.subscribers = subscribers.map(({ isDurable = false, spans = [{ fromMs: -1 }], ...part }) => ({
      ...part,
      server: part.cluster,
      isDurable,
      spans,
      strange: 0,
      connections: [{ fromMs: -1, isSessionPresent: false }],
      received: [],
    }))
    for (let sequence = 1; sequence <= count; sequence += 1)
      for (const publisher of publishers)
        for (const subscriber of this.subscribers)
          if (isMatch(publisher.topic, subscriber.filter)) this.arrive(subscriber.name, publisher.name, sequence)
  }

  /** Another copy, where nothing else is said as soon as the first. */
  arrive(subscriber: string, publisher: string, sequence: number, how: Partial<Received> = {}): void {
    const { topic, qos } = this.publisher(publisher)
    const to = this.subscriber(subscriber)
    to.received.push({
      atMs: timeOf(sequence) + LATENCY_MS,
      publisher,
      sequence,
      topic,
      qos: qos < to.qos ? qos : to.qos,
      isRetained: false,
      isResent: false,
      connection: 0,
      isChanged: false,
      ...how,
    })
  }

  lose(subscriber: string, publisher: string, ...sequences: readonly number[]): void {
    const to = this.subscriber(subscriber)
    to.received = to.received.filter((it) => it.publisher !== publisher || !sequences.includes(it.sequence))
  }

  /** It comes after so much more time. */
  delay(subscriber: string, publisher: string, sequence: number, byMs: number): void {
    for (const it of this.subscriber(subscriber).received)
      if (it.publisher === publisher && it.sequence === sequence) it.atMs += byMs
  }

  publisher(name: string): History['publishers'][number] {
    return this.publishers.find((it) => it.name === name)!
  }

  subscriber(name: string): History['subscribers'][number] {
    return this.subscribers.find((it) => it.name === name)!
  }

  observed(): Observed {
    const subscribers = this.subscribers.map((it) => ({
      ...it,
      received: it.received.toSorted((one, other) => one.atMs - other.atMs),
    }))
    return { fromMs: 0, toMs: this.toMs, isQuiet: true, publishers: this.publishers, subscribers }
  }
}

/** When the message of this number is published. */
export const timeOf = (sequence: number): number => (sequence - 1) * EVERY_MS

function message(sequence: number, qos: QoS): Mutable<Published> {
  const sent = { sequence, atMs: timeOf(sequence), sendings: 1 }
  return qos === 0 ? sent : { ...sent, answeredMs: sent.atMs + 1, reasonCode: 0 }
}
