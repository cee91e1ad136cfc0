/** What does a message cost that crosses a link, in CPU time of all its processes? Closed loop, 1,000 topics, one subscriber. */
import type { Bench } from '../bench.ts'
import { flawsOf, measure, profile, totalUs } from '../measure.ts'
import { THROUGHPUT, type ThroughputCell } from './cells.ts'
import type { Field } from './contestants.ts'
import type { Figure } from './figures.ts'
import { budgetOf, inTurn, seriesOf } from './rounds.ts'

export async function benchThroughput(bench: Bench, field: Field, take: (figure: Figure) => void): Promise<void> {
  for (const cell of THROUGHPUT.filter((cell) => bench.isWanted(nameOf(cell)))) {
    const scenario = { ...cell, subscribers: 1, keptSessions: false }
    const rounds = await inTurn(bench, field, cell.beside, async (contestant) => {
      const result = await measure(bench, scenario, () => contestant.start(cell))
      return { result, flaws: flawsOf(result) }
    })
    take({
      cell: nameOf(cell),
      unit: 'CPU us per message',
      series: rounds.map((one) => seriesOf(one, totalUs)),
      budget: budgetOf(field, cell.budget),
    })
    const { ours } = field.contestants
    if (bench.profile && ours !== undefined)
      await profile(bench, nameOf(cell), scenario, (nodeOptions) => ours.start(cell, nodeOptions))
  }
}

function nameOf({ qos, payloadBytes, publishers, isDurable = false }: ThroughputCell): string {
  const size = payloadBytes < 1024 ? `${payloadBytes} B` : `${payloadBytes / 1024} KiB`
  const who = `${publishers} publisher${publishers > 1 ? 's' : ''}`
  return `QoS ${qos}, ${size}, ${who}${isDurable ? ', durable' : ''}`
}
