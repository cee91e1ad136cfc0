/** What does a message cost that crosses a link, in CPU time of both nodes? 64 B, one publisher, one subscriber. */
import { type Bench, spread } from './bench.ts'
import type { LoadResult } from './load.ts'
import { measureOurs, printHost, profile, totalUs } from './measure.ts'
import { startLinkedPair } from './peers.ts'

export async function benchLink(bench: Bench): Promise<void> {
  const all: LoadResult[] = []
  for (const qos of [0, 1] as const) {
    const cell = `link QoS ${qos} (emqx)`
    if (!bench.isWanted(cell)) continue
    const scenario = { qos, payloadBytes: 64, publishers: 1, subscribers: 1, keptSessions: false }
    const results: LoadResult[] = []
    for (let round = 0; round < bench.rounds; round++)
      results.push(await measureOurs(bench, scenario, () => startLinkedPair()))
    const side = (index: number): string => spread(results.map((result) => result.cpuUsPerMessage[index] ?? Number.NaN))
    bench.print(`${cell}  sender ${side(0)} + receiver ${side(1)} = ${spread(results.map(totalUs))} us/message`)
    all.push(...results)
    if (bench.profile) await profile(bench, cell, scenario, startLinkedPair)
  }
  printHost(bench, all)
}
