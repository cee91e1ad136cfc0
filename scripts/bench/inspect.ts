/**
 * How long does a busy node with many routes take to answer its debug socket, and how long does it hold up everybody else meanwhile?
 * Left out: clients and links; the node is as busy as a loop makes it that works 5 ms in each turn. Each line: median and longest of
 * the answers to one method, and the longest turn, milliseconds; what a turn has beyond its 5 ms is what the answers cost others.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { resolveConfig } from '../../src/config/resolve-config.ts'
import { Broker } from '../../src/broker/broker.ts'
import { systemClock } from '../../src/broker/clock.ts'
import { DebugSocket } from '../../src/debug/debug-socket.ts'
import { nodeView } from '../../src/debug/node-view.ts'
import { TransitionHistory } from '../../src/transitions/transition-history.ts'
import { type Bench, median } from './bench.ts'

const BUSY_MS = 5
const CALLS = 50
const BUDGET_MS = 200

type Ask = (method: string, params: object) => Promise<Readonly<Record<string, unknown>>>

export async function benchInspect({ filters, isWanted, print, miss }: Bench): Promise<void> {
  const methods = ['routes.match', 'routes.list', 'routes.list, nothing found'].filter((cell) => isWanted(cell))
  if (methods.length === 0) return
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-bench-'))
  const socket = new DebugSocket(join(directory, 'debug.sock'), portWith(filters))
  await socket.open()
  const client = connect(join(directory, 'debug.sock'))
  const turns = keepBusy()
  try {
    const ask = asking(client)
    print(
      `debug socket of a busy node with ${filters} routes, ms: median, longest answer; longest turn of ${BUSY_MS} ms`,
    )
    for (const method of methods) {
      turns.longestMs = 0
      const answers = await measure(ask, method, filters)
      const longest = Math.max(...answers)
      print(`  ${method}: ${median(answers).toFixed(1)}, ${longest.toFixed(1)}; ${turns.longestMs.toFixed(1)}`)
      if (longest > BUDGET_MS) miss(`inspect: ${method} took ${longest.toFixed(0)} ms, more than ${BUDGET_MS} ms`)
    }
  } finally {
    turns.isOver = true
    client.destroy()
    await socket.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

function portWith(filters: number) {
  const resolved = resolveConfig({})
  if (resolved.type === 'invalid') throw new Error('the defaults are no configuration')
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  const broker = new Broker({ mqtt: resolved.config.mqtt, clock: systemClock, random: Math.random, log })
  const sink = { id: 'link:eu', accept: () => undefined }
  for (let i = 0; i < filters; i += 1) broker.addRoute(filterOf(i), sink)
  return nodeView({
    history: new TransitionHistory(() => systemClock.nowMs()),
    index: broker.index,
    links: () => [],
    resetLedger: () => false,
    cluster: undefined,
    log,
    linkFaults: undefined,
    steadyMs: () => systemClock.steadyMs(),
  })
}

/** A third with a wildcard. */
function filterOf(index: number): string {
  return index % 3 === 0 ? `site/${index % 977}/+/${index}` : `site/${index % 977}/device/${index}`
}

async function measure(ask: Ask, method: string, filters: number): Promise<number[]> {
  const took: number[] = []
  let cursor: unknown = 0
  for (let call = 0; call < CALLS; call += 1) {
    const topic = filterOf(Math.floor((call / CALLS) * filters)).replace('+', 'device')
    const beganMs = performance.now()
    if (method === 'routes.match') await ask(method, { topic })
    else if (method === 'routes.list') cursor = (await ask(method, { cursor, limit: 1_000 }))['cursor'] ?? 0
    else cursor = (await ask('routes.list', { cursor, text: 'no filter holds this' }))['cursor'] ?? 0
    took.push(performance.now() - beganMs)
  }
  return took
}

/** Works in each turn of the event loop until `isOver`. */
function keepBusy(): { longestMs: number; isOver: boolean } {
  const turns = { longestMs: 0, isOver: false }
  let beganMs = performance.now()
  const turn = (): void => {
    const nowMs = performance.now()
    turns.longestMs = Math.max(turns.longestMs, nowMs - beganMs)
    beganMs = nowMs
    while (performance.now() < nowMs + BUSY_MS);
    if (!turns.isOver) setImmediate(turn)
  }
  turn()
  return turns
}

/** One question at a time. */
function asking(client: Socket): Ask {
  const lines = createInterface({ input: client })[Symbol.asyncIterator]()
  return async (method, params) => {
    client.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })}\n`)
    const line = await lines.next()
    const { result, error }: { result?: Readonly<Record<string, unknown>>; error?: unknown } = JSON.parse(
      String(line.value),
    )
    if (result === undefined) throw new Error(`${method}: ${JSON.stringify(error)}`)
    return result
  }
}
