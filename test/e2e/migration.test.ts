/**
 * From an old cluster to a new one under load, as README tells it and with the function that stands there: subscribers and then
 * publishers move one by one, and the old cluster is switched off. A subscriber counts what its application handles, whatever
 * connection it came by: each message once, and in order as long as its publisher stays where it is.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { connect, type IClientOptions, type IPublishPacket, type ISubscriptionMap, type MqttClient, Store } from 'mqtt'
import { type LinkFile, type NodeProcess, startNodeProcess } from '../../src/cli/demo/node-process.ts'
import { DebugClient } from '../debug/debug-fixture.ts'
import { Account, type Publishing, type Reader } from './account.ts'
import { longQueues } from './cluster/traffic.ts'
import { connectClient, subscribe } from './clients.ts'
import { type Cluster, linkTo, nodeFile, reserve, temporaryDirectory } from './clusters.ts'
import { isthmus } from './isthmus.ts'

const PER_SECOND = Number(process.env['ISTHMUS_TEST_PER_SECOND'] ?? 500)
const PUBLISHERS = 4
const SUBSCRIBERS = 4
/** So many messages come between two moves. */
const BETWEEN = 100
const RETAINED = 50
const kept: IClientOptions = { protocolVersion: 5, clean: false, properties: { sessionExpiryInterval: 3600 } }
const everything: ISubscriptionMap = { 't/#': { qos: 2 } }

type Handle = (topic: string, payload: Buffer, packet: IPublishPacket) => void
type Move = (before: MqttClient, after: MqttClient, subscriptions: ISubscriptionMap, handle: Handle) => Promise<void>

/** What stands in README's section in this language. */
function blocksOfReadme(language: string): string[] {
  const page = readFileSync('README.md', 'utf8')
  const section = page.split('\n## ').find((part) => part.startsWith('Moving to another cluster')) ?? ''
  const blocks = section.split('```').filter((part) => part.startsWith(`${language}\n`))
  return blocks.map((block) => block.slice(language.length))
}

/** `moveSubscriber` as it stands there. */
async function moveOfReadme(): Promise<Move> {
  const file = join(temporaryDirectory(), 'move.mjs')
  writeFileSync(file, blocksOfReadme('js').join(''))
  const { moveSubscriber }: { moveSubscriber: Move } = await import(pathToFileURL(file).href)
  return moveSubscriber
}

class Side {
  readonly node: NodeProcess
  readonly #t: TestContext
  readonly #peer: string
  readonly #debug: DebugClient

  constructor(t: TestContext, node: NodeProcess, peer: string, socket: string) {
    this.node = node
    this.#t = t
    this.#peer = peer
    this.#debug = new DebugClient(t, socket)
  }

  static async start(t: TestContext, own: Cluster, peer: Cluster, link: Partial<LinkFile>): Promise<Side> {
    const directory = temporaryDirectory()
    const file = nodeFile(
      own,
      [linkTo(peer, ['#'], { retained: 'sync', durable: true, ...link })],
      join(directory, 'data'),
    )
    const socket = join(directory, 'debug.sock')
    const node = await startNodeProcess({ ...file, ...longQueues, debug: { socket } }, directory)
    t.after(() => node.kill())
    return new Side(t, node, peer.name, socket)
  }

