/** The account of the demo of clusters: what became of each message at each subscriber. Pure. */
import { createTally, type Summary, type Tally } from './tally.ts'

export type Subscriber = { readonly node: string; readonly cluster: string }

export type SubscriberSummary = Subscriber & {
  /** Distinct messages. */
  readonly arrived: number
  /** Acknowledged to the publisher and not arrived. While traffic runs, most of these are on their way. */
  readonly lost: number
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
  readonly doubled: number
  readonly subscribers: readonly SubscriberSummary[]
}

export type ClusterAccount = {
  acknowledged(sequence: number, topic: string): void
  /** `subscriber` is the node that it reads at. */
  arrived(subscriber: string, sequence: number, topic: string, latencyMs: number): void
  /** The highest sequence number that was acknowledged; -1 before the first. */
  readonly newest: number
  /** Whether nothing up to this sequence number is missing. */
  isComplete(upTo?: number): boolean
  summary(): ClusterSummary
}

/** @param topics on which all is published, each of which every subscriber wants */
export function createClusterAccount(topics: ReadonlySet<string>, subscribers: readonly Subscriber[]): ClusterAccount {
  const tallies = new Map(subscribers.map(({ node }) => [node, createTally(topics)]))
  const tallyOf = (node: string): Tally => tallies.get(node)!
  let published = 0
  let newest = -1
  return {
    get newest() {
      return newest
    },
    acknowledged: (sequence, topic) => {
      published++
      newest = Math.max(newest, sequence)
      for (const tally of tallies.values()) tally.acknowledged(sequence, topic)
    },
    arrived: (subscriber, sequence, topic, latencyMs) => tallyOf(subscriber).arrived(sequence, topic, latencyMs),
    isComplete: (upTo = Infinity) =>
      [...tallies.values()].every(({ missing }) => [...missing].every((sequence) => sequence > upTo)),
    summary: () => {
      const rows = subscribers.map((subscriber) => {
        const { crossed, duplicated, lost, latency_ms } = tallyOf(subscriber.node).summary()
        return { ...subscriber, arrived: crossed, lost, doubled: duplicated, latency_ms }
      })
      const sum = (field: 'arrived' | 'lost' | 'doubled'): number => rows.reduce((total, row) => total + row[field], 0)
      return { published, arrived: sum('arrived'), lost: sum('lost'), doubled: sum('doubled'), subscribers: rows }
    },
  }
}

/** Whether something was shown, and nothing was lost. Doubled messages are what "at least once" allows after a crash. */
export function isHeld({ published, arrived, lost }: ClusterSummary): boolean {
  return published > 0 && arrived > 0 && lost === 0
}
