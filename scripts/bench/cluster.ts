/**
 * What does a message cost that is published on one node of a cluster and delivered on another, in CPU time of both nodes
 * and of the NATS between them? 64 B, one publisher, one subscriber; beside it two `nats-server` with MQTT that form a cluster.
 * Then how long such a message is on its way, at 2,000 a second.
 */
import { type Bench, spread } from './bench.ts'
import { type DeliveryLatency, measureDelivery } from './delivery.ts'
import type { LoadResult } from './load.ts'
import { flawsOf, measure, measureOurs, printHost, profile, totalUs } from './measure.ts'
import { startIsthmusCluster, startNatsMqttCluster } from './peers.ts'

const PER_SECOND = 2_000

export async function benchCluster(bench: Bench): Promise<void> {
  const all: LoadResult[] = []
  for (const qos of [0, 1] as const) {
    const cell = `cluster QoS ${qos}`
    if (!bench.isWanted(cell)) continue
    const scenario = { qos, payloadBytes: 64, publishers: 1, subscribers: 1, keptSessions: false }
    const ours: LoadResult[] = []
    const theirs: LoadResult[] = []
    for (let round = 0; round < bench.rounds; round++) {
      ours.push(await measureOurs(bench, scenario, () => startIsthmusCluster()))
      theirs.push(await measure(bench, scenario, startNatsMqttCluster))
    }
    const part = (index: number): string => spread(ours.map((result) => result.cpuUsPerMessage[index] ?? Number.NaN))
    const ratios = ours.map((result, round) => totalUs(result) / totalUs(theirs[round]!))
    const flaws = theirs.map(flawsOf).find((words) => words !== '')
    bench.print(
      `${cell}  publisher's node ${part(0)} + subscriber's node ${part(1)} + NATS ${part(2)} = ${spread(ours.map(totalUs))} us/message; ` +
        `two nats-server with MQTT ${spread(theirs.map(totalUs))}; ratio ${spread(ratios)}` +
        (flaws === undefined ? '' : ` (theirs: ${flaws})`),
    )
    all.push(...ours, ...theirs)
    if (bench.profile) await profile(bench, cell, scenario, startIsthmusCluster)
  }
  for (const qos of [0, 1] as const) await benchLatency(bench, qos)
  if (all.length > 0) printHost(bench, all)
}

async function benchLatency(bench: Bench, qos: 0 | 1): Promise<void> {
  const cell = `cluster latency QoS ${qos}`
  if (!bench.isWanted(cell)) return
  for (const [who, start] of [
    ['ours', () => startIsthmusCluster()],
    ['nats-server', startNatsMqttCluster],
  ] as const) {
    const rounds: DeliveryLatency[] = []
    for (let round = 0; round < bench.rounds; round++) {
      const peer = await start()
      try {
        rounds.push(await measureDelivery(peer, qos, PER_SECOND, bench.durationMs))
      } catch (error) {
        // What a peer loses is told; a loss of ours ends the run.
        if (who === 'ours') throw error
        bench.print(`${cell}, ${who}: ${error instanceof Error ? error.message : String(error)}`)
      } finally {
        await peer.stop()
      }
    }
    if (rounds.length === 0) continue
    const [p50, p99] = [rounds.map(({ p50Ms }) => p50Ms), rounds.map(({ p99Ms }) => p99Ms)]
    bench.print(`${cell}, ${PER_SECOND}/s, ${who}: p50 ${spread(p50, 2)} ms, p99 ${spread(p99, 2)} ms`)
  }
}
