/**
 * What does a message cost a broker (or a pair of linked ones), in CPU time? Some publishers, some subscribers who all
 * want everything, closed loop: at most `window` messages are between send and delivery (QoS 1 and 2: and the end of their
 * acknowledgements), so nothing has a reason to be lost, and each is counted.
 * Large writes out and a walk in place over what comes in keep the generator itself far below any broker.
 * Left out: TLS, MQTT 5, payloads that compress. Latency under this load is the window's, so none is given.
 */
import { busyUs, cpuUs, diskBytes } from './cpu.ts'
import type { QoS } from './mqtt-bytes.ts'
import { makeRing, Publisher } from './publisher.ts'
import { Subscriber } from './subscriber.ts'

export type LoadOptions = {
  readonly publishPort: number
  /** Another broker's if the messages are to cross a link. */
  readonly subscribePort: number
  readonly publishers: number
  readonly subscribers: number
  readonly qos: QoS
  readonly topicCount: number
  /** Of the topics, as many as are subscribed to, the first ones; all if left out. */
  readonly wantedCount?: number
  /** What is subscribed to instead of each wanted topic by itself. */
  readonly wantedFilters?: readonly string[]
  /** At least 8. */
  readonly payloadBytes: number
  /** Of all publishers together. */
  readonly window: number
  /** Whether the sessions of both sides outlive their connections: a durable broker then keeps what it acknowledges. */
  readonly keptSessions: boolean
  readonly warmupMs: number
  readonly durationMs: number
  /** Whose CPU time is charged to the messages. */
  readonly pids: readonly number[]
}

export type LoadResult = {
  readonly sent: number
  /** Distinct messages, at each subscriber. */
  readonly delivered: number
  /** Not delivered to a subscriber that should have got it. */
  readonly lost: number
  /** QoS 1 and 2: whose acknowledgement never came to its end; and acknowledgements of nothing. */
  readonly unacknowledged: number
  readonly unexpected: number
  readonly duplicated: number
  readonly messagesPerSecond: number
  /** CPU time of each process per delivered message, microseconds, in the order of `pids`. */
  readonly cpuUsPerMessage: readonly number[]
  /** What all processes together wrote per delivered message. */
  readonly diskBytesPerMessage: number
  /** The generator's own. */
  readonly generatorUsPerMessage: number
  /** Cores that were busy with neither the broker nor the generator. */
  readonly othersCores: number
}

/** Without progress for this long, what is missing is lost. */
const STALL_MS = 5000
const PROBE_EVERY_MS = 100
const PROBE_DEADLINE_MS = 20_000
/** Phase numbers in a payload. */
const phases = { probe: 0, warmup: 1, measured: 2 } as const

/** What clients may do is written for this name and these topics. */
export const USERNAME = 'load'
export const topicName = (index: number): string => `bench/${USERNAME}/${String(index).padStart(6, '0')}`

export type Ends = { readonly publishers: readonly Publisher[]; readonly subscribers: readonly Subscriber[] }

export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const ends = await openEnds(options)
  try {
    await probe(options, ends)
    await runPhase(options, phases.warmup, options.warmupMs, ends)
    const before = options.pids.map(cpuUs)
    const diskBefore = sum(options.pids.map(diskBytes))
    const busyBefore = busyUs()
    const own = process.cpuUsage()
    const startedMs = performance.now()
    const counts = await runPhase(options, phases.measured, options.durationMs, ends)
    const elapsedMs = performance.now() - startedMs
    const { user, system } = process.cpuUsage(own)
    const taken = options.pids.map((pid, index) => cpuUs(pid) - (before[index] ?? 0))
    const othersUs = busyUs() - busyBefore - user - system - sum(taken)
    return {
      ...counts,
      messagesPerSecond: (counts.delivered / elapsedMs) * 1000,
      cpuUsPerMessage: taken.map((us) => us / counts.delivered),
      diskBytesPerMessage: (sum(options.pids.map(diskBytes)) - diskBefore) / counts.delivered,
      generatorUsPerMessage: (user + system) / counts.delivered,
      othersCores: Math.max(0, othersUs / elapsedMs / 1000),
    }
  } finally {
    for (const end of [...ends.publishers, ...ends.subscribers]) end.close()
  }
}

/** Who opens them closes them. */
export async function openEnds(options: Omit<LoadOptions, 'warmupMs' | 'durationMs' | 'pids'>): Promise<Ends> {
  const { qos, keptSessions: isKept } = options
  const topics = Array.from({ length: options.topicCount }, (_, index) => topicName(index))
  const ring = makeRing(topics, qos, options.payloadBytes)
  const connect = (role: string, index: number) => ({
    clientId: `bench-${role}-${index}-${process.pid}`,
    username: USERNAME,
    isKept,
  })
  const subscribers: Subscriber[] = []
  for (let index = 0; index < options.subscribers; index++) {
    const { subscribePort, publishers, wantedFilters = topics.slice(0, options.wantedCount) } = options
    subscribers.push(await Subscriber.open(subscribePort, connect('sub', index), wantedFilters, qos, publishers))
  }
  const publishers: Publisher[] = []
  for (let index = 0; index < options.publishers; index++)
    publishers.push(await Publisher.open(options.publishPort, connect('pub', index), index, ring, share(options)))
  return { publishers, subscribers }
}

