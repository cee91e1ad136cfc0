import assert from 'node:assert/strict'
import test from 'node:test'
import { ManualClock } from './manual-clock.ts'
import { publish, TestBroker } from './test-broker.ts'

const MEGABYTE = 1024 * 1024

test('a reader that stands still: QoS 0 is shed and counted, then it is closed; nobody else waits', async (t) => {
  const clock = new ManualClock()
  const broker = await TestBroker.start(t, { max_outbound_bytes: MEGABYTE }, clock)
  const { counters } = broker.broker
  const slow = await broker.subscriber('slow', [{ topic: 't', qos: 0 }])
  const fast = await broker.subscriber('fast', [{ topic: 't', qos: 0 }])
  const publisher = await broker.client('publisher')
  slow.pause()
  const payload = Buffer.alloc(64 * 1024)
  let sent = 0
  // Kernel buffers take some megabytes before the limit is met.
  while (counters.shedQos0 < 20) {
    publisher.send(publish('t', payload))
    await fast.next('publish')
    sent++
    assert(sent < 2_000, 'nothing was shed')
  }
  assert.equal(slow.isClosed, false)
  assert.equal(counters.closedSlow, 0)
  clock.advance(20_000)
  assert.equal(counters.closedSlow, 1)
  assert.equal(counters.sent + counters.shedQos0, 2 * sent)
  publisher.send(publish('t', payload))
  await fast.next('publish')
  slow.resume()
  await slow.closed()
  assert.equal(broker.log.filter(({ event }) => event === 'client_too_slow').length, 1)
})

test('a slow reader that goes on reading in time is not closed, and gets what comes then', async (t) => {
  const clock = new ManualClock()
  const broker = await TestBroker.start(t, { max_outbound_bytes: MEGABYTE }, clock)
  const { counters } = broker.broker
  const slow = await broker.subscriber('slow', [{ topic: 't', qos: 0 }])
  const publisher = await broker.client('publisher')
  slow.pause()
  const payload = Buffer.alloc(64 * 1024)
  let sent = 0
  while (counters.shedQos0 < 3) {
    publisher.send(publish('t', payload))
    await publisher.nothingMore()
    sent++
    assert(sent < 2_000, 'nothing was shed')
  }
  clock.advance(5_000)
  slow.resume()
  await slow.publishes(sent - counters.shedQos0)
  clock.advance(60_000)
  publisher.send(publish('t', 'last'))
  assert.equal(String((await slow.next('publish')).payload), 'last')
  assert.equal(counters.closedSlow, 0)
})

test('QoS 1 for a slow reader waits in a queue of max_mqueue_len, of which the oldest are dropped and counted', async (t) => {
  const broker = await TestBroker.start(t, { max_outbound_bytes: MEGABYTE, max_mqueue_len: 10, max_inflight: 65_535 })
  const { counters, sessions } = broker.broker
  const slow = await broker.subscriber('slow', [{ topic: 't', qos: 1 }])
  const publisher = await broker.client('publisher')
  slow.pause()
  const filler = Buffer.alloc(64 * 1024)
  let sent = 0
  while (counters.droppedQueueFull < 25) {
    filler.writeUInt32BE(sent)
    publisher.send(publish('t', filler, { qos: 1, messageId: 1 }))
    await publisher.next('puback')
    sent++
    assert(sent < 2_000, 'nothing was dropped')
  }
  assert.equal(sessions.get('slow')?.queue.length, 10)
  slow.resume()
  const got: number[] = []
  while (got.length < sent - 25) {
    const { payload, messageId } = await slow.next('publish')
    assert(Buffer.isBuffer(payload))
    got.push(payload.readUInt32BE(0))
    slow.send({ cmd: 'puback', messageId: messageId! })
  }
  await slow.nothingMore()
  const dropped = got.length - 10
  assert.deepEqual(got, [...Array(dropped).keys(), ...Array.from({ length: 10 }, (_, i) => sent - 10 + i)])
})

