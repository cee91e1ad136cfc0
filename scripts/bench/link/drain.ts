/**
 * How long is a live message on its way while what gathered during an outage crosses the same link, and how long does that take?
 * Live messages of QoS 1 from a publisher that has nothing in the backlog, due 1,000 times a second: first while the line is quiet,
 * then from the end of an outage on until the last of 200,000 messages of other publishers has come.
 *   npm run bench -- --only drain
 * Publishers and subscribers of the backlog are a thread of the load generator, which is no process of the link. The p99 of both
 * times are of one run, and their ratio is what has a budget: it compares a machine with itself.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { LogEvent } from '../../../src/cli/demo/node-process.ts'
import { SocketClient } from '../../../src/cli/inspect/socket-client.ts'
import type { Bench } from '../bench.ts'
import { cpuUs } from '../cpu.ts'
import { USERNAME } from '../load.ts'
import type { ConnectOptions } from '../mqtt-bytes.ts'
import { makeRing, Publisher } from '../publisher.ts'
import { Subscriber } from '../subscriber.ts'
import { type Arrived, Backlog } from './backlog.ts'
import { type Pacer, startPacer } from './pacer.ts'
import { debugSocketOf, type Pair, startPair } from './pair.ts'
import { Results } from './results.ts'
import { seriesOf, tryOne } from './rounds.ts'

const LIVE_PER_SECOND = 1_000
const PAYLOAD_BYTES = 64
const PUBLISHERS = 10
/** Before anything is measured, so that code is compiled: a drain of so many messages. */
const WARM_MESSAGES = 20_000
const OUTAGE_MS = 600_000
/** Times the p99 of live messages in quiet. */
const RATIO_MAX = 5
/** After the last one was sent, what has not come by then is lost. */
const LATE_MS = 10_000
const LIVE_TOPIC = 'bench/live/000'

type Times = { readonly p50Ms: number; readonly p99Ms: number; readonly lost: number }

type DrainResult = {
  readonly quiet: Times
  readonly draining: Times
  readonly drainMs: number
  readonly backlog: Arrived
  /** Of both nodes, per message of the backlog. */
  readonly cpuUsPerMessage: number
}

/** @param bench `filters` tells how large a run it is: a fifth of them is the backlog */
export async function benchDrain(bench: Bench): Promise<void> {
  const messages = Math.round(bench.filters / 5)
  const results = new Results(bench, 'drain')
  const outcomes = []
  for (let round = 0; round < bench.rounds; round++) outcomes.push(await tryOne(() => measure(bench, messages)))
  const rounds = { name: 'Isthmus', outcomes }
  const figure = (cell: string, unit: string, read: (result: DrainResult) => number) => ({
    cell: `drain of ${messages.toLocaleString('en')}: ${cell}`,
    unit,
    series: [seriesOf(rounds, read)],
  })
  results.take(figure('live messages in quiet, p50', 'ms on the way', ({ quiet }) => quiet.p50Ms))
  results.take(figure('live messages in quiet, p99', 'ms on the way', ({ quiet }) => quiet.p99Ms))
  results.take(figure('live messages meanwhile, p50', 'ms on the way', ({ draining }) => draining.p50Ms))
  results.take(figure('live messages meanwhile, p99', 'ms on the way', ({ draining }) => draining.p99Ms))
  results.take({
    ...figure('live messages, p99', 'times that in quiet', ({ quiet, draining }) => draining.p99Ms / quiet.p99Ms),
    budget: { most: RATIO_MAX },
  })
  results.take(figure('it takes', 'seconds', ({ drainMs }) => drainMs / 1_000))
  results.take(figure('CPU', 'CPU us per message', ({ cpuUsPerMessage }) => cpuUsPerMessage))
  results.write('What gathered during an outage crosses a link', [
    ...bench.host,
    `${bench.rounds} rounds; live: QoS 1, ${PAYLOAD_BYTES} B, ${LIVE_PER_SECOND} a second; backlog: QoS 1, ${PAYLOAD_BYTES} B, ${PUBLISHERS} publishers`,
  ])
}

async function measure(bench: Bench, messages: number) {
  const pair = await startPair({ dialect: bench.dialect, hasFaults: true })
  const { publishPort, subscribePort } = pair
  const backlog = await Backlog.open({
    publishPort,
    subscribePort,
    publishers: PUBLISHERS,
    payloadBytes: PAYLOAD_BYTES,
  })
  const live = await Live.open(pair)
  try {
    await live.probe()
    await gather(pair, backlog, WARM_MESSAGES)
    await live.during(backlog.arrived())
    const quiet = await live.during(pause(bench.durationMs))
    await gather(pair, backlog, messages)
    const startedMs = performance.now()
    const cpuBefore = cpuOf(pair)
    let drainMs = 0
    const arrived = backlog.arrived().then((counts) => {
      drainMs = performance.now() - startedMs
      return counts
    })
    const draining = await live.during(arrived)
    const result: DrainResult = {
      quiet,
      draining,
      drainMs,
      backlog: await arrived,
      cpuUsPerMessage: (cpuOf(pair) - cpuBefore) / messages,
    }
    return { result, flaws: flawsOf(result, messages) }
  } finally {
    await live.close()
    await backlog.close()
    await pair.stop()
  }
}

