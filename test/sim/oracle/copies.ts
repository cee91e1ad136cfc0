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

export function* tooMany({ history, index }: Pick<Evidence, 'history' | 'index'>): Iterable<TooMany> {
  for (const message of history.messages)
    for (const [number, arrivals] of index.ofMessage(message)) {
      const session = history.sessions[number]
      const one = session === undefined ? undefined : tooManyOf(message, session, arrivals)
      if (one !== undefined) yield one
    }
}

/** Whether this message came to this session too often. @param arrivals all of them */
export function tooManyOf(
  message: PublishedMessage,
  session: SessionRecord,
  arrivals: readonly Arrival[],
): TooMany | undefined {
  if (arrivals.length <= 1) return undefined
  const takes = message.isWill ? 1 : takesOf(message)
  const came = arrivals.length - arrivals.filter(isOwnRepeat).length
  // What comes once too often to its cluster comes once too often on each way.
  const extra = Math.ceil(came / waysTo(session, message)) - takes
  return extra > 0 ? { message, session, arrivals, extra } : undefined
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
