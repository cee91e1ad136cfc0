/** What is done to the stage while the load goes on, one fault at a time, and how long it takes until all is well again. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Stage } from './stage.ts'
import type { SteadyLoad } from './steady-load.ts'

export type FaultReport = {
  /** How often each was done. */
  readonly done: Readonly<Record<string, number>>
  /** From the end of each until all was well, milliseconds. */
  readonly healingMs: readonly number[]
  /** After what it did not heal. */
  readonly failures: readonly string[]
}

export type FaultOptions = {
  readonly stage: Stage
  readonly load: SteadyLoad
  /** From 0 to below 1. */
  readonly random: () => number
  readonly forMs: number
  readonly say: (line: string) => void
  /** Ends it before its time: it then rejects. */
  readonly signal: AbortSignal
}

type Fault = { readonly name: string; readonly act: (stage: Stage, random: () => number) => Promise<void> }

const AWAY_MS = 4_000
/** Shorter than others take to miss a node. */
const FROZEN_MS = 2_000
const DOWN_MS = 3_000

const FAULTS: readonly Fault[] = [
  { name: 'links cut', act: async (stage) => stage.cutLinks() },
  { name: 'links hang', act: (stage) => stage.holdLinks(AWAY_MS) },
  {
    name: 'node stopped',
    act: async (stage, random) => {
      const up = stage.nodes.filter(({ isUp }) => isUp)
      await stage.freeze(up[Math.floor(random() * up.length)]!, FROZEN_MS)
    },
  },
  { name: 'NATS restarted', act: (stage) => stage.restartNats() },
  { name: 'node killed', act: (stage) => stage.kill(DOWN_MS) },
]

/** Of the whole: after that nothing is killed, so that the last life of what was is long enough to be judged. */
const KILLS_UNTIL = 0.5
/** Rest after each fault, of the whole. */
const REST = { part: 0.03, msMin: 3_000, msMax: 20_000 } as const
const HEALING_MS_MAX = 60_000

/** One round of all faults after the other, each round in another order, for as long. Resolves when the last one is healed. */
export async function runFaults({ stage, load, random, forMs, say, signal }: FaultOptions): Promise<FaultReport> {
  const done: Record<string, number> = {}
  const healingMs: number[] = []
  const failures: string[] = []
  const startedMs = performance.now()
  const elapsedMs = (): number => performance.now() - startedMs
  const restMs = Math.min(REST.msMax, Math.max(REST.msMin, forMs * REST.part))
  let round: Fault[] = []
  for (;;) {
    await pause(restMs, undefined, { signal })
    if (elapsedMs() + restMs > forMs) break
    if (round.length === 0) round = shuffled(FAULTS, random)
    const fault = round.pop()!
    if (fault.name === 'node killed' && elapsedMs() > forMs * KILLS_UNTIL) continue
    const at = `${Math.round(elapsedMs() / 1000)} s`
    await fault.act(stage, random)
    done[fault.name] = (done[fault.name] ?? 0) + 1
    const endedMs = elapsedMs()
    try {
      await load.settle(HEALING_MS_MAX)
    } catch (error) {
      failures.push(`after "${fault.name}" at ${at}: ${error instanceof Error ? error.message : String(error)}`)
    }
    const tookMs = Math.round(elapsedMs() - endedMs)
    healingMs.push(tookMs)
    say(`${at}: ${fault.name}, well again after ${(tookMs / 1000).toFixed(1)} s`)
  }
  return { done, healingMs, failures }
}

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map((value) => ({ value, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value)
}
