/**
 * 1. No loop. In its own cluster a message comes once to each subscriber: a second copy has been somewhere else. And it comes to no
 * cluster that has no link to its own: there it could come only over a third one.
 */
import { tooMany, tooManyWords } from './copies.ts'
import type { Evidence } from './evidence.ts'
import type { Violation } from './violation.ts'

export function noLoop(evidence: Evidence): Violation[] {
  return [...cameBack(evidence), ...cameOverThird(evidence)]
}

function cameBack(evidence: Evidence): Violation[] {
  const { chronicle } = evidence
  const found: Violation[] = []
  for (const one of tooMany(evidence)) {
    const { message, session, arrivals } = one
    const { cluster } = session.client
    if (message.publisher.cluster !== cluster) continue
    const sentMs = message.sends[0]?.atMs ?? 0
    const lastMs = arrivals.at(-1)?.atMs ?? 0
    // A process that died had what it was doing in memory: of its cluster's own messages some may come again.
    if (message.qos > 0 && chronicle.wasDisturbedWithin(cluster, sentMs, lastMs)) continue
    found.push({ invariant: 'no_loop', atMs: lastMs, subject: `home copies in ${cluster}`, words: tooManyWords(one) })
  }
  return found.slice(0, 3)
}

function cameOverThird({ history, chronicle }: Evidence): Violation[] {
  const found = new Map<string, Violation>()
  for (const { number, session, atMs, node } of history.arrivals) {
    const message = history.messages[number]
    const to = session.client.cluster
    const from = message?.publisher.cluster ?? to
    if (from === to || message === undefined || chronicle.wereLinked(from, to, atMs)) continue
    const subject = `${from} to ${to} without a link`
    if (found.has(subject)) continue
    const words = `#${number} of ${message.publisher.clientId} came to ${session.client.clientId} at ${node}: ${from} and ${to} have no link to each other`
    found.set(subject, { invariant: 'no_loop', atMs, subject, words })
  }
  return [...found.values()]
}
