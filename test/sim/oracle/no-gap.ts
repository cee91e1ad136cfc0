/**
 * 6. No gap. A node that knew that a peer wants a topic knows it at every later look, as long as one session there wants it throughout:
 * whatever happens to connections, speakers, and the order of edits. What may take it away is in `isForgotten`.
 */
import type { SessionRecord, SubscriptionRecord } from '../clients/history.ts'
import { allowances } from './allowances.ts'
import type { Uncovered } from './coverage.ts'
import type { Evidence } from './evidence.ts'
import { isForgotten, mayBeOfAnother } from './expectations.ts'
import { matches } from './topic-match.ts'
import type { Violation } from './violation.ts'

export function noGap(evidence: Evidence): Violation[] {
  const found = new Map<string, Violation>()
  for (const gap of evidence.coverage.uncovered) {
    const subject = `${gap.cluster} forgot routes of ${gap.peer}`
    if (found.has(subject)) continue
    const wanting = wantedThroughout(evidence, gap)
    if (wanting === undefined) continue
    const { node, peer, topic, atMs, covered } = gap
    const words =
      `${node} knew from ${covered.fromMs} ms to ${covered.toMs} ms that ${peer} wants ${topic}, and at ${atMs} ms it did not, though ` +
      `${wanting.session.client.clientId} wants ${wanting.filter} since ${String(wanting.grantedMs)} ms`
    found.set(subject, { invariant: 'no_gap', atMs, subject, words })
  }
  return [...found.values()]
}

function wantedThroughout(
  evidence: Evidence,
  { cluster, peer, topic, atMs, covered }: Uncovered,
): SubscriptionRecord | undefined {
  const { history, chronicle } = evidence
  for (const session of history.sessions) {
    if (session.client.cluster !== peer || !isSureAt(session, atMs)) continue
    // One that only lives as long as its connection may have ended at the broker before its client knows.
    if (!session.isKept && chronicle.wasDisturbed([peer], covered.toMs - allowances.settleMs, atMs)) continue
    if (isForgotten(evidence, { topic, publisher: { cluster } }, session, covered.toMs, atMs)) continue
    const wanting = session.subscriptions.find((one) => {
      const { topicFilter, grantedMs = Infinity, endedMs = Infinity, refusedWith } = one
      if (refusedWith !== undefined || !matches(topicFilter, topic) || endedMs <= atMs) return false
      // Its own interest brought the route, or was there for so long that it holds it.
      const isOwn = grantedMs <= covered.fromMs && !mayBeOfAnother(history, peer, topic, grantedMs)
      return isOwn || isSettled(evidence, [cluster, peer], grantedMs, covered.toMs)
    })
    if (wanting !== undefined) return wanting
  }
  return undefined
}

function isSettled({ chronicle }: Evidence, clusters: readonly string[], grantedMs: number, atMs: number): boolean {
  const fromMs = atMs - allowances.settleMs
  return grantedMs <= fromMs && !chronicle.wasDisturbed(clusters, fromMs, atMs)
}

/** It was there before and after, as far as its client ever learnt. */
function isSureAt({ startedMs, end, endedMs = Infinity }: SessionRecord, atMs: number): boolean {
  return startedMs <= atMs && (end === undefined || (end === 'client_ended' && endedMs > atMs))
}
