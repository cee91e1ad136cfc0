/** Whom probes of peers concern, and the batches among which they come. */
import type { ProbeAnswer } from './probe-frame.ts'

/** What probes are to the outbound half of links: `LinkRuntime` satisfies it. */
export interface ProbedLinks {
  /**
   * A node of a peer asks. Returns the answer, to be sent over the connection that it came on; `undefined` if it goes over our own
   * connection to that node.
   */
  probeAsked(peer: string, node: string, id: number): Buffer | undefined
  /** A node of a peer answers. */
  probeAnswered(peer: string, node: string, answer: ProbeAnswer): void
  /** A node of a peer sent a batch. @param sentAtMs by its wall clock */
  batchReceived(peer: string, node: string, sentAtMs: number): void
}
