/** Publishers that go on whatever happens, and what is to be said of what arrives: nothing acknowledged lost, none doubled, in order. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import mqtt, { type IClientOptions, type IConnackPacket, type MqttClient } from 'mqtt'
import { eventually, type TestMember } from './members.ts'

/** What waits in a session is not what is tested: by default a queue holds 1,000. */
export const longQueues = { mqtt: { max_mqueue_len: 100_000 } } as const

/** Payloads are `<name> <number>`, numbered from 0 on. */
export type Publishing = {
  readonly name: string
  /** How many were acknowledged so far. */
  readonly acknowledgedCount: number
  /** The longest that an acknowledgement took so far, milliseconds. */
  readonly slowestMs: number
  /** Publishes no more. Resolves, when all is acknowledged, with the payloads that were, in order. */
  stop(): Promise<readonly string[]>
}

/** A message every few milliseconds, whether or not those before are acknowledged. */
export function publishSteadily(
  client: MqttClient,
  topic: string,
  { name, qos = 1, everyMs = 20 }: { readonly name: string; readonly qos?: 1 | 2; readonly everyMs?: number },
): Publishing {
  const acknowledged: number[] = []
  const unanswered = new Set<Promise<void>>()
  let next = 0
  let slowestMs = 0
  const publish = async (): Promise<void> => {
    const number = next++
    const sentAtMs = performance.now()
    try {
      await client.publishAsync(topic, `${name} ${number}`, { qos })
      acknowledged.push(number)
      slowestMs = Math.max(slowestMs, performance.now() - sentAtMs)
    } catch {
      // Never acknowledged, so that nothing was promised.
    }
  }
  const timer = setInterval(() => {
    const published = publish().finally(() => unanswered.delete(published))
    unanswered.add(published)
  }, everyMs)
  return {
    name,
    get acknowledgedCount() {
      return acknowledged.length
    },
    get slowestMs() {
      return slowestMs
    },
    stop: async () => {
      clearInterval(timer)
      await Promise.all(unanswered)
      return acknowledged.toSorted((a, b) => a - b).map((number) => `${name} ${number}`)
    },
  }
}

/** What came of one publisher, in the order in which it came. */
export function ofPublisher(arrived: readonly string[], name: string): string[] {
  return arrived.filter((payload) => payload.startsWith(`${name} `))
}

/** Resolves when all that was acknowledged has come. */
export async function assertAllArrive(
  who: string,
  arrived: () => readonly string[],
  published: readonly string[],
  deadlineMs?: number,
): Promise<void> {
  const missing = (): string[] => {
    const there = new Set(arrived())
    return published.filter((payload) => !there.has(payload))
  }
  await eventually(`${who} has all that was acknowledged`, () => assert.deepEqual(missing(), []), deadlineMs).catch(
    (error: unknown) => {
      const lost = missing()
      const words = `${who} lacks ${lost.length} of ${published.length}: ${lost[0]} to ${lost.at(-1)}`
      throw new Error(words, { cause: error })
    },
  )
}

/** Resolves when all that was acknowledged has come. Throws if it does not, or if anything came twice or out of order. */
export async function assertArrive(
  who: string,
  arrived: readonly string[],
  published: readonly string[],
  deadlineMs?: number,
): Promise<void> {
  await assertAllArrive(who, () => arrived, published, deadlineMs)
  assertOnceInOrder(who, arrived, published[0]!.split(' ')[0]!)
}

export function assertOnceInOrder(who: string, arrived: readonly string[], name: string): void {
  assertOnce(who, arrived, name)
  const numbers = numbersOf(arrived, name)
  const behind = numbers.filter((number, at) => at > 0 && number < numbers[at - 1]!)
  assert.deepEqual(behind, [], `${who} has some of ${name} after later ones`)
}

export function assertOnce(who: string, arrived: readonly string[], name: string): void {
  const found = new Set<number>()
  const doubled = numbersOf(arrived, name).filter((number) => found.size === found.add(number).size)
  assert.deepEqual(doubled, [], `${who} has some of ${name} twice`)
}

function numbersOf(arrived: readonly string[], name: string): number[] {
  return ofPublisher(arrived, name).map((payload) => Number(payload.split(' ')[1]))
}

/** Resolves when each of these members knows a destination of the topic on each of these nodes, its own included. */
export async function routesKnown(
  members: readonly TestMember[],
  topic: string,
  holders: readonly TestMember[],
): Promise<void> {
  await eventually(`${holders.map(({ name }) => name).join(', ')} are known to want ${topic}`, async () => {
    for (const member of members) {
      const others = holders.filter((holder) => holder !== member).map(({ name }) => name)
      const { destinations } = await member.call('routes.match', { topic })
      const text = JSON.stringify(destinations)
      for (const other of others) assert.ok(text.includes(other), `${member.name} does not know of ${other}: ${text}`)
    }
  })
}

export type Subscriber = {
  readonly client: MqttClient
  readonly connack: IConnackPacket
  /** Payloads, in the order in which they came. */
  readonly arrived: readonly string[]
}

/** A client whose session is kept. It listens before it connects: what waited for it comes at once. */
export async function connectKept(
  t: TestContext,
  member: TestMember,
  clientId: string,
  options: IClientOptions = {},
): Promise<Subscriber> {
  const client = mqtt.connect(`mqtt://127.0.0.1:${member.port}`, {
    protocolVersion: 5,
    reconnectPeriod: 0,
    clientId,
    clean: false,
    properties: { sessionExpiryInterval: 3600 },
    ...options,
  })
  t.after(() => void client.end(true))
  const arrived: string[] = []
  client.on('message', (_topic, payload) => arrived.push(payload.toString()))
  const connack = await new Promise<IConnackPacket>((resolve, reject) => {
    client.once('connect', resolve)
    client.once('error', reject)
  })
  client.on('error', () => undefined)
  return { client, connack, arrived }
}
