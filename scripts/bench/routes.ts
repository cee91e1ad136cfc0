// How long do a million routes take over a native link, how long does that keep either event loop, how many bytes do they take in
// memory at either end, and how many cross after a cut?
//   node --expose-gc dist/scripts/bench/routes.js --routes 1000000 --changed 1000 --check
//   (npm test runs it with 2,000, so that it cannot rot; --check exits 1 if a budget is missed)
// Both ends in one process, which is harder than apart: their turns follow each other. A tenth of the filters have wildcards.
// Left out: sockets, MQTT, and the subscriptions at the source, which are there without a link too.
// How to read the line: `bootstrapMs` and `resyncMs` by the clock, both ends together; `fillMs` is what the source takes to get ready.
// `...CpuMs` is processor time instead, of garbage collection too: what other processes took meanwhile is not in it.
// `...LongestMs` is the processor time of the longest turn of an end, garbage collection on other threads included. `sourceBytes` and
// `sinkBytes` are per route, heap and buffers, and have all that stands there because of the link: at the sink the broker's index too.
// `lookupNs` and `fewLookupNs`: a topic that the index has not met, with all routes and with a thousand.
// It compares two commits on one machine. Runs with unlike `hash` did unlike work.
import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { LinkRoutes } from '../../src/routes/link-routes.ts'
import type { MapChange } from '../../src/routes/map-protocol.ts'
import { Replica } from '../../src/routes/replica.ts'
import { RouteCopy } from '../../src/routes/route-copy.ts'
import { decodeRouteFrame, encodeRouteFrame, type RouteFrame } from '../../src/routes/route-frames.ts'
import type { RouteOp } from '../../src/routes/route-op.ts'
import { RouteSource } from '../../src/routes/route-source.ts'
import { TopicIndex } from '../../src/topics/topic-index.ts'

export type RoutesBench = {
  readonly bench: 'routes'
  readonly routes: number
  readonly changed: number
  readonly fillMs: number
  readonly fillCpuMs: number
  readonly fillLongestMs: number
  readonly bootstrapMs: number
  readonly bootstrapCpuMs: number
  readonly sourceLongestMs: number
  readonly sinkLongestMs: number
  readonly bootstrapBytes: number
  readonly resyncMs: number
  readonly resyncBytes: number
  readonly reconnectBytes: number
  readonly sourceBytes: number
  readonly sinkBytes: number
  readonly lookupNs: number
  readonly fewLookupNs: number
  readonly hash: string
}

type Figure = Exclude<keyof RoutesBench, 'bench' | 'hash'>

const budgets: readonly { readonly of: Figure; readonly below: number }[] = [
  { of: 'bootstrapMs', below: 5_000 },
  { of: 'fillLongestMs', below: 20 },
  { of: 'sourceLongestMs', below: 20 },
  { of: 'sinkLongestMs', below: 20 },
  { of: 'resyncMs', below: 1_000 },
  { of: 'resyncBytes', below: 200 * 1_024 },
  { of: 'reconnectBytes', below: 1_024 },
  { of: 'sourceBytes', below: 200 },
  { of: 'sinkBytes', below: 200 },
]

const cluster = 'eu-west'
const actor = 'eu-west'
const hashKey = [0x1234_5678, 0x0abc_def0] as const
const perTurn = 1_000
const lookups = 200_000
const metrics = ['speed', 'fuel', 'position', 'door']

/** Cars of a fleet, each with a few topics; every tenth subscription is to all that one car says. */
function filterOf(index: number): string {
  if (index % 10 === 0) return `fleet/${index % 97}/vehicle/${index}/telemetry/+`
  return topicOf(index)
}

function topicOf(index: number): string {
  return `fleet/${index % 97}/vehicle/${index - (index % 4)}/telemetry/${metrics[index % 4]}`
}

/** One end: how long its longest turn was. */
class End {
  longestMs = 0

  run<T>(call: () => T): T {
    const fromMs = cpuMs()
    const result = call()
    this.longestMs = Math.max(this.longestMs, cpuMs() - fromMs)
    return result
  }
}

