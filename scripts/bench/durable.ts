/**
 * What does it cost to keep what was acknowledged? One publisher and one subscriber with kept sessions, our store in a
 * temporary folder, beside the same without kept sessions (nothing is stored then), in the same round; and beside Mosquitto
 * with `persistence true`. The bytes that each hands to the disk per message tell what its acknowledgement is worth: ours is
 * sent when the message is on disk, Mosquitto's when it is in memory. Mosquitto writes it down when it ends and every 30 minutes
 * (`autosave_interval`), so that a crash or a power cut loses what it has acknowledged since.
 */
import { type Bench, median, spread } from './bench.ts'
import { measurePuback } from './latency.ts'
import type { LoadResult } from './load.ts'
import { flawsOf, measure, measureOurs, printHost, profile, totalUs } from './measure.ts'
import { findMosquitto, type Peer, startIsthmus, startMosquitto } from './peers.ts'

/** CPU time per message with kept sessions against that without, at most. */
const BUDGET = 2.5
const CELLS = ([1, 2] as const).flatMap((qos) =>
  [64, 1024].map((payloadBytes) => ({
    name: `durable QoS ${qos}, ${payloadBytes} B, 1 to 1`,
    scenario: { qos, payloadBytes, publishers: 1, subscribers: 1 },
  })),
)
type Cell = (typeof CELLS)[number]
type Results = { readonly inMemory: LoadResult[]; readonly durable: LoadResult[]; readonly mosquitto: LoadResult[] }

export async function benchDurable(bench: Bench): Promise<void> {
  const mosquitto = findMosquitto()
  bench.print(
    'durable: CPU us per delivered message, ours in memory | ours durable | ratio, budget | Mosquitto, persistent',
  )
  const all: LoadResult[] = []
  for (const cell of CELLS.filter(({ name }) => bench.isWanted(name))) {
    const kept = { ...cell.scenario, keptSessions: true }
    const results: Results = { inMemory: [], durable: [], mosquitto: [] }
    for (let round = 0; round < bench.rounds; round++) {
      results.inMemory.push(await measureOurs(bench, { ...kept, keptSessions: false }, () => startIsthmus()))
      results.durable.push(await measureOurs(bench, kept, () => startIsthmus()))
      if (mosquitto !== undefined)
        results.mosquitto.push(await measure(bench, kept, () => startMosquitto(mosquitto.path, true)))
    }
    report(bench, cell, results)
    all.push(...Object.values(results).flat())
    if (bench.profile) await profile(bench, cell.name, kept, (nodeOptions) => startIsthmus(nodeOptions))
  }
  printHost(bench, all)
  await reportPuback(bench, mosquitto?.path)
}

function report(bench: Bench, { name }: Cell, { inMemory, durable, mosquitto }: Results): void {
  const ratios = durable.map((result, round) => totalUs(result) / totalUs(inMemory[round]!))
  const figures = [spread(inMemory.map(totalUs)), spread(durable.map(totalUs)), `${spread(ratios)}, budget ${BUDGET}`]
  if (mosquitto.length > 0) figures.push(spread(mosquitto.map(totalUs)))
  if (median(ratios) > BUDGET) bench.miss(`${name}: ${median(ratios).toFixed(3)} > ${BUDGET}`)
  bench.print(`${name}  ${figures.join(' | ')}`)
  const written = [inMemory, durable, mosquitto].filter((results) => results.length > 0).map(bytesPerMessage)
  bench.print(`  bytes to the disk per message: ${written.join(' | ')}`)
  for (const result of mosquitto.filter((result) => flawsOf(result) !== ''))
    bench.print(`  a round of Mosquitto's: ${flawsOf(result)}, of ${result.delivered + result.lost}`)
}

function bytesPerMessage(results: readonly LoadResult[]): string {
  return median(results.map((result) => result.diskBytesPerMessage)).toFixed(0)
}

async function reportPuback(bench: Bench, mosquitto: string | undefined): Promise<void> {
  if (!bench.isWanted('durable PUBACK')) return
  for (const { who, keptSessions, start } of [
    { who: 'ours, in memory', keptSessions: false, start: () => startIsthmus() },
    { who: 'ours, durable', keptSessions: true, start: () => startIsthmus() },
    ...(mosquitto === undefined
      ? []
      : [{ who: 'Mosquitto, persistent', keptSessions: true, start: () => startMosquitto(mosquitto, true) }]),
  ])
    bench.print(`durable PUBACK, 200 messages a second: ${who} ${await puback(bench, keptSessions, start)}`)
}

async function puback(bench: Bench, keptSessions: boolean, start: () => Promise<Peer>): Promise<string> {
  const peer = await start()
  try {
    await measurePuback(peer, keptSessions, bench.warmupMs)
    const { count, p50Ms, p99Ms } = await measurePuback(peer, keptSessions, bench.rounds * bench.durationMs)
    return `p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms of ${count}`
  } finally {
    await peer.stop()
  }
}
