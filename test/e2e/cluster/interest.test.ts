/** Thousands of filters on each node: all are known on all nodes, also on one that joins, one that was killed, and one that was cut off. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import mqtt, { type MqttClient } from 'mqtt'
import { startRelay } from '../../../src/cli/demo/relay.ts'
import { startNats } from '../../cluster/nats-server.ts'
import { eventually, seesAll, TestMember } from './members.ts'

const FILTERS_PER_SUBSCRIBE = 1_000
/** A prime, so that filters of all kinds are in a sample. */
const SAMPLE_EVERY = 67

/** A client that wants so many filters, a tenth of them with a wildcard, and counts what it gets under each. */
class Wanter {
  readonly client: MqttClient
  readonly #name: string
  /** By payload, then by topic. */
  readonly #counts = new Map<string, Map<string, number>>()

  private constructor(client: MqttClient, name: string) {
    this.client = client
    this.#name = name
    client.on('message', (topic, payload) => {
      const counts = this.#countsOf(payload.toString())
      counts.set(topic, (counts.get(topic) ?? 0) + 1)
    })
    // Its node is killed; what matters is what arrives.
    client.on('error', () => undefined)
  }

  /** With a session that outlives the connection. */
  static async on(t: TestContext, { port }: TestMember, name: string): Promise<Wanter> {
    const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
      protocolVersion: 5,
      reconnectPeriod: 0,
      clientId: name,
      clean: false,
      properties: { sessionExpiryInterval: 600 },
    })
    t.after(() => void client.end(true))
    // What waits in the session comes right behind CONNACK.
    const wanter = new Wanter(client, name)
    await new Promise<void>((resolve) => void client.once('connect', () => resolve()))
    return wanter
  }

  async want(from: number, until: number): Promise<void> {
    for (const filters of this.#parts(from, until)) await this.client.subscribeAsync(filters, { qos: 1 })
  }

  async wantNoMore(from: number, until: number): Promise<void> {
    for (const filters of this.#parts(from, until)) await this.client.unsubscribeAsync(filters)
  }

  /** Topics under a sample of the filters, the last one included. */
  topics(from: number, until: number): string[] {
    const topics: string[] = []
    for (let index = from; index < until; index += SAMPLE_EVERY) topics.push(this.#topicOf(index))
    return [...topics, this.#topicOf(until - 1)]
  }

  /**
   * Resolves when it has got each of these once with this payload, and nothing else with it. What was acknowledged just before a
   * node was killed may come again when it is back, but that had another payload.
   */
  async got(payload: string, topics: readonly string[]): Promise<void> {
    const expected = new Map(topics.map((topic) => [topic, 1]))
    await eventually(`${this.#name} gets ${topics.length} messages: ${payload}`, () => {
      assert.equal(this.#countsOf(payload).size, expected.size)
      assert.deepEqual(this.#countsOf(payload), expected)
    })
  }

  #countsOf(payload: string): Map<string, number> {
    const counts = this.#counts.get(payload) ?? new Map<string, number>()
    this.#counts.set(payload, counts)
    return counts
  }

  #parts(from: number, until: number): string[][] {
    const parts: string[][] = []
    for (let at = from; at < until; at += FILTERS_PER_SUBSCRIBE) {
      const count = Math.min(FILTERS_PER_SUBSCRIBE, until - at)
      parts.push(Array.from({ length: count }, (_, nth) => this.#filterOf(at + nth)))
    }
    return parts
  }

  #filterOf(index: number): string {
    return index % 10 === 0 ? `${this.#name}/+/${index}/#` : `${this.#name}/device/${index}/state`
  }

  #topicOf(index: number): string {
    return `${this.#name}/device/${index}/state`
  }
}

/** Resolves when the node has acknowledged all. */
async function publish(client: MqttClient, payload: string, ...topics: readonly (readonly string[])[]): Promise<void> {
  await Promise.all(topics.flat().map((topic) => client.publishAsync(topic, payload, { qos: 1 })))
}

/** Resolves when each node knows so many filters. */
async function untilRoutes(members: readonly TestMember[], count: number): Promise<void> {
  for (const member of members) {
    await eventually(`${member.name} knows ${count} filters`, async () => {
      const { total } = await member.call('routes.list', { limit: 1 })
      assert.equal(total, count)
    })
  }
}

test('a node that joins knows 16,000 filters before it has clients; killed and back, it knows them again', async (t) => {
  const nats = await startNats(t)
  const options = { cluster: 'c', nats: [nats.url] }
  const n1 = await TestMember.start(t, { ...options, name: 'n1@127.0.0.1' })
  const n2 = await TestMember.start(t, { ...options, name: 'n2@127.0.0.1' })
  const [w1, w2] = [await Wanter.on(t, n1, 'w1'), await Wanter.on(t, n2, 'w2')]
  await Promise.all([w1.want(0, 8_000), w2.want(0, 8_000)])
  await untilRoutes([n1, n2], 16_000)

  const n3 = await TestMember.start(t, { ...options, name: 'n3@127.0.0.1' })
  const all = [n1, n2, n3]
  const publisher = await n3.connect(t)
  await publish(publisher, 'joined', w1.topics(0, 8_000), w2.topics(0, 8_000))
  await w1.got('joined', w1.topics(0, 8_000))
  await w2.got('joined', w2.topics(0, 8_000))

  const w3 = await Wanter.on(t, n3, 'w3')
  await w3.want(0, 4_000)
  await untilRoutes(all, 20_000)
  await publish(w1.client, 'own', w3.topics(0, 2_000))
  await publish(w2.client, 'own', w3.topics(2_000, 4_000))
  await w3.got('own', [...w3.topics(0, 2_000), ...w3.topics(2_000, 4_000)])

  await n3.kill()
  // For sessions that outlive their connections it waits until the node is back.
  await publish(w1.client, 'away', w3.topics(0, 4_000))
  await n3.restart()
  await seesAll(n1, ['n1@127.0.0.1', 'n2@127.0.0.1', 'n3@127.0.0.1'])
  const again = await Wanter.on(t, n3, 'w3')
  await again.got('away', w3.topics(0, 4_000))
  await publish(again.client, 'back', w1.topics(0, 8_000), w2.topics(0, 8_000))
  await w1.got('back', w1.topics(0, 8_000))
  await w2.got('back', w2.topics(0, 8_000))
  await publish(w2.client, 'to it', w3.topics(0, 4_000))
  await again.got('to it', w3.topics(0, 4_000))
  await untilRoutes(all, 20_000)
})

test('thousands of filters change on a node that is cut from NATS, and on the others: all know all when it is back', async (t) => {
  const nats = await startNats(t)
  const relay = await startRelay()
  t.after(() => relay.close())
  relay.pointAt(nats.port)
  const names = ['n1@127.0.0.1', 'n2@127.0.0.1', 'n3@127.0.0.1']
  const [n1, n2, n3] = await Promise.all(
    names.map((name, at) =>
      TestMember.start(t, { cluster: 'c', name, nats: [at === 0 ? `nats://127.0.0.1:${relay.port}` : nats.url] }),
    ),
  )
  assert(n1 !== undefined && n2 !== undefined && n3 !== undefined)
  const all = [n1, n2, n3]
  for (const member of all) await seesAll(member, names)
  const [w1, w2] = [await Wanter.on(t, n1, 'w1'), await Wanter.on(t, n2, 'w2')]
  const publisher = await n3.connect(t)
  await Promise.all([w1.want(0, 6_000), w2.want(0, 6_000)])
  await untilRoutes(all, 12_000)

  relay.hold()
  relay.cut()
  await n1.process.waitFor('coordination_lost', ({ msg }) => msg === 'coordination_lost')
  await Promise.all([w1.wantNoMore(0, 3_000), w2.wantNoMore(0, 2_000)])
  await Promise.all([w1.want(6_000, 10_000), w2.want(6_000, 9_000)])
  await publish(w1.client, 'cut off', w1.topics(6_000, 10_000))
  await w1.got('cut off', w1.topics(6_000, 10_000))

  relay.pointAt(nats.port)
  for (const member of all) await seesAll(member, names)
  await untilRoutes(all, 14_000)
  await publish(publisher, 'together again', w1.topics(0, 10_000), w2.topics(0, 9_000))
  // Neither those that nobody wants any more, nor any twice.
  await w1.got(
    'together again',
    w1.topics(0, 10_000).filter((topic) => indexOf(topic) >= 3_000),
  )
  await w2.got(
    'together again',
    w2.topics(0, 9_000).filter((topic) => indexOf(topic) >= 2_000),
  )
  await publish(w2.client, 'from the second', w1.topics(3_000, 10_000))
  await w1.got('from the second', w1.topics(3_000, 10_000))
})

function indexOf(topic: string): number {
  return Number(topic.split('/')[2])
}
