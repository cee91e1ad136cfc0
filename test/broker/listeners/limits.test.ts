import assert from 'node:assert/strict'
import test from 'node:test'
import { ManualClock } from '../manual-clock.ts'
import { RawClient } from '../raw-client.ts'
import { publish } from '../test-broker.ts'
import { type Door, ended, openDoor, statusOf, tcp, until } from './doors.ts'

async function client(t: test.TestContext, { port }: Door, clientId: string): Promise<RawClient> {
  const raw = new RawClient(await tcp(t, port))
  await raw.connect({ clientId })
  return raw
}

const refusalLines = ({ broker }: Door) => broker.log.filter(({ event }) => event === 'listener_connections_refused')

test('max_connections: one more is closed at once and counted; the log gets one line for many', async (t) => {
  const clock = new ManualClock()
  const door = await openDoor(t, 'tcp', { max_connections: 2 }, { clock })
  const first = await client(t, door, 'first')
  await client(t, door, 'second')
  for (let i = 0; i < 20; i++) await ended(await tcp(t, door.port))
  assert.equal(statusOf(door).connections, 2)
  assert.deepEqual(statusOf(door).refused, { max_connections: 20 })
  clock.advance(9_000)
  assert.equal(refusalLines(door).length, 1)
  for (let i = 0; i < 20; i++) await ended(await tcp(t, door.port))
  clock.advance(20_000)
  assert.deepEqual(
    refusalLines(door).map(({ fields }) => (fields as { refused: unknown }).refused),
    [{ max_connections: 20 }, { max_connections: 20 }],
  )
  await first.destroy()
  await until(() => statusOf(door).connections === 1)
  await client(t, door, 'third')
})

test('max_conn_rate: a flood is closed at the door, whoever is inside goes on, and later there is room again', async (t) => {
  const clock = new ManualClock()
  const door = await openDoor(t, 'tcp', { max_conn_rate: '5/s', max_conn_burst: '2/1m' }, { clock })
  const inside = await client(t, door, 'inside')
  const flood = await Promise.all(Array.from({ length: 50 }, () => tcp(t, door.port)))
  await until(() => statusOf(door).refused.max_conn_rate === 44)
  await inside.nothingMore()
  assert.equal(statusOf(door).connections, 7)
  for (const socket of flood) socket.destroy()
  clock.advance(1_000)
  await client(t, door, 'later')
})

test('access_rules: the first that names an address decides', async (t) => {
  const door = await openDoor(t, 'tcp', { access_rules: ['deny 127.0.0.2/31', 'allow 127.0.0.0/8', 'deny all'] })
  await client(t, door, 'allowed')
  await ended(await tcp(t, door.port, '127.0.0.3'))
  assert.deepEqual(statusOf(door).refused, { access_rules: 1 })
})

test('a client that says nothing, and one that says CONNECT byte by byte, are closed in time', async (t) => {
  const clock = new ManualClock()
  const door = await openDoor(t, 'tcp', {}, { clock, mqtt: { idle_timeout: 5_000 } })
  const silent = await tcp(t, door.port)
  const slow = await tcp(t, door.port)
  await door.broker.connections(2)
  for (const byte of Buffer.from('102000044d515454', 'hex')) {
    slow.write(Buffer.from([byte]))
    await new Promise((resolve) => setImmediate(resolve))
    clock.advance(1_000)
  }
  await Promise.all([ended(silent), ended(slow)])
  await until(() => statusOf(door).connections === 0)
})

test('messages_rate: a client above it is read more slowly, and loses nothing; others are not held up', async (t) => {
  const clock = new ManualClock()
  const door = await openDoor(t, 'tcp', { messages_rate: '10/s' }, { clock })
  const witness = await door.broker.subscriber('witness', [{ topic: 't', qos: 0 }])
  const fast = await client(t, door, 'fast')
  // One read may bring more than the rate; what comes after it waits until that is paid for.
  fast.send(...Array.from({ length: 30 }, (_, i) => publish('t', String(i))))
  await witness.publishes(30)
  fast.send(publish('t', 'late'))
  const other = await client(t, door, 'other')
  other.send(publish('t', 'other'))
  assert.equal(String((await witness.next('publish')).payload), 'other')
  clock.advance(1_900)
  await witness.nothingMore()
  clock.advance(200)
  assert.equal(String((await witness.next('publish')).payload), 'late')
})

test('bytes_rate: the same by bytes, and a keep alive does not run out for whom we do not read', async (t) => {
  const clock = new ManualClock()
  const door = await openDoor(t, 'tcp', { bytes_rate: '1KB/s', bytes_burst: '1KB/1h' }, { clock })
  const witness = await door.broker.subscriber('witness', [{ topic: 't', qos: 0 }])
  const fast = new RawClient(await tcp(t, door.port))
  await fast.connect({ clientId: 'fast', keepalive: 2 })
  fast.send(publish('t', Buffer.alloc(10_240)))
  await witness.next('publish')
  fast.send(publish('t', 'late'))
  // Above nine kilobytes are owed: the keep alive of two seconds passes several times.
  clock.advance(7_000)
  await witness.nothingMore()
  assert.equal(fast.isClosed, false)
  clock.advance(2_500)
  assert.equal(String((await witness.next('publish')).payload), 'late')
  await fast.nothingMore()
})

