/** What each part of the benchmark is given, and how it says what it found. */

export type Bench = {
  readonly rounds: number
  readonly warmupMs: number
  readonly durationMs: number
  readonly topicCount: number
  /** Clients that are connected at once and idle. */
  readonly connections: number
  /** Filters in the table that the topic index is measured with. */
  readonly filters: number
  /** Which one our linked nodes are to speak. */
  readonly dialect: 'auto' | 'emqx' | 'native'
  /** Folder for tables and drawings; `undefined`: none are written. */
  readonly results: string | undefined
  /** About the machine, a line each. */
  readonly host: readonly string[]
  /** Whether a missed budget is to fail the run. */
  readonly check: boolean
  /** Whether our side is to be measured once more under V8's profiler. */
  readonly profile: boolean
  /** Whether a cell of this name is to be measured. */
  readonly isWanted: (cell: string) => boolean
  readonly print: (text: string) => void
  /** To be called for each budget that was not kept. */
  readonly miss: (text: string) => void
}

/** One of the things that `npm run bench` measures. Throws when a figure can't be had. */
export type Part = (bench: Bench) => Promise<void>

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]]
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2
}

/** `0.240 (0.230-0.310)`: median, lowest, highest. */
export function spread(numbers: readonly number[], digits = 3): string {
  const [middle, least, most] = [median(numbers), Math.min(...numbers), Math.max(...numbers)]
  return `${middle.toFixed(digits)} (${least.toFixed(digits)}-${most.toFixed(digits)})`
}
