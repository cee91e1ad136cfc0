/**
 * What gathered at a peer during an outage comes faster than it was published, and could be too much for sessions that had kept up
 * with it. So a peer is answered for it only when there is room: as long as the queue of a session that got something of it is more
 * than a quarter full, it is not told that it may send more. But not for long: one that is slow for good does not hold up what the
 * others get, and loses what its queue has no room for, as it would whoever had published it. Who is away is waited for by nobody.
 */
import type { Debt } from '../../link/broker-port.ts'
import type { Clock } from '../clock.ts'

/** How full a queue is that more would soon be too much for. */
export const CROWDED_FILL = 0.25
/** How long an answer waits for room, and how often it is looked for. */
const WAIT_MS_MAX = 500
const LOOK_EVERY_MS = 2

/** A session, as far as room goes. */
export interface Crowded {
  /** It is there, and its queue is fuller than `CROWDED_FILL`. */
  readonly isCrowded: boolean
}

export class Crowd {
  /** Whether what is delivered now is backlog of a peer. */
  isNoting = false
  readonly #sessions = new Set<Crowded>()
  #room: Room | undefined

  /** A session was found to be crowded. */
  note(session: Crowded): void {
    this.#sessions.add(session)
  }

  /** What the answer for backlog that was delivered just now is to wait for; `undefined` if there is room. */
  room(clock: Clock): Debt | undefined {
    if (this.#room !== undefined) return this.#room
    if (this.#isOver()) return undefined
    const room = new Room()
    this.#room = room
    this.#await(room, clock, clock.steadyMs() + WAIT_MS_MAX)
    return room
  }

  #await(room: Room, clock: Clock, untilMs: number): void {
    clock.after(LOOK_EVERY_MS, () => {
      if (!this.#isOver() && clock.steadyMs() < untilMs) return this.#await(room, clock, untilMs)
      this.#sessions.clear()
      this.#room = undefined
      room.pay()
    })
  }

  #isOver(): boolean {
    for (const session of this.#sessions) if (!session.isCrowded) this.#sessions.delete(session)
    return this.#sessions.size === 0
  }
}

/** One for all answers that wait at a time. */
class Room implements Debt {
  isPaid = false
  readonly #calls: (() => void)[] = []

  whenPaid(call: () => void): void {
    if (this.isPaid) call()
    else this.#calls.push(call)
  }

  pay(): void {
    this.isPaid = true
    for (const call of this.#calls.splice(0)) call()
  }
}