/** Both ends, and the frames between them. */
class Link {
  readonly sourceEnd = new End()
  readonly sinkEnd = new End()
  readonly source = new RouteSource(['fleet/#'])
  readonly routes = new LinkRoutes({ source: this.source, cluster, incarnation: 1, hashKey })
  readonly copy = new RouteCopy({ routesMax: 5_000_000, answerMs: 5_000, pullsMax: 8 })
  readonly replica = new Replica({ actorTtlMs: 30_000, staleTtlMs: 60_000, bootstrapQuietMs: 1, bootstrapStartMs: 1 })
  readonly index = new TopicIndex<object, number>({ plan: (_topic, found) => found.length })
  readonly #sink = { id: 'link' }
  readonly #toSink: Buffer[] = []
  readonly #toSource: Buffer[] = []
  bytes = 0

  async fill(count: number): Promise<void> {
    for (let from = 0; from < count; from += perTurn) {
      this.sourceEnd.run(() => {
        for (let index = from; index < Math.min(count, from + perTurn); index += 1) this.source.add(filterOf(index))
        this.routes.work(perTurn)
      })
      await turn()
    }
    while (this.routes.isBusy) this.sourceEnd.run(() => this.routes.work(perTurn))
  }

  connect(): void {
    this.replica.init(actor, 1, 0)
    this.copy.connected(hashKey)
    this.routes.skipUnsent()
    this.#send(this.#toSink, this.routes.heartbeat())
  }

  /** Until nobody has anything to say any more. */
  async run(): Promise<void> {
    while (this.#toSink.length > 0 || this.#toSource.length > 0 || this.copy.isBusy) {
      this.sourceEnd.run(() => this.#answer())
      await turn()
      this.sinkEnd.run(() => this.#hear())
      await turn()
    }
  }

  #answer(): void {
    const bytes = this.#toSource.shift()
    if (bytes === undefined) return
    const asked = decodeRouteFrame(bytes, cluster)
    if (asked.type === 'confirm') return this.routes.confirm(asked)
    assert.ok(asked.type === 'since' || asked.type === 'pull')
    const answer = this.routes.answer(asked)
    if (answer !== undefined) this.#send(this.#toSink, answer)
  }

  #hear(): void {
    const bytes = this.#toSink.shift()
    if (bytes === undefined) this.#tell(this.copy.work(perTurn))
    else {
      const said = decodeRouteFrame(bytes, cluster)
      assert.ok(said.type !== 'malformed' && said.type !== 'since' && said.type !== 'pull' && said.type !== 'confirm')
      const taken = this.copy.take(said)
      assert.ok(taken !== 'outdated')
      this.#tell(taken)
    }
    for (let reply = this.copy.reply(0); reply !== undefined; reply = this.copy.reply(0))
      this.#send(this.#toSource, reply)
  }

  #tell(changes: readonly MapChange[]): void {
    const ops = changes.map(({ key: topicFilter, value }): RouteOp => {
      return { type: value === undefined ? 'delete' : 'add', topicFilter, id: topicFilter }
    })
    const result = this.replica.apply(actor, 1, ops, 0)
    assert.ok(result.type === 'applied')
    for (const effect of result.effects) {
      if (effect.type === 'route_added') this.index.add(effect.topicFilter, this.#sink)
      if (effect.type === 'route_removed') this.index.remove(effect.topicFilter, this.#sink)
    }
  }

  #send(queue: Buffer[], frame: RouteFrame): void {
    const bytes = encodeRouteFrame(frame)
    this.bytes += bytes.length
    queue.push(bytes)
  }
}

