/** How long bytes are under way. */
import type { SeededRandom } from '../random.ts'

export type Latency = {
  readonly minMs: number
  readonly maxMs: number
  /** How often, from 0 to 1, what is sent was lost at first and is sent again. */
  readonly loss?: number
}

/** One rack. */
export const NEAR: Latency = { minMs: 0.1, maxMs: 0.6 }
/** Linux sends again after that at the earliest, milliseconds. */
const RETRANSMISSION_MS_MIN = 200
/** And waits twice as long each time, up to that. */
const RETRANSMISSION_MS_MAX = 120_000

/** Milliseconds for the next bytes on their way. */
export function drawLatency({ minMs, maxMs, loss = 0 }: Latency, random: SeededRandom): number {
  const ms = random.between(minMs, maxMs)
  return loss > 0 && random.chance(loss) ? ms + RETRANSMISSION_MS_MIN : ms
}

/** When what was lost at `sinceMs` is sent again for the first time after `nowMs`. */
export function nextRetransmissionMs(sinceMs: number, nowMs: number): number {
  let atMs = sinceMs
  for (let waitMs = RETRANSMISSION_MS_MIN; ; waitMs = Math.min(waitMs * 2, RETRANSMISSION_MS_MAX)) {
    atMs += waitMs
    if (atMs > nowMs) return atMs
  }
}
