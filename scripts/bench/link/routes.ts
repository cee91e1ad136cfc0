/**
 * What do very many routes cost? The far node's clients subscribe to `--filters` filters, a tenth of them with wildcards; then its link is
 * switched on, and the near node is told all of them. After that the link is cut, some are changed, and it comes back.
 *
 * `bootstrap` is from the change of the configuration until the near node's table has all; `resync` from when a connection gets through
 * again until the changed ones are as they are to be. Turns are the longest ones of either node, in processor time of its main thread;
 * the one in which the far node reads its configuration anew is told apart. Messages meanwhile are those between two clients of one
 * node, 200 a second at each; the worse p99 counts. Time that the machine gave to others is in all that goes by the clock: what the
 * p99 is in the seconds before says how much. Memory is after a collection of garbage, what the process holds more than before the
 * bootstrap: what the same node, with the same subscriptions, holds for the sake of the link.
 */
import { setTimeout as after } from 'node:timers/promises'
import { type Relay, startRelay } from '../../../src/cli/demo/relay.ts'
import type { Bench } from '../bench.ts'
import { Client } from '../client.ts'
import { type LoadResult, runLoad, USERNAME } from '../load.ts'
import { subscribe, subscribeMany, unsubscribe } from '../many-filters.ts'
import { flawsOf, totalUs } from '../measure.ts'
import type { Series } from './figures.ts'
import { LocalMessages, longestTurnMs, memoryOf, OBSERVED, RouteTable } from './observe.ts'
import { type Pair, startPair } from './pair.ts'
import { Results } from './results.ts'

/** Of 1,000 changes. */
const GONE = 400
const ADDED = 600
const QUIET_MS = 200
const BEFORE_MS = 2_000
const WINDOW = 500
const KIB = 1024

type RoutesRound = {
  readonly bootstrapS: number
  readonly bootstrapMiB: number
  readonly reloadTurnMs: number
  readonly turnMs: number
  readonly quietP99Ms: number
  readonly p99Ms: number
  readonly source: Memory
  readonly replica: Memory
  readonly resyncS: number
  readonly resyncKiB: number
  readonly resyncTurnMs: number
  readonly withAll: LoadResult
  readonly withFew: LoadResult
}

/** Bytes per route. */
type Memory = { readonly resident: number; readonly kept: number }

export async function benchRoutes(bench: Bench): Promise<void> {
  if (!bench.isWanted('routes')) return
  const results = new Results(bench, 'routes')
  const rounds: RoutesRound[] = []
  for (let round = 0; round < bench.rounds; round++) rounds.push(await oneRound(bench))
  const series = (read: (round: RoutesRound) => number, name = 'Isthmus'): Series => ({
    name,
    rounds: rounds.map(read),
  })
  const routes = `${bench.filters.toLocaleString('en')} routes`
  const take = (cell: string, unit: string, read: (round: RoutesRound) => number, most?: number): void =>
    results.take({
      cell: `${routes}: ${cell}`,
      unit,
      series: [series(read)],
      ...(most === undefined ? {} : { budget: { most } }),
    })
  take('bootstrap', 's', ({ bootstrapS }) => bootstrapS, 5)
  take('bootstrap, on the link', 'MiB', ({ bootstrapMiB }) => bootstrapMiB)
  take('new configuration read, longest turn', 'ms', ({ reloadTurnMs }) => reloadTurnMs)
  take('bootstrap, longest turn', 'ms', ({ turnMs }) => turnMs, 20)
  take('before the bootstrap, p99 of messages', 'ms', ({ quietP99Ms }) => quietP99Ms)
  take('bootstrap, p99 of messages meanwhile', 'ms', ({ p99Ms }) => p99Ms, 50)
  take('resync, 1,000 changed', 's', ({ resyncS }) => resyncS, 1)
  take('resync, 1,000 changed, on the link', 'KiB', ({ resyncKiB }) => resyncKiB, 200)
  take('resync, longest turn', 'ms', ({ resyncTurnMs }) => resyncTurnMs, 20)
  for (const side of ['source', 'replica'] as const) {
    take(`memory, ${side}, resident`, 'B per route', (round) => round[side].resident, 200)
    take(`memory, ${side}, kept`, 'B per route', (round) => round[side].kept, 200)
  }
  const flaws = rounds
    .flatMap(({ withAll, withFew }) => [flawsOf(withAll), flawsOf(withFew)])
    .find((words) => words !== '')
  const few = `Isthmus, ${bench.topicCount.toLocaleString('en')} routes`
  results.take({
    cell: `${routes}: forwarding, QoS 1, 64 B`,
    unit: 'CPU us per message',
    series: [
      { ...series(({ withAll }) => totalUs(withAll)), ...(flaws === undefined ? {} : { flaws }) },
      series(({ withFew }) => totalUs(withFew), few),
    ],
    budget: { most: 1.2, of: [few] },
  })
  results.write('Routes of a link', [...bench.host, `${bench.rounds} rounds; our nodes’ dialect: ${bench.dialect}`])
}

