/** Two processes of one name: which of them has to go. Both judge by the same values, so that exactly one does. */
import type { Standing } from './announcement.ts'

export type Claimant = {
  readonly standing: Standing
  /** By its own wall clock: any order will do, as long as both see the same. */
  readonly startedAtMs: number
  readonly boot: string
}

/**
 * A member stays before one that only asks; of two alike the one that started later gives way, and if that can't be told, the one
 * with the larger boot id.
 */
export function judgeNamesake(own: Claimant, other: Claimant): 'stay' | 'give_way' {
  if (own.standing !== other.standing) return own.standing === 'member' ? 'stay' : 'give_way'
  if (own.startedAtMs !== other.startedAtMs) return own.startedAtMs < other.startedAtMs ? 'stay' : 'give_way'
  return own.boot < other.boot ? 'stay' : 'give_way'
}
