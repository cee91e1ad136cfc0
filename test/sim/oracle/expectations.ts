/**
 * Who has to get which message. A message is owed to a session when its publisher was told that it was taken, and the node that took it
 * knew, as far as anybody could see from outside, that the session's cluster wants the topic:
 *
 *     seen      the node's view of the peer's routes covered the topic before and after the message came, and it was the session's own
 *               interest that brought the route, or all was quiet for long enough for older ones to be gone
 *     shown     the session got an earlier message of the topic from the same process of the same node
 *     settled   the message was published after faults were over for as long as convergence may take
 *
 * What was known once stays known, until an operator or the loss of a process takes it away (`isForgotten`).
 */
import type { History, PublishedMessage, Send, SessionRecord, SubscriptionRecord } from '../clients/history.ts'
import { allowances } from './allowances.ts'
import type { Evidence } from './evidence.ts'
import { matches, matchesAny } from './topic-match.ts'

export type Expectation = {
  readonly message: PublishedMessage
  /** The one that was acknowledged. */
  readonly send: Send
  readonly life: number
  readonly session: SessionRecord
  readonly subscription: SubscriptionRecord
  readonly isHome: boolean
  readonly knownBy: 'seen' | 'shown' | 'settled'
}

/** Topics of what `$share` takes apart are owed to a group, not to a session. */
export function expectationsOf(evidence: Evidence): Expectation[] {
  const { history } = evidence
  const found: Expectation[] = []
  const messages = history.messages.filter(
    (message) => message.qos > 0 && message.acknowledgedMs !== undefined && !message.isWill,
  )
  const byTopic = new Map<string, PublishedMessage[]>()
  for (const message of messages) {
    const list = byTopic.get(message.topic)
    if (list === undefined) byTopic.set(message.topic, [message])
    else list.push(message)
  }
  for (const session of history.sessions) {
    if (session.end !== undefined) continue
    for (const subscription of session.subscriptions) {
      if (!counts(subscription)) continue
      for (const [topic, ofTopic] of byTopic) {
        if (matches(subscription.topicFilter, topic)) expectOf(evidence, session, subscription, ofTopic, found)
      }
    }
  }
  return found
}

function counts({ shareName, qos, grantedMs, endedMs, refusedWith }: SubscriptionRecord): boolean {
  return (
    shareName === undefined && qos > 0 && grantedMs !== undefined && endedMs === undefined && refusedWith === undefined
  )
}

function expectOf(
  evidence: Evidence,
  session: SessionRecord,
  subscription: SubscriptionRecord,
  messages: readonly PublishedMessage[],
  found: Expectation[],
): void {
  const { chronicle, index, history } = evidence
  const grantedMs = subscription.grantedMs ?? Infinity
  /** Since when it is known to each process of each node. */
  const known = new Map<string, { readonly sinceMs: number; readonly by: Expectation['knownBy'] }>()
  for (const message of messages) {
    if (subscription.noLocal && message.publisher === session.client) continue
    const send = acknowledgedSend(message)
    if (send === undefined || send.atMs < grantedMs) continue
    const life = chronicle.lifeAt(send.node, send.atMs)
    if (life === undefined) continue
    const isHome = message.publisher.cluster === session.client.cluster
    const key = `${send.node}/${life}`
    const ackMs = message.acknowledgedMs ?? Infinity
    const before = known.get(key)
    const isKnown = before !== undefined && !isForgotten(evidence, message, session, before.sinceMs, ackMs)
    const by = isKnown ? before.by : knownAnew(evidence, message, send, life, session, grantedMs)
    if (by !== undefined) {
      if (!isKnown) known.set(key, { sinceMs: send.atMs, by })
      found.push({ message, send, life, session, subscription, isHome, knownBy: by })
      continue
    }
    known.delete(key)
    const isBlurred =
      send.atMs < grantedMs + allowances.settleMs &&
      mayBeOfAnother(history, session.client.cluster, message.topic, grantedMs)
    const arrived = index.of(message, session)[0]
    if (arrived !== undefined && !isBlurred) known.set(key, { sinceMs: send.atMs, by: 'shown' })
  }
}

/** The last time that it was sent before its publisher was told. */
export function acknowledgedSend({ sends, acknowledgedMs = Infinity }: PublishedMessage): Send | undefined {
  return sends.findLast(({ atMs }) => atMs <= acknowledgedMs)
}

