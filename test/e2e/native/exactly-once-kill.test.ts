/**
 * Two clusters, durable links both ways, and nodes that are killed at random moments and start again on what is on their disks, while
 * clients go on as soon as there is a node again. Nothing is lost that was acknowledged; nothing comes twice where the receiver lived
 * on, and nowhere more than it counts. `SEED=n` replays the moments; `ISTHMUS_TEST_KILL_SECONDS=60`, `ISTHMUS_TEST_KILL_EVERY_MS=5000`
 * and `ISTHMUS_TEST_PER_SECOND=5000` make it as long and as hard as one likes.
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { CrashClient } from '../../broker/durable/crash-client.ts'
import { seeded } from '../account.ts'
import { connectClient, prove, subscribe } from '../clients.ts'
import { whenAllDelivered } from '../ledgers.ts'
import { SocketWire } from '../socket-wire.ts'
import { startPair } from './pair.ts'

const SECONDS = Number(process.env['ISTHMUS_TEST_KILL_SECONDS'] ?? 4)
const KILL_EVERY_MS = Number(process.env['ISTHMUS_TEST_KILL_EVERY_MS'] ?? 2_000)
/** In each direction. */
const PER_SECOND = Number(process.env['ISTHMUS_TEST_PER_SECOND'] ?? 600)
const PUBLISHERS = 2
const UNACKNOWLEDGED_MAX = 100
const TICK_MS = 5
const DEADLINE_MS = 60_000

/** A client that goes on as long as there is a node, and keeps to the letter of QoS 1 and 2. */
class Person {
  readonly client: CrashClient
  /** Not acknowledged when a connection went: they were sent twice, perhaps. */
  readonly sentAgain = new Set<string>()
  readonly #topic: string
  readonly #unanswered = new Set<string>()
  #answered = 0
  #published = 0
  #publishedMax = 0

  /** @param filter of one that reads */
  constructor(name: string, topic: string, filter?: string) {
    this.#topic = topic
    const habits = { identifiers: UNACKNOWLEDGED_MAX, receiveMaximum: UNACKNOWLEDGED_MAX }
    this.client = new CrashClient(name, true, filter, habits)
  }

  join(port: number): void {
    const { client } = this
    const wire = new SocketWire(port, () => {
      client.toClient()
      this.#refill()
      client.toServer()
    })
    client.connect(wire)
    client.toServer()
  }

  lose(): void {
    this.#look()
    for (const text of this.#unanswered) this.sentAgain.add(text)
    this.client.lost()
  }

  /** Texts are `<stream> <number>`: a stream is of one publisher, topic and QoS. */
  publishUpTo(count: number): void {
    this.#publishedMax = count
    this.#refill()
    this.client.toServer()
  }

  #refill(): void {
    const { client } = this
    while (client.isAccepted && client.unfinished < UNACKNOWLEDGED_MAX && this.#published < this.#publishedMax) {
      const qos = this.#published % 2 === 0 ? 1 : 2
      const text = `${this.#topic}/${qos} ${this.#published}`
      this.#published += 1
      this.#unanswered.add(text)
      client.publish(qos, text, this.#topic)
    }
    this.#look()
  }

  #look(): void {
    const { acknowledged } = this.client
    for (; this.#answered < acknowledged.length; this.#answered += 1)
      this.#unanswered.delete(acknowledged[this.#answered]!.text)
  }
}

type Side = { readonly publishers: readonly Person[]; readonly reader: Person }

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const untilMs = performance.now() + DEADLINE_MS; !holds(); await pause(10))
    assert(performance.now() < untilMs, `no ${what} in ${DEADLINE_MS} ms`)
}

/** What was acknowledged on one side and has not come to the other. */
function missing({ publishers }: Side, { reader }: Side): string[] {
  const got = new Set(reader.client.got.map(({ text }) => text))
  return publishers
    .flatMap(({ client }) => client.acknowledged.map(({ text }) => text))
    .filter((text) => !got.has(text))
}

/**
 * What came twice over the link. Not what its publisher sent twice, at QoS 1; nor what a session of QoS 1 sends anew because its node had
 * not heard of the acknowledgement when it was killed.
 */
