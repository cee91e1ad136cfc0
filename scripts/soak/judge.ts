/**
 * Is what a process needs flat at the end? Each figure of each life of a process, over the second half of its samples: what is
 * compiled, opened and filled at the start is no leak. Pure.
 */
import type { Slope } from '../reliability/run-record.ts'
import { type Sample, trendOf } from './trend.ts'

/** What a process says of itself, as its probe writes it. */
export type ProcessSample = {
  /** Since the process started. */
  readonly atMs: number
  readonly heapMiB: number
  readonly externalMiB: number
  readonly rssMiB: number
  /** Open handles and running requests by kind, timers that keep the process alive among them as `Timeout`. */
  readonly resources: Readonly<Record<string, number>>
  /** All timers that there are, whether or not they keep the process alive. */
  readonly timers: number
  /** How late the event loop was since the last sample, 50th and 99th percentile. */
  readonly delayMs: { readonly p50: number; readonly p99: number }
  /** CPU time since the last sample, percent of one core. */
  readonly cpuPercent: number
}

export type Life = { readonly process: string; readonly life: number; readonly samples: readonly ProcessSample[] }

type Figure = {
  readonly name: string
  readonly unit: string
  readonly read: (sample: ProcessSample) => number
  /** How much it may go up and down for other reasons than a leak, in the figure's unit. */
  readonly drift: number
  /** The same where other programs take the processor by turns, if that makes a difference. */
  readonly driftBeside?: number
  /** What a long run may not exceed: over hours the drift counts for nothing. */
  readonly perHour: number
}

const FIGURES: readonly Figure[] = [
  { name: 'heap after collection', unit: 'MiB', read: (s) => s.heapMiB, drift: 2.5, perHour: 1 },
  { name: 'external memory', unit: 'MiB', read: (s) => s.externalMiB, drift: 3, perHour: 1 },
  // The allocator gives back late, what V8 has compiled stays, and pages of the store's file count as well.
  { name: 'resident memory', unit: 'MiB', read: (s) => s.rssMiB, drift: 40, perHour: 12 },
  { name: 'handles', unit: '', read: handlesOf, drift: 8, perHour: 4 },
  { name: 'timers', unit: '', read: (s) => s.timers, drift: 25, perHour: 12 },
  { name: 'event-loop delay, median', unit: 'ms', read: (s) => s.delayMs.p50, drift: 5, driftBeside: 60, perHour: 2 },
  { name: 'event-loop delay, p99', unit: 'ms', read: (s) => s.delayMs.p99, drift: 80, driftBeside: 800, perHour: 20 },
  { name: 'processor', unit: '% of a core', read: (s) => s.cpuPercent, drift: 8, driftBeside: 15, perHour: 2 },
]

/** Below that, a life is too short for its slope to mean anything. */
const SAMPLES_MIN = 6

/**
 * One for each figure of each life that was long enough.
 * @param isBeside whether other programs compute meanwhile, as in a run of tests
 */
export function slopesOf(lives: readonly Life[], isBeside: boolean): Slope[] {
  return lives.flatMap(({ process, life, samples }) =>
    FIGURES.flatMap((figure) => {
      const series = samples.map((sample): Sample => ({ atMs: sample.atMs, value: figure.read(sample) }))
      const slope = slopeOf(series, figure, isBeside)
      return slope === undefined ? [] : [{ process, life, figure: figure.name, unit: figure.unit, ...slope }]
    }),
  )
}

function slopeOf(series: readonly Sample[], figure: Figure, isBeside: boolean) {
  const half = series.slice(Math.floor(series.length / 2))
  const trend = half.length < SAMPLES_MIN ? undefined : trendOf(half)
  if (trend === undefined) return undefined
  const hours = (half.at(-1)!.atMs - half[0]!.atMs) / 3_600_000
  const drift = isBeside ? (figure.driftBeside ?? figure.drift) : figure.drift
  const perHourMax = figure.perHour + drift / hours
  return {
    samples: half.length,
    median: rounded(trend.median),
    perHour: rounded(trend.perHour),
    perHourAtLeast: rounded(trend.perHourAtLeast),
    perHourMax: rounded(perHourMax),
    isFlat: trend.perHourAtLeast <= perHourMax,
  }
}

/** Connections, listeners, files and the like. */
function handlesOf({ resources }: ProcessSample): number {
  return Object.entries(resources).reduce((sum, [kind, count]) => sum + (NO_HANDLE.has(kind) ? 0 : count), 0)
}

/** Timers have a figure of their own; what is about to run is over in the next turn. */
const NO_HANDLE: ReadonlySet<string> = new Set(['Timeout', 'Immediate', 'TickObject'])

/** To two decimals. */
function rounded(value: number): number {
  return Math.round(value * 100) / 100
}
