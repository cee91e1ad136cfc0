/**
 * 4. Order per publisher, topic and QoS, as each session sees it. Of two messages that were each sent once, over one process of one node,
 * the earlier one comes first; each counts where it came first.
 */
import type { Arrival, PublishedMessage, SessionRecord } from '../clients/history.ts'
import type { Evidence } from './evidence.ts'
import type { Violation } from './violation.ts'

export function order(evidence: Evidence): Violation[] {
  const { history, index } = evidence
  const found = new Map<string, Violation>()
  for (const session of history.sessions) {
    /** By publisher, process, topic and QoS: the latest message that has come. */
    const latest = new Map<string, { readonly message: PublishedMessage; readonly arrival: Arrival }>()
    const seen = new Set<number>()
    for (const arrival of index.ofSession(session)) {
      if (seen.has(arrival.number)) continue
      seen.add(arrival.number)
      const message = history.messages[arrival.number]
      if (message === undefined || !isOrdered(evidence, message, session, arrival)) continue
      const key = laneOf(evidence, message)
      if (key === undefined) continue
      const before = latest.get(key)
      if (before === undefined || before.message.number < message.number) {
        latest.set(key, { message, arrival })
        continue
      }
      const way = `${message.publisher.cluster} to ${session.client.cluster}`
      if (found.has(way)) continue
      found.set(way, {
        invariant: 'order',
        atMs: arrival.atMs,
        subject: `order from ${way}`,
        words:
          `#${message.number} on ${message.topic} (QoS ${message.qos}) by ${message.publisher.clientId} came to ` +
          `${session.client.clientId} at ${arrival.atMs.toFixed(1)} ms, after #${before.message.number} at ${before.arrival.atMs.toFixed(1)} ms`,
      })
    }
  }
  return [...found.values()]
}

function laneOf({ chronicle }: Evidence, { publisher, sends, topic, qos }: PublishedMessage): string | undefined {
  const [send] = sends
  if (send === undefined || sends.length > 1) return undefined
  const life = chronicle.lifeAt(send.node, send.atMs)
  return `${publisher.clientId} ${send.node}/${life} ${qos} ${topic}`
}

function isOrdered(
  { chronicle, accounts }: Evidence,
  { publisher, retain, isWill, sends }: PublishedMessage,
  session: SessionRecord,
  { atMs }: Arrival,
): boolean {
  if (isWill || isShared(session)) return false
  const to = session.client.cluster
  const from = publisher.cluster
  if (from === to) return true
  const sentMs = sends[0]?.atMs ?? 0
  const terms = chronicle.termsBetween(from, to, sentMs, atMs)
  if (retain && terms.some((one) => one?.retained === 'sync')) return false
  const isEmqx = accounts.links.some(
    ({ node, peer, spokeEmqx }) => spokeEmqx && peer === to && chronicle.clusterOf(node) === from,
  )
  return !isEmqx || !chronicle.wasDisturbed([from, to], sentMs, atMs)
}

/** Which member of a group gets a message is open, and what one gives back another gets later. */
function isShared({ subscriptions }: SessionRecord): boolean {
  return subscriptions.some(({ shareName }) => shareName !== undefined)
}
