import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { IConnectPacket } from 'mqtt-packet'
import { reasonCode } from '../../src/packets/reason-code.ts'
import { ManualClock } from './manual-clock.ts'
import { hex, type RawClient, type Version } from './raw-client.ts'
import { publish, subscribe, TestBroker } from './test-broker.ts'

type Stage = { broker: TestBroker; clock: ManualClock; watcher: RawClient }

async function stage(t: TestContext): Promise<Stage> {
  const clock = new ManualClock()
  const broker = await TestBroker.start(t, {}, clock)
  const watcher = await broker.subscriber('watcher', ['will/#'])
  return { broker, clock, watcher }
}

const pair = (name: string, value: string) =>
  Buffer.concat([
    Buffer.from([0x26, 0, name.length]),
    Buffer.from(name),
    Buffer.from([0, value.length]),
    Buffer.from(value),
  ])

/** CONNECT with a will of this delay in a session that is kept that long, both in seconds. */
function withWill(delay: number, expiry: number): Partial<IConnectPacket> {
  return {
    clean: false,
    properties: { sessionExpiryInterval: expiry },
    will: { topic: 'will/a', payload: 'gone', qos: 1, properties: { willDelayInterval: delay } },
  }
}

async function comes(watcher: RawClient): Promise<void> {
  const { topic, payload } = await watcher.next('publish')
  assert.equal(`${topic}=${String(payload)}`, 'will/a=gone')
  await watcher.nothingMore()
}

for (const version of [3, 4, 5] as const satisfies readonly Version[]) {
  test(`version ${version}: a connection that breaks off leaves its will, one that ends well does not`, async (t) => {
    const { broker, watcher } = await stage(t)
    const will = { topic: 'will/a', payload: 'gone', qos: 1 } as const
    const good = await broker.client('good', version, { will })
    good.send({ cmd: 'disconnect' })
    await good.closed()
    await watcher.nothingMore()
    const broken = await broker.client('broken', version, { will })
    await broken.destroy()
    await comes(watcher)
  })
}

for (const { code, sent } of [
  { code: 0x00, sent: false },
  { code: 0x04, sent: true },
  { code: 0x80, sent: true },
]) {
  test(`DISCONNECT 0x${code.toString(16).padStart(2, '0')}: the will is ${sent ? '' : 'not '}sent [MQTT-3.14.4-3]`, async (t) => {
    const { broker, watcher } = await stage(t)
    const client = await broker.client('a', 5, { will: { topic: 'will/a', payload: 'gone' } })
    client.send({ cmd: 'disconnect', reasonCode: code })
    await client.closed()
    if (sent) await comes(watcher)
    else await watcher.nothingMore()
  })
}

test('a packet that breaks the protocol leaves the will', async (t) => {
  const { broker, watcher } = await stage(t)
  const client = await broker.client('a', 5, { will: { topic: 'will/a', payload: 'gone' } })
  client.sendBytes(Buffer.from([0xf0, 0]))
  await client.closed()
  await comes(watcher)
})

test('a will waits for its delay', async (t) => {
  const { broker, clock, watcher } = await stage(t)
  const client = await broker.client('a', 5, withWill(10, 60))
  await client.destroy()
  await broker.connections(1)
  clock.advance(9_999)
  await watcher.nothingMore()
  clock.advance(1)
  await comes(watcher)
})

test('a client that is back before the delay is over takes its will with it', async (t) => {
  const { broker, clock, watcher } = await stage(t)
  const client = await broker.client('a', 5, withWill(10, 60))
  await client.destroy()
  await broker.connections(1)
  clock.advance(9_000)
  const again = await broker.client('a', 5, { clean: false, properties: { sessionExpiryInterval: 60 } })
  clock.advance(60_000)
  await again.destroy()
  await broker.connections(1)
  clock.advance(60_000)
  await watcher.nothingMore()
})

test('a will is sent when its session ends, if that is before its delay is over', async (t) => {
  const { broker, clock, watcher } = await stage(t)
  const client = await broker.client('a', 5, withWill(100, 5))
  await client.destroy()
  await broker.connections(1)
  clock.advance(4_999)
  await watcher.nothingMore()
  clock.advance(1)
  await comes(watcher)
  clock.advance(100_000)
  await watcher.nothingMore()
})

