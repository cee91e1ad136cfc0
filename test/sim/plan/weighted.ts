/** A choice among things of which some come up more often than others. */
import type { SeededRandom } from '../world/random.ts'

export type Weighted<T> = readonly [weight: number, value: T]

/** Throws for a list in which nothing has a weight. */
export function pickWeighted<T>(random: SeededRandom, list: readonly Weighted<T>[]): T {
  let left = random.between(
    0,
    list.reduce((sum, [weight]) => sum + weight, 0),
  )
  for (const [weight, value] of list) {
    left -= weight
    if (left < 0) return value
  }
  throw new RangeError('there is nothing to pick from')
}

/** As likely from 1 to 10 as from 10 to 100. Whole numbers, `max` included. */
export function logInt(random: SeededRandom, min: number, max: number): number {
  return Math.min(max, Math.round(Math.exp(random.between(Math.log(min), Math.log(max + 1)))))
}

/** So many of them, in the order in which they stand. */
export function pickSome<T>(random: SeededRandom, list: readonly T[], count: number): T[] {
  const picked = new Set<number>()
  while (picked.size < Math.min(count, list.length)) picked.add(random.int(0, list.length - 1))
  return list.filter((_, at) => picked.has(at))
}