async function oneRound(bench: Bench): Promise<RoutesRound> {
  const [relay, relayBack] = [await startRelay(), await startRelay()]
  const relays = [relay, relayBack]
  const pair = await startPair({ dialect: bench.dialect, isOff: true, relay, relayBack }, OBSERVED)
  const clients: Client[] = []
  try {
    clients.push(...(await subscribeMany(pair.subscribePort, 'bench/many', bench.filters - GONE, false)))
    const changing = await Client.open(
      pair.subscribePort,
      { clientId: 'changing', username: USERNAME, isKept: false },
      {},
    )
    clients.push(changing)
    await subscribe(changing, changed('old', GONE))
    const table = await RouteTable.of(pair.near)
    try {
      return {
        ...(await bootstrap(bench, pair, table, relays)),
        ...(await resync(pair, table, changing, relays)),
        ...(await forwarding(bench, pair)),
      }
    } finally {
      table.close()
    }
  } finally {
    for (const client of clients) client.close()
    await pair.stop()
    await Promise.all(relays.map((one) => one.close()))
  }
}

function changed(what: 'old' | 'new', count: number): string[] {
  return Array.from({ length: count }, (_, index) => `bench/changed/${what}/${index}`)
}

type Bootstrap = Pick<
  RoutesRound,
  'bootstrapS' | 'bootstrapMiB' | 'reloadTurnMs' | 'turnMs' | 'quietP99Ms' | 'p99Ms' | 'source' | 'replica'
>

async function bootstrap(bench: Bench, pair: Pair, table: RouteTable, relays: readonly Relay[]): Promise<Bootstrap> {
  const { near, far } = pair
  const before = { source: await memoryOf(far), replica: await memoryOf(near) }
  const quiet = await Promise.all([near, far].map((node) => LocalMessages.begin(node)))
  await after(BEFORE_MS)
  const quietP99Ms = Math.max(...(await Promise.all(quiet.map((one) => one.end()))))
  const messages = await Promise.all([near, far].map((node) => LocalMessages.begin(node)))
  const known = await table.total()
  await Promise.all([near, far].map(longestTurnMs))
  const bytesBefore = bytesOf(relays)
  const fromMs = performance.now()
  const logged = far.log.length
  far.reload(pair.farOn)
  await far.waitFor('config_reloaded', ({ msg }) => msg === 'config_reloaded', logged)
  const reloadTurnMs = await longestTurnMs(far)
  const completeMs = await table.until('bootstrap', async () => (await table.total()) >= known + bench.filters)
  const turnMs = Math.max(...(await Promise.all([near, far].map(longestTurnMs))))
  const p99Ms = Math.max(...(await Promise.all(messages.map((one) => one.end()))))
  await Promise.all([near.waitForStatus('far', 'running'), far.waitForStatus('near', 'running')])
  const bootstrapMiB = ((await untilQuiet(relays)) - bytesBefore) / KIB / KIB
  const now = { source: await memoryOf(far), replica: await memoryOf(near) }
  const perRoute = (side: 'source' | 'replica'): Memory => ({
    resident: (now[side].resident - before[side].resident) / bench.filters,
    kept: (now[side].kept - before[side].kept) / bench.filters,
  })
  return {
    bootstrapS: (completeMs - fromMs) / 1_000,
    bootstrapMiB,
    reloadTurnMs,
    turnMs,
    quietP99Ms,
    p99Ms,
    source: perRoute('source'),
    replica: perRoute('replica'),
  }
}

