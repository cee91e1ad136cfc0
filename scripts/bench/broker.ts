/**
 * What does a message cost our broker in CPU time, beside Mosquitto? Every QoS, two payloads, three shapes; each client's
 * right to publish and to subscribe is looked up in about 20 rules, of which the one that allows it stands near the end.
 * A round measures ours, then theirs, each a fresh process, so that a noisy neighbour hits both; the ratio is the figure.
 */
import { type Bench, median, spread } from './bench.ts'
import type { LoadResult } from './load.ts'
import { flawsOf, measure, measureOurs, printHost, profile, type Scenario, totalUs } from './measure.ts'
import type { QoS } from './mqtt-bytes.ts'
import { findMosquitto, startIsthmus, startMosquitto } from './peers.ts'

/** CPU time per delivered message against Mosquitto's in the same round, at most, at each QoS. */
const SHAPES = [
  { shape: '1 to 1', publishers: 1, subscribers: 1, budgets: [0.25, 0.5, 0.5] },
  { shape: '50 to 1', publishers: 50, subscribers: 1, budgets: [0.5, 0.5, 0.5] },
  { shape: '1 to 50', publishers: 1, subscribers: 50, budgets: [0.5, 0.5, 0.5] },
] as const
const QOSES: readonly QoS[] = [0, 1, 2]
const PAYLOADS = [64, 1024]

type Cell = { readonly name: string; readonly scenario: Scenario; readonly budget: number }

const CELLS: readonly Cell[] = SHAPES.flatMap(({ shape, publishers, subscribers, budgets }) =>
  QOSES.flatMap((qos) =>
    PAYLOADS.map((payloadBytes) => ({
      name: `QoS ${qos}, ${payloadBytes} B, ${shape}`,
      scenario: { qos, payloadBytes, publishers, subscribers, keptSessions: false },
      budget: budgets[qos],
    })),
  ),
)

export async function benchBroker(bench: Bench): Promise<void> {
  const mosquitto = findMosquitto()
  if (mosquitto === undefined)
    bench.print('broker: mosquitto is not installed: our figures stand alone, and no budget can be checked')
  else bench.print(`broker: CPU us per delivered message, ours | Mosquitto ${mosquitto.version} | ratio, budget`)
  const all: LoadResult[] = []
  for (const cell of CELLS.filter(({ name }) => bench.isWanted(name))) {
    const ours: LoadResult[] = []
    const theirs: LoadResult[] = []
    for (let round = 0; round < bench.rounds; round++) {
      ours.push(await measureOurs(bench, cell.scenario, () => startIsthmus()))
      if (mosquitto !== undefined)
        theirs.push(await measure(bench, cell.scenario, () => startMosquitto(mosquitto.path, false)))
    }
    report(bench, cell, ours, theirs)
    all.push(...ours, ...theirs)
    if (bench.profile) await profile(bench, cell.name, cell.scenario, (nodeOptions) => startIsthmus(nodeOptions))
  }
  printHost(bench, all)
}

function report(
  bench: Bench,
  { name, budget }: Cell,
  ours: readonly LoadResult[],
  theirs: readonly LoadResult[],
): void {
  const figures = [`${name.padEnd(23)} ${spread(ours.map(totalUs))}`]
  if (theirs.length > 0) {
    const ratios = ours.map((result, round) => totalUs(result) / totalUs(theirs[round]!))
    figures.push(spread(theirs.map(totalUs)), `${spread(ratios)}, budget ${budget}`)
    if (median(ratios) > budget) bench.miss(`broker ${name}: ${median(ratios).toFixed(3)} > ${budget}`)
  }
  bench.print(figures.join(' | '))
  for (const result of theirs.filter((result) => flawsOf(result) !== ''))
    bench.print(`  a round of Mosquitto's: ${flawsOf(result)}, of ${result.delivered + result.lost}`)
}
