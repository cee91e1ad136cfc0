import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import test from 'node:test'
import { connectAsync } from 'mqtt'
import { generate, type Packet } from 'mqtt-packet'
import { Connection } from '../../src/broker/connection/connection.ts'
import type { Transport } from '../../src/broker/connection/transport.ts'
import { ListenerError } from '../../src/broker/server.ts'
import type { Message } from '../../src/packets/message.ts'
import { reasonCode } from '../../src/packets/reason-code.ts'
import { listenerOf } from './listener-of.ts'
import { ManualClock } from './manual-clock.ts'
import { RawClient } from './raw-client.ts'
import { publish, subscribe, TestBroker } from './test-broker.ts'

const anyPort = listenerOf('tcp')

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
  broker.server.unlisten('tcp:second')
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

/** A socket that only counts what it is handed. */
class CountingTransport implements Transport {
  readonly remoteAddress = '127.0.0.1:1'
  readonly peerHost = '127.0.0.1'
  readonly peerPort = 1
  readonly localPort = 1
  readonly listener = 'tcp:test'
  readonly certificate = undefined
  readonly sendTimeoutMs = 15_000
  readonly writableLength = 0
  /** Writes, of which those between cork and uncork are one. */
  writes = 0
  bytes = 0
  #corked = false

  cork(): void {
    this.#corked = true
    this.writes++
  }

  uncork(): void {
    this.#corked = false
  }

  write(bytes: Buffer, done?: () => void): boolean {
    if (!this.#corked) this.writes++
    this.bytes += bytes.length
    done?.()
    return true
  }

  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

test('what one turn brings for a receiver goes to it in one write, whoever sent it', async (t) => {
  const { server } = await TestBroker.start(t)
  const connect = (clientId: string) => {
    const transport = new CountingTransport()
    const connection = new Connection(server, transport)
    const say = (...packets: Packet[]) =>
      connection.receive(Buffer.concat(packets.map((packet) => generate(packet, { protocolVersion: 5 }))))
    say({ cmd: 'connect', clientId, protocolId: 'MQTT', protocolVersion: 5, clean: true, keepalive: 0 })
    return { transport, say }
  }
  const receivers = ['a', 'b', 'c'].map(connect)
  const publishers = ['x', 'y'].map(connect)
  for (const { say } of receivers) say({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 't/+', qos: 1 }] })
  await turn()
  for (const { transport } of receivers) Object.assign(transport, { writes: 0, bytes: 0 })
  for (const { say } of publishers) {
    say(...Array.from({ length: 15 }, (_, index) => publish(`t/${index}`, 'x'.repeat(1_000), { qos: 0 })))
    say(...Array.from({ length: 15 }, (_, index) => publish(`t/${index}`, 'x', { qos: 1, messageId: index + 1 })))
  }
  await turn()
  assert.deepEqual(
    receivers.map(({ transport }) => transport.writes),
    [1, 1, 1],
  )
  assert.ok(receivers.every(({ transport }) => transport.bytes > 30_000))
})
