/** What the broker of one node needs of the other nodes of its cluster. Lanes and membership implement it; alone there is none. */
import type { Passing } from './sessions/passing.ts'

/** What the node that gets a message is to do with it, besides keeping it if it is to be retained. */
export type Directive = {
  /** Whether all of its ordinary subscribers get it. */
  readonly plain: boolean
  /** Shared subscriptions of which one member gets it: see `members/group-key.ts`. To whoever carries them they are mere texts. */
  readonly groups: readonly string[]
}

/** Whoever has promised something that other nodes are to have first. */
export interface MarkWaiter {
  /** `settledMark` has grown. Returns whether it still waits for a later one. */
  settled(): boolean
}

export interface Members {
  /**
   * Hands one copy to another node. What passes is valid during the call only; it counts as published at `passing.nowMs`.
   * Returns a mark, which grows with each message that is to be acknowledged, for as long as the process lives; 0 if nothing
   * is to be waited for (QoS 0).
   */
  send(node: string, passing: Passing, directive: Directive): number
  /** Of all messages up to this mark each was taken by its node, or given up with that node. */
  readonly settledMark: number
  /** Is told when `settledMark` grew, at most once in a turn of the event loop, until it says that it waits no more. */
  wait(waiter: MarkWaiter): void
  /** The other nodes, each of which keeps the retained messages of all. The same list until it changes. */
  all(): readonly string[]
}
