/** A soak from its start to its end: the stage, the load, the faults, and what is judged of it. */
import { seeded } from './seeded.ts'
import { startChurn } from './churn.ts'
import { runFaults } from './faults.ts'
import { slopesOf } from './judge.ts'
import { openStage } from './stage.ts'
import { startSteadyLoad } from './steady-load.ts'
import type { RecordOf, RunHeader } from '../reliability/run-record.ts'

export type SoakResult = Omit<RecordOf<'soak'>, keyof RunHeader>

export type SoakOptions = {
  readonly minutes: number
  readonly seed: number
  /** Messages of all steady publishers together. */
  readonly perSecond: number
  /** Clients of the churn that begin in a second. */
  readonly churnPerSecond: number
  /** Whether other programs compute meanwhile: then what takes real time is judged with more patience. */
  readonly isBeside: boolean
  readonly say: (line: string) => void
}

/** Enough of them for a slope in the shortest of soaks, few enough that they take nothing in the longest. */
const SAMPLE_EVERY = { part: 1 / 30, msMin: 500, msMax: 15_000 } as const
const FINISH_MS = 60_000

/** Throws if the stage could not be held. What did not hold otherwise stands in the result. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  const { minutes, seed, perSecond, churnPerSecond, isBeside, say } = options
  const forMs = minutes * 60_000
  const random = seeded(seed)
  const { part, msMin, msMax } = SAMPLE_EVERY
  const stage = await openStage({ sampleEveryMs: Math.round(Math.min(msMax, Math.max(msMin, forMs * part))) })
  const failures: string[] = []
  const ending = new AbortController()
  try {
    const run = async () => {
      const load = await startSteadyLoad(stage, perSecond)
      const churn = startChurn({ nodes: stage.nodes, perSecond: churnPerSecond, random: seeded(seed + 1) })
      try {
        say(`${stage.nodes.length} nodes are up, and all readers hear their publishers`)
        const faults = await runFaults({ stage, load, random, forMs, say, signal: ending.signal })
        await churn.stop()
        failures.push(...faults.failures, ...(await load.finish(FINISH_MS)))
        return { faults, operations: churn.done, messages: load.account.summary() }
      } finally {
        await churn.stop()
        await load.close()
      }
    }
    const { faults, operations, messages } = await Promise.race([run(), stage.failed])
    const slopes = slopesOf(stage.lives(), isBeside)
    failures.push(...(await stage.close()))
    for (const { process, life, figure, unit, perHour, perHourMax, isFlat } of slopes)
      if (!isFlat)
        failures.push(`${process}, life ${life}: ${figure} grows by ${perHour} ${unit} an hour (bound ${perHourMax})`)
    return {
      processes: stage.nodes.length,
      faults: faults.done,
      slopes,
      messages,
      operations,
      healingMs: [...faults.healingMs],
      failures,
    }
  } finally {
    ending.abort()
    await stage.close()
  }
}
