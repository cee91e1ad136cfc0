/** Messages that came to a session more often than they were published: the matter of "no loop" at home and of "exactly once" abroad. */
import type { Arrival, PublishedMessage, SessionRecord } from '../clients/history.ts'
import { type Evidence, takesOf } from './evidence.ts'
import { matches } from './topic-match.ts'

export type TooMany = {
  readonly message: PublishedMessage
  readonly session: SessionRecord
  readonly arrivals: readonly Arrival[]
  /** Beyond what its publisher's own repeats, and repeats that say so on another connection, explain. */
  readonly extra: number
}

export function* tooMany({ history, index }: Evidence): Iterable<TooMany> {
  for (const message of history.messages) {
    const takes = message.isWill ? 1 : takesOf(message)
    for (const [number, arrivals] of index.ofMessage(message)) {
      if (arrivals.length <= 1) continue
      const session = history.sessions[number]
      if (session === undefined) continue
      const came = arrivals.length - arrivals.filter(isOwnRepeat).length
      // What comes once too often to its cluster comes once too often on each way.
      const extra = Math.ceil(came / waysTo(session, message)) - takes
      if (extra > 0) yield { message, session, arrivals, extra }
    }
  }
}

/** Its own subscriptions together, and each group of which it is a member: each is served by itself (MQTT 5, 4.8.2). */
function waysTo({ subscriptions }: SessionRecord, { topic }: PublishedMessage): number {
  const ways = new Set<string>()
  for (const { filter, topicFilter, shareName } of subscriptions)
    if (matches(topicFilter, topic)) ways.add(shareName === undefined ? '' : filter)
  return Math.max(1, ways.size)
}

/** DUP, on another connection than those before: between the broker and this client alone. */
function isOwnRepeat(arrival: Arrival, at: number, arrivals: readonly Arrival[]): boolean {
  return (
    at > 0 && arrival.isRepeat && arrivals.slice(0, at).every(({ connection }) => connection !== arrival.connection)
  )
}

export function tooManyWords({ message, session, arrivals }: TooMany): string {
  const { number, topic, qos, sends, publisher } = message
  const came = arrivals.map(
    ({ atMs, node, isRepeat }) => `${(atMs / 1_000).toFixed(3)} s at ${node}${isRepeat ? ' (DUP)' : ''}`,
  )
  return (
    `#${number} on ${topic} (QoS ${qos}) by ${publisher.clientId} of ${publisher.cluster}, sent ${sends.length} times, came ` +
    `${arrivals.length} times to ${session.client.clientId} of ${session.client.cluster}: ${came.join(', ')}`
  )
}