type Resync = Pick<RoutesRound, 'resyncS' | 'resyncKiB' | 'resyncTurnMs'>

async function resync(
  { near, far, ...pair }: Pair,
  table: RouteTable,
  changing: Client,
  relays: readonly Relay[],
): Promise<Resync> {
  const total = await table.total()
  const [relay, relayBack] = relays
  for (const one of relays) {
    one.hold()
    one.cut()
  }
  await unsubscribe(changing, changed('old', GONE))
  await subscribe(changing, changed('new', ADDED))
  // One that comes now does not wait for its turn to try again, so that pauses between attempts are no part of the figure.
  const waiting = relayBack!.waiting()
  await table.until('a new connection', async () => relayBack!.waiting() > waiting)
  await Promise.all([near, far].map(longestTurnMs))
  const bytesBefore = bytesOf(relays)
  const fromMs = performance.now()
  relayBack!.pointAt(pair.publishPort)
  relay!.pointAt(pair.subscribePort)
  const doneMs = await table.until('resync', () => isInSync(table, total))
  const resyncTurnMs = Math.max(...(await Promise.all([near, far].map(longestTurnMs))))
  const bytes = (await untilQuiet(relays)) - bytesBefore
  await Promise.all([near.waitForStatus('far', 'running'), far.waitForStatus('near', 'running')])
  return { resyncS: (doneMs - fromMs) / 1_000, resyncKiB: bytes / KIB, resyncTurnMs }
}

/** The count alone may fit halfway. */
async function isInSync(table: RouteTable, before: number): Promise<boolean> {
  if ((await table.total()) !== before + ADDED - GONE) return false
  for (const topic of changed('old', GONE)) if (await table.isWanted(topic)) return false
  for (const topic of changed('new', ADDED)) if (!(await table.isWanted(topic))) return false
  return true
}

/** The same load over the link that has all these routes, and over one that has those of the load only and is observed as well. */
async function forwarding(bench: Bench, pair: Pair): Promise<Pick<RoutesRound, 'withAll' | 'withFew'>> {
  const load = {
    ...bench,
    qos: 1,
    payloadBytes: 64,
    publishers: 1,
    subscribers: 1,
    keptSessions: false,
    window: WINDOW,
  } as const
  const withAll = await runLoad({ ...load, ...portsOf(pair) })
  const [relay, relayBack] = [await startRelay(), await startRelay()]
  const small = await startPair({ dialect: bench.dialect, relay, relayBack }, OBSERVED)
  try {
    return { withAll, withFew: await runLoad({ ...load, ...portsOf(small) }) }
  } finally {
    await small.stop()
    await Promise.all([relay, relayBack].map((one) => one.close()))
  }
}

function portsOf({ publishPort, subscribePort, pids }: Pair) {
  return { publishPort, subscribePort, pids }
}

function bytesOf(relays: readonly Relay[]): number {
  return relays.reduce((sum, relay) => sum + relay.bytes(), 0)
}

/** Resolves with how many have passed then. */
async function untilQuiet(relays: readonly Relay[]): Promise<number> {
  for (let seen = -1; seen !== bytesOf(relays);) {
    seen = bytesOf(relays)
    await after(QUIET_MS)
  }
  return bytesOf(relays)
}
