/**
 * A durable link under load, one of whose ends is killed at random moments and started again on what is on its disk. What the
 * publisher was acknowledged arrives. If it is the sender that dies, nothing comes twice but what its publisher sent twice, and nothing
 * of QoS 2. If it is the receiver, nothing comes twice over the link: what a reader who was there is sent again is what it had not
 * acknowledged, or not long ago, at QoS 1. `SEED=n` replays the moments.
 */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { CrashClient } from '../../broker/durable/crash-client.ts'
import { seeded } from '../account.ts'
import { connectClient, prove, subscribe } from '../clients.ts'
import { SocketWire } from '../socket-wire.ts'
import { type Pair, startPair } from './pair.ts'

const KILLS = Number(process.env['ISTHMUS_TEST_KILLS'] ?? 4)
const LOAD_MS_MAX = 500
const PER_KILL = 3_000
const DEADLINE_MS = 60_000

/** A publisher at the one cluster and a kept subscriber at the other, who go on as long as there is a node. */
class Crowd {
  readonly publisher = new CrashClient('publisher', true, undefined, { identifiers: 60, receiveMaximum: 60 })
  readonly reader = new CrashClient('reader', true, 't', { identifiers: 6, receiveMaximum: 100 })
  /** Is there at the beginning and at the end. */
  readonly absent = new CrashClient('absent', true, 't', { identifiers: 6, receiveMaximum: 1_000 })
  /** Not acknowledged when a connection went: they were sent twice, perhaps. */
  readonly sentTwice = new Set<string>()
  readonly #published: string[] = []
  /** Nothing more is published beyond so many: the reader is to keep up. */
  #publishedMax = 0

  join(client: CrashClient, port: number): void {
    const wire = new SocketWire(port, () => {
      client.toClient()
      if (client === this.publisher) this.#refill()
      client.toServer()
    })
    client.connect(wire)
    client.toServer()
  }

  lose(client: CrashClient): void {
    const acknowledged = new Set(this.publisher.acknowledged.map(({ text }) => text))
    if (client === this.publisher)
      for (const text of this.#published) if (!acknowledged.has(text)) this.sentTwice.add(text)
    client.lost()
  }

  publishMore(count: number): void {
    this.#publishedMax = this.#published.length + count
    this.#refill()
    this.publisher.toServer()
  }

  #refill(): void {
    const { publisher } = this
    if (!publisher.isAccepted) return
    while (publisher.unfinished < publisher.habits.identifiers && this.#published.length < this.#publishedMax) {
      const text = `m${this.#published.length}`
      publisher.publish(this.#published.length % 3 === 0 ? 2 : 1, text)
      this.#published.push(text)
    }
  }

  missing(by = this.reader): string[] {
    const got = new Set(by.got.map(({ text }) => text))
    return this.publisher.acknowledged.map(({ text }) => text).filter((text) => !got.has(text))
  }

  doubles(by = this.reader): { readonly text: string; readonly qos: number }[] {
    const seen = new Set<string>()
    return by.got.filter(({ text }) => seen.size === seen.add(text).size)
  }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const untilMs = performance.now() + DEADLINE_MS; !holds(); await sleep(10))
    assert(performance.now() < untilMs, `no ${what} in ${DEADLINE_MS} ms`)
}

/** The sender knows what is wanted of it: from then on also over restarts. */
async function routed(t: TestContext, pair: Pair): Promise<void> {
  const [sender, receiver] = pair.nodes
  const reader = await connectClient(t, receiver!.mqttPort)
  const probe = await subscribe(reader, 'probe')
  const publisher = await connectClient(t, sender!.mqttPort)
  await prove(probe, publisher, 'probe')
  await Promise.all([reader.endAsync(), publisher.endAsync()])
}

async function killAgainAndAgain(t: TestContext, victim: 0 | 1): Promise<Crowd> {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  t.diagnostic(`SEED=${seed}`)
  const random = seeded(seed)
  const pair = await startPair(t, { topics: ['t', 'probe'], link: { durable: true } })
  const crowd = new Crowd()
  const { publisher, reader, absent } = crowd
  t.after(() => [publisher, reader, absent].forEach((client) => client.lost()))
  const port = (at: 0 | 1): number => pair.nodes[at]!.mqttPort
  crowd.join(reader, port(1))
  crowd.join(absent, port(1))
  await until('subscription', () => reader.isSubscribed && absent.isSubscribed)
  absent.lost()
  await routed(t, pair)
  crowd.join(publisher, port(0))
  for (let kill = 0; kill < KILLS; kill += 1) {
    const before = publisher.acknowledged.length
    crowd.publishMore(PER_KILL)
    await until('acknowledgement', () => publisher.acknowledged.length > before)
    await sleep(random() * LOAD_MS_MAX)
    await pair.nodes[victim]!.kill()
    const client = victim === 0 ? publisher : reader
    crowd.lose(client)
    await pair.start(t, victim)
    crowd.join(client, port(victim))
  }
  crowd.publishMore(0)
  await until('last acknowledgement', () => publisher.unfinished === 0)
  await until(
    'message that is missing',
    () => reader.got.length >= publisher.acknowledged.length && crowd.missing().length === 0,
  )
  crowd.join(absent, port(1))
  await until('message for who was away', () => crowd.missing(absent).length === 0)
  t.diagnostic(
    `${publisher.acknowledged.length} acknowledged, ${crowd.doubles().length} came twice over ${KILLS} kills`,
  )
  assert.deepEqual(crowd.missing(), [])
  return crowd
}

test('the sender is killed: nothing that it acknowledged is lost, and nothing is doubled but by its publisher', async (t) => {
  const crowd = await killAgainAndAgain(t, 0)
  for (const reader of [crowd.reader, crowd.absent])
    assert.deepEqual(
      crowd.doubles(reader).filter(({ text, qos }) => qos === 2 || !crowd.sentTwice.has(text)),
      [],
    )
})

test('the receiver is killed: nothing is lost, and nothing comes twice over the link', async (t) => {
  const crowd = await killAgainAndAgain(t, 1)
  assert.deepEqual(crowd.doubles(crowd.absent), [])
  assert.deepEqual(
    crowd.doubles().filter(({ qos }) => qos === 2),
    [],
  )
})
