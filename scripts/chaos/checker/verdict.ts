/** What a judge is told besides what was seen, and what it says. Times are those of `Observed`. */
import type { QoS } from './observed.ts'

export type Fault = {
  readonly name: string
  /** Of which kind, for the record: `cut`, `reset`, `sigkill`, `nats_split`. */
  readonly kind: string
  readonly fromMs: number
  readonly toMs: number
  /** Clusters of which a process lost its memory in it: what it held may be lost or come twice, if `Guarantees.loss` says so. */
  readonly crashes?: readonly string[]
}

/** What may cross from one cluster to another, as the links' `topics` say. */
export type Crossing = { readonly from: string; readonly to: string; readonly topics: readonly string[] }

export type Guarantees = {
  /**
   * Of messages of QoS 1 and 2 that were acknowledged. `none`: each arrives. `told`: what does not stands in a ledger. `crash`: besides
   * that, what a process held that lost its memory may be gone, and what was published there before its peers had told it their routes.
   */
  readonly loss: 'none' | 'told' | 'crash'
  /** `none`: each arrives once. `told`: no more twice than the ledgers say. `any`: at least once. */
  readonly doubles: 'none' | 'told' | 'any'
  readonly order: 'kept' | 'free'
  /** The longest that may pass from the end of a fault until every pair moves again, in milliseconds. */
  readonly healMsMax: number
  /** Left out: everything crosses from each cluster to each other. */
  readonly crossings?: readonly Crossing[]
}

/** What the nodes of one cluster say of their link to another, summed up; or of their own clients, where `from` is `to`. */
export type LedgerClaim = {
  readonly from: string
  readonly to: string
  /** By reason, of the sender: `dropped` and `failed` of its ledger. What was shed of QoS 0 does not stand for others. */
  readonly dropped: Readonly<Record<string, number>>
  /** Of the receiver: `maybe_duplicate` of its inbound ledger. */
  readonly maybeDuplicate: number
}

export type JudgeInput = {
  readonly faults: readonly Fault[]
  readonly guarantees: Guarantees
  /** Left out where nobody was asked: nothing is accounted for then. */
  readonly ledgers?: readonly LedgerClaim[]
}

/** One message at one subscriber. */
export type Case = {
  readonly publisher: string
  readonly subscriber: string
  readonly sequence: number
  readonly qos: QoS
  /** Published (what is lost) or arrived (all others). */
  readonly atMs: number
  readonly what:
    | 'lost'
    | 'doubled'
    | 'out_of_order'
    /** A second copy in the cluster in which it was published. */
    | 'returned'
    /** The subscription's filter does not match its topic. */
    | 'not_subscribed'
    /** It crossed where no link's topics let it. */
    | 'not_in_topics'
    | 'changed'
    /** Nobody ever sent it. */
    | 'invented'
}

export type Tally = {
  readonly qos: QoS
  /** Sent by publishers; of those, answered with success (QoS 0: sent), refused, and never answered. */
  readonly published: number
  readonly acknowledged: number
  readonly refused: number
  readonly unanswered: number
  /** One for each message and subscriber for which it had to come; of those, came. */
  readonly expected: number
  readonly delivered: number
  readonly lost: number
  /** Second and further copies that nothing excuses, and those that MQTT allows on the client's own connection. */
  readonly doubled: number
  readonly resent: number
  readonly outOfOrder: number
  readonly misdelivered: number
}

/** How long one fault was felt. */
export type Healing = {
  readonly fault: string
  readonly kind: string
  /**
   * From its end until each pair had got a message published after it. Left out: some pair never did. 0 pairs had anything to get after
   * it: `pairs` is 0.
   */
  readonly healMs?: number
  readonly pairs: number
  /** Who came last, or did not come: publisher and subscriber. */
  readonly last?: string
  /** The longest pause between two messages of a pair while it lasted and until it was healed. */
  readonly gapMs: number
  /** Another fault began before this one was healed, so its time is not its own. */
  readonly isOverlapped: boolean
}

/** Losses and doubles from one cluster to another, counted once however many subscribers miss them, against what ledgers say. */
export type Account = {
  readonly from: string
  readonly to: string
  readonly lost: number
  /** Of those: a process that crashed had it. */
  readonly crashed: number
  readonly doubled: number
  readonly claimedDropped: number
  readonly claimedDoubled: number
  /** Nobody owns up to so many. */
  readonly lostWithoutTrace: number
  readonly doubledWithoutTrace: number
}

/** Worst first. */
export type Severity = 'lost_without_trace' | 'lost' | 'misdelivered' | 'doubled' | 'out_of_order' | 'silent' | 'slow'

export type Finding = { readonly severity: Severity; readonly words: string }

export type Verdict = {
  readonly holds: boolean
  /** What does not hold, worst first; in words for people. */
  readonly findings: readonly Finding[]
  /** What is worth saying and breaks no guarantee. */
  readonly notes: readonly string[]
  /** QoS with which a message is delivered, 0 to 2; only those that were used. */
  readonly tallies: readonly Tally[]
  readonly healings: readonly Healing[]
  readonly accounts: readonly Account[]
  /** Of each kind no more than the first 20. */
  readonly cases: readonly Case[]
  /** The longest pause of any pair, whenever it was. */
  readonly largestGap?: { readonly pair: string; readonly fromMs: number; readonly toMs: number }
}
