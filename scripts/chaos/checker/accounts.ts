/**
 * What is lost or came twice, from cluster to cluster, against what the ledgers say. A link's ledger counts a message once however many
 * want it over there: so what nobody there got was lost on the way, and what only some got was lost among them. Pure.
 */
import { groupBy } from './group-by.ts'
import type { Copy, Pair } from './pair.ts'
import type { Account, Fault, LedgerClaim } from './verdict.ts'

/** `resent`: of those doubled, what nobody could know for the same. */
type Sum = { lost: number; crashed: number; doubled: number; resent: number }

/** Sheds QoS 0 alone, and so accounts for nothing that was acknowledged. */
const OF_QOS_0 = 'shed_qos0'

export function accountsOf(
  pairs: readonly Pair[],
  faults: readonly Fault[],
  ledgers: readonly LedgerClaim[],
): Account[] {
  const sums = new Map<string, Sum & { readonly from: string; readonly to: string }>()
  const sumOf = (from: string, to: string): Sum => {
    const key = JSON.stringify([from, to])
    const sum = sums.get(key) ?? { from, to, lost: 0, crashed: 0, doubled: 0, resent: 0 }
    sums.set(key, sum)
    return sum
  }
  for (const group of groupBy(pairs, ({ publisher, subscriber }) =>
    JSON.stringify([publisher.name, subscriber.cluster]),
  ).values()) {
    const from = group[0]!.publisher.cluster
    const to = group[0]!.subscriber.cluster
    for (const { isEverywhere, isCrashed } of lossesOf(group, faults)) {
      const sum = sumOf(isEverywhere ? from : to, to)
      sum.lost += 1
      if (isCrashed) sum.crashed += 1
    }
    for (const { isEverywhere, times, isResent } of doublesOf(group, faults)) {
      const sum = sumOf(isEverywhere ? from : to, to)
      sum.doubled += times
      if (isResent) sum.resent += times
    }
  }
  for (const { from, to } of ledgers) sumOf(from, to)
  return [...sums.values()].map((sum) => withClaim(sum, ledgers))
}

function withClaim(
  { resent, ...sum }: Sum & { readonly from: string; readonly to: string },
  ledgers: readonly LedgerClaim[],
): Account {
  const claims = ledgers.filter(({ from, to }) => from === sum.from && to === sum.to)
  let claimedDropped = 0
  let claimedDoubled = 0
  for (const { dropped, maybeDuplicate } of claims) {
    claimedDoubled += maybeDuplicate
    for (const [reason, count] of Object.entries(dropped)) if (reason !== OF_QOS_0) claimedDropped += count
  }
  return {
    ...sum,
    claimedDropped,
    claimedDoubled,
    lostWithoutTrace: Math.max(0, sum.lost - sum.crashed - claimedDropped),
    doubledWithoutTrace: Math.max(0, sum.doubled - resent - claimedDoubled),
  }
}

type Loss = { readonly isEverywhere: boolean; readonly isCrashed: boolean }

/** @param group the pairs of one publisher with the subscribers of one cluster */
function lossesOf(group: readonly Pair[], faults: readonly Fault[]): Loss[] {
  const missing = new Map<number, boolean>()
  for (const pair of group) {
    if (pair.qos === 0 || pair.lost.length === 0) continue
    const crashes = crashesOf(pair, faults)
    for (const { sequence, atMs } of pair.lost) {
      const isCrashed = crashes.some(
        ({ toMs, highestBefore, backAt }) => sequence > highestBefore && (atMs <= toMs || sequence < backAt),
      )
      missing.set(sequence, isCrashed && missing.get(sequence) !== false)
    }
  }
  if (missing.size === 0) return []
  const came = new Set(group.flatMap(({ firsts }) => firsts.map(({ sequence }) => sequence)))
  return [...missing].map(([sequence, isCrashed]) => ({ isEverywhere: !came.has(sequence), isCrashed }))
}

/** Lost with it: what is numbered above `highestBefore` and was published until `toMs`, or has a lower number than `backAt`. */
type Crash = { readonly toMs: number; readonly highestBefore: number; readonly backAt: number }

/**
 * A process that lost its memory may have held a message: it was published by then, and no later one of its publisher had come before, which
 * would have shown that it was lost already. Where the sender's memory is gone, what its peers want is gone with it, until they have told
 * it again: it is back with the first that comes of what was published afterwards.
 */
function crashesOf({ publisher, subscriber, firsts }: Pair, faults: readonly Fault[]): Crash[] {
  return faults
    .filter(({ crashes = [] }) => crashes.includes(publisher.cluster) || crashes.includes(subscriber.cluster))
    .map(({ fromMs, toMs, crashes = [] }) => {
      let highestBefore = 0
      let backAt = Infinity
      for (const { atMs, sequence, published } of firsts) {
        if (atMs < fromMs) highestBefore = Math.max(highestBefore, sequence)
        if (published.atMs > toMs) backAt = Math.min(backAt, sequence)
      }
      return { toMs, highestBefore, backAt: crashes.includes(publisher.cluster) ? backAt : 0 }
    })
}

type Double = { readonly isEverywhere: boolean; readonly times: number; readonly isResent: boolean }

function doublesOf(group: readonly Pair[], faults: readonly Fault[]): Double[] {
  const bySequence = new Map<number, { readonly times: number[]; isResent: boolean }>()
  for (const [at, { doubled, qos, publisher }] of group.entries())
    if (qos > 0)
      for (const copy of doubled) {
        const { sequence } = copy
        const seen = bySequence.get(sequence) ?? { times: group.map(() => 0), isResent: true }
        seen.times[at]! += 1
        seen.isResent &&= isResentOverCrash(copy, publisher.cluster, faults)
        bySequence.set(sequence, seen)
      }
  return [...bySequence.values()].map(({ times, isResent }) => ({
    isEverywhere: times.every((count) => count > 0),
    times: Math.max(...times),
    isResent,
  }))
}

/**
 * Its publisher sent it again because the broker died before it had answered, and with the broker died what it knew of the packet: it was
 * taken for new, and whoever had got it before could not tell either. Exactly once holds while both ends live.
 */
function isResentOverCrash({ atMs, published }: Copy, cluster: string, faults: readonly Fault[]): boolean {
  const { sendings, atMs: sentMs, answeredMs = Infinity } = published
  return (
    sendings > 1 &&
    faults.some(
      ({ crashes = [], fromMs }) =>
        crashes.includes(cluster) && sentMs <= fromMs && answeredMs >= fromMs && atMs >= fromMs,
    )
  )
}
