/**
 * How long does a node take to know what all others of its cluster have subscribed to, and how long does it hold up anybody
 * meanwhile? Two nodes with a fifth of `--filters` each, a tenth of them with wildcards; NATS between them; then a third node comes.
 * After that the third one has as many of its own, in sessions that are kept; it is killed, and comes back.
 *
 * How to read a line: `complete` is from the start of the process until its table of routes has all filters. Then for each node the
 * longest turn of its event loop in processor time of its main thread, by the clock, and the longest answer to a PINGREQ on a
 * connection that sends one every few milliseconds: of these two a machine that has other things to do makes the most. The budget
 * is for the first. For a node that comes all of it counts from when it listens: nobody waits for it before.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { SocketClient } from '../../src/cli/inspect/socket-client.ts'
import { startNatsServer } from '../../src/cli/demo/nats-server.ts'
import { type NodeFile, type NodeProcess, startNodeProcess } from '../../src/cli/demo/node-process.ts'
import type { Bench } from './bench.ts'
import { Client, packetType } from './client.ts'
import { cpuUs } from './cpu.ts'
import { USERNAME } from './load.ts'
import { subscribeMany } from './many-filters.ts'
import { PINGREQ } from './mqtt-bytes.ts'
import { freePort } from './peers.ts'

const COMPLETE_BUDGET_MS = 5_000
const TURN_BUDGET_MS = 20
const PING_EVERY_MS = 3
const LOOK_EVERY_MS = 10
const TURNS = ['--import', fileURLToPath(new URL('turns.js', import.meta.url))]

type Member = { readonly name: string; readonly file: NodeFile; process: NodeProcess }
type Turns = { readonly cpuMs: number; readonly wallMs: number }

export async function benchJoin(bench: Bench): Promise<void> {
  if (!bench.isWanted('join')) return
  const count = Math.ceil(bench.filters / 5)
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-bench-'))
  const nats = await startNatsServer()
  const members: Member[] = []
  const clients: Client[] = []
  try {
    bench.print(`join: ${count} filters on each node; complete; longest turn: CPU ms | by the clock | PINGREQ`)
    for (const name of ['first', 'second']) {
      const member = await start(await fileOf(name, nats.url, directory), directory)
      members.push(member)
      clients.push(...(await subscribeMany(member.process.mqttPort, name, count, false)))
    }
    await Promise.all(members.map((member) => untilRoutes(member, 2 * count)))
    const third = await fileOf('third', nats.url, directory)
    await measure(bench, 'a third node joins', members, 2 * count, () => start(third, directory))
    const comer = members.at(-1)!
    for (const client of await subscribeMany(comer.process.mqttPort, comer.name, count, true)) client.close()
    await Promise.all(members.map((member) => untilRoutes(member, 3 * count)))
    await comer.process.kill()
    members.pop()
    await measure(bench, 'it was killed and is back', members, 3 * count, () => start(third, directory))
  } finally {
    for (const client of clients) client.close()
    await Promise.all(members.map(({ process }) => process.stop()))
    await nats.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Adds the node that comes to the members. */
async function measure(
  bench: Bench,
  cell: string,
  members: Member[],
  routes: number,
  come: () => Promise<Member>,
): Promise<void> {
  await Promise.all(members.map(turnsOf))
  const probes = await Promise.all(members.map((member) => Probe.begin(member)))
  const fromMs = performance.now()
  const comer = await come()
  const listensMs = performance.now() - fromMs
  const listensCpuMs = cpuUs(comer.process.pid) / 1_000
  members.push(comer)
  await turnsOf(comer)
  probes.push(await Probe.begin(comer))
  await untilRoutes(comer, routes)
  const completeMs = performance.now() - fromMs
  const completeCpuMs = cpuUs(comer.process.pid) / 1_000
  // What the others take over of it may come later.
  await Promise.all(members.map((member) => untilRoutes(member, routes)))
  const figures: string[] = []
  for (const [index, member] of members.entries()) {
    const { cpuMs, wallMs } = await turnsOf(member)
    const pingMs = await probes[index]!.end()
    figures.push(`${member.name} ${cpuMs.toFixed(1)} | ${wallMs.toFixed(1)} | ${pingMs.toFixed(1)}`)
    if (cpuMs > TURN_BUDGET_MS) bench.miss(`join: ${cell}: a turn of ${cpuMs.toFixed(1)} ms on the ${member.name} node`)
  }
  bench.print(
    `  ${cell}: ${ms(completeMs)}, ${ms(completeCpuMs)} CPU (it listened after ${ms(listensMs)}, ${ms(listensCpuMs)} CPU); ${figures.join('; ')}`,
  )
  if (completeMs > COMPLETE_BUDGET_MS) bench.miss(`join: ${cell}: complete after ${ms(completeMs)}`)
}

async function start(file: NodeFile, directory: string): Promise<Member> {
  const process = await startNodeProcess(file, directory, TURNS)
  return { name: file.node.name.split('@')[0] ?? '', file, process }
}

async function fileOf(name: string, natsUrl: string, directory: string): Promise<NodeFile> {
  return {
    node: { name: `${name}@127.0.0.1`, data_dir: join(directory, name) },
    cluster: { name: 'bench', links: [], nats: { servers: [natsUrl] } },
    listeners: { tcp: { default: { bind: `127.0.0.1:${await freePort()}` } } },
    debug: { socket: join(directory, `${name}.sock`) },
  }
}

/** Resolves when its table of routes has so many filters. */
async function untilRoutes({ file }: Member, count: number): Promise<void> {
  const client = await SocketClient.open(file.debug!.socket)
  try {
    for (;;) {
      const { total } = await client.call('routes.list', { limit: 1 })
      if (total === count) return
      await after(LOOK_EVERY_MS)
    }
  } finally {
    client.close()
  }
}

/** The longest ones since it was asked last. */
async function turnsOf({ process: node }: Member): Promise<Turns> {
  const from = node.log.length
  process.kill(node.pid, 'SIGUSR2')
  const { cpuMs, wallMs } = await node.waitFor('bench_turns', ({ msg }) => msg === 'bench_turns', from)
  return { cpuMs: Number(cpuMs), wallMs: Number(wallMs) }
}

/** One connection that asks again and again whether the node is there. */
class Probe {
  readonly #client: Client
  readonly #over: Promise<void>
  #longestMs = 0
  #isOver = false

  private constructor(client: Client) {
    this.#client = client
    this.#over = this.#run()
  }

  static async begin({ name, process }: Member): Promise<Probe> {
    return new Probe(
      await Client.open(process.mqttPort, { clientId: `probe-${name}`, username: USERNAME, isKept: false }, {}),
    )
  }

  /** Returns the longest answer, milliseconds. */
  async end(): Promise<number> {
    this.#isOver = true
    await this.#over
    this.#client.close()
    return this.#longestMs
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const fromMs = performance.now()
      const answer = this.#client.next(packetType.pingresp)
      this.#client.socket.write(PINGREQ)
      await answer
      this.#longestMs = Math.max(this.#longestMs, performance.now() - fromMs)
      await after(PING_EVERY_MS)
    }
  }
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`
}
