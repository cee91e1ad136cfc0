/**
 * 3. Exactly once on native links while both ends live. A copy too many must have been counted by who took it (`maybe_duplicate`), in
 * EMQX's dialect by who sent it again (`retried`), or come out of a broker that died while it had it.
 */
import type { LinkAccount } from './accounts.ts'
import { allot, type Excuse } from './allot.ts'
import { type TooMany, tooMany, tooManyWords } from './copies.ts'
import type { Evidence } from './evidence.ts'
import type { Violation } from './violation.ts'

export function exactlyOnce(evidence: Evidence): Violation[] {
  const extra = [...tooMany(evidence)].filter(
    ({ message, session }) => message.publisher.cluster !== session.client.cluster,
  )
  if (extra.length === 0) return []
  // One copy too many over the link is one too many for all who want it there: counted once.
  const crossings = new Map<string, TooMany>()
  for (const one of extra) {
    const key = `${one.message.number}>${one.session.client.cluster}`
    const known = crossings.get(key)
    if (known === undefined || known.extra < one.extra) crossings.set(key, one)
  }
  const items = [...crossings.values()].flatMap((one) => Array.from({ length: one.extra }, () => one))
  const { unexcused } = allot(items, excusesOf(evidence))
  const ways = new Map<string, TooMany[]>()
  for (const one of unexcused) {
    const way = `${one.message.publisher.cluster} to ${one.session.client.cluster}`
    ways.set(way, [...(ways.get(way) ?? []), one])
  }
  return [...ways].map(([way, list]) => ({
    invariant: 'exactly_once',
    atMs: Math.max(...list.map(({ arrivals }) => arrivals.at(-1)?.atMs ?? 0)),
    subject: `copies from ${way}`,
    words: `${list.length} copies too many from ${way}: ${list.slice(0, 3).map(tooManyWords).join('; ')}`,
  }))
}

function excusesOf(evidence: Evidence): Excuse<TooMany>[] {
  const { accounts, chronicle, nowMs } = evidence
  const excuses: Excuse<TooMany>[] = []
  for (const account of accounts.links) {
    const { node, peer, inbound, retried, spokeEmqx } = account
    const cluster = chronicle.clusterOf(node)
    const comesHere = ({ message, session }: TooMany): boolean =>
      session.client.cluster === cluster && message.publisher.cluster === peer
    const atMost = inbound.maybe_duplicate.sum
    excuses.push({ words: `${node} counted maybe_duplicate`, atMost, covers: comesHere })
    if (!spokeEmqx) continue
    const goesFromHere = ({ message, session }: TooMany): boolean =>
      session.client.cluster === peer && message.publisher.cluster === cluster
    excuses.push({ words: `${node} sent again in EMQX's dialect`, atMost: retried.sum, covers: goesFromHere })
    const kept = keptAtEnd(evidence, account)
    if (kept.size > 0)
      excuses.push({
        words: `${node} ended with what it had sent in EMQX's dialect`,
        atMost: kept.size,
        covers: (one) => goesFromHere(one) && kept.has(one.message.number) && comesAfter(one, chronicle, account),
      })
    // It has no word for what is told because of a route: it comes as any message does.
    excuses.push({
      words: `${node} told what is retained in EMQX's dialect`,
      atMost: Infinity,
      covers: (one) => {
        const sentMs = one.message.sends[0]?.atMs ?? 0
        const terms = chronicle.termsBetween(cluster, peer, sentMs, one.arrivals.at(-1)?.atMs ?? sentMs)
        return one.message.retain && goesFromHere(one) && terms.some((sync) => sync?.retained === 'sync')
      },
    })
  }
  for (const node of chronicle.nodes) {
    const cluster = chronicle.clusterOf(node)
    for (const { atMs } of chronicle.endsIn(cluster, 0, nowMs).filter((end) => end.node === node)) {
      // It had it, and died before it could write down that it had: what its disk and its peers know of it comes again.
      excuses.push({
        words: `${node} ended`,
        atMost: Infinity,
        covers: ({ message, session, arrivals }) =>
          session.client.cluster === cluster &&
          (message.sends[0]?.atMs ?? 0) <= atMs &&
          (arrivals.at(-1)?.atMs ?? 0) >= atMs,
      })
    }
  }
  return excuses
}

/** What is done with goes from the disk a little later, and a slow disk takes two commits for it. */
const REMOVAL_MS = 3_000

/**
 * Messages by their numbers that may have been on the disk of a durable link when this process ended, though they were sent: the peer has
 * no number by which it would know them. On the disk lie batches, each of which goes as a whole, when the peer has acknowledged all of it.
 * So these are at most those that came since nothing waited.
 */
function keptAtEnd({ chronicle, history }: Evidence, { node, life, peer, idleMs }: LinkAccount): ReadonlySet<number> {
  const end = chronicle.life(node, life)
  const kept = new Set<number>()
  if (end === undefined || end.end === 'lives') return kept
  const terms = chronicle.termsBetween(chronicle.clusterOf(node), peer, end.startedMs, end.endedMs)
  if (!terms.some((one) => one?.durable === true)) return kept
  // From a disk that takes nothing nothing goes.
  const sinceMs = Math.min(idleMs, chronicle.diskFullSince(node, end.endedMs) ?? Infinity) - REMOVAL_MS
  for (const { number, qos, sends } of history.messages)
    if (qos > 0 && sends.some((send) => send.node === node && send.atMs >= sinceMs && send.atMs <= end.endedMs))
      kept.add(number)
  return kept
}

function comesAfter({ arrivals }: TooMany, chronicle: Evidence['chronicle'], { node, life }: LinkAccount): boolean {
  return (arrivals.at(-1)?.atMs ?? 0) >= (chronicle.life(node, life)?.endedMs ?? Infinity)
}