export async function benchRoutes({ routes, changed }: { routes: number; changed: number }): Promise<RoutesBench> {
  // Once before, so that what is measured is compiled; and the few routes to compare with.
  const few = await linkOf(Math.min(routes, 20_000))
  few.connect()
  await few.run()
  const fewLookupNs = lookupNs(await withRoutes(1_000), 1_000)
  const emptyBytes = usedBytes()
  const fillFromMs = performance.now()
  const fillFromCpuMs = cpuMs()
  const link = await linkOf(routes)
  const fillMs = performance.now() - fillFromMs
  const fillCpuMs = cpuMs() - fillFromCpuMs
  const fillLongestMs = link.sourceEnd.longestMs
  const sourceBytes = (usedBytes() - emptyBytes) / routes
  const atSource = usedBytes()
  Object.assign(link.sourceEnd, { longestMs: 0 })
  const bootstrap = await measured(link)
  const sinkBytes = (usedBytes() - atSource) / routes
  assert.equal(link.copy.size, link.routes.size)
  assert.ok(link.routes.isConfirmed)
  const reconnect = await measured(link)
  for (let index = 0; index < changed; index += 2) {
    link.source.remove(filterOf(index * 3))
    link.source.add(`fleet/1/new/${index}`)
  }
  while (link.routes.isBusy) link.routes.work(perTurn)
  const resync = await measured(link)
  assert.ok(link.routes.isConfirmed)
  const { lo, hi } = link.routes.heartbeat().digest
  return {
    bench: 'routes',
    routes: link.routes.size,
    changed,
    fillMs: Math.round(fillMs),
    fillCpuMs: Math.round(fillCpuMs),
    fillLongestMs: rounded(fillLongestMs),
    bootstrapMs: Math.round(bootstrap.ms),
    bootstrapCpuMs: Math.round(bootstrap.cpuMs),
    sourceLongestMs: rounded(link.sourceEnd.longestMs),
    sinkLongestMs: rounded(link.sinkEnd.longestMs),
    bootstrapBytes: bootstrap.bytes,
    resyncMs: Math.round(resync.ms),
    resyncBytes: resync.bytes,
    reconnectBytes: reconnect.bytes,
    sourceBytes: rounded(sourceBytes),
    sinkBytes: rounded(sinkBytes),
    lookupNs: lookupNs(link, routes),
    fewLookupNs,
    hash: `${(lo >>> 0).toString(16)}${(hi >>> 0).toString(16)}`,
  }
}

async function linkOf(count: number): Promise<Link> {
  const link = new Link()
  await link.fill(count)
  return link
}

async function withRoutes(count: number): Promise<Link> {
  const link = await linkOf(count)
  link.connect()
  await link.run()
  return link
}

/** A new connection, until both ends agree. */
async function measured(link: Link): Promise<{ readonly ms: number; readonly cpuMs: number; readonly bytes: number }> {
  link.bytes = 0
  const fromMs = performance.now()
  const fromCpuMs = cpuMs()
  link.connect()
  await link.run()
  return { ms: performance.now() - fromMs, cpuMs: cpuMs() - fromCpuMs, bytes: link.bytes }
}

/** Half of the topics have a route. */
function lookupNs({ index }: Link, routes: number): number {
  let found = 0
  const fromMs = performance.now()
  for (let at = 0; at < lookups; at += 1) found += index.match(topicOf((at * 7_919) % (2 * routes))).length
  const ms = performance.now() - fromMs
  assert.ok(found > 0)
  return Math.round((ms * 1e6) / lookups)
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}

function usedBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect === 'function') for (let i = 0; i < 2; i += 1) collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

if (import.meta.filename === process.argv[1]) {
  const { values } = parseArgs({
    options: {
      routes: { type: 'string', default: '1000000' },
      changed: { type: 'string', default: '1000' },
      check: { type: 'boolean', default: false },
    },
  })
  const result = await benchRoutes({ routes: Number(values.routes), changed: Number(values.changed) })
  process.stdout.write(`${JSON.stringify(result)}\n`)
  const missed = budgets.filter(({ of, below }) => !(result[of] < below))
  for (const { of, below } of missed)
    process.stderr.write(`budget missed: ${of} is ${result[of]}, not below ${below}\n`)
  if (values.check && missed.length > 0) process.exitCode = 1
}
