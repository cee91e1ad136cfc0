/** How long what crosses a link takes: from what is acknowledged, what is answered, and what comes from the peer by its own clock. */
import {
  LatencyHistogram,
  LatencyWindow,
  type HistogramSnapshot,
  type Percentiles,
} from '../../lanes/latency-histogram.ts'
import { ClockOffset } from './clock-offset.ts'
import type { ProbeAnswer } from './probe-frame.ts'
import type { LinkLatency, Probe } from './probe-view.ts'

/** When a probe was to go and when it went, by the steady clock, and that by the wall clock. */
export type ProbeTimes = { readonly dueMs: number; readonly sentMs: number; readonly sentWallMs: number }

export class LinkLatencies {
  readonly #offset = new ClockOffset()
  readonly #ack = new LatencyHistogram()
  readonly #ackWindow = new LatencyWindow()
  readonly #roundTrip = new LatencyHistogram()
  readonly #roundTripWindow = new LatencyWindow()
  readonly #oneWay = new LatencyHistogram()
  readonly #oneWayBack = new LatencyHistogram()
  readonly #oneWayMessages = new LatencyHistogram()
  #lastRoundTripMs: number | undefined
  #lastOneWayMs: number | undefined

  /** Another node of the peer answers from now on: its clock is another one. */
  forgetClock(): void {
    this.#offset.reset()
  }

  get clockOffsetMs(): number | null {
    return roundedOrNull(this.#offset.ms)
  }

  get lastOneWayMs(): number | null {
    return roundedOrNull(this.#lastOneWayMs)
  }

  /** A batch was acknowledged, or a message that stands for those around it. */
  acknowledged(tookMs: number, nowMs: number): void {
    this.#ack.record(tookMs)
    this.#ackWindow.record(tookMs, nowMs)
  }

  /** Messages came. @param sentAtMs by the wall clock of the node that answers @param wallMs by ours */
  messages(sentAtMs: number, wallMs: number): void {
    const offsetMs = this.#offset.ms
    if (offsetMs !== undefined) this.#oneWayMessages.record(wallMs - (sentAtMs - offsetMs))
  }

  /** A probe was answered by somebody who told the time. */
  answered({ dueMs, sentMs, sentWallMs }: ProbeTimes, { receivedAtMs, sentAtMs }: ProbeAnswer, nowMs: number): void {
    const tookMs = nowMs - sentMs
    this.#offset.add({ sentMs: sentWallMs, receivedMs: receivedAtMs, answeredMs: sentAtMs, tookMs })
    const offsetMs = this.#offset.ms ?? 0
    const waitedMs = sentMs - dueMs
    const oneWayMs = Math.max(0, Math.min(tookMs, receivedAtMs - offsetMs - sentWallMs)) + waitedMs
    this.#lastOneWayMs = oneWayMs
    this.#oneWay.record(oneWayMs)
    this.#oneWayBack.record(tookMs + waitedMs - oneWayMs)
  }

  /** A probe was answered, however. */
  roundTrip(tookMs: number, nowMs: number): void {
    this.#lastRoundTripMs = tookMs
    this.#roundTrip.record(tookMs)
    this.#roundTripWindow.record(tookMs, nowMs)
  }

  reset(): void {
    for (const histogram of [this.#ack, this.#roundTrip, this.#oneWay, this.#oneWayBack, this.#oneWayMessages])
      histogram.reset()
    this.#ackWindow.reset()
    this.#roundTripWindow.reset()
  }

  /** For the view of the probe. */
  ofProbes(nowMs: number) {
    const lately = this.#roundTripWindow.percentiles(nowMs)
    return {
      round_trip: ofSome(this.#roundTrip),
      round_trip_last_5m: lately.count === 0 ? null : lately,
      one_way: ofSome(this.#oneWay),
      one_way_back: ofSome(this.#oneWayBack),
      one_way_messages: ofSome(this.#oneWayMessages),
      clock_offset_ms: this.clockOffsetMs,
      last_round_trip_ms: roundedOrNull(this.#lastRoundTripMs),
      last_one_way_ms: this.lastOneWayMs,
    } satisfies Partial<Probe>
  }

  ofMessages(nowMs: number): LinkLatency {
    return { ack: this.#ack.percentiles(), ack_last_5m: this.#ackWindow.percentiles(nowMs) }
  }

  histograms(): Readonly<Record<'ack' | 'roundTrip' | 'oneWay', HistogramSnapshot>> {
    return { ack: this.#ack.snapshot(), roundTrip: this.#roundTrip.snapshot(), oneWay: this.#oneWay.snapshot() }
  }
}

function ofSome(histogram: LatencyHistogram): Percentiles | null {
  return histogram.count === 0 ? null : histogram.percentiles()
}

/** To microseconds. */
export function rounded(ms: number): number {
  return Math.round(ms * 1_000) / 1_000
}

function roundedOrNull(ms: number | undefined): number | null {
  return ms === undefined ? null : rounded(ms)
}
