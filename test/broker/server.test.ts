import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import test from 'node:test'
import { connectAsync } from 'mqtt'
import { ListenerError } from '../../src/broker/server.ts'
import type { Message } from '../../src/packets/message.ts'
import { reasonCode } from '../../src/packets/reason-code.ts'
import { ManualClock } from './manual-clock.ts'
import { RawClient } from './raw-client.ts'
import { publish, subscribe, TestBroker } from './test-broker.ts'

const anyPort = { enable: true, host: '127.0.0.1', port: 0 }

test('a port that is taken is said in words, and the server goes on', async (t) => {
  const broker = await TestBroker.start(t)
  const port = Number(broker.address.split(':')[1])
  await assert.rejects(
    broker.server.listen('second', { ...anyPort, port }),
    (error: unknown) => error instanceof ListenerError && /listeners\.tcp\.second.*another process/.test(error.message),
  )
  await (await broker.client('a')).nothingMore()
})

test('a listener that is taken away accepts no more and leaves the open connections alone', async (t) => {
  const broker = await TestBroker.start(t)
  const second = await broker.server.listen('second', anyPort)
  const client = await RawClient.open(second)
  t.after(() => client.destroy())
  await client.connect({ clientId: 'a' })
  broker.server.unlisten('second')
  await assert.rejects(RawClient.open(second), { code: 'ECONNREFUSED' })
  await client.nothingMore()
  await (await broker.client('b')).nothingMore()
})

test('settings that change count for what comes then', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a')
  broker.broker.configure({ ...broker.broker.mqtt, retain_available: false, max_topic_levels: 1 })
  assert.deepEqual(await subscribe(client, 'a', 'a/b'), [2, 0x8f])
  client.send(publish('a', 'x', { retain: true }))
  assert.equal((await client.next('disconnect')).reasonCode, reasonCode.retainNotSupported)
})

test('a connection that goes leaves nothing behind', async (t) => {
  const clock = new ManualClock()
  const broker = await TestBroker.start(t, {}, clock)
  for (let i = 0; i < 50; i++) {
    const client = await broker.subscriber(`c${i}`, ['#', 'a/+', '$share/g/a/b'])
    client.send(publish('a/b', 'x'))
    await client.publishes(2)
    await client.destroy()
    await broker.connections(0)
  }
  clock.advance(120_000)
  assert.equal(broker.broker.sessions.count, 0)
  assert.equal(broker.broker.index.filterCount, 0)
  assert.deepEqual([...broker.broker.interest()], [])
})

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
)

test(
  'a listener on an IPv6 address serves, and its messages tell who sent them',
  { skip: !hasIpv6 && 'this machine has no IPv6' },
  async (t) => {
    const broker = await TestBroker.start(t)
    const address = await broker.server.listen('six', { ...anyPort, host: '::1' })
    assert.match(address, /^\[::1\]:\d+$/)
    const sink: Message[] = []
    broker.broker.addRoute('#', { id: 'sink', accept: (passing) => void sink.push(passing.toMessage()) })
    const client = await connectAsync(`mqtt://${address}`, { reconnectPeriod: 0 })
    t.after(() => client.endAsync(true))
    await client.publishAsync('t/1', 'x', { qos: 1 })
    assert.deepEqual(
      sink.map(({ topic, peerHost }) => ({ topic, peerHost })),
      [{ topic: 't/1', peerHost: '::1' }],
    )
  },
)
