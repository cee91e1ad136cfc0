/**
 * 10. The ledger balances, always: each account adds up at every look, nothing in it is negative, and what is over grows only, unless
 * somebody resets it or the link is another one. At the end the two ends agree: nobody took more than was sent.
 */
import { total } from '../../../src/lanes/ledger.ts'
import type { Chronicle } from './chronicle.ts'
import type { LinkFacts, NodeFacts } from './node-facts.ts'
import type { Violation } from './violation.ts'

/** @param before the last look at the same process, if there was one */
export function ledgerBalances(
  nowMs: number,
  facts: NodeFacts,
  before: NodeFacts | undefined,
  chronicle: Chronicle,
): Violation[] {
  return facts.links.flatMap((link) => {
    const earlier = before?.links.find(({ name }) => name === link.name)
    const problem = problemOf(link) ?? (mayShrink(chronicle, facts, link.name) ? undefined : shrunk(link, earlier))
    if (problem === undefined) return []
    const where = `${facts.node}'s account of ${link.name}`
    return [
      {
        invariant: 'ledger_balances',
        atMs: nowMs,
        subject: `${link.name} at ${facts.cluster}`,
        words: `${where}: ${problem}: ${JSON.stringify({ ledger: link.ledger, inbound: link.inbound })}`,
      } as const,
    ]
  })
}

function problemOf({ ledger, inbound, outbox }: LinkFacts): string | undefined {
  if (ledger !== undefined) {
    const { matched, delivered, inflight, queued, dropped, failed, retried } = ledger
    const counts = [matched, delivered, inflight, queued, retried, ...Object.values(dropped), ...Object.values(failed)]
    if (counts.some((count) => !isCount(count))) return 'a count is none'
    const sum = delivered + inflight + queued + total(dropped) + total(failed)
    if (sum !== matched) return `matched is ${matched}, its parts make ${sum}`
    if (outbox !== undefined && outbox.messages !== queued + inflight) {
      return `the outbox has ${outbox.messages}, of which the account knows ${queued + inflight}`
    }
  }
  if (inbound === undefined) return undefined
  const { received, accepted, duplicate, not_in_topics, link_disabled, malformed, maybe_duplicate } = inbound
  if (Object.values(inbound).some((count) => !isCount(count))) return 'a count is none'
  const sum = accepted + duplicate + not_in_topics + link_disabled + malformed
  if (sum !== received) return `received is ${received}, its parts make ${sum}`
  return maybe_duplicate > received ? 'more may be duplicates than came' : undefined
}

function isCount(count: unknown): boolean {
  return Number.isSafeInteger(count) && Number(count) >= 0
}

function shrunk({ ledger, inbound }: LinkFacts, before: LinkFacts | undefined): string | undefined {
  if (ledger !== undefined && before?.ledger !== undefined) {
    const [now, then] = [ledger, before.ledger]
    if (now.matched < then.matched) return `matched went from ${then.matched} to ${now.matched}`
    if (now.delivered < then.delivered) return `delivered went from ${then.delivered} to ${now.delivered}`
    if (total(now.dropped) < total(then.dropped)) return 'dropped became less'
    if (total(now.failed) < total(then.failed)) return 'failed became less'
  }
  if (inbound === undefined || before?.inbound === undefined) return undefined
  if (inbound.accepted < before.inbound.accepted) return 'accepted became less'
  return inbound.duplicate < before.inbound.duplicate ? 'duplicate became less' : undefined
}

/** Somebody began it anew, or made the link anew. */
function mayShrink(chronicle: Chronicle, { node, cluster }: NodeFacts, peer: string): boolean {
  return chronicle.acts.some(
    (act) =>
      (act.type === 'ledger_reset' && act.node === node && act.peer === peer) ||
      (act.type === 'link_set' && act.cluster === cluster && act.peer === peer && act.terms === undefined),
  )
}
