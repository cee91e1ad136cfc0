/**
 * What does a message cost? Our broker beside Mosquitto in the same run, then with what it
 * acknowledges on disk, then a link of two nodes and what crosses it after an outage, a cluster of two beside one of NATS with MQTT, idle connections, clients that are too much, the topic index, shared routes, a node that joins, the debug socket.
 *   npm run bench -- [--check] [--profile] [--out FILE] [--only PART[,PART]] [--cell WORDS]...
 *     [--rounds 3, of the link 5] [--seconds 1.5] [--warmup 0.7, of the link 3] [--topics 1000] [--filters 1000000]
 *     [--connections 10000] [--dialect auto] [--results scripts/bench/results]
 *   npm run bench -- --serve link|mosquitto|nats|aedes [--dialect auto]
 * Figures are CPU time per delivered message, user and system, all threads, of the processes named: medians over the
 * rounds, lowest and highest in brackets. Rounds alternate, so that a noisy neighbour hits both sides; trust the ratio.
 * `--check` exits 1 on a missed budget. `--cell 'QoS 1'` measures only what has these words in its name. `--profile`
 * measures our side once more under V8's profiler and prints where its time goes; that run's figures don't count.
 * The link's figures go into a table and a drawing in `--results`, unless `--cell` asks for some of them only. `--serve` starts a linked
 * pair and prints its ports and processes, for another load generator.
 */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import type { Bench, Part } from './bench.ts'
import { benchBroker } from './broker.ts'
import { benchCluster } from './cluster.ts'
import { benchIdle } from './idle.ts'
import { benchInspect } from './inspect.ts'
import { benchDurable } from './durable.ts'
import { benchJoin } from './join.ts'
import { benchDrain } from './link/drain.ts'
import { benchLink } from './link/link.ts'
import { benchRoutes } from './link/routes.ts'
import { serve } from './link/serve.ts'
import { benchOverload } from './overload.ts'

/** In this order. */
const PARTS: Readonly<Record<string, Part>> = {
  broker: benchBroker,
  durable: benchDurable,
  link: benchLink,
  drain: benchDrain,
  routes: benchRoutes,
  cluster: benchCluster,
  idle: benchIdle,
  overload: benchOverload,
  topics: benchTopics,
  shared: benchShared,
  join: benchJoin,
  inspect: benchInspect,
}

/** Of those whose figures are published. The others have 3. */
const ROUNDS: Readonly<Record<string, number>> = { link: 5 }
/** Seconds for what is compiled while it runs, where there is more of it than a broker. Elsewhere it is 0.7. */
const WARMUP: Readonly<Record<string, number>> = { link: 3 }

const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    out: { type: 'string' },
    only: { type: 'string', default: Object.keys(PARTS).join() },
    cell: { type: 'string', multiple: true, default: [''] },
    rounds: { type: 'string' },
    seconds: { type: 'string', default: '1.5' },
    warmup: { type: 'string' },
    topics: { type: 'string', default: '1000' },
    filters: { type: 'string', default: '1000000' },
    connections: { type: 'string', default: '10000' },
    dialect: { type: 'string', default: 'auto' },
    results: { type: 'string' },
    serve: { type: 'string' },
  },
})
const lines: string[] = []
const missed: string[] = []
const only = values.only.split(',')
const unknown = only.filter((part) => !(part in PARTS))
if (unknown.length > 0) {
  process.stderr.write(`--only ${unknown.join()}: there is ${Object.keys(PARTS).join(', ')}\n`)
  process.exit(2)
}

const dialect = (['auto', 'emqx', 'native'] as const).find((name) => name === values.dialect)
if (dialect === undefined) {
  process.stderr.write(`--dialect ${values.dialect}: there is auto, emqx, native\n`)
  process.exit(2)
}

// Whoever stops a run stops the brokers that it started: they are ended when this process exits.
if (values.serve !== undefined) await serve(values.serve, dialect)
else {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  await measureAll(dialect)
}

async function measureAll(dialect: Bench['dialect']): Promise<void> {
  const load = loadavg().map((average) => average.toFixed(1))
  const host = [
    `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, Node ${process.version}`,
    `load of the machine before: ${load.join(' ')}`,
  ]
  host.forEach(print)
  const isPartial = values.cell.some((words) => words !== '')
  for (const [name, part] of Object.entries(PARTS)) {
    if (!only.includes(name)) continue
    await part({
      rounds: Number(values.rounds ?? ROUNDS[name] ?? 3),
      warmupMs: Number(values.warmup ?? WARMUP[name] ?? 0.7) * 1000,
      durationMs: Number(values.seconds) * 1000,
      topicCount: Number(values.topics),
      filters: Number(values.filters),
      connections: Number(values.connections),
      dialect,
      results: values.results ?? (isPartial ? undefined : join('scripts', 'bench', 'results')),
      host,
      check: values.check,
      profile: values.profile,
      isWanted: (cell) => values.cell.some((words) => cell.includes(words)),
      print,
      miss: (text) => missed.push(text),
    })
  }
  if (values.out !== undefined) writeFileSync(values.out, `${lines.join('\n')}\n`)
  for (const text of missed) process.stderr.write(`budget missed: ${text}\n`)
  if (values.check && missed.length > 0) process.exitCode = 1
}

/** The index has a benchmark of its own, which checks its budgets itself. */
function benchTopics(bench: Bench): Promise<void> {
  return benchAlone('topics', ['--filters', String(bench.filters)], bench)
}

/** So have the maps that members share. */
function benchShared(bench: Bench): Promise<void> {
  return benchAlone('shared', ['--routes', String(bench.filters)], bench)
}

async function benchAlone(name: string, args: readonly string[], { check, print, miss }: Bench): Promise<void> {
  const file = fileURLToPath(new URL(`${name}.js`, import.meta.url))
  const child = spawn(process.execPath, [file, ...args, ...(check ? ['--check'] : [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  child.stdout.setEncoding('utf8').on('data', (text: string) => print(text.trimEnd()))
  const code = await new Promise((resolve) => child.once('close', resolve))
  if (code !== 0) miss(`${name}: exit code ${String(code)}`)
}

function print(text: string): void {
  lines.push(text)
  process.stdout.write(`${text}\n`)
}
