/** What a node reads off its links and itself, again and again: the counts behind the live view and the charts. */
import type { LinkOnNode } from '../links/node-status.ts'

/** One link as one node has it. Counts only grow, but for a reset of the link's account, after which they begin at 0. */
export type LinkReading = {
  readonly name: string
  readonly enable: boolean
  readonly state: LinkOnNode
  /** Messages that the peer took of us, and that we took of it. */
  readonly out: number
  readonly in: number
  /** Of what was sent and received for that. */
  readonly bytes_out: number
  readonly bytes_in: number
  /** Messages that wait or fly now. */
  readonly outbox: number
  /** What we told the peer that we want, and what it told us. */
  readonly routes_ours: number
  readonly routes_peers: number
  /** From the sending of a batch to its acknowledgement; `null` before there was any lately. */
  readonly p50_ms: number | null
  readonly p99_ms: number | null
}

/** A node by itself. `published` and `delivered` only grow. */
export type NodeReading = {
  readonly published: number
  readonly delivered: number
  readonly connections: number
  /** Milliseconds of processor time that the process has used. */
  readonly cpu_ms: number
  /** Bytes of memory of the process. */
  readonly memory: number
  /** How late the event loop was, milliseconds, 99th percentile since the last reading. */
  readonly loop_delay_ms: number
}

export interface Readings {
  links(): Iterable<LinkReading>
  node(): NodeReading
}

/** So many more than at the last reading: an account that began anew in between has counted from 0. */
export function grown(before: number, now: number): number {
  return now >= before ? now - before : now
}