function knownAnew(
  { chronicle, coverage, history }: Evidence,
  message: PublishedMessage,
  send: Send,
  life: number,
  session: SessionRecord,
  grantedMs: number,
): 'seen' | 'settled' | undefined {
  const from = message.publisher.cluster
  const to = session.client.cluster
  const { settleMs, convergenceMs } = allowances
  if (chronicle.quietMs !== undefined && Math.max(chronicle.quietMs, grantedMs) + convergenceMs <= send.atMs) {
    return from === to || linkCarries(chronicle, message, session, send.atMs) ? 'settled' : undefined
  }
  if (from === to) return undefined
  const covered = coverage.at(send.node, life, to, message.topic, send.atMs)
  if (covered === undefined || covered.toMs < (message.acknowledgedMs ?? Infinity)) return undefined
  if (!linkCarries(chronicle, message, session, send.atMs)) return undefined
  const isOwn = covered.fromMs > grantedMs && !mayBeOfAnother(history, to, message.topic, grantedMs)
  if (isOwn && !chronicle.wasDisturbed([from, to], grantedMs, send.atMs)) return 'seen'
  const quietFromMs = send.atMs - settleMs
  return grantedMs <= quietFromMs && !chronicle.wasDisturbed([from, to], quietFromMs, send.atMs) ? 'seen' : undefined
}

/**
 * Whether a route that comes after an interest began may still be that of another one, which ended shortly before: its end then comes
 * later, and the new interest behind it. There is no gap in that.
 */
export function mayBeOfAnother(history: History, cluster: string, topic: string, grantedMs: number): boolean {
  return history.sessions.some(
    ({ client, subscriptions }) =>
      client.cluster === cluster &&
      subscriptions.some(({ topicFilter, endedMs = Infinity }) => {
        return endedMs <= grantedMs && endedMs > grantedMs - allowances.settleMs && matches(topicFilter, topic)
      }),
  )
}

/** Both sides have the link, and the side that wants has the topic among its own. */
function linkCarries(
  chronicle: Evidence['chronicle'],
  { topic, publisher }: PublishedMessage,
  { client }: SessionRecord,
  atMs: number,
): boolean {
  const sends = chronicle.termsBetween(publisher.cluster, client.cluster, atMs, atMs)
  const wants = chronicle.termsBetween(client.cluster, publisher.cluster, atMs, atMs)
  return (
    sends.length > 0 &&
    wants.length > 0 &&
    sends.every((terms) => terms?.enable === true) &&
    wants.every((terms) => terms?.enable === true && matchesAny(terms.topics, topic))
  )
}

/** Whether what was known to a process at one moment may be unknown to it at another. */
export function isForgotten(
  { chronicle }: Evidence,
  { topic, publisher }: { readonly topic: string; readonly publisher: { readonly cluster: string } },
  { client }: Pick<SessionRecord, 'client'>,
  sinceMs: number,
  untilMs: number,
): boolean {
  const from = publisher.cluster
  const to = client.cluster
  const clusters = [from, to]
  // Interest that came with a node goes with it when nobody is left who was told of it.
  if (chronicle.nodesOf(to).length > 1 && chronicle.absentBetween(to, sinceMs, untilMs).length > 1) return true
  // In a cluster the interest of the others is with those who were told; one that comes back, or was cut off for long, has to be told again.
  if (from === to) {
    const lostMs = allowances.memberHeldMs
    return (
      chronicle.troublesLongerThan(clusters, sinceMs, untilMs, lostMs) ||
      chronicle.endsIn(from, sinceMs, untilMs).length > 0
    )
  }
  const sends = chronicle.termsBetween(from, to, sinceMs, untilMs)
  if (sends.some((terms) => terms?.enable !== true)) return true
  const wants = chronicle.termsBetween(to, from, sinceMs, untilMs)
  if (wants.some((terms) => terms?.enable !== true || !matchesAny(terms.topics, topic))) return true
  const staleTtlMs = Math.min(...sends.map((terms) => terms?.staleTtlMs ?? Infinity))
  if (chronicle.troublesLongerThan(clusters, sinceMs, untilMs, staleTtlMs)) return true
  // An EMQX says again what it wants to whomever it comes to, one node after the other: no digests, no incarnation of the cluster.
  const isEmqx = [...sends, ...wants].some((terms) => terms?.dialect === 'emqx')
  return isEmqx && chronicle.wasDisturbed(clusters, sinceMs, untilMs)
}
