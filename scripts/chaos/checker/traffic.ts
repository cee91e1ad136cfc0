/** Publishers and subscribers as a plan says, and the record of what they saw. */
import { setTimeout as passed } from 'node:timers/promises'
import type { Observed } from './observed.ts'
import type { TrafficPlan } from './plan.ts'
import { Publisher } from './publisher.ts'
import { Subscriber } from './subscriber.ts'
import { isMatch, isMatchOfAny } from './topic-match.ts'
import type { Crossing } from './verdict.ts'

export type Traffic = {
  /** This client's node listens elsewhere now: it connects there, at once. */
  moved(name: string, url: string): void
  /** Gives up a subscription, or takes it up again; resolves with the broker's answer. */
  unsubscribe(name: string): Promise<void>
  subscribe(name: string): Promise<void>
  /** Publishers rest, and go on. What was published is still answered and delivered. */
  pause(): void
  resume(): void
  /**
   * Resolves when each subscriber got something from each publisher whose topic it wants.
   * @param crossings only where something may cross; left out: everywhere
   * @throws naming those that got nothing, after `withinMs`
   */
  flowing(withinMs: number, crossings?: readonly Crossing[]): Promise<void>
  counts(): { readonly published: number; readonly acknowledged: number; readonly delivered: number }
  /** Publishers stop at once; resolves when it is quiet, and clients are gone then. */
  stop(options?: StopOptions): Promise<Observed>
}

export type StopOptions = {
  /** It is quiet when nothing new came for so long, and nothing is missing; default 1,000. */
  readonly quietMs?: number
  /** Or, if something is missing, when nothing new came for so long: a link may be between two attempts; default 12,000. */
  readonly patienceMs?: number
  /** It waits no longer than that; default 60,000. */
  readonly boundMs?: number
}

const TICK_MS = 20
const LOOK_EVERY_MS = 50
const START_MS_MAX = 30_000
const QUIET_MS = 1_000
/** More than the longest pause of a link between two attempts to connect. */
const PATIENCE_MS = 12_000
const STOP_MS_MAX = 60_000

/**
 * Resolves when all are connected and all subscriptions are acknowledged; publishers begin then.
 * @throws naming those that were not, after `withinMs`; nothing is left of them then
 */
export async function startTraffic(plan: TrafficPlan, withinMs = START_MS_MAX): Promise<Traffic> {
  const fromMs = performance.now()
  const publishers = new Map(plan.publishers.map((it) => [it.name, new Publisher(it)]))
  const subscribers = new Map(plan.subscribers.map((it) => [it.name, new Subscriber(it)]))
  if (publishers.size + subscribers.size < plan.publishers.length + plan.subscribers.length)
    throw new Error('two clients of one name in a plan of traffic')
  const everybody = [...publishers.values(), ...subscribers.values()]
  for (const { client } of everybody) client.start()
  let isPaused = false
  let tickedMs = performance.now()

  const tick = (): void => {
    const nowMs = performance.now()
    // A pause of this process is no reason for a burst.
    const sinceMs = Math.min(nowMs - tickedMs, 10 * TICK_MS)
    tickedMs = nowMs
    if (!isPaused) for (const publisher of publishers.values()) publisher.tick(sinceMs)
  }
  const subscribed = async (name: string, isWanted: boolean): Promise<void> => {
    const subscriber = named(subscribers, name)
    subscriber.want(isWanted)
    await until(() => (subscriber.isSubscribed === isWanted ? [] : [name]), START_MS_MAX, 'no answer for')
  }
  const silentPairs = (crossings: readonly Crossing[] | undefined): string[] =>
    [...subscribers.values()].flatMap(({ plan: wants, heard }) =>
      plan.publishers
        .filter(({ name, topic }) => isMatch(topic, wants.filter) && !heard.has(name))
        .filter(({ cluster, topic }) => mayCross(crossings, cluster, wants.cluster, topic))
        .map(({ name }) => `${wants.name} (from ${name})`),
    )
  const end = async (): Promise<void> => void (await Promise.all(everybody.map(({ client }) => client.end())))

  try {
    await until(() => notReady(publishers, subscribers), withinMs, 'not connected or subscribed:')
  } catch (error) {
    await end()
    throw error
  }
  tickedMs = performance.now()
  const ticks = setInterval(tick, TICK_MS)
  return {
    moved(name, url) {
      named(new Map(everybody.map((one) => [one.plan.name, one])), name).client.moved(url)
    },
    unsubscribe: (name) => subscribed(name, false),
    subscribe: (name) => subscribed(name, true),
    pause() {
      isPaused = true
    },
    resume() {
      isPaused = false
    },
    flowing: (withinMs, crossings) => until(() => silentPairs(crossings), withinMs, 'nothing came to'),
    counts: () => ({
      published: sumOf(publishers.values(), ({ published }) => published),
      acknowledged: sumOf(publishers.values(), ({ acknowledged }) => acknowledged),
      delivered: sumOf(subscribers.values(), ({ delivered }) => delivered),
    }),
    async stop({ quietMs = QUIET_MS, patienceMs = PATIENCE_MS, boundMs = STOP_MS_MAX } = {}) {
      clearInterval(ticks)
      const parties = { publishers: [...publishers.values()], subscribers: [...subscribers.values()] }
      const isQuiet = await whenQuiet(parties, { quietMs, patienceMs, boundMs })
      const toMs = performance.now()
      const observed = {
        fromMs,
        toMs,
        isQuiet,
        publishers: [...publishers.values()].map((publisher) => publisher.record()),
        // Ending a connection ends a clean session's subscription: what is told is told before.
        subscribers: [...subscribers.values()].map((subscriber) => subscriber.record()).map(copied),
      }
      await end()
      return observed
    },
  }
}

