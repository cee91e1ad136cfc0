/**
 * How long is a message on its way over a link, and what does it cost when there are few? Open loop, 64 B, 1,000 topics,
 * after a warm-up of 20,000 a second. A thread paces it in steps of half a millisecond at most.
 */
import type { Bench } from '../bench.ts'
import { LATENCY, type LatencyCell } from './cells.ts'
import type { Field } from './contestants.ts'
import type { Figure } from './figures.ts'
import { type OpenLoopResult, runOpenLoop } from './open-loop.ts'
import { budgetOf, inTurn, seriesOf } from './rounds.ts'

const PAYLOAD_BYTES = 64

export async function benchLatency(bench: Bench, field: Field, take: (figure: Figure) => void): Promise<void> {
  for (const cell of LATENCY.filter((cell) => bench.isWanted(nameOf(cell)))) {
    const { qos, perSecond } = cell
    const rounds = await inTurn(bench, field, cell.beside, async (contestant) => {
      const peer = await contestant.start({ qos, isLatency: true })
      try {
        const result = await runOpenLoop({ ...bench, ...peer, qos, perSecond, payloadBytes: PAYLOAD_BYTES })
        return { result, flaws: flawsOf(result) }
      } finally {
        await peer.stop()
      }
    })
    const figure = (words: string, unit: string, read: (result: OpenLoopResult) => number): Figure => ({
      cell: `${nameOf(cell)}, ${words}`,
      unit,
      series: rounds.map((one) => seriesOf(one, read)),
    })
    const budget = budgetOf(field, cell.budget)
    take({ ...figure('p50', 'ms on the way', ({ p50Ms }) => p50Ms), budget })
    take({ ...figure('p99', 'ms on the way', ({ p99Ms }) => p99Ms), budget })
    const cost = figure('CPU', 'CPU us per message, open loop', ({ cpuUsPerMessage }) => cpuUsPerMessage)
    take(cell.cpuBudget === undefined ? cost : { ...cost, budget: budgetOf(field, cell.cpuBudget) })
  }
}

function nameOf({ qos, perSecond }: LatencyCell): string {
  return `QoS ${qos}, ${perSecond.toLocaleString('en')} a second`
}

function flawsOf({ lost, duplicated, count }: OpenLoopResult): string {
  return lost + duplicated === 0 ? '' : `${lost} lost, ${duplicated} doubled of ${count}`
}
