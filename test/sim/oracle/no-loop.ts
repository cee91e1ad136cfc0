/**
 * 1. No loop. In its own cluster a message comes once to each subscriber: a second copy has been somewhere else. And it comes to no
 * cluster that has no link to its own: there it could come only over a third one.
 */
import type { Arrival, History } from '../clients/history.ts'
import type { Chronicle } from './chronicle.ts'
import { type TooMany, tooMany, tooManyOf, tooManyWords } from './copies.ts'
import type { Evidence, HistoryIndex } from './evidence.ts'
import type { Violation } from './violation.ts'

/** Whatever died meanwhile, it did not die so often: with so many copies too many a message goes round. */
const ROUNDS = 20

export function noLoop(evidence: Evidence): Violation[] {
  const { history, chronicle } = evidence
  const home = [...tooMany(evidence)].flatMap((one) => cameBack(chronicle, one) ?? [])
  const third = new Map<string, Violation>()
  for (const arrival of history.arrivals) {
    const found = cameOverThird(history, chronicle, arrival)
    if (found !== undefined && !third.has(found.subject)) third.set(found.subject, found)
  }
  return [...home.slice(0, 3), ...third.values()]
}

/** Looks at each arrival when it is new: a loop would be a storm long before the end. */
export class LoopWatch {
  /** The first that was found. */
  found: Violation | undefined
  readonly #history: History
  readonly #chronicle: Chronicle
  readonly #index: HistoryIndex
  /** How many arrivals it has seen. */
  #looked = 0

  constructor({ history, chronicle, index }: Pick<Evidence, 'history' | 'chronicle' | 'index'>) {
    this.#history = history
    this.#chronicle = chronicle
    this.#index = index
  }

  /** Whether a message went round. To be asked as often as one likes: it costs nothing unless something has come. */
  look(): boolean {
    const { arrivals } = this.#history
    this.#index.catchUp()
    for (; this.#looked < arrivals.length && this.found === undefined; this.#looked += 1)
      this.found = this.#judge(arrivals[this.#looked]!)
    return this.found !== undefined
  }

  #judge(arrival: Arrival): Violation | undefined {
    const message = this.#history.messages[arrival.number]
    if (message === undefined) return undefined
    const { session } = arrival
    if (message.publisher.cluster !== session.client.cluster)
      return cameOverThird(this.#history, this.#chronicle, arrival)
    const one = tooManyOf(message, session, this.#index.of(message, session))
    return one === undefined ? undefined : cameBack(this.#chronicle, one)
  }
}

function cameBack(chronicle: Chronicle, one: TooMany): Violation | undefined {
  const { message, session, arrivals, extra } = one
  const { cluster } = session.client
  if (message.publisher.cluster !== cluster) return undefined
  const sentMs = message.sends[0]?.atMs ?? 0
  const lastMs = arrivals.at(-1)?.atMs ?? 0
  // A process that died had what it was doing in memory: of its cluster's own messages some may come again.
  if (extra < ROUNDS && message.qos > 0 && chronicle.wasDisturbedWithin(cluster, sentMs, lastMs)) return undefined
  return { invariant: 'no_loop', atMs: lastMs, subject: `home copies in ${cluster}`, words: tooManyWords(one) }
}

function cameOverThird(history: History, chronicle: Chronicle, arrival: Arrival): Violation | undefined {
  const { number, session, atMs, node } = arrival
  const message = history.messages[number]
  const to = session.client.cluster
  const from = message?.publisher.cluster ?? to
  if (from === to || message === undefined || chronicle.wereLinked(from, to, atMs)) return undefined
  const subject = `${from} to ${to} without a link`
  const words = `#${number} of ${message.publisher.clientId} came to ${session.client.clientId} at ${node}: ${from} and ${to} have no link to each other`
  return { invariant: 'no_loop', atMs, subject, words }
}
