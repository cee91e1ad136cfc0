/**
 * 5. Convergence. Once faults are over and nobody does anything any more, within a bound: each node sends each peer what somebody there
 * wants of it and nothing else, links run, nothing waits, and no alarm is left. That messages published then arrive is judged with all
 * others (`expectationsOf`, "settled").
 */
import type { SubscriptionRecord } from '../clients/history.ts'
import { allowances } from './allowances.ts'
import type { Evidence } from './evidence.ts'
import type { LinkFacts, NodeFacts } from './node-facts.ts'
import { matches, matchesAny } from './topic-match.ts'
import type { Violation } from './violation.ts'

/** @param topics all that clients publish to. Empty before the bound is over. */
export function convergence(evidence: Evidence, topics: readonly string[]): Violation[] {
  const { chronicle, nowMs, facts } = evidence
  const { quietMs } = chronicle
  if (quietMs === undefined || nowMs < quietMs + allowances.convergenceMs) return []
  return [
    ...unsettled(evidence, topics),
    ...facts.flatMap(({ node, alarms, cluster }) =>
      nowMs < quietMs + allowances.convergenceMs + allowances.alarmClearMs || alarms.length === 0
        ? []
        : [violation(nowMs, `alarms in ${cluster}`, `${node} still has alarms: ${alarms.join(', ')}`)],
    ),
  ]
}

/** What is not as it is to be in the end, whether or not the bound is over. */
export function unsettled(evidence: Evidence, topics: readonly string[]): Violation[] {
  const { chronicle, nowMs, facts } = evidence
  const silent = [...chronicle.nodes].filter(
    (node) => chronicle.lifeAt(node, nowMs) !== undefined && !facts.some((one) => one.node === node),
  )
  return [
    ...silent.map((node) => violation(nowMs, `${node} silent`, `${node} runs and does not serve`)),
    ...facts.flatMap((node) => node.links.flatMap((link) => ofLink(evidence, node, link, topics))),
  ]
}

function ofLink(
  evidence: Evidence,
  { node, cluster, life }: NodeFacts,
  link: LinkFacts,
  topics: readonly string[],
): Violation[] {
  const { chronicle, coverage, nowMs } = evidence
  const peer = link.name
  const ours = chronicle.termsAt(cluster, peer, nowMs)
  const theirs = chronicle.termsAt(peer, cluster, nowMs)
  if (ours?.enable !== true || theirs?.enable !== true) return []
  // A link that is paused keeps what it has, and says so.
  if (isPaused(evidence, cluster, peer)) return []
  const found: Violation[] = []
  if (link.state !== 'running') {
    const reasons = link.reasons.join('; ')
    found.push(
      violation(
        nowMs,
        `${cluster} to ${peer} ${link.state}`,
        `${node}: the link to ${peer} is ${link.state}: ${reasons}`,
      ),
    )
  }
  const waits = (link.ledger?.queued ?? 0) + (link.ledger?.inflight ?? 0)
  if (waits > 0)
    found.push(violation(nowMs, `${cluster} to ${peer} waits`, `${node}: ${waits} messages still wait for ${peer}`))
  const has = coverage.now(node, life, peer)
  const lacks: string[] = []
  const extra: string[] = []
  for (const topic of topics) {
    const wanted = matchesAny(theirs.topics, topic) ? interestIn(evidence, peer, topic) : 'no'
    if (wanted === 'yes' && !has.has(topic)) lacks.push(topic)
    if (wanted === 'no' && has.has(topic)) extra.push(topic)
  }
  if (lacks.length > 0) {
    found.push(
      violation(
        nowMs,
        `${cluster} lacks routes of ${peer}`,
        `${node} would not send ${peer} ${lacks.join(', ')}, which somebody there wants`,
      ),
    )
  }
  if (extra.length > 0) {
    found.push(
      violation(
        nowMs,
        `${cluster} has routes of ${peer}`,
        `${node} would send ${peer} ${extra.join(', ')}, which nobody there wants`,
      ),
    )
  }
  return found
}

function isPaused({ chronicle }: Evidence, cluster: string, peer: string): boolean {
  const last = chronicle.acts.findLast(
    (act) =>
      (act.type === 'link_paused' || act.type === 'link_resumed') && act.cluster === cluster && act.peer === peer,
  )
  return last?.type === 'link_paused'
}

/** `maybe`: only sessions of which their clients know nothing any more, and which the brokers may still have. */
function interestIn({ history }: Evidence, cluster: string, topic: string): 'yes' | 'maybe' | 'no' {
  let isOpen = false
  for (const session of history.sessions) {
    if (session.client.cluster !== cluster) continue
    const wanting = session.subscriptions.filter(
      (one) => one.refusedWith === undefined && matches(one.topicFilter, topic),
    )
    if (wanting.length === 0) continue
    if (session.end === undefined && wanting.some(isGranted)) return 'yes'
    const mayLive = session.isKept && session.end !== 'expired'
    isOpen ||= mayLive || session.end === undefined
  }
  return isOpen ? 'maybe' : 'no'
}

function isGranted({ grantedMs, endedMs }: SubscriptionRecord): boolean {
  return grantedMs !== undefined && endedMs === undefined
}

function violation(atMs: number, subject: string, words: string): Violation {
  return { invariant: 'convergence', atMs, subject, words }
}
