/**
 * The account of the demo of clusters: what became of each message at each subscriber. Pure.
 *
 * Within a cluster nothing that was acknowledged may be lost, whichever node is killed. Over a link a node that is killed takes
 * with it what its outbox, which is in memory, had not sent yet: that is counted apart, and only what the node had
 * acknowledged just before its end can be of that kind.
 */
import { createTally, type Summary, type Tally } from './tally.ts'

export type Subscriber = { readonly node: string; readonly cluster: string }

export type SubscriberSummary = Subscriber & {
  /** Distinct messages. */
  readonly arrived: number
  /** Acknowledged to the publisher and not arrived. While traffic runs, most of these are on their way. */
  readonly lost: number
  /** Not arrived from the other cluster, and acknowledged by a node that was killed just then; not among `lost`. */
  readonly lost_with_outbox: number
  /** Arrivals beyond the first of a message. */
  readonly doubled: number
  readonly latency_ms: Summary['latency_ms']
}

export type ClusterSummary = {
  /** Publishes that a node acknowledged. */
  readonly published: number
  /** Sums over all subscribers. */
  readonly arrived: number
  readonly lost: number
  readonly lost_with_outbox: number
  readonly doubled: number
  readonly subscribers: readonly SubscriberSummary[]
}

export type ClusterAccount = {
  /** `node` is the one that sent PUBACK; times are of one clock that never goes back. */
  acknowledged(sequence: number, topic: string, node: string, nowMs: number): void
  killed(node: string, nowMs: number): void
  /** `subscriber` is the node that it reads at. */
  arrived(subscriber: string, sequence: number, topic: string, latencyMs: number): void
  /** The highest sequence number that was acknowledged; -1 before the first. */
  readonly newest: number
  /** Whether nothing up to this sequence number is missing but what went with an outbox. */
  isComplete(upTo?: number): boolean
  summary(): ClusterSummary
}

/** An outbox whose link is up is empty within milliseconds; one that waits for a peer's node to be replaced, within this time. */
const OUTBOX_MS = 1_000

/** @param publishing the cluster in which all is published, on these topics, each of which every subscriber wants */
export function createClusterAccount(
  publishing: string,
  topics: ReadonlySet<string>,
  subscribers: readonly Subscriber[],
): ClusterAccount {
  const tallies = new Map(subscribers.map(({ node }) => [node, createTally(topics)]))
  const beyondLink = subscribers.filter(({ cluster }) => cluster !== publishing).map(({ node }) => node)
  /** Of what has not arrived everywhere beyond the link. */
  const acknowledgements = new Map<number, { readonly node: string; readonly atMs: number }>()
  const kills = new Map<string, number[]>()
  let published = 0
  let newest = -1

  const tallyOf = (node: string): Tally => tallies.get(node)!
  const isMissingBeyond = (sequence: number): boolean => beyondLink.some((node) => tallyOf(node).missing.has(sequence))
  const wentWithOutbox = (sequence: number): boolean => {
    const acknowledgement = acknowledgements.get(sequence)
    if (acknowledgement === undefined) return false
    const { node, atMs } = acknowledgement
    // The last acknowledgements may be read just after the kill.
    return (kills.get(node) ?? []).some((killedMs) => Math.abs(killedMs - atMs) <= OUTBOX_MS)
  }
  const isLost = (sequence: number, cluster: string): boolean => cluster === publishing || !wentWithOutbox(sequence)
  const lostAt = ({ node, cluster }: Subscriber): number[] =>
    [...tallyOf(node).missing].filter((sequence) => isLost(sequence, cluster))
  const summaryOf = (subscriber: Subscriber): SubscriberSummary => {
    const { crossed, duplicated, lost: missing, latency_ms } = tallyOf(subscriber.node).summary()
    const lost = lostAt(subscriber).length
    return {
      ...subscriber,
      arrived: crossed,
      lost,
      lost_with_outbox: missing - lost,
      doubled: duplicated,
      latency_ms,
    }
  }
  return {
    get newest() {
      return newest
    },
    acknowledged: (sequence, topic, node, nowMs) => {
      published++
      newest = Math.max(newest, sequence)
      for (const tally of tallies.values()) tally.acknowledged(sequence, topic)
      if (isMissingBeyond(sequence)) acknowledgements.set(sequence, { node, atMs: nowMs })
    },
    killed: (node, nowMs) => void kills.set(node, [...(kills.get(node) ?? []), nowMs]),
    arrived: (subscriber, sequence, topic, latencyMs) => {
      tallyOf(subscriber).arrived(sequence, topic, latencyMs)
      if (!isMissingBeyond(sequence)) acknowledgements.delete(sequence)
    },
    isComplete: (upTo = Infinity) =>
      subscribers.every((subscriber) => lostAt(subscriber).every((sequence) => sequence > upTo)),
    summary: () => {
      const rows = subscribers.map(summaryOf)
      const sum = (field: 'arrived' | 'lost' | 'lost_with_outbox' | 'doubled'): number =>
        rows.reduce((total, row) => total + row[field], 0)
      return {
        published,
        arrived: sum('arrived'),
        lost: sum('lost'),
        lost_with_outbox: sum('lost_with_outbox'),
        doubled: sum('doubled'),
        subscribers: rows,
      }
    },
  }
}

/** Whether something was shown, and nothing was lost. Doubled messages are what "at least once" allows after a crash. */
export function isHeld({ published, arrived, lost }: ClusterSummary): boolean {
  return published > 0 && arrived > 0 && lost === 0
}
