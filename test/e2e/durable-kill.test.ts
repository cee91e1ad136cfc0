/**
 * A node under load is killed at random moments, and started again on what is on its disk: no message of QoS 1 or 2 that it
 * acknowledged is missing at a kept session, and none of QoS 2 comes twice. `SEED=n` replays the moments; `ISTHMUS_TEST_KILLS=25` is
 * 50 kills in all.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type NodeProcess, startNodeProcess } from '../../src/cli/demo/node-process.ts'
import { CrashClient } from '../broker/durable/crash-client.ts'
import { nodeFile, reserve, temporaryDirectory } from './clusters.ts'
import { SocketWire } from './socket-wire.ts'

/** Of each of two nodes. Who is seldom there comes at every sixth. */
const KILLS = Number(process.env['ISTHMUS_TEST_KILLS'] ?? 7)
const LOAD_MS_MAX = 400
const DEADLINE_MS = 60_000
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)

/** One after the other, from 0 to below 1 (mulberry32). */
function randomFrom(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Clients that go on as long as there is a node, and remember what they were told. */
class Crowd {
  readonly publishers = [
    new CrashClient('kept', true, undefined, { identifiers: 60, receiveMaximum: 60 }),
    new CrashClient('clean', false, undefined, { identifiers: 40, receiveMaximum: 40 }),
  ]
  readonly subscribers = [
    new CrashClient('there', true, 't', { identifiers: 6, receiveMaximum: 100 }),
    new CrashClient('seldom-there', true, '#', { identifiers: 6, receiveMaximum: 20 }),
  ]
  #isPublishing = true
  #count = 0

  join(client: CrashClient, port: number): void {
    client.lost()
    const wire = new SocketWire(port, () => {
      client.toClient()
      this.#refill(client)
      client.toServer()
    })
    client.connect(wire)
    client.toServer()
  }

  #refill(client: CrashClient): void {
    const own = this.publishers.indexOf(client)
    if (own < 0 || !client.isAccepted || !this.#isPublishing) return
    const { identifiers } = client.habits
    while (client.unfinished < identifiers) {
      const qos = this.#count % 3 === 0 ? 2 : 1
      client.publish(qos, `${own}/${qos}/${this.#count++}`)
    }
  }

  /** Resolves when more than three messages of each publisher were acknowledged from now on. */
  async acknowledges(): Promise<void> {
    const before = this.publishers.map(({ acknowledged }) => acknowledged.length)
    const isUnderWay = () => this.publishers.every(({ acknowledged }, at) => acknowledged.length > before[at]! + 3)
    for (const until = Date.now() + DEADLINE_MS; Date.now() < until && !isUnderWay();) await sleep(5)
  }

  leave(): void {
    for (const client of [...this.publishers, ...this.subscribers]) client.lost()
  }

  /** No more is published; resolves when all is through. */
  async finish(port: number): Promise<void> {
    this.#isPublishing = false
    for (const client of [...this.publishers, ...this.subscribers]) this.join(client, port)
    for (const until = Date.now() + DEADLINE_MS; Date.now() < until && !this.#isThrough();) await sleep(50)
  }

  #isThrough(): boolean {
    return this.publishers.every(({ unfinished }) => unfinished === 0) && this.missing().length === 0
  }

  missing(): string[] {
    const acknowledged = this.publishers.flatMap((publisher) => publisher.acknowledged.map(({ text }) => text))
    return this.subscribers.flatMap(({ id, got }) => {
      const texts = new Set(got.map(({ text }) => text))
      return acknowledged.filter((text) => !texts.has(text)).map((text) => `${id}: ${text}`)
    })
  }

  doubles(): string[] {
    return this.subscribers.flatMap(({ id, got }) => {
      const seen = new Set<string>()
      return got
        .filter(({ qos }) => qos === 2)
        .filter(({ text }) => seen.size === seen.add(text).size)
        .map(({ text }) => `${id}: ${text}`)
    })
  }
}

async function killAgainAndAgain(t: TestContext, name: string, random: () => number): Promise<void> {
  const directory = temporaryDirectory()
  const cluster = await reserve(name)
  const file = { ...nodeFile(cluster, [], join(directory, 'data')), mqtt: { max_mqueue_len: 'infinity' } }
  let node: NodeProcess | undefined
  const start = async (): Promise<NodeProcess> => (node = await startNodeProcess(file, directory))
  t.after(() => node?.kill())
  const crowd = new Crowd()
  const [there, seldomThere] = crowd.subscribers
  node = await start()
  // From here on every message is for both of them.
  for (const subscriber of crowd.subscribers) {
    crowd.join(subscriber, cluster.port)
    for (const until = Date.now() + DEADLINE_MS; !subscriber.isSubscribed && Date.now() < until;) await sleep(5)
    assert(subscriber.isSubscribed)
  }
  seldomThere!.lost()
  for (let kill = 0; kill < KILLS; kill++) {
    for (const client of [there!, ...crowd.publishers]) crowd.join(client, cluster.port)
    if (kill % 6 === 5) crowd.join(seldomThere!, cluster.port)
    // Every other time at any moment, be it while they connect.
    if (kill % 2 === 0) await crowd.acknowledges()
    await sleep(random() * LOAD_MS_MAX)
    await node.kill()
    crowd.leave()
    node = await start()
  }
  await crowd.finish(cluster.port)
  const acknowledged = crowd.publishers.map((publisher) => publisher.acknowledged.length)
  t.diagnostic(`seed ${seed}: ${acknowledged.join(' + ')} messages acknowledged over ${KILLS} kills`)
  assert(acknowledged.every((count) => count > KILLS))
  assert.deepEqual(crowd.missing(), [])
  assert.deepEqual(crowd.doubles(), [])
  assert.equal(await node.stop(), 0)
}

test('a node killed again and again under load keeps what it promised', async (t) => {
  t.diagnostic(`seed ${seed}`)
  const random = randomFrom(seed)
  await Promise.all(['kill-a', 'kill-b'].map((name) => killAgainAndAgain(t, name, random)))
})