/** The part of the window that one publisher has. */
const share = ({ window, publishers }: Pick<LoadOptions, 'window' | 'publishers'>): number =>
  Math.max(1, Math.floor(window / publishers))

/** Publishes until every subscriber has seen every topic that it wants: then subscriptions, and routes if there are any, are known. */
export function probe(
  options: Pick<LoadOptions, 'topicCount' | 'wantedCount' | 'window'>,
  { publishers, subscribers }: Ends,
): Promise<void> {
  const topics = Array.from({ length: options.wantedCount ?? options.topicCount }, (_, index) => index)
  const missing = subscribers.map(() => new Set(topics))
  const [publisher] = publishers
  publisher!.beginPhase(phases.probe)
  const send = (): void => {
    // Never more on their way than in the measured phases: some brokers stop for good then.
    if (publisher!.acknowledged < publisher!.sent) return
    const asked = topics.filter((topic) => missing.some((topics) => topics.has(topic)))
    for (const topic of asked.slice(0, options.window)) publisher!.sendTo(topic)
  }
  return new Promise((resolve, reject) => {
    const again = setInterval(send, PROBE_EVERY_MS)
    const late = setTimeout(() => {
      clearInterval(again)
      const count = sum(missing.map(({ size }) => size))
      reject(new Error(`the first message of ${count} subscriptions never arrived`))
    }, PROBE_DEADLINE_MS)
    const look = (): void => {
      if (missing.some((topics) => topics.size > 0) || publisher!.acknowledged < publisher!.sent) return
      clearInterval(again)
      clearTimeout(late)
      for (const subscriber of subscribers) subscriber.onMessage = undefined
      for (const end of [...publishers, ...subscribers]) end.afterRead = () => undefined
      resolve()
    }
    for (const [index, subscriber] of subscribers.entries()) {
      subscriber.onMessage = (phase, topic) => {
        if (phase === phases.probe) missing[index]!.delete(topic)
      }
      subscriber.afterRead = look
    }
    publisher!.afterRead = look
    send()
  })
}

type Counts = Pick<LoadResult, 'sent' | 'delivered' | 'lost' | 'unacknowledged' | 'unexpected' | 'duplicated'>

/** Sends for `durationMs`, then waits for what is on its way. */
function runPhase(options: LoadOptions, phase: number, durationMs: number, ends: Ends): Promise<Counts> {
  const { publishers, subscribers } = ends
  const endMs = performance.now() + durationMs
  const window = share(options)
  for (const publisher of publishers) publisher.beginPhase(phase)
  for (const subscriber of subscribers) subscriber.beginPhase(phase, publishers.length)
  /** Messages of a publisher that have done all they had to, at its slowest subscriber. */
  const done = (index: number): number => {
    let least = publishers[index]!.acknowledged
    for (const subscriber of subscribers) least = Math.min(least, subscriber.passed(index))
    return least
  }
  const gap = (index: number): number => window - (publishers[index]!.sent - done(index))
  return new Promise((resolve) => {
    let progress = -1
    const finish = (): void => {
      clearInterval(stall)
      resolve(count(ends))
    }
    const stall = setInterval(() => {
      const { sent, delivered, unacknowledged } = count(ends)
      const now = sent + delivered - unacknowledged
      if (progress === now) finish()
      progress = now
    }, STALL_MS)
    const pump = (): void => {
      if (performance.now() >= endMs) {
        if (publishers.every(({ sent }, index) => done(index) === sent)) finish()
        return
      }
      // Gaps grow to a quarter of the window first, and then all publishers send at once, so that writes stay large and
      // what a busy broker finds to read does not hang on how often the generator had the processor.
      let free = 0
      for (let index = 0; index < publishers.length; index++) free += gap(index)
      if (free < options.window / 4) return
      for (let index = 0; index < publishers.length; index++) if (gap(index) > 0) publishers[index]!.send(gap(index))
    }
    for (const end of [...publishers, ...subscribers]) end.afterRead = pump
    pump()
  })
}

function count({ publishers, subscribers }: Ends): Counts {
  const sent = sum(publishers.map((publisher) => publisher.sent))
  const delivered = sum(subscribers.map((subscriber) => subscriber.delivered))
  return {
    sent,
    delivered,
    lost: sent * subscribers.length - delivered,
    unacknowledged: sent - sum(publishers.map((publisher) => publisher.acknowledged)),
    unexpected: sum(publishers.map((publisher) => publisher.unexpected)),
    duplicated: sum(subscribers.map((subscriber) => subscriber.duplicated)),
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
