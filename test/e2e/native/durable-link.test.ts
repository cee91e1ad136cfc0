/** A durable link over restarts of its node: what waits, and where all messages stand. Nodes in this process. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { connect } from 'mqtt'
import { type ConfigInput, createNode, type Node } from '../../../src/index.ts'
import { imbalance } from '../../../src/lanes/ledger.ts'
import { freePort } from '../../../src/cli/demo/free-ports.ts'
import { connectClient } from '../clients.ts'
import { temporaryDirectory } from '../clusters.ts'

type LinkInput = NonNullable<NonNullable<ConfigInput['cluster']>['links']>[number]

/** Two clusters of one node; each may be stopped and started again with what is on its disk. */
class Restartable {
  readonly ports: readonly [number, number]
  readonly log: { readonly event: string; readonly fields: object }[] = []
  readonly #directory = temporaryDirectory()
  readonly #nodes: (Node | undefined)[] = []
  readonly #link: Partial<LinkInput>

  constructor(ports: readonly [number, number], link: Partial<LinkInput>) {
    this.ports = ports
    this.#link = link
  }

  static async start(t: TestContext, link: Partial<LinkInput>): Promise<Restartable> {
    const pair = new Restartable([await freePort(), await freePort()], link)
    await Promise.all([pair.up(t, 0), pair.up(t, 1)])
    return pair
  }

  /** @param links none to configure the node without its link */
  async up(t: TestContext, at: 0 | 1, links: 'linked' | 'alone' = 'linked'): Promise<Node> {
    const names = ['cl-a', 'cl-b'] as const
    const peer = { name: names[1 - at]!, server: `127.0.0.1:${this.ports[at === 0 ? 1 : 0]}`, topics: ['t/#'] }
    const write = (fields: object, event: string) => void this.log.push({ event, fields })
    const node = createNode(
      {
        node: { name: `${names[at]}@127.0.0.1`, data_dir: join(this.#directory, names[at]) },
        cluster: { name: names[at], links: links === 'alone' ? [] : [{ ...peer, ...this.#link }] },
        listeners: { tcp: { default: { bind: `127.0.0.1:${this.ports[at]}` } } },
      },
      { log: { debug: () => undefined, info: write, warn: write, error: write } },
    )
    t.after(() => node.stop())
    await node.start()
    this.#nodes[at] = node
    return node
  }

  async down(at: 0 | 1): Promise<void> {
    await this.#nodes[at]?.stop()
  }

  link(at: 0 | 1) {
    const link = this.#nodes[at]!.status().links[0]!
    if (link.ledger !== undefined) assert.equal(imbalance(link.ledger), 0)
    return link
  }

  told(event: string) {
    return this.log.filter((line) => line.event === event).map(({ fields }) => fields)
  }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const untilMs = performance.now() + 30_000; !holds(); await new Promise((resolve) => setTimeout(resolve, 10)))
    assert(performance.now() < untilMs, `${what} did not come about`)
}

/** A session that is kept at the second cluster, which the first one knows of. */
async function keepSession(t: TestContext, pair: Restartable) {
  const got: string[] = []
  const join = async () => {
    const session = { clientId: 'reader', clean: false, properties: { sessionExpiryInterval: 3600 } }
    const reader = connect(`mqtt://127.0.0.1:${pair.ports[1]}`, { protocolVersion: 5, reconnectPeriod: 0, ...session })
    t.after(() => reader.endAsync(true))
    // Before it is connected: what was kept comes at once.
    reader.on('message', (_topic, payload) => got.push(payload.toString()))
    await new Promise<void>((resolve) => reader.once('connect', () => resolve()))
    return reader
  }
  const reader = await join()
  await reader.subscribeAsync('t/#', { qos: 2 })
  await until('the route', () => pair.link(0).routes.peers === 1)
  await reader.endAsync()
  return { got, join }
}

async function publish(t: TestContext, pair: Restartable, from: number, to: number): Promise<void> {
  const publisher = await connectClient(t, pair.ports[0])
  for (let i = from; i < to; i += 1) await publisher.publishAsync('t/1', String(i), { qos: i % 2 === 0 ? 1 : 2 })
  await publisher.endAsync()
}

const isOf = (odd: number) => (number: string) => Number(number) % 2 === odd
const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i))

test('what waits for a peer that is away outlives its own node, and so does the account of it', async (t) => {
  const pair = await Restartable.start(t, { durable: true })
  const { got, join } = await keepSession(t, pair)
  await publish(t, pair, 0, 10)
  await until('delivery', () => pair.link(0).ledger?.delivered === 10)
  await pair.down(1)
  await publish(t, pair, 10, 40)
  const before = pair.link(0).ledger!
  assert.deepEqual([before.matched, before.delivered, before.queued + before.inflight], [40, 10, 30])
  await pair.down(0)
  assert.equal(pair.told('cluster_link_outbox_lost').length, 0)
  assert.equal(pair.told('cluster_link_outbox_kept').length, 1)
  await pair.up(t, 0)
  const after = pair.link(0).ledger!
  assert.deepEqual([after.matched, after.delivered, after.queued + after.inflight], [40, 10, 30])
  await pair.up(t, 1)
  await join()
  await until('all', () => got.length >= 40)
  await until('delivery', () => pair.link(0).ledger?.delivered === 40)
  // In order of each QoS.
  for (const odd of [0, 1]) assert.deepEqual(got.filter(isOf(odd)), numbers(40).filter(isOf(odd)))
  assert.equal(got.length, 40)
  assert.equal(pair.link(0).ledger?.matched, 40)
  // The far side counts on, too.
  const { received, accepted } = pair.link(1).inbound!
  assert.deepEqual([received, accepted], [40, 40])
})

test('a link that is gone from the configuration takes what waited along, and it is said', async (t) => {
  const pair = await Restartable.start(t, { durable: true })
  await keepSession(t, pair)
  await pair.down(1)
  await publish(t, pair, 0, 5)
  await pair.down(0)
  await pair.up(t, 0, 'alone')
  const lost = pair.told('cluster_link_outbox_lost')
  assert.equal(lost.length, 1)
  assert.deepEqual({ ...lost[0], batches: 0 }, { link: 'cl-b', queued: 5, batches: 0, reason: 'link_removed' })
  await pair.down(0)
  await pair.up(t, 0)
  assert.equal(pair.link(0).ledger?.matched, 0)
})

test('a link that is not durable loses what waited with its node, and says so', async (t) => {
  const pair = await Restartable.start(t, { durable: false })
  await keepSession(t, pair)
  await pair.down(1)
  await publish(t, pair, 0, 5)
  await pair.down(0)
  assert.equal(pair.told('cluster_link_outbox_lost').length, 1)
  await pair.up(t, 0)
  assert.equal(pair.link(0).ledger?.matched, 0)
})