/** An outage in which so many messages are published. Resolves when the link is back. */
async function gather({ near }: Pair, backlog: Backlog, messages: number): Promise<void> {
  const socket = await SocketClient.open(debugSocketOf(near))
  const from = near.log.length
  await socket.call('fault.pause', { link: 'far', ms: OUTAGE_MS })
  await socket.call('fault.cut', { link: 'far' })
  await near.waitFor('an outage', isStatus('connecting'), from)
  await backlog.publish(messages)
  const before = near.log.length
  await socket.call('fault.pause', { link: 'far', ms: 0 })
  await near.waitFor('the link', isStatus('running'), before)
  socket.close()
}

const isStatus = (status: string) => (event: LogEvent) =>
  event.msg === 'cluster_link_status' && event['status'] === status

function connect(role: string): ConnectOptions {
  return { clientId: `live-${role}`, username: USERNAME, isKept: false }
}

/** Messages that come while the link is up, at their times. */
class Live {
  readonly #publisher: Publisher
  readonly #subscriber: Subscriber
  readonly #pacer: Pacer
  #phase = 0
  /** Since when messages are due; none are while it is `Infinity`. */
  #startedMs = Number.POSITIVE_INFINITY

  private constructor(publisher: Publisher, subscriber: Subscriber) {
    this.#publisher = publisher
    this.#subscriber = subscriber
    // From the beginning: a thread takes its time to start.
    this.#pacer = startPacer(performance.now(), 1_000_000 / LIVE_PER_SECOND, () => this.#sendDue())
  }

  static async open({ publishPort, subscribePort }: Pair): Promise<Live> {
    const subscriber = await Subscriber.open(subscribePort, connect('sub'), [LIVE_TOPIC], 1, 1)
    const ring = makeRing([LIVE_TOPIC], 1, PAYLOAD_BYTES)
    return new Live(await Publisher.open(publishPort, connect('pub'), 0, ring, LIVE_PER_SECOND), subscriber)
  }

  /** Resolves when messages cross. */
  async probe(): Promise<void> {
    this.#begin()
    const again = setInterval(() => this.#publisher.send(1), 100)
    await new Promise<void>((resolve) => (this.#subscriber.onMessage = () => resolve()))
    clearInterval(again)
  }

  /** Sends what is due until the other thing has happened, and resolves when all of it has come. */
  async during(other: Promise<unknown>): Promise<Times> {
    const tookMs: number[] = []
    const phase = this.#begin()
    const startedMs = performance.now()
    this.#subscriber.onMessage = (of, sequence) => {
      if (of === phase) tookMs.push(performance.now() - startedMs - (sequence / LIVE_PER_SECOND) * 1_000)
    }
    this.#startedMs = startedMs
    await other
    this.#startedMs = Number.POSITIVE_INFINITY
    const { sent } = this.#publisher
    const giveUpMs = performance.now() + LATE_MS
    while (this.#subscriber.delivered < sent && performance.now() < giveUpMs) await pause(5)
    const sorted = tookMs.toSorted((a, b) => a - b)
    const quantile = (share: number): number => sorted[Math.floor(share * sorted.length)] ?? Number.NaN
    return { p50Ms: quantile(0.5), p99Ms: quantile(0.99), lost: sent - this.#subscriber.delivered }
  }

  async close(): Promise<void> {
    await this.#pacer.stop()
    this.#publisher.close()
    this.#subscriber.close()
  }

  #sendDue(): void {
    const due = Math.floor(((performance.now() - this.#startedMs) / 1_000) * LIVE_PER_SECOND)
    const count = Math.min(LIVE_PER_SECOND, due - this.#publisher.sent)
    if (count > 0) this.#publisher.send(count)
  }

  #begin(): number {
    this.#phase += 1
    this.#publisher.beginPhase(this.#phase)
    this.#subscriber.beginPhase(this.#phase, 1)
    return this.#phase
  }
}

function cpuOf({ pids }: Pair): number {
  return pids.reduce((sum, pid) => sum + cpuUs(pid), 0)
}

function flawsOf({ quiet, draining, backlog }: DrainResult, messages: number): string {
  const lost = quiet.lost + draining.lost + messages - backlog.delivered
  return lost + backlog.duplicated === 0 ? '' : `${lost} lost, ${backlog.duplicated} doubled`
}
