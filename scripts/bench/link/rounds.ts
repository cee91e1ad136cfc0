/** Rounds in which each contestant has its turn, so that a noisy neighbour hits all of them. */
import type { Bench } from '../bench.ts'
import type { Ratio } from './cells.ts'
import type { Contestant, ContestantId, Field } from './contestants.ts'
import type { Budget, Series } from './figures.ts'

/** What a contestant did in a round, or why that is no good. */
export type Outcome<Result> =
  | { readonly type: 'measured'; readonly result: Result; readonly flaws: string }
  | { readonly type: 'failed'; readonly problem: string }

export type Rounds<Result> = { readonly name: string; readonly outcomes: readonly Outcome<Result>[] }

/** Ours is the first one. Who is missing on this machine is left out. */
export async function inTurn<Result>(
  bench: Bench,
  field: Field,
  beside: readonly ContestantId[],
  measure: (contestant: Contestant) => Promise<{ readonly result: Result; readonly flaws: string }>,
): Promise<Rounds<Result>[]> {
  const contestants = (['ours', ...beside] as const).flatMap((id) => field.contestants[id] ?? [])
  const all = contestants.map(({ name }) => ({ name, outcomes: new Array<Outcome<Result>>() }))
  for (let round = 0; round < bench.rounds; round++) {
    for (const [index, contestant] of contestants.entries()) {
      // Whoever has failed once is not waited for again.
      if (all[index]!.outcomes.some(({ type }) => type === 'failed')) continue
      all[index]!.outcomes.push(await tryOne(() => measure(contestant)))
    }
  }
  return all
}

/** What goes wrong is a result, too. */
export async function tryOne<Result>(
  measure: () => Promise<{ readonly result: Result; readonly flaws: string }>,
): Promise<Outcome<Result>> {
  try {
    return { type: 'measured', ...(await measure()) }
  } catch (error) {
    return { type: 'failed', problem: error instanceof Error ? error.message : String(error) }
  }
}

/** One figure out of each round. A message that was lost or doubled makes all of them worthless. */
export function seriesOf<Result>({ name, outcomes }: Rounds<Result>, read: (result: Result) => number): Series {
  const rounds = outcomes.map((outcome) => (outcome.type === 'measured' ? read(outcome.result) : Number.NaN))
  const flaws = outcomes
    .map((outcome) => (outcome.type === 'measured' ? outcome.flaws : outcome.problem))
    .find((words) => words !== '')
  return { name, rounds, ...(flaws === undefined ? {} : { flaws }) }
}

/** By the names that contestants have here; those that are missing can't be compared with. */
export function budgetOf({ contestants }: Field, { most, of }: Ratio): Budget {
  return { most, of: of.flatMap((id) => contestants[id]?.name ?? []) }
}