  connect(options: IClientOptions = kept): Promise<MqttClient> {
    return connectClient(this.#t, this.node.mqttPort, { protocolVersion: 5, ...options })
  }

  /** Reads from the first packet on: what was kept comes with the CONNACK. */
  wake(options: IClientOptions, handle: Handle): MqttClient {
    const client = connect(`mqtt://127.0.0.1:${this.node.mqttPort}`, options)
    this.#t.after(() => client.endAsync(true))
    return client.on('message', handle)
  }

  /** Resolves when `links.list` shows of this link what is looked for. */
  async shows(what: string, pattern: RegExp): Promise<void> {
    for (const untilMs = performance.now() + 30_000; ; await pause(50)) {
      const shown = JSON.stringify(await this.#debug.ask('links.list'))
      if (pattern.test(shown)) return
      assert(performance.now() < untilMs, `${this.node.name} never showed ${what} of ${this.#peer}: ${shown}`)
    }
  }

  unlink(): void {
    const { config } = this.node
    this.node.reload({ ...config, cluster: { ...config.cluster, links: [] } })
  }
}

test('the configurations of README’s recipe are good', async () => {
  const files = blocksOfReadme('hocon')
  assert.equal(files.length, 2)
  for (const text of files) {
    const file = join(temporaryDirectory(), 'recipe.conf')
    writeFileSync(file, text)
    assert.equal((await isthmus('conf', 'check', file)).code, 0)
  }
})

for (const { peer, link } of [
  { peer: 'one of our kind', link: {} },
  { peer: 'one that speaks EMQX’s dialect', link: { dialect: 'emqx', pool_size: 1 } },
] as const)
  test(`migration from ${peer}: nothing lost, nothing twice, and all works on when it is switched off`, async (t) => {
    const move = await moveOfReadme()
    const clusters = await Promise.all([reserve('old'), reserve('new')])
    const [before, after] = await Promise.all([
      Side.start(t, clusters[0], clusters[1], link),
      Side.start(t, clusters[1], clusters[0], {}),
    ])
    const retaining = await before.connect({})
    for (let number = 0; number < RETAINED; number += 1)
      await retaining.publishAsync(`kept/${number}`, `${number}`, { qos: 1, retain: true })
    await Promise.all([before.node.waitForStatus('new', 'running'), after.node.waitForStatus('old', 'running')])
    const door = await after.connect({})
    await door.subscribeAsync('#', { qos: 1 })
    await before.shows('that all was told', /"retained":\{[^}]*"told":50\b/)

    const account = new Account()
    const readers: Reader[] = []
    const subscribers = await Promise.all(
      Array.from({ length: SUBSCRIBERS }, async (_, number) => {
        const { reader, take } = account.reader(`subscriber-${number}`)
        readers.push(reader)
        // What it has half of a message of QoS 2 outlives a connection, too.
        const session = { ...kept, clientId: `s${number}`, incomingStore: new Store({ clean: false }) }
        const client = await before.connect(session)
        client.on('message', take)
        await client.subscribeAsync(everything)
        return { session, client, take }
      }),
    )
    // Who stays where it is counts each message once, too: at the old cluster until nobody is left, at the new one from now on.
    const watchers = await Promise.all(
      [before, after].map(async (side) => {
        const client = await side.connect({})
        const reader = account.read(client, `watcher at ${side.node.name}`)
        await client.subscribeAsync(everything)
        return { client, reader }
      }),
    )
    const publish = async (side: Side, name: string): Promise<Publishing & { client: MqttClient }> => {
      const client = await side.connect({})
      const topics = [`t/${name}/a`, `t/${name}/b`, 't/common']
      return { client, ...account.publish(client, name, { topics, perSecond: PER_SECOND / PUBLISHERS }) }
    }
    const publishings = await Promise.all(
      Array.from({ length: PUBLISHERS }, (_, number) => publish(before, `p${number}`)),
    )
    const underLoad = async (): Promise<void> => {
      const [, { reader }] = watchers as [unknown, { reader: Reader }]
      for (const until = reader.arrivals + BETWEEN; reader.arrivals < until;) await pause(5)
    }

    // A device that sleeps: what it misses waits in its session.
    await underLoad()
    const sleeper = subscribers[0]!
    await sleeper.client.endAsync()
    await underLoad()

    for (const { session, client, take } of subscribers) {
      await underLoad()
      await before.shows('that it has no backlog', /^(?!.*"backlog")/)
      const older = client === sleeper.client ? before.wake(session, take) : client
      await move(older, await after.connect({ ...kept, clientId: session.clientId }), everything, take)
    }
    for (const [number, publishing] of publishings.entries()) {
      await underLoad()
      await publishing.stop()
      await publishing.client.endAsync()
      publishings[number] = await publish(after, `p${number}-moved`)
    }
    await underLoad()

    const leftovers = watchers[0]!
    await Promise.all(publishings.map((publishing) => publishing.stop()))
    await account.complete(leftovers.reader)
    await leftovers.client.endAsync()
    await retaining.endAsync()
    await after.shows('that the old cluster wants nothing any more', /"routes":\{"ours":1,"peers":0\}/)
    await before.shows('that nothing waits', /"inflight":0,"queued":0/)
    const last = await publish(after, 'last')
    before.unlink()
    after.unlink()
    await before.node.waitFor('its link gone', ({ msg }) => msg === 'config_reloaded')
    assert.equal(await before.node.stop(), 0)
    await underLoad()
    await last.stop()

    for (const reader of [...readers, watchers[1]!.reader]) {
      await account.complete(reader)
      t.diagnostic(`${reader.name}: ${reader.arrivals} messages`)
    }
    // What the sleeper had not acknowledged when it went to sleep comes again with its session, and is marked as such.
    for (const { name, repeats, doubles } of [...readers, ...watchers.map(({ reader }) => reader)]) {
      assert.deepEqual(doubles, [], `${name} got messages twice`)
      if (name !== readers[0]!.name) assert.equal(repeats, 0, `${name} got messages twice`)
    }
    const inbox = await subscribe(await after.connect({}), 'kept/#')
    await inbox.waitForCount(RETAINED)
  })
