/**
 * What nodes said of themselves, sample by sample: counters that begin anew with each process, or when somebody resets them, are added up
 * over all of that, so that they can be held against what clients saw.
 */
import { total } from '../../../src/lanes/ledger.ts'
import type { LinkFacts, NodeFacts } from './node-facts.ts'

/** Of one process of a node, and one of its links. */
export type LinkAccount = {
  readonly node: string
  readonly life: number
  readonly peer: string
  /** By reason: `dropped` and `failed` of the ledger; since the process began, resets included. */
  readonly lost: Map<string, number>
  readonly retried: Running
  readonly delivered: Running
  /** Of what came from the peer. */
  readonly inbound: Readonly<Record<'accepted' | 'duplicate' | 'maybe_duplicate' | 'refused', Running>>
  /** In the outbox at the last sample. */
  pending: number
  /** The last sample at which nothing waited and nothing was on its way, of this process or one before it; 0 for none. */
  idleMs: number
  sampledMs: number
  /** Whether EMQX's dialect was spoken, one way or the other, at some sample. */
  spokeEmqx: boolean
}

/** Of one process of a node. */
export type NodeAccount = {
  readonly node: string
  readonly life: number
  readonly cluster: string
  readonly losses: Map<string, Running>
  /** Given up on the way to other members, and what waited for them at the last sample. */
  readonly laneDropped: Running
  laneWaiting: number
  /** The most that ever waited at a sample. */
  laneWaitingMax: number
  sampledMs: number
}

/** A counter that may begin anew. */
export class Running {
  #base = 0
  #last = 0

  take(value: number): void {
    if (value < this.#last) this.#base += this.#last
    this.#last = value
  }

  get sum(): number {
    return this.#base + this.#last
  }
}

export class Accounts {
  readonly links: LinkAccount[] = []
  readonly nodes: NodeAccount[] = []
  readonly #links = new Map<string, LinkAccount>()
  readonly #lost = new Map<LinkAccount, Map<string, Running>>()
  readonly #nodes = new Map<string, NodeAccount>()

  sample(nowMs: number, facts: NodeFacts): void {
    const account = this.#node(facts)
    account.sampledMs = nowMs
    for (const [reason, count] of Object.entries(facts.losses)) running(account.losses, reason).take(count)
    account.laneDropped.take(facts.lanes.reduce((sum, lane) => sum + total(lane.dropped), 0))
    account.laneWaiting = facts.lanes.reduce((sum, lane) => sum + lane.waitingMessages, 0)
    account.laneWaitingMax = Math.max(account.laneWaitingMax, account.laneWaiting)
    for (const link of facts.links) this.#sampleLink(nowMs, facts, link)
  }

  link(node: string, life: number, peer: string): LinkAccount | undefined {
    return this.#links.get(`${node}/${life}/${peer}`)
  }

  #sampleLink(nowMs: number, { node, life }: NodeFacts, facts: LinkFacts): void {
    const account = this.#link(node, life, facts.name)
    const { ledger, inbound } = facts
    account.sampledMs = nowMs
    account.spokeEmqx ||= facts.dialect === 'emqx' || facts.peerDialect === 'emqx'
    if (ledger !== undefined) {
      account.pending = ledger.queued + ledger.inflight
      if (account.pending === 0) account.idleMs = nowMs
      account.retried.take(ledger.retried)
      account.delivered.take(ledger.delivered)
      const sums = this.#lost.get(account)
      for (const [reason, count = 0] of [...Object.entries(ledger.dropped), ...Object.entries(ledger.failed)]) {
        const sum = running(sums ?? new Map<string, Running>(), reason)
        sum.take(count)
        account.lost.set(reason, sum.sum)
      }
    }
    if (inbound === undefined) return
    account.inbound.accepted.take(inbound.accepted)
    account.inbound.duplicate.take(inbound.duplicate)
    account.inbound.maybe_duplicate.take(inbound.maybe_duplicate)
    account.inbound.refused.take(inbound.not_in_topics + inbound.link_disabled + inbound.malformed)
  }

  #link(node: string, life: number, peer: string): LinkAccount {
    const key = `${node}/${life}/${peer}`
    let account = this.#links.get(key)
    if (account !== undefined) return account
    account = {
      node,
      life,
      peer,
      lost: new Map(),
      retried: new Running(),
      delivered: new Running(),
      inbound: {
        accepted: new Running(),
        duplicate: new Running(),
        maybe_duplicate: new Running(),
        refused: new Running(),
      },
      pending: 0,
      idleMs: this.#links.get(`${node}/${life - 1}/${peer}`)?.idleMs ?? 0,
      sampledMs: 0,
      spokeEmqx: false,
    }
    this.#links.set(key, account)
    this.#lost.set(account, new Map())
    this.links.push(account)
    return account
  }

  #node({ node, life, cluster }: NodeFacts): NodeAccount {
    const key = `${node}/${life}`
    let account = this.#nodes.get(key)
    if (account !== undefined) return account
    account = {
      node,
      life,
      cluster,
      losses: new Map(),
      laneDropped: new Running(),
      laneWaiting: 0,
      laneWaitingMax: 0,
      sampledMs: 0,
    }
    this.#nodes.set(key, account)
    this.nodes.push(account)
    return account
  }
}

function running(sums: Map<string, Running>, reason: string): Running {
  let sum = sums.get(reason)
  if (sum === undefined) sums.set(reason, (sum = new Running()))
  return sum
}