const copied = <One extends { readonly spans: readonly unknown[] }>(one: One): One => ({
  ...one,
  spans: [...one.spans],
})

function named<One>(all: ReadonlyMap<string, One>, name: string): One {
  const one = all.get(name)
  if (one === undefined) throw new Error(`nobody is called ${name} in this traffic`)
  return one
}

const sumOf = <One>(all: Iterable<One>, count: (one: One) => number): number =>
  [...all].reduce((sum, one) => sum + count(one), 0)

function notReady(publishers: ReadonlyMap<string, Publisher>, subscribers: ReadonlyMap<string, Subscriber>): string[] {
  const late = [
    ...[...publishers.values()].filter(({ client }) => !client.isConnected),
    ...[...subscribers.values()].filter(({ isSubscribed }) => !isSubscribed),
  ]
  return late.map(({ plan, client }) => `${plan.name} (${client.trouble})`)
}

function mayCross(crossings: readonly Crossing[] | undefined, from: string, to: string, topic: string): boolean {
  if (crossings === undefined || from === to) return true
  return crossings.some((it) => it.from === from && it.to === to && isMatchOfAny(topic, it.topics))
}

/** Resolves when nobody is left. @throws naming who is */
async function until(whoIsLeft: () => readonly string[], withinMs: number, words: string): Promise<void> {
  for (const untilMs = performance.now() + withinMs; ; await passed(LOOK_EVERY_MS)) {
    const left = whoIsLeft()
    if (left.length === 0) return
    if (performance.now() < untilMs) continue
    throw new Error(`${words} ${left.slice(0, 5).join(', ')}${left.length > 5 ? ` and ${left.length - 5} more` : ''}`)
  }
}

type Parties = { readonly publishers: readonly Publisher[]; readonly subscribers: readonly Subscriber[] }

async function whenQuiet({ publishers, subscribers }: Parties, stop: Required<StopOptions>): Promise<boolean> {
  const beganMs = performance.now()
  for (; ; await passed(LOOK_EVERY_MS)) {
    const nowMs = performance.now()
    if (nowMs - beganMs > stop.boundMs) return false
    const everybody = [...publishers, ...subscribers]
    // Who is away may still have something to tell, or to get.
    if (!everybody.every(({ client }) => client.isConnected)) continue
    const stillMs = nowMs - Math.max(beganMs, ...everybody.map(({ changedMs }) => changedMs))
    if (stillMs < stop.quietMs) continue
    if (stillMs >= stop.patienceMs || isAllThere({ publishers, subscribers })) return true
  }
}

/** All is answered, and whoever heard of a publisher heard its last message. */
function isAllThere({ publishers, subscribers }: Parties): boolean {
  return publishers.every(
    ({ awaited, lastGood, plan }) =>
      awaited === 0 &&
      subscribers.every(({ heard, isSubscribed }) => !isSubscribed || (heard.get(plan.name) ?? lastGood) >= lastGood),
  )
}
