/** What a run of one plan was like, in numbers. */
import { createHash } from 'node:crypto'
import type { Violation } from '../oracle/violation.ts'
import type { Plan } from '../plan/plan.ts'
import { nodePort } from '../world/facts-of-node.ts'
import type { Outcome } from './run-plan.ts'

export type Summary = {
  readonly seed: number
  readonly violation: Violation | null
  readonly nodes: number
  readonly events: number
  /** Of all that clients were told, and when: the same for the same seed. */
  readonly digest: string
  readonly virtualMs: number
  /** Of the processor, in this process. */
  readonly cpuMs: number
  readonly healedMs: number | null
  /** Steps of the plan, by what they do. */
  readonly faults: Readonly<Record<string, number>>
  readonly messages: {
    readonly in: number
    readonly delivered: number
    readonly expired: number
    readonly dropped: Readonly<Record<string, number>>
    readonly doubled: number
  }
}

export function summaryOf(plan: Plan, outcome: Outcome, cpuMs: number): Summary {
  const { violation, healedMs, world } = outcome
  return {
    seed: plan.seed,
    violation: violation ?? null,
    nodes: world.nodes.length,
    events: world.time.events,
    digest: digestOf(outcome),
    virtualMs: Math.round(world.time.nowMs),
    cpuMs: Math.round(cpuMs),
    healedMs: healedMs === undefined ? null : Math.round(healedMs),
    faults: tally(plan.steps.map(({ deed }) => ('how' in deed ? `${deed.type}_${deed.how}` : deed.type))),
    messages: messagesOf(outcome),
  }
}

function digestOf({ history, world }: Outcome): string {
  const hash = createHash('sha256')
  for (const { number, session, atMs, connection } of history.arrivals)
    hash.update(`${number} ${session.number} ${connection} ${atMs}\n`)
  for (const { number, acknowledgedMs } of history.messages) hash.update(`${number} ${acknowledgedMs}\n`)
  for (const { log, lives } of world.nodes) hash.update(`${lives} ${[...log.counts].join(' ')}\n`)
  return hash.digest('hex').slice(0, 16)
}

function messagesOf({ history, world }: Outcome): Summary['messages'] {
  const handedOver = new Set<string>()
  let doubled = 0
  for (const { session, number, isRetained } of history.arrivals) {
    if (isRetained) continue
    const key = `${session.number} ${number}`
    if (handedOver.has(key)) doubled += 1
    handedOver.add(key)
  }
  const dropped: Record<string, number> = {}
  let expired = 0
  for (const [cluster, { nodes }] of world.clusters) {
    for (const { ledger } of nodes.flatMap((node) => nodePort(cluster, node).facts()?.links ?? [])) {
      for (const [reason, count] of Object.entries(ledger?.dropped ?? {})) {
        if (reason === 'expired') expired += count
        else if (count > 0) dropped[reason] = (dropped[reason] ?? 0) + count
      }
    }
  }
  const taken = history.messages.filter(({ qos, sends, acknowledgedMs }) =>
    qos === 0 ? sends.length > 0 : acknowledgedMs !== undefined,
  )
  return { in: taken.length, delivered: handedOver.size, expired, dropped, doubled }
}

export function tally(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1
  return counts
}
