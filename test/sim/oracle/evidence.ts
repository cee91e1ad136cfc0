/** All that the judges of the end look at. */
import type { Arrival, History, PublishedMessage, SessionRecord } from '../clients/history.ts'
import type { Accounts } from './accounts.ts'
import type { Chronicle } from './chronicle.ts'
import type { Coverage } from './coverage.ts'
import type { NodeFacts } from './node-facts.ts'

export type Evidence = {
  readonly history: History
  readonly chronicle: Chronicle
  readonly accounts: Accounts
  readonly coverage: Coverage
  readonly nowMs: number
  /** Of the nodes that run, at the end. */
  readonly facts: readonly NodeFacts[]
  readonly index: HistoryIndex
}

/** Arrivals by message and session, found quickly. */
export class HistoryIndex {
  readonly #arrivals: History['arrivals']
  /** How many of them are in it. */
  #taken = 0
  /** By message number, then by session number. What was told because it is retained is left out. */
  readonly #live = new Map<number, Map<number, Arrival[]>>()
  readonly #bySession = new Map<number, Arrival[]>()

  constructor({ arrivals }: History) {
    this.#arrivals = arrivals
    this.catchUp()
  }

  /** Takes in what has come since. */
  catchUp(): void {
    for (; this.#taken < this.#arrivals.length; this.#taken += 1) {
      const arrival = this.#arrivals[this.#taken]!
      if (arrival.isRetained) continue
      let sessions = this.#live.get(arrival.number)
      if (sessions === undefined) this.#live.set(arrival.number, (sessions = new Map()))
      push(sessions, arrival.session.number, arrival)
      push(this.#bySession, arrival.session.number, arrival)
    }
  }

  of(message: PublishedMessage, session: SessionRecord): readonly Arrival[] {
    return this.#live.get(message.number)?.get(session.number) ?? []
  }

  /** At all sessions, by their number. */
  ofMessage(message: PublishedMessage): ReadonlyMap<number, readonly Arrival[]> {
    return this.#live.get(message.number) ?? new Map<number, Arrival[]>()
  }

  /** In the order in which they came. */
  ofSession(session: SessionRecord): readonly Arrival[] {
    return this.#bySession.get(session.number) ?? []
  }
}

function push(map: Map<number, Arrival[]>, key: number, arrival: Arrival): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [arrival])
  else list.push(arrival)
}

/** At most as many times as may be, how often may a message have been taken in by the broker of its publisher? */
export function takesOf({ qos, sends }: PublishedMessage): number {
  return qos === 2 ? sends.filter(({ isRepeat }) => !isRepeat).length : sends.length
}
