/** One figure of a broker: a fresh process, a load, and no lost or doubled message of ours. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Bench, median, spread } from './bench.ts'
import { type LoadOptions, type LoadResult, runLoad } from './load.ts'
import type { Peer } from './peers.ts'
import { readProfiles } from './profile.ts'

/** What is sent by whom; how long and over how many topics is the same for all and stands in `Bench`. */
export type Scenario = Pick<LoadOptions, 'qos' | 'payloadBytes' | 'publishers' | 'subscribers' | 'keptSessions'>

/** Messages on their way at most, of all publishers together. */
const WINDOW = 500

export async function measure(bench: Bench, scenario: Scenario, start: () => Promise<Peer>): Promise<LoadResult> {
  const peer = await start()
  try {
    return await runLoad({ ...peer, ...bench, ...scenario, window: WINDOW })
  } finally {
    await peer.stop()
  }
}

/** A lost, doubled or never acknowledged message makes a figure of ours worthless, so it ends the run. */
export async function measureOurs(bench: Bench, scenario: Scenario, start: () => Promise<Peer>): Promise<LoadResult> {
  const result = await measure(bench, scenario, start)
  const flaws = flawsOf(result)
  if (result.delivered === 0 || flaws !== '') throw new Error(`QoS ${scenario.qos}: ${flaws} of ${result.delivered}`)
  return result
}

/** Empty if each message came once and was acknowledged. */
export function flawsOf({ lost, duplicated, unacknowledged, unexpected }: LoadResult): string {
  return Object.entries({ lost, duplicated, unacknowledged, 'acknowledged without cause': unexpected })
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${count} ${what}`)
    .join(', ')
}

/** Of all processes of a peer, per delivered message, microseconds. */
export function totalUs({ cpuUsPerMessage }: LoadResult): number {
  return cpuUsPerMessage.reduce((sum, us) => sum + us, 0)
}

/** Measures once more with V8's profiler on and prints where each process spends its time. That run's figures don't count. */
export async function profile(
  bench: Bench,
  cell: string,
  scenario: Scenario,
  start: (nodeOptions: readonly string[]) => Promise<Peer>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-profile-'))
  try {
    let pids: readonly number[] = []
    let startedUs = 0
    await measure(bench, scenario, async () => {
      const peer = await start(['--cpu-prof', `--cpu-prof-dir=${directory}`])
      pids = peer.pids
      startedUs = Number(process.hrtime.bigint() / 1000n)
      return peer
    })
    for (const { pid, hottest } of readProfiles(directory, startedUs)) {
      const who = pids.length === 1 ? 'node' : pid === pids[0] ? 'sender' : 'receiver'
      bench.print(`${cell}, profile of the ${who}: self time while not idle`)
      for (const { where, share } of hottest) bench.print(`  ${(share * 100).toFixed(1).padStart(5)} %  ${where}`)
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** How far the machine was busy with something else: figures of a round in which it was are to be read with care. */
export function printHost(bench: Bench, results: readonly LoadResult[]): void {
  const others = results.map((result) => result.othersCores)
  const generator = results.map((result) => result.generatorUsPerMessage)
  bench.print(
    `  busy with others meanwhile: ${spread(others, 2)} cores; load generator ${median(generator).toFixed(3)} us/message`,
  )
}
