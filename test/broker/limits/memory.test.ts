import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MemoryWatch } from '../../../src/broker/limits/memory-watch.ts'
import { ManualClock } from '../manual-clock.ts'
import { publish, TestBroker } from '../test-broker.ts'

const MB = 1024 * 1024
const CEILING = 100 * MB

/** A broker whose memory is what a test says. */
class Filled {
  readonly clock = new ManualClock()
  readonly broker: TestBroker
  #usedBytes = 0
  #looks = 0
  #collections = 0

  private constructor(t: TestContext, broker: TestBroker, clock: ManualClock) {
    this.broker = broker
    this.clock = clock
    const read = () => {
      this.#looks++
      return { rss: this.#usedBytes, heapUsed: 0, external: this.#usedBytes, heapLimit: 4096 * MB }
    }
    const collect = () => void this.#collections++
    const watch = new MemoryWatch(broker.broker, CEILING, { read, collect, availableBytes: CEILING })
    watch.start()
    t.after(() => watch.stop())
  }

  static async start(t: TestContext): Promise<Filled> {
    const clock = new ManualClock()
    return new Filled(t, await TestBroker.start(t, {}, clock), clock)
  }

  get collections(): number {
    return this.#collections
  }

  get looks(): number {
    return this.#looks
  }

  /** The memory is that full, of which the broker takes note. */
  fill(share: number): void {
    this.#usedBytes = CEILING * share
    this.clock.advance(1000)
  }

  get told(): string[] {
    return this.broker.log.filter(({ event }) => event.startsWith('memory_')).map(({ event }) => event)
  }
}

test('above the ceiling QoS 0 is shed, QoS 1 goes on, and all is well again by itself', async (t) => {
  const filled = await Filled.start(t)
  const { counters } = filled.broker.broker
  const subscriber = await filled.broker.subscriber('subscriber', ['t'])
  const publisher = await filled.broker.client('publisher')
  const send = async (payload: string) => {
    publisher.send(publish('t', `${payload} 0`), publish('t', `${payload} 1`, { qos: 1, messageId: 1 }))
    assert.equal((await publisher.next('puback')).reasonCode ?? 0, 0)
  }
  await send('before')
  filled.fill(1.01)
  await send('high')
  filled.fill(0.95)
  await send('still high')
  filled.fill(0.5)
  await send('after')
  const got: string[] = []
  for (let i = 0; i < 6; i++) {
    const { payload, qos, messageId } = await subscriber.next('publish')
    got.push(String(payload))
    if (qos === 1) subscriber.send({ cmd: 'puback', messageId: messageId!, reasonCode: 0 })
  }
  await subscriber.nothingMore()
  assert.deepEqual(got, ['before 0', 'before 1', 'high 1', 'still high 1', 'after 0', 'after 1'])
  assert.equal(counters.shedMemory, 2)
  assert.equal(counters.losses()['memory_qos0'], 2)
  assert.deepEqual(filled.told, ['memory_high_watermark', 'memory_ok'])
})

for (const { version, code } of [
  { version: 5, code: { reasonCode: 0x89 } },
  { version: 4, code: { returnCode: 3 } },
  { version: 3, code: { returnCode: 3 } },
] as const)
  test(`above the ceiling a new client of version ${version} is told that the server is busy`, async (t) => {
    const filled = await Filled.start(t)
    const inside = await filled.broker.client('inside', version)
    filled.fill(1.01)
    const outside = await filled.broker.open(version)
    const { reasonCode, returnCode } = await outside.connect({ clientId: 'outside' })
    assert.deepEqual(version === 5 ? { reasonCode } : { returnCode }, code)
    await outside.closed()
    await inside.nothingMore()
    assert.equal(filled.broker.broker.counters.refusedBusy, 1)
    filled.fill(0.5)
    await filled.broker.client('outside', version)
  })

test('far above the ceiling nothing more is queued or retained, and each message is counted', async (t) => {
  const filled = await Filled.start(t)
  const { counters } = filled.broker.broker
  const properties = { sessionExpiryInterval: 3600 }
  const away = await filled.broker.subscriber('away', ['t'], 5, { clean: false, properties })
  await away.destroy()
  const publisher = await filled.broker.client('publisher')
  await filled.broker.connections(1)
  const send = async (payload: string) => {
    publisher.send(publish('t', payload, { qos: 1, messageId: 1, retain: true }))
    return (await publisher.next('puback')).reasonCode ?? 0
  }
  filled.fill(1.1)
  assert.equal(await send('queued while it is high'), 0)
  filled.fill(1.2)
  assert.equal(await send('not kept'), 0x97)
  assert.equal(counters.droppedMemory, 1)
  assert.equal(counters.retainRefused, 1)
  filled.fill(0.5)
  const back = await filled.broker.client('away', 5, { clean: false, properties })
  assert.equal(String((await back.next('publish')).payload), 'queued while it is high')
  await back.nothingMore()
  assert.deepEqual(filled.told, ['memory_high_watermark', 'memory_high_watermark', 'memory_ok'])
})

test('a node that is full and quiet collects its garbage, now and then; one that is busy or has room does not', async (t) => {
  const filled = await Filled.start(t)
  const publisher = await filled.broker.client('publisher')
  filled.clock.advance(60_000)
  assert.equal(filled.collections, 0, 'there is room')
  filled.fill(1.1)
  filled.clock.advance(20_000)
  assert.equal(filled.collections, 4, 'every five seconds')
  for (let second = 0; second < 10; second++) {
    publisher.send(publish('nobody', Buffer.alloc(MB - 100)), publish('nobody', Buffer.alloc(MB - 100)))
    await publisher.nothingMore()
    filled.clock.advance(1000)
  }
  assert.equal(filled.collections, 4, 'the engine has reason enough')
  filled.fill(0.5)
  filled.clock.advance(60_000)
  assert(filled.collections <= 5)
})

test('between two ticks of the clock the memory is looked at by how much comes in', async (t) => {
  const filled = await Filled.start(t)
  const publisher = await filled.broker.client('publisher')
  const before = filled.looks
  for (let i = 0; i < 20; i++) publisher.send(publish('nobody', Buffer.alloc(MB - 100)))
  await publisher.nothingMore()
  // 20 MB, and a look at every 4: less what one read brings beyond.
  assert(filled.looks - before >= 3 && filled.looks - before <= 5, `${filled.looks - before} looks`)
})
