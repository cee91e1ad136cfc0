/**
 * Judges a run: a little after every step, the whole at its end. It sees what clients saw, what nodes say of themselves, and what was
 * done to them. `allowances.ts` is the table of what is allowed.
 */
import type { History } from '../clients/history.ts'
import { Accounts } from './accounts.ts'
import type { Act } from './acts.ts'
import { bounded, windowsKept } from './bounded.ts'
import { Chronicle } from './chronicle.ts'
import { closed } from './closed.ts'
import { convergence, unsettled } from './convergence.ts'
import { Coverage } from './coverage.ts'
import { type Evidence, HistoryIndex } from './evidence.ts'
import { exactlyOnce } from './exactly-once.ts'
import { ledgerBalances } from './ledger-balances.ts'
import { noGap } from './no-gap.ts'
import { LoopWatch, noLoop } from './no-loop.ts'
import type { NodeFacts, NodePort } from './node-facts.ts'
import { nothingLost, sharedLost } from './nothing-lost.ts'
import { oneConnection, oneSpeaker } from './one-speaker.ts'
import { order } from './order.ts'
import type { Violation } from './violation.ts'

export type OraclePorts = {
  readonly history: History
  readonly nodes: readonly NodePort[]
  /** All that clients publish to. */
  readonly topics: readonly string[]
}

export class Oracle {
  readonly chronicle = new Chronicle()
  readonly #ports: OraclePorts
  readonly #accounts = new Accounts()
  readonly #coverage: Coverage
  /** By node: the last look at its process. */
  readonly #before = new Map<string, NodeFacts>()
  readonly #slotsSince = new Map<string, number>()
  readonly #index: HistoryIndex
  readonly #loops: LoopWatch

  constructor(ports: OraclePorts) {
    const { history } = ports
    this.#ports = ports
    this.#index = new HistoryIndex(history)
    this.#loops = new LoopWatch({ history, chronicle: this.chronicle, index: this.#index })
    this.#coverage = new Coverage(ports.topics)
  }

  /** To be told of everything that is done, when it is done. */
  acted(act: Act): void {
    this.chronicle.add(act)
  }

  /** Whether a message goes round, which is to be asked after each event: `step` tells of it. */
  hasLoop(): boolean {
    return this.#loops.look()
  }

  /** After every step, and best also just before a node is ended: what was not looked at can't be held against anything. */
  step(nowMs: number): Violation[] {
    const found: Violation[] = []
    const all: NodeFacts[] = []
    for (const port of this.#ports.nodes) {
      const told = port.facts()
      const life = this.chronicle.lifeAt(port.node, nowMs)
      if (told === undefined || life === undefined) continue
      const facts = { ...told, life }
      all.push(facts)
      const last = this.#before.get(facts.node)
      const before = last?.life === facts.life ? last : undefined
      found.push(...ledgerBalances(nowMs, facts, before, this.chronicle), ...bounded(nowMs, facts, this.chronicle))
      this.#before.set(facts.node, facts)
      this.#accounts.sample(nowMs, facts)
      this.#coverage.sample(nowMs, facts)
    }
    found.push(...oneSpeaker(nowMs, all, this.#slotsSince))
    if (this.#loops.look() && this.#loops.found !== undefined) found.push(this.#loops.found)
    return found
  }

  /** Whether everything is as it is to be in the end. */
  isSettled(nowMs: number): boolean {
    return unsettled(this.#evidence(nowMs), this.#ports.topics).length === 0
  }

  /** When all is over: best a while after convergence, with messages published meanwhile. */
  end(nowMs: number): Violation[] {
    const { topics } = this.#ports
    const found = this.step(nowMs)
    const evidence = this.#evidence(nowMs)
    return [
      ...found,
      ...noLoop(evidence),
      ...nothingLost(evidence),
      ...sharedLost(evidence),
      ...exactlyOnce(evidence),
      ...order(evidence),
      ...convergence(evidence, topics),
      ...noGap(evidence),
      ...oneConnection(evidence),
      ...closed(evidence),
      ...windowsKept(evidence),
    ]
  }

  #evidence(nowMs: number): Evidence {
    const { history, nodes } = this.#ports
    this.#index.catchUp()
    return {
      history,
      chronicle: this.chronicle,
      accounts: this.#accounts,
      coverage: this.#coverage,
      nowMs,
      facts: nodes.flatMap((port) => {
        const [told, life] = [port.facts(), this.chronicle.lifeAt(port.node, nowMs)]
        return told === undefined || life === undefined ? [] : [{ ...told, life }]
      }),
      index: this.#index,
    }
  }
}
