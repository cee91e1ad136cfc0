/**
 * The publishers and the subscriber of a backlog, in a thread of their own, so that they are not in the way of who measures live
 * messages meanwhile.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { USERNAME } from '../load.ts'
import type { ConnectOptions } from '../mqtt-bytes.ts'
import { makeRing, Publisher } from '../publisher.ts'
import { Subscriber } from '../subscriber.ts'

export type BacklogOptions = {
  readonly publishPort: number
  readonly subscribePort: number
  readonly publishers: number
  readonly payloadBytes: number
}

export type Arrived = { readonly type: 'arrived'; readonly delivered: number; readonly duplicated: number }

type Order = { readonly type: 'publish'; readonly count: number } | { readonly type: 'await' }
type Report = { readonly type: 'ready' } | { readonly type: 'published' } | Arrived

/** All of one length. */
const TOPICS = Array.from({ length: 100 }, (_, index) => `bench/late/${String(index).padStart(3, '0')}`)
const QOS = 1
/** Of one publisher, unacknowledged. */
const WINDOW = 200
/** Without progress for so long, what is missing is lost. */
const STALL_MS = 10_000

export class Backlog {
  readonly #worker: Worker

  private constructor(worker: Worker) {
    this.#worker = worker
  }

  /** Resolves when all are connected and subscribed. */
  static async open(options: BacklogOptions): Promise<Backlog> {
    const backlog = new Backlog(new Worker(new URL(import.meta.url), { workerData: options }))
    await backlog.#next()
    return backlog
  }

  /** Publishes so many messages, all publishers together, as fast as they are acknowledged; resolves when all are. */
  async publish(count: number): Promise<void> {
    this.#order({ type: 'publish', count })
    await this.#next()
  }

  /** Resolves when all that was published last has come, or nothing comes any more. */
  async arrived(): Promise<Arrived> {
    this.#order({ type: 'await' })
    const report = await this.#next()
    assert(report.type === 'arrived', report.type)
    return report
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }

  #order(order: Order): void {
    this.#worker.postMessage(order, [])
  }

  async #next(): Promise<Report> {
    const [report]: Report[] = await once(this.#worker, 'message')
    assert(report !== undefined, 'a report')
    return report
  }
}

function connect(role: string): ConnectOptions {
  return { clientId: `late-${role}`, username: USERNAME, isKept: false }
}

async function serve(options: BacklogOptions): Promise<void> {
  const { publishPort, subscribePort, payloadBytes } = options
  const ring = makeRing(TOPICS, QOS, payloadBytes)
  const subscriber = await Subscriber.open(subscribePort, connect('sub'), ['bench/late/#'], QOS, options.publishers)
  const publishers: Publisher[] = []
  for (let index = 0; index < options.publishers; index++)
    publishers.push(await Publisher.open(publishPort, connect(`pub-${index}`), index, ring, WINDOW))
  let phase = 0
  let awaited = 0
  const publish = (count: number): void => {
    phase += 1
    awaited = count
    subscriber.beginPhase(phase, publishers.length)
    const share = Math.ceil(count / publishers.length)
    for (const [index, publisher] of publishers.entries()) {
      const due = Math.max(0, Math.min(share, count - index * share))
      publisher.beginPhase(phase)
      const pump = (): void => {
        const free = Math.min(WINDOW - (publisher.sent - publisher.acknowledged), due - publisher.sent)
        if (free > 0) publisher.send(free)
        if (publishers.every(({ sent, acknowledged }) => sent === acknowledged)) report({ type: 'published' })
      }
      publisher.afterRead = pump
    }
    for (const publisher of publishers) publisher.afterRead()
  }
  const untilArrived = (): void => {
    let seen = -1
    const finish = (): void => {
      clearInterval(stall)
      subscriber.afterRead = () => undefined
      report({ type: 'arrived', delivered: subscriber.delivered, duplicated: subscriber.duplicated })
    }
    const look = (): void => {
      if (subscriber.delivered >= awaited) finish()
    }
    const stall = setInterval(() => {
      if (subscriber.delivered === seen) finish()
      seen = subscriber.delivered
    }, STALL_MS)
    subscriber.afterRead = look
    look()
  }
  parentPort?.on('message', (order: Order) => (order.type === 'publish' ? publish(order.count) : untilArrived()))
  report({ type: 'ready' })
}

function report(what: Report): void {
  parentPort?.postMessage(what, [])
}

if (!isMainThread) await serve(workerData)
