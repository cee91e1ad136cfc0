/** What a node says of the messages of one link, and what must hold of it at any time. */
import assert from 'node:assert/strict'
import { setTimeout as after } from 'node:timers/promises'
import { SocketClient } from '../../src/cli/inspect/socket-client.ts'

export type Ledgers = {
  /** `dropped` and `failed` are sums over all reasons. */
  readonly out: Readonly<Record<'matched' | 'delivered' | 'inflight' | 'queued' | 'dropped' | 'failed', number>>
  readonly in: Readonly<
    Record<
      'received' | 'accepted' | 'maybe_duplicate' | 'duplicate' | 'not_in_topics' | 'link_disabled' | 'malformed',
      number
    >
  >
}

const DEADLINE_MS = 20_000
const LOOK_EVERY_MS = 100

/** Asks over the debug socket. Throws if an account does not balance. */
export async function ledgersOf(socket: string, link: string): Promise<Ledgers> {
  const client = await SocketClient.open(socket)
  try {
    const { ledger, inbound } = await client.call('ledger.get', { link })
    const ledgers: Ledgers = {
      out: {
        matched: countOf(ledger, 'matched'),
        delivered: countOf(ledger, 'delivered'),
        inflight: countOf(ledger, 'inflight'),
        queued: countOf(ledger, 'queued'),
        dropped: countOf(ledger, 'dropped'),
        failed: countOf(ledger, 'failed'),
      },
      in: {
        received: countOf(inbound, 'received'),
        accepted: countOf(inbound, 'accepted'),
        maybe_duplicate: countOf(inbound, 'maybe_duplicate'),
        duplicate: countOf(inbound, 'duplicate'),
        not_in_topics: countOf(inbound, 'not_in_topics'),
        link_disabled: countOf(inbound, 'link_disabled'),
        malformed: countOf(inbound, 'malformed'),
      },
    }
    assertBalanced(ledgers)
    return ledgers
  } finally {
    client.close()
  }
}

/** Sums of the same counts. */
export function addUp(all: readonly Ledgers[]): Ledgers {
  const [first] = all
  assert(first !== undefined)
  return all.slice(1).reduce((sum, next) => ({ out: added(sum.out, next.out), in: added(sum.in, next.in) }), first)
}

function added<Counts extends Readonly<Record<string, number>>>(one: Counts, other: Counts): Counts {
  const sum = { ...one }
  for (const name of Object.keys(one)) Object.assign(sum, { [name]: one[name]! + other[name]! })
  return sum
}

/** A number, or the sum of numbers by their reasons. */
function countOf(counts: unknown, name: string): number {
  assert(typeof counts === 'object' && counts !== null)
  const value: unknown = Object.entries(counts).find(([key]) => key === name)?.[1]
  if (typeof value === 'number') return value
  assert(typeof value === 'object' && value !== null, `${name} in ${JSON.stringify(counts)}`)
  return Object.values(value).reduce((sum: number, count: unknown) => sum + Number(count), 0)
}

function assertBalanced({ out, in: inbound }: Ledgers): void {
  const { matched, delivered, inflight, queued, dropped, failed } = out
  assert.equal(matched, delivered + inflight + queued + dropped + failed, JSON.stringify(out))
  const { received, accepted, duplicate, not_in_topics, link_disabled, malformed } = inbound
  assert.equal(received, accepted + duplicate + not_in_topics + link_disabled + malformed, JSON.stringify(inbound))
}

/** Resolves with what is said when nothing waits or flies any more; all of it was delivered, and taken by the other side. */
export async function whenAllDelivered(ask: () => Promise<Ledgers>): Promise<Ledgers> {
  for (const untilMs = performance.now() + DEADLINE_MS; ; await after(LOOK_EVERY_MS)) {
    const ledgers = await ask()
    const { out, in: inbound } = ledgers
    if (out.queued + out.inflight > 0 && performance.now() < untilMs) continue
    assert.equal(out.delivered, out.matched, JSON.stringify(out))
    assert.equal(inbound.not_in_topics + inbound.link_disabled + inbound.malformed, 0, JSON.stringify(inbound))
    return ledgers
  }
}
