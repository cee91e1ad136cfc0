/** What is looked at in our nodes while they work: routes, turns of the event loop, memory, and how long a message of a client takes. */
import assert from 'node:assert/strict'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { SocketClient } from '../../../src/cli/inspect/socket-client.ts'
import type { NodeProcess } from '../../../src/cli/demo/node-process.ts'
import { USERNAME } from '../load.ts'
import type { ConnectOptions } from '../mqtt-bytes.ts'
import { makeRing, Publisher } from '../publisher.ts'
import { Subscriber } from '../subscriber.ts'
import { debugSocketOf } from './pair.ts'

/** Options of Node.js for a process that is to be observed. */
export const OBSERVED: readonly string[] = [
  '--expose-gc',
  ...['turns.js', 'collect.js'].flatMap((file) => ['--import', fileURLToPath(new URL(`../${file}`, import.meta.url))]),
]

const LOOK_EVERY_MS = 10
const DEADLINE_MS = 180_000
const LINK = 'link'

/** The routes of a node, as its debug socket tells of them. */
export class RouteTable {
  readonly #client: SocketClient

  private constructor(client: SocketClient) {
    this.#client = client
  }

  static async of(node: NodeProcess): Promise<RouteTable> {
    return new RouteTable(await SocketClient.open(debugSocketOf(node)))
  }

  async total(): Promise<number> {
    return Number((await this.#client.call('routes.list', { limit: 1 }))['total'])
  }

  /** Whether some peer wants this topic. */
  async isWanted(topic: string): Promise<boolean> {
    const { destinations } = await this.#client.call('routes.match', { topic })
    assert(Array.isArray(destinations), 'destinations are a list')
    return destinations.some((row: { readonly type?: unknown }) => row.type === LINK)
  }

  /** Resolves with the time, by `performance`, at which a look began that found it so. */
  async until(what: string, isSo: () => Promise<boolean>): Promise<number> {
    const giveUpMs = performance.now() + DEADLINE_MS
    for (;;) {
      const lookedMs = performance.now()
      if (await isSo()) return lookedMs
      if (lookedMs > giveUpMs) throw new Error(`${what}: not after ${DEADLINE_MS / 1_000} s`)
      await after(LOOK_EVERY_MS)
    }
  }

  close(): void {
    this.#client.close()
  }
}

/** The longest turn in processor time of the main thread since this was asked last, milliseconds. */
export async function longestTurnMs(node: NodeProcess): Promise<number> {
  return Number((await ask(node, 'SIGUSR2', 'bench_turns'))['cpuMs'])
}

/** Bytes after a collection of garbage: of the whole process, and of these what JavaScript keeps. */
export async function memoryOf(node: NodeProcess): Promise<{ readonly resident: number; readonly kept: number }> {
  const { rss, kept } = await ask(node, 'SIGPWR', 'bench_memory')
  return { resident: Number(rss), kept: Number(kept) }
}

function ask(node: NodeProcess, signal: NodeJS.Signals, event: string) {
  const from = node.log.length
  process.kill(node.pid, signal)
  return node.waitFor(event, ({ msg }) => msg === event, from)
}

const EVERY_MS = 5
const PAYLOAD_BYTES = 64

/** A client of a node that sends another one a message every few milliseconds. */
export class LocalMessages {
  readonly #tookMs: number[] = []
  readonly #publisher: Publisher
  readonly #subscriber: Subscriber
  readonly #timer: NodeJS.Timeout
  readonly #first: Promise<void>

  private constructor(publisher: Publisher, subscriber: Subscriber) {
    this.#publisher = publisher
    this.#subscriber = subscriber
    const dueMs: number[] = []
    const startedMs = performance.now() + EVERY_MS
    publisher.beginPhase(0)
    this.#first = new Promise((resolve) => {
      subscriber.onMessage = (_phase, sequence) => {
        this.#tookMs.push(performance.now() - dueMs[sequence]!)
        resolve()
      }
    })
    this.#timer = setInterval(() => {
      // When it was due, not when our timer came to it; and a timer that comes late each time is not to fall behind ever more.
      for (;;) {
        const next = startedMs + dueMs.length * EVERY_MS
        if (next > performance.now()) return
        dueMs.push(next)
        publisher.send(1)
      }
    }, EVERY_MS)
  }

  static async begin(node: NodeProcess): Promise<LocalMessages> {
    const topic = `local/${node.name}`
    const subscriber = await Subscriber.open(node.mqttPort, optionsOf('sub'), [topic], 0, 1)
    const ring = makeRing([topic], 0, PAYLOAD_BYTES)
    return new LocalMessages(await Publisher.open(node.mqttPort, optionsOf('pub'), 0, ring, 1), subscriber)
  }

  /** Ends it, if one has come; returns the p99, milliseconds. */
  async end(): Promise<number> {
    await this.#first
    clearInterval(this.#timer)
    this.#publisher.close()
    this.#subscriber.close()
    const sorted = this.#tookMs.toSorted((a, b) => a - b)
    return sorted[Math.floor(0.99 * sorted.length)] ?? Number.NaN
  }
}

function optionsOf(role: string): ConnectOptions {
  return { clientId: `local-${role}`, username: USERNAME, isKept: false }
}