test('a session that is away keeps at most max_mqueue_len messages, the latest', async (t) => {
  const broker = await TestBroker.start(t, { max_mqueue_len: 3 })
  const kept = { clean: false, properties: { sessionExpiryInterval: 60 } }
  const away = await broker.subscriber('away', ['t'], 5, kept)
  await away.destroy()
  await broker.connections(0)
  const publisher = await broker.client('publisher')
  for (let i = 0; i < 6; i++) publisher.send(publish('t', String(i), { qos: i % 2 === 0 ? 0 : 1, messageId: 1 }))
  for (let i = 0; i < 3; i++) await publisher.next('puback')
  assert.equal(broker.broker.counters.droppedQueueFull, 3)
  const back = await broker.client('away', 5, kept)
  assert.deepEqual(
    (await back.publishes(3)).map(({ payload }) => String(payload)),
    ['3', '4', '5'],
  )
  await back.nothingMore()
})

test('without mqueue_store_qos0 an absent session keeps QoS 1 alone', async (t) => {
  const broker = await TestBroker.start(t, { mqueue_store_qos0: false })
  const kept = { clean: false, properties: { sessionExpiryInterval: 60 } }
  const away = await broker.subscriber('away', ['t'], 5, kept)
  await away.destroy()
  await broker.connections(0)
  const publisher = await broker.client('publisher')
  publisher.send(publish('t', '0'), publish('t', '1', { qos: 1, messageId: 1 }))
  await publisher.next('puback')
  const back = await broker.client('away', 5, kept)
  assert.equal(String((await back.next('publish')).payload), '1')
  await back.nothingMore()
  assert.equal(broker.broker.counters.droppedNotConnected, 1)
})

test('where nothing may be queued, what can be sent at once still is', async (t) => {
  const broker = await TestBroker.start(t, { max_mqueue_len: 0 })
  const receiver = await broker.subscriber('receiver', ['t'], 5, { properties: { receiveMaximum: 1 } })
  const publisher = await broker.client('publisher')
  for (let i = 0; i < 3; i++) {
    publisher.send(publish('t', String(i), { qos: 1, messageId: 1 }))
    await publisher.next('puback')
  }
  const { messageId } = await receiver.next('publish')
  receiver.send({ cmd: 'puback', messageId: messageId! })
  await receiver.nothingMore()
  assert.equal(broker.broker.counters.droppedQueueFull, 2)
})

test('many packets in one read, and a large packet over many reads', async (t) => {
  const broker = await TestBroker.start(t)
  const receiver = await broker.subscriber('receiver', ['#'])
  const publisher = await broker.client('publisher')
  publisher.sendBytes(
    Buffer.concat(
      Array.from({ length: 2_000 }, (_, i) =>
        publisher.encode(publish(`t/${i % 10}`, String(i), { qos: (i % 2) as 0 | 1, messageId: i + 1 })),
      ),
    ),
  )
  const got: { 0: number[]; 1: number[] } = { 0: [], 1: [] }
  for (let i = 0; i < 2_000; i++) {
    const { payload, qos, messageId } = await receiver.next('publish')
    assert(qos < 2)
    got[qos as 0 | 1].push(Number(String(payload)))
    if (qos === 1) receiver.send({ cmd: 'puback', messageId: messageId! })
  }
  for (const qos of [0, 1] as const)
    assert.deepEqual(
      got[qos],
      Array.from({ length: 1_000 }, (_, i) => 2 * i + qos),
    )
  for (let i = 0; i < 1_000; i++) assert.equal((await publisher.next('puback')).messageId, 2 * i + 2)
  const large = Buffer.alloc(1_000_000, 'x')
  const bytes = publisher.encode(publish('large', large, { qos: 1, messageId: 7 }))
  for (let at = 0; at < bytes.length; at += 4_321) {
    publisher.sendBytes(bytes.subarray(at, at + 4_321))
    if (at % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  assert.deepEqual((await receiver.next('publish')).payload, large)
  await publisher.next('puback')
})

test('answers count too: a client that asks for more than it reads is closed', async (t) => {
  const broker = await TestBroker.start(t, { max_outbound_bytes: 100 })
  const witness = await broker.client('witness')
  const client = await broker.client('a')
  client.pause()
  client.send(...Array.from({ length: 200 }, () => ({ cmd: 'pingreq' }) as const))
  client.resume()
  await client.closed()
  assert.equal(broker.broker.counters.closedSlow, 1)
  await witness.nothingMore()
})
