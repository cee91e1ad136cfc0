/** Runs seeds against a product with a bug until one of them finds it. A seed that fails without the bug finds nothing. */
import { join } from 'node:path'
import type { Invariant } from '../oracle/violation.ts'
import type { Summary } from '../run/summary.ts'
import { runWorkers, spreadSeeds } from '../workers.ts'
import { makeMutant } from './mutate.ts'
import type { Mutant } from './mutants.ts'

export type Catch = {
  readonly name: string
  /** `null`: nobody. */
  readonly caughtBySeed: number | null
  readonly seedsTried: number
  /** That did not hold; `crash` if the simulation could not go on. */
  readonly invariant: Invariant | 'crash' | undefined
  /** What was found, for people. */
  readonly words: string
}

export type Seeds = { readonly from: number; readonly to: number; readonly jobs: number }

/** Seeds that the product fails as it is, as far as they were asked for. */
export class SoundSeeds {
  readonly #known = new Map<number, Promise<boolean>>()

  isSound(seed: number): Promise<boolean> {
    const known = this.#known.get(seed) ?? runOne(seed)
    this.#known.set(seed, known)
    return known
  }
}

async function runOne(seed: number): Promise<boolean> {
  let isSound = false
  const told = (summary: Summary): void => void (isSound = summary.violation === null)
  try {
    await runSeeds({ from: seed, to: seed, jobs: 1 }, told)
  } catch {
    return false
  }
  return isSound
}

export async function hunt(mutant: Mutant, seeds: Seeds, sound: SoundSeeds): Promise<Catch> {
  const { directory, remove } = makeMutant(mutant)
  const tried = new Set<number>()
  try {
    for (let from = seeds.from; from <= seeds.to;) {
      const found = await findOne({ ...seeds, from }, join(directory, 'test/sim/worker.js'), tried)
      if (found === undefined) break
      if (await sound.isSound(found.seed)) {
        const { seed, invariant, words } = found
        return { name: mutant.name, caughtBySeed: seed, seedsTried: tried.size, invariant, words }
      }
      from = found.seed + 1
    }
  } finally {
    remove()
  }
  return { name: mutant.name, caughtBySeed: null, seedsTried: tried.size, invariant: undefined, words: 'not caught' }
}

type Found = { readonly seed: number; readonly invariant: Invariant | 'crash'; readonly words: string }

/** The first that fails. */
async function findOne(seeds: Seeds, worker: string, tried: Set<number>): Promise<Found | undefined> {
  const over = new AbortController()
  let found: Found | undefined
  let next = seeds.from
  try {
    await runSeeds(
      seeds,
      (summary) => {
        const { seed, violation } = summary
        tried.add(seed)
        next = Math.max(next, seed + 1)
        if (violation === null || found !== undefined) return
        found = { seed, invariant: violation.invariant, words: violation.words }
        over.abort()
      },
      worker,
      over.signal,
    )
  } catch (error) {
    // Of several it can't be told which seed it was.
    if (found === undefined && seeds.jobs > 1) return findOne({ ...seeds, jobs: 1 }, worker, tried)
    found ??= { seed: next, invariant: 'crash', words: error instanceof Error ? error.message : String(error) }
  }
  return found
}

async function runSeeds(
  { from, to, jobs }: Seeds,
  told: (summary: Summary) => void,
  worker?: string,
  signal?: AbortSignal,
): Promise<void> {
  await runWorkers({
    tasks: spreadSeeds(from, to, jobs),
    shrinks: false,
    untilMs: Number.POSITIVE_INFINITY,
    told: (report) => {
      if (report.type === 'summary') told(report.summary)
    },
    ...(worker === undefined ? {} : { worker }),
    ...(signal === undefined ? {} : { signal }),
  })
}
