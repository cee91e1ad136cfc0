/**
 * The incarnations that a holder may use: a range that is on record before any of it is used, and that begins above everything that
 * was on record before. Within its time as a holder they count on, so that a holder that lost the record meanwhile can't come past
 * the one who took it over, whatever their wall clocks say.
 */
import { nextIncarnation } from '../../routes/incarnation.ts'

export type Reservation = {
  /** The next to be used. */
  readonly next: number
  /** The last one that is on record. */
  readonly upTo: number
}

/** More than a link can have lives while its node can't renew. */
export const RESERVED = 1_000

/**
 * @param nowMs milliseconds since 1970
 * @param known the highest that was on record, as far as anybody here knows; 0 if nothing was
 */
export function beginReservation(nowMs: number, known: number): Reservation {
  const next = nextIncarnation(nowMs, known)
  return { next, upTo: next + RESERVED - 1 }
}

/** What is to be on record from now on: more, as soon as half is used up. */
export function extendReservation({ next, upTo }: Reservation): Reservation {
  return { next, upTo: upTo - next < RESERVED / 2 ? upTo + RESERVED : upTo }
}

/** `undefined` if all that is on record is used up. */
export function takeIncarnation({ next, upTo }: Reservation): { incarnation: number; left: Reservation } | undefined {
  return next > upTo ? undefined : { incarnation: next, left: { next: next + 1, upTo } }
}
