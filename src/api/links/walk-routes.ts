/** A page out of very many routes: walked in slices between which the node goes on with its work, and not for ever. */

export type RouteWalk = {
  readonly start: number
  readonly limit: number
  /** What a filter has to hold. */
  readonly search: string | undefined
  /** How many there are, if that is known: then nothing behind the page need be looked at. */
  readonly count: number | undefined
}

export type RoutesFound = {
  readonly filters: readonly string[]
  /** Of all that were looked at, those that the search lets through. */
  readonly count: number
  /** Whether all were looked at that had to be. */
  readonly isComplete: boolean
}

export type WalkPorts = {
  readonly steadyMs: () => number
  /** Calls after the event loop has done what else there is to do. */
  readonly defer: (call: () => void) => void
}

const SLICE_MS = 3
const FILTERS_PER_LOOK = 128
/** After so long it ends where it is. */
const WALK_MS_MAX = 1_500

/** @param filters may change meanwhile: what is there throughout comes once */
export async function walkRoutes(
  filters: Iterable<string>,
  { start, limit, search, count: known }: RouteWalk,
  { steadyMs, defer }: WalkPorts,
): Promise<RoutesFound> {
  const found: string[] = []
  const endMs = steadyMs() + WALK_MS_MAX
  let sliceEndMs = steadyMs() + SLICE_MS
  let count = 0
  let looked = 0
  for (const filter of filters) {
    if (search === undefined || filter.includes(search)) {
      if (count >= start && found.length < limit) found.push(filter)
      count += 1
      if (known !== undefined && found.length === limit) return { filters: found, count: known, isComplete: true }
    }
    looked += 1
    if (looked % FILTERS_PER_LOOK !== 0 || steadyMs() < sliceEndMs) continue
    if (steadyMs() >= endMs) return { filters: found, count: known ?? count, isComplete: false }
    await new Promise<void>((resolve) => defer(resolve))
    sliceEndMs = steadyMs() + SLICE_MS
  }
  return { filters: found, count: known ?? count, isComplete: true }
}
