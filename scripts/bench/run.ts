/**
 * What does a message cost? Our broker beside Mosquitto in the same run, then a link of two nodes, then the topic index.
 *   npm run bench -- [--check] [--profile] [--out FILE] [--only broker|link|topics]
 *     [--rounds 5] [--seconds 3] [--warmup 1] [--topics 1000] [--filters 1000000]
 * Figures are CPU time per delivered message, user and system, all threads, of the processes named: medians over the
 * rounds, lowest and highest in brackets. Rounds alternate, so that a noisy neighbour hits both sides; trust the ratio.
 * `--profile` measures each link once more under V8's profiler and prints where its time goes; that run's figures don't count.
 * 64-byte payloads, one publisher, one subscriber, 500 messages on their way at most. `--check` exits 1 on a missed budget.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import { type LoadResult, runLoad } from './load.ts'
import { readProfiles } from './profile.ts'
import { findMosquitto, type Peer, startIsthmus, startLinkedPair, startMosquitto } from './peers.ts'

const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    out: { type: 'string' },
    only: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    warmup: { type: 'string', default: '1' },
    topics: { type: 'string', default: '1000' },
    filters: { type: 'string', default: '1000000' },
  },
})
const rounds = Number(values.rounds)
const lines: string[] = []
const missed: string[] = []

/** CPU time per message against Mosquitto's in the same round, at most. */
const BUDGET = { 0: 0.2, 1: 0.4 } as const

print(`${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, Node ${process.version}`)
if (wanted('broker')) await benchBroker()
if (wanted('link')) await benchLink()
if (wanted('topics')) await benchTopics()
if (values.out !== undefined) writeFileSync(values.out, `${lines.join('\n')}\n`)
for (const text of missed) process.stderr.write(`budget missed: ${text}\n`)
if (values.check && missed.length > 0) process.exitCode = 1

async function benchBroker(): Promise<void> {
  const mosquitto = findMosquitto()
  if (mosquitto === undefined)
    print('mosquitto is not installed: our figures stand alone, and no budget can be checked')
  for (const qos of [0, 1] as const) {
    const ours: number[] = []
    const theirs: number[] = []
    for (let round = 0; round < rounds; round++) {
      ours.push(total(await measure(startIsthmus, qos)))
      if (mosquitto !== undefined) theirs.push(total(await measure(() => startMosquitto(mosquitto.path), qos)))
    }
    print(`broker QoS ${qos}  isthmus ${spread(ours)} us/message`)
    if (mosquitto === undefined) continue
    const ratios = ours.map((us, round) => us / (theirs[round] ?? Number.NaN))
    print(`broker QoS ${qos}  mosquitto ${mosquitto.version} ${spread(theirs)} us/message`)
    print(`broker QoS ${qos}  ratio ${spread(ratios)}, budget ${BUDGET[qos]}`)
    if (median(ratios) > BUDGET[qos]) missed.push(`broker QoS ${qos}: ${median(ratios).toFixed(3)} > ${BUDGET[qos]}`)
  }
}

async function benchLink(): Promise<void> {
  for (const qos of [0, 1] as const) {
    const results: LoadResult[] = []
    for (let round = 0; round < rounds; round++) results.push(await measure(() => startLinkedPair(), qos))
    const side = (index: number): string => spread(results.map((result) => result.cpuUsPerMessage[index] ?? Number.NaN))
    print(`link QoS ${qos} (emqx)  sender ${side(0)} + receiver ${side(1)} = ${spread(results.map(total))} us/message`)
    if (values.profile) await profileLink(qos)
  }
}

async function profileLink(qos: 0 | 1): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-profile-'))
  try {
    let sender = 0
    await measure(async () => {
      const peer = await startLinkedPair(['--cpu-prof', `--cpu-prof-dir=${directory}`])
      sender = peer.pids[0] ?? 0
      return peer
    }, qos)
    for (const { pid, hottest } of readProfiles(directory)) {
      print(`link QoS ${qos}, profile of the ${pid === sender ? 'sender' : 'receiver'}: self time while not idle`)
      for (const { where, share } of hottest) print(`  ${(share * 100).toFixed(1).padStart(5)} %  ${where}`)
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** The index has a benchmark of its own, which checks its budgets itself. */
async function benchTopics(): Promise<void> {
  const file = fileURLToPath(new URL('topics.js', import.meta.url))
  const child = spawn(process.execPath, [file, '--filters', values.filters, ...(values.check ? ['--check'] : [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  child.stdout.setEncoding('utf8').on('data', (text: string) => print(text.trimEnd()))
  const code = await new Promise((resolve) => child.once('close', resolve))
  if (code !== 0) missed.push(`topics: exit code ${String(code)}`)
}

/** One fresh peer, one measurement. A lost or doubled message makes the figure worthless, so it ends the run. */
async function measure(start: () => Promise<Peer>, qos: 0 | 1): Promise<LoadResult> {
  const peer = await start()
  try {
    const result = await runLoad({
      ...peer,
      qos,
      topicCount: Number(values.topics),
      payloadBytes: 64,
      window: 500,
      warmupMs: Number(values.warmup) * 1000,
      durationMs: Number(values.seconds) * 1000,
    })
    const { delivered, lost, duplicated } = result
    if (delivered === 0 || lost > 0 || duplicated > 0) {
      throw new Error(`${delivered} delivered, ${lost} lost, ${duplicated} doubled at QoS ${qos}`)
    }
    return result
  } finally {
    await peer.stop()
  }
}

function wanted(part: string): boolean {
  return values.only === undefined || values.only === part
}

function total({ cpuUsPerMessage }: LoadResult): number {
  return cpuUsPerMessage.reduce((sum, us) => sum + us, 0)
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN
}

function spread(numbers: readonly number[]): string {
  return `${median(numbers).toFixed(3)} (${Math.min(...numbers).toFixed(3)}-${Math.max(...numbers).toFixed(3)})`
}

function print(text: string): void {
  lines.push(text)
  process.stdout.write(`${text}\n`)
}
