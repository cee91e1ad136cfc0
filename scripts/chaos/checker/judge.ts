/** Judges a run: what was promised against what was seen. Pure; the same input gives the same words. */
import { accountsOf } from './accounts.ts'
import { findingsOf, notesOf } from './findings.ts'
import { healingsOf, largestGapOf } from './healing.ts'
import type { Observed, Published, PublisherRecord, QoS, Received, SubscriberRecord } from './observed.ts'
import { type Copy, isGood, type Pair, pairOf } from './pair.ts'
import { groupBy } from './group-by.ts'
import { isMatch, isMatchOfAny } from './topic-match.ts'
import type { Case, Guarantees, JudgeInput, Tally, Verdict } from './verdict.ts'

const CASES_MAX = 20
const QOS_LEVELS: readonly QoS[] = [0, 1, 2]

export function judge(observed: Observed, { faults, guarantees, ledgers = [] }: JudgeInput): Verdict {
  const { copies, cases: misdelivered } = sort(observed, guarantees)
  const pairs = observed.subscribers.flatMap((subscriber) =>
    observed.publishers
      .filter((publisher) => isWanted(publisher, subscriber, guarantees))
      .map((publisher) => pairOf(publisher, subscriber, copies.get(keyOf(publisher, subscriber)) ?? [])),
  )
  const cases = [...pairs.flatMap(casesOf), ...misdelivered]
  const accounts = accountsOf(pairs, faults, ledgers)
  const healings = healingsOf(pairs, faults)
  const tallies = QOS_LEVELS.map((qos) => tallyOf(qos, observed, pairs, cases)).filter(
    ({ published, expected, misdelivered }) => published + expected + misdelivered > 0,
  )
  const largestGap = largestGapOf(pairs)
  const seen = { observed, pairs, cases, accounts, healings, faults, guarantees, tallies }
  const findings = findingsOf(seen)
  return {
    holds: findings.length === 0,
    findings,
    notes: notesOf(seen),
    tallies,
    healings,
    accounts,
    cases: firstOfEach(cases),
    ...(largestGap === undefined ? {} : { largestGap }),
  }
}

const keyOf = ({ name }: PublisherRecord, subscriber: SubscriberRecord): string =>
  JSON.stringify([name, subscriber.name])

const mayCross = ({ crossings }: Guarantees, from: string, to: string, topic: string): boolean =>
  from === to ||
  crossings === undefined ||
  crossings.some((it) => it.from === from && it.to === to && isMatchOfAny(topic, it.topics))

const isWanted = (publisher: PublisherRecord, subscriber: SubscriberRecord, guarantees: Guarantees): boolean =>
  isMatch(publisher.topic, subscriber.filter) &&
  mayCross(guarantees, publisher.cluster, subscriber.cluster, publisher.topic)

type Sorted = { readonly copies: ReadonlyMap<string, readonly Copy[]>; readonly cases: readonly Case[] }

/** What came by publisher and subscriber, and what should not have come at all, as it came, or there. */
function sort({ publishers, subscribers }: Observed, guarantees: Guarantees): Sorted {
  const byName = new Map(publishers.map((publisher) => [publisher.name, publisher]))
  const copies = new Map<string, Copy[]>()
  const cases: Case[] = []
  for (const subscriber of subscribers)
    for (const received of subscriber.received) {
      const publisher = byName.get(received.publisher)
      const published = publisher?.messages[received.sequence - 1]
      const what = wrongWith(received, publisher, published, subscriber, guarantees)
      if (what !== undefined) {
        const { publisher: name, sequence, qos, atMs } = received
        cases.push({ publisher: name, subscriber: subscriber.name, sequence, qos, atMs, what })
      }
      // What came with another payload came: it is not lost besides.
      const isCopy = (what === undefined || what === 'changed') && received.topic === publisher?.topic
      if (publisher === undefined || published === undefined || !isCopy) continue
      const key = keyOf(publisher, subscriber)
      const known = copies.get(key)
      if (known === undefined) copies.set(key, [{ ...received, published }])
      else known.push({ ...received, published })
    }
  return { copies, cases }
}

function wrongWith(
  { topic, isChanged }: Received,
  publisher: PublisherRecord | undefined,
  published: Published | undefined,
  { filter, cluster }: SubscriberRecord,
  guarantees: Guarantees,
): Case['what'] | undefined {
  if (publisher === undefined || published === undefined) return 'invented'
  if (!isMatch(topic, filter)) return 'not_subscribed'
  if (!mayCross(guarantees, publisher.cluster, cluster, topic)) return 'not_in_topics'
  return isChanged || topic !== publisher.topic ? 'changed' : undefined
}

function casesOf({ publisher, subscriber, qos, lost, doubled, returned, late }: Pair): Case[] {
  const names = { publisher: publisher.name, subscriber: subscriber.name, qos }
  const asCases = (
    messages: readonly { readonly sequence: number; readonly atMs: number }[],
    what: Case['what'],
  ): Case[] => messages.map(({ sequence, atMs }) => ({ ...names, sequence, atMs, what }))
  return [
    ...asCases(lost, 'lost'),
    ...asCases(returned, 'returned'),
    ...asCases(doubled, 'doubled'),
    ...asCases(late, 'out_of_order'),
  ]
}

function tallyOf(qos: QoS, { publishers }: Observed, pairs: readonly Pair[], cases: readonly Case[]): Tally {
  const sent = publishers.filter((publisher) => publisher.qos === qos).flatMap(({ messages }) => messages)
  const acknowledged = sent.filter((message) => isGood(message, qos)).length
  const unanswered = qos === 0 ? 0 : sent.filter(({ answeredMs }) => answeredMs === undefined).length
  const ours = pairs.filter((pair) => pair.qos === qos)
  const sum = (count: (pair: Pair) => number): number => ours.reduce((total, pair) => total + count(pair), 0)
  const wrong = new Set<Case['what']>(['returned', 'not_subscribed', 'not_in_topics', 'changed', 'invented'])
  return {
    qos,
    published: sent.length,
    acknowledged,
    refused: sent.length - acknowledged - unanswered,
    unanswered,
    expected: sum(({ expected }) => expected.length),
    delivered: sum(({ expected, lost }) => expected.length - lost.length),
    lost: sum(({ lost }) => lost.length),
    doubled: cases.filter((it) => it.qos === qos && it.what === 'doubled').length,
    resent: sum(({ resent }) => resent.length),
    outOfOrder: sum(({ late }) => late.length),
    misdelivered: cases.filter((it) => it.qos === qos && wrong.has(it.what)).length,
  }
}

function firstOfEach(cases: readonly Case[]): Case[] {
  return [...groupBy(cases, ({ what }) => what).values()].flatMap((all) =>
    all.toSorted((one, other) => one.atMs - other.atMs).slice(0, CASES_MAX),
  )
}