test('messages_rate: what takes several turns of the event loop is paid for as well', async (t) => {
  const clock = new ManualClock()
  const door = await openDoor(t, 'tcp', { messages_rate: '1000/s' }, { clock })
  const fast = new RawClient(await tcp(t, door.port))
  await fast.connect({ clientId: 'fast', keepalive: 5 })
  const { counters } = door.broker.broker
  const count = 20_000
  const one = fast.encode(publish('t', ''))
  fast.sendBytes(Buffer.concat(Array.from({ length: count }, () => one)))
  const witness = await client(t, door, 'witness')
  // Some turns' worth passes at once; for the rest the clock has to move, however long the client is not listened to.
  await until(() => counters.received > 1000)
  await witness.nothingMore()
  await witness.nothingMore()
  assert(counters.received < count, 'nothing was held back')
  let seconds = 0
  for (; counters.received < count; seconds++) {
    clock.advance(1000)
    await witness.nothingMore()
    assert(seconds < 60, 'it takes too long')
  }
  assert(seconds >= 10, `${count} messages in ${seconds} seconds`)
  // What its last turn brought beyond the rate.
  clock.advance(4000)
  await fast.nothingMore()
})

for (const { key, written, payload } of [
  { key: 'max_messages_rate', written: '10/s', payload: '' },
  { key: 'max_bytes_rate', written: '10KB/s', payload: '.'.repeat(1000) },
])
  test(`${key}: all clients of the listener have it together`, async (t) => {
    const clock = new ManualClock()
    const door = await openDoor(t, 'tcp', { [key]: written }, { clock })
    const witness = await door.broker.subscriber('witness', [{ topic: 't', qos: 0 }])
    const [first, second] = [await client(t, door, 'first'), await client(t, door, 'second')]
    first.send(...Array.from({ length: 30 }, () => publish('t', `first ${payload}`)))
    await witness.publishes(30)
    // The first has used up three seconds of both: what the second sends now still comes, and then it waits as well.
    second.send(publish('t', `second ${payload}`))
    await witness.publishes(1)
    second.send(publish('t', `late ${payload}`))
    clock.advance(1_500)
    await witness.nothingMore()
    clock.advance(5_000)
    assert.match(String((await witness.next('publish')).payload), /^late/)
    const unlimited = { amount: Number.POSITIVE_INFINITY, periodMs: 1000 }
    door.broker.server.reconfigure('door', { ...door.config, [key]: unlimited })
    for (let round = 0; round < 3; round++) {
      first.send(...Array.from({ length: 30 }, () => publish('t', `free ${payload}`)))
      await witness.publishes(30)
    }
  })

test('other limits count for what comes then, and no connection ends', async (t) => {
  const door = await openDoor(t, 'tcp', { max_connections: 1 })
  const first = await client(t, door, 'first')
  await ended(await tcp(t, door.port))
  assert.equal(door.broker.server.reconfigure('door', { ...door.config, max_connections: 2 }), true)
  await client(t, door, 'second')
  await first.nothingMore()
  assert.equal(door.broker.server.reconfigure('door', { ...door.config, port: 1 }), false)
  assert.equal(door.broker.server.reconfigure('nobody', door.config), false)
})

test('a listener that is started anew counts on, and so does its limit', async (t) => {
  const door = await openDoor(t, 'tcp', { max_connections: 1 })
  const first = await client(t, door, 'first')
  door.broker.server.unlisten('tcp:door')
  assert.equal(statusOf(door).bind, undefined)
  assert.equal(statusOf(door).connections, 1)
  const address = await door.broker.server.listen('door', door.config)
  await ended(await tcp(t, Number(address.split(':')[1])))
  assert.deepEqual(statusOf(door).refused, { max_connections: 1 })
  await first.nothingMore()
})

test('a flood of CONNECT: each gets its answer, and a client that is inside is served in between', async (t) => {
  const door = await openDoor(t, 'tcp')
  const inside = await client(t, door, 'inside')
  const answers: string[] = []
  const flood = Array.from({ length: 300 }, async (_, i) => {
    await client(t, door, `flood-${i}`)
    answers.push(`flood-${i}`)
  })
  const seen: number[] = []
  while (answers.length < 300) {
    await inside.nothingMore()
    seen.push(answers.length)
  }
  await Promise.all(flood)
  // Had it waited for the end of the flood, it would have been served once.
  assert.ok(seen.filter((count) => count < 300).length > 3, `served at ${seen.join(' ')}`)
})
