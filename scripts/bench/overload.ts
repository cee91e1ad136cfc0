/**
 * How much longer do others wait while a client is too much? A publisher at QoS 1 sends a message every 5 ms to a subscriber and waits
 * for each PUBACK; the same again on the same broker beside each kind of offender, which is a process of its own. Told are p99 quiet and
 * loaded, their ratio in each round, and what the broker's process then holds. The offender, the broker and the measurement
 * share the machine's cores, so the ratio is an upper bound of what the broker itself adds.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Bench, median, spread } from './bench.ts'
import { measurePuback } from './latency.ts'
import { startIsthmus } from './peers.ts'

/** p99 beside an offender against p99 alone, at most. */
const BUDGET = 2
const KINDS = [
  'deep-topics',
  'half-open',
  'never-acknowledges',
  'many-filters',
  'everything-unread',
  'slow-reader',
  'connect-flood',
] as const

type Round = { readonly quietMs: number; readonly loadedMs: number; readonly residentBytes: number }

export async function benchOverload(bench: Bench): Promise<void> {
  bench.print(`overload: p99 ms to PUBACK, quiet | beside an offender | ratio, budget ${BUDGET} | MiB of the broker`)
  for (const kind of KINDS.filter((kind) => bench.isWanted(`overload ${kind}`))) {
    const rounds: Round[] = []
    for (let round = 0; round < bench.rounds; round++) rounds.push(await measureBeside(kind, bench.durationMs))
    const ratios = rounds.map(({ quietMs, loadedMs }) => loadedMs / quietMs)
    const figures = [
      spread(
        rounds.map(({ quietMs }) => quietMs),
        2,
      ),
      spread(
        rounds.map(({ loadedMs }) => loadedMs),
        2,
      ),
      spread(ratios, 2),
      spread(
        rounds.map(({ residentBytes }) => residentBytes / 2 ** 20),
        0,
      ),
    ]
    bench.print(`overload ${kind}  ${figures.join(' | ')}`)
    if (median(ratios) > BUDGET) bench.miss(`overload ${kind}: ${median(ratios).toFixed(2)} > ${BUDGET}`)
  }
}

async function measureBeside(kind: string, durationMs: number): Promise<Round> {
  const peer = await startIsthmus([], false)
  const script = fileURLToPath(new URL('offender.js', import.meta.url))
  try {
    const quiet = await measurePuback(peer, false, durationMs)
    const offender = fork(script, [kind, String(peer.publishPort)])
    try {
      await once(offender, 'message')
      const loaded = await measurePuback(peer, false, durationMs)
      return { quietMs: quiet.p99Ms, loadedMs: loaded.p99Ms, residentBytes: residentBytes(peer.pids[0]!) }
    } finally {
      offender.kill('SIGKILL')
    }
  } finally {
    await peer.stop()
  }
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024
}