function doubled({ publishers }: Side, { reader }: Side, isKilled: boolean): string[] {
  const seen = new Set<string>()
  const isExcused = (text: string): boolean => isKilled || publishers.some(({ sentAgain }) => sentAgain.has(text))
  return reader.client.got.flatMap(({ text, qos }) =>
    seen.size === seen.add(text).size && (qos === 2 || !isExcused(text)) ? [text] : [],
  )
}

/** First arrivals that came after a later one of their stream. */
function outOfOrder({ reader }: Side): string[] {
  const seen = new Set<string>()
  const latest = new Map<string, number>()
  return reader.client.got.flatMap(({ text }) => {
    const [stream = '', number] = text.split(' ')
    if (seen.size === seen.add(text).size) return []
    const isLate = Number(number) < (latest.get(stream) ?? -1)
    if (!isLate) latest.set(stream, Number(number))
    return isLate ? [text] : []
  })
}

async function killAgainAndAgain(t: TestContext, victims: readonly (0 | 1)[]): Promise<void> {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  t.diagnostic(`SEED=${seed}`)
  const random = seeded(seed)
  const pair = await startPair(t, { topics: ['t/#'], link: { durable: true } })
  const sides = await Promise.all(
    pair.nodes.map(async (node, at): Promise<Side> => {
      const wants = `t/${1 - at}`
      const publishers = Array.from(
        { length: PUBLISHERS },
        (_, index) => new Person(`p${at}-${index}`, `t/${at}/${index}`),
      )
      const reader = new Person(`r${at}`, '', `${wants}/+`)
      t.after(() => [...publishers, reader].forEach(({ client }) => client.lost()))
      for (const person of [...publishers, reader]) person.join(node.mqttPort)
      await until('subscription', () => reader.client.isSubscribed)
      const probe = await subscribe(await connectClient(t, node.mqttPort), `${wants}/probe/x`)
      await prove(probe, await connectClient(t, pair.nodes[1 - at]!.mqttPort), `${wants}/probe/x`)
      return { publishers, reader }
    }),
  )
  const publishers = sides.flatMap((side) => side.publishers)
  const startedMs = performance.now()
  const tick = setInterval(() => {
    const due = ((performance.now() - startedMs) * PER_SECOND) / PUBLISHERS / 1_000
    for (const publisher of publishers) publisher.publishUpTo(due)
  }, TICK_MS)
  t.after(() => clearInterval(tick))
  let kills = 0
  for (; performance.now() - startedMs < SECONDS * 1_000; kills += 1) {
    await pause(KILL_EVERY_MS * (0.5 + random() / 2))
    const victim = victims[kills % victims.length]!
    const side = sides[victim]!
    const crowd = [...side.publishers, side.reader]
    await pair.nodes[victim]!.kill()
    for (const person of crowd) person.lose()
    await pair.start(t, victim)
    for (const person of crowd) person.join(pair.nodes[victim]!.mqttPort)
  }
  clearInterval(tick)
  const published = Math.floor(((performance.now() - startedMs) * PER_SECOND) / PUBLISHERS / 1_000)
  for (const publisher of publishers) publisher.publishUpTo(published)
  await until('last acknowledgement', () => publishers.every(({ client }) => client.acknowledged.length >= published))
  t.diagnostic(`${kills} kills, ${published * publishers.length} published`)
  for (const [at, side] of sides.entries()) {
    const other = sides[1 - at]!
    const isKilled = victims.some((victim) => victim === at)
    await until('message that is missing', () => missing(other, side).length === 0).catch((error: unknown) => {
      const lost = missing(other, side)
      throw new Error(`${lost.length} messages are lost: ${lost.slice(0, 10).join(', ')}`, { cause: error })
    })
    const ledgers = await whenAllDelivered(() => pair.ledgers(at))
    const twice = doubled(other, side, isKilled)
    const admitted = isKilled ? ledgers.in.maybe_duplicate : 0
    t.diagnostic(
      `at ${pair.nodes[at]!.name} ${twice.length} came twice of ${admitted} that may: ${JSON.stringify(ledgers)}`,
    )
    assert.ok(twice.length <= admitted, `${twice.length} came twice: ${twice.slice(0, 10).join(', ')}`)
    assert.deepEqual(outOfOrder(side), [])
  }
}

test('one side is killed again and again: nothing is lost, and it takes nothing twice but what it counts', (t) =>
  killAgainAndAgain(t, [0]))

test('both sides are killed in turn: nothing is lost, and nothing comes twice but what is counted', (t) =>
  killAgainAndAgain(t, [0, 1]))