test('a will with a delay is sent at once when a clean start ends its session', async (t) => {
  const { broker, watcher } = await stage(t)
  const client = await broker.client('a', 5, withWill(10, 60))
  await client.destroy()
  await broker.connections(1)
  await broker.client('a', 5, { clean: true })
  await comes(watcher)
})

for (const { delay, clean, sent } of [
  { delay: 0, clean: false, sent: true },
  { delay: 10, clean: false, sent: false },
  { delay: 10, clean: true, sent: true },
]) {
  test(`takeover, will delay ${delay} s, ${clean ? 'clean start' : 'the session goes on'}: ${sent ? 'sent' : 'not sent'}`, async (t) => {
    const { broker, clock, watcher } = await stage(t)
    const old = await broker.client('a', 5, withWill(delay, 60))
    await broker.client('a', 5, { clean, properties: { sessionExpiryInterval: 60 } })
    assert.equal((await old.next('disconnect')).reasonCode, reasonCode.sessionTakenOver)
    if (sent) await comes(watcher)
    clock.advance(100_000)
    await watcher.nothingMore()
  })
}

test('a will keeps its properties, and user properties in their order', async (t) => {
  const { broker, watcher } = await stage(t)
  const client = await broker.open(5)
  const pairs = Buffer.concat([pair('b', '1'), pair('a', '2'), pair('7', 'x'), pair('b', '3')])
  const properties = Buffer.concat([hex('01 01 03 0002 6374 08 0001 72 02 00000005 09 0002 0001'), pairs])
  const rest = Buffer.concat([
    hex('0001 61'),
    Buffer.from([properties.length]),
    properties,
    hex('0006 77696c6c2f61 0004 676f6e65'),
  ])
  const head = hex('0004 4d515454 05 06 0000 00')
  client.sendBytes(Buffer.concat([Buffer.from([0x10, head.length + rest.length]), head, rest]))
  await client.next('connack')
  await client.destroy()
  const { packet, bytes } = await watcher.receive()
  assert(packet.cmd === 'publish')
  assert.equal(packet.properties?.payloadFormatIndicator, true)
  assert.equal(packet.properties?.contentType, 'ct')
  assert.equal(packet.properties?.responseTopic, 'r')
  assert.equal(packet.properties?.messageExpiryInterval, 5)
  assert.deepEqual(packet.properties?.correlationData, Buffer.from([0, 1]))
  assert(bytes.includes(pairs))
})

test('the life of a will begins when it is sent', async (t) => {
  const { broker, clock, watcher } = await stage(t)
  const will = { topic: 'will/a', payload: 'gone', properties: { messageExpiryInterval: 5 } }
  const client = await broker.client('a', 5, { will })
  clock.advance(3_600_000)
  await client.destroy()
  assert.equal((await watcher.next('publish')).properties?.messageExpiryInterval, 5)
})

test('a retained will is kept', async (t) => {
  const { broker, watcher } = await stage(t)
  const client = await broker.client('a', 4, { will: { topic: 'will/a', payload: 'gone', retain: true } })
  await client.destroy()
  await comes(watcher)
  const later = await broker.subscriber('later', ['will/a'])
  assert.equal((await later.next('publish')).retain, true)
})

test('a client gets its own will, when it is back, in the subscription that it kept', async (t) => {
  const { broker } = await stage(t)
  const client = await broker.client('a', 5, withWill(0, 60))
  await subscribe(client, 'will/a')
  await client.destroy()
  await broker.connections(1)
  const again = await broker.client('a', 5, { clean: false })
  assert.equal(String((await again.next('publish')).payload), 'gone')
})

test('a shutdown sends the wills of those that it disconnects', async (t) => {
  const { broker, watcher } = await stage(t)
  await broker.client('a', 5, { will: { topic: 'will/a', payload: 'gone' } })
  const other = await broker.subscriber('other', ['will/+'])
  other.send(publish('x', ''))
  await other.nothingMore()
  await broker.server.close()
  const came = (await Promise.all([watcher.closed(), other.closed()])).flat()
  assert.equal(came.filter(({ cmd }) => cmd === 'publish').length >= 1, true)
})
