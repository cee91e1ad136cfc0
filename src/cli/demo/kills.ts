/** Which node of the demo is killed next. Pure. */

export type Candidate = {
  readonly name: string
  /** How often it was killed already. */
  readonly kills: number
  /** Whether it holds a lease. */
  readonly isHolder: boolean
}

/**
 * Whichever was killed least, and of those one that holds a lease before one that does not; never the same twice in a row.
 * `undefined` if there is no other.
 */
export function nextVictim<C extends Candidate>(candidates: readonly C[], last: string | undefined): C | undefined {
  const worth = ({ kills, isHolder }: Candidate): number => kills * 2 + (isHolder ? 0 : 1)
  return candidates.filter(({ name }) => name !== last).toSorted((a, b) => worth(a) - worth(b))[0]
}
