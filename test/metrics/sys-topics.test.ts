import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type SysTopicsConfig, sysTopicsSchema } from '../../src/config/sys-topics-schema.ts'
import { emqxMetrics, emqxStats } from '../../src/metrics/emqx-names.ts'
import { NodeFacts } from '../../src/metrics/node-facts.ts'
import { SysTopics } from '../../src/metrics/sys-topics.ts'
import { ManualClock } from '../broker/manual-clock.ts'
import type { PacketOf, RawClient } from '../broker/raw-client.ts'
import { publish, subscribe, TestBroker } from '../broker/test-broker.ts'

const NODE = 'n1@127.0.0.1'
const MINUTE = 60_000

type Written = Parameters<typeof sysTopicsSchema.parse>[0]

class Watched {
  readonly clock = new ManualClock()
  readonly broker: TestBroker
  readonly sysTopics: SysTopics

  private constructor(broker: TestBroker, clock: ManualClock, config: SysTopicsConfig) {
    this.broker = broker
    this.clock = clock
    const facts = new NodeFacts(broker.broker, NODE, '1.2.3', () => ({ heapBytes: 4096 }))
    this.sysTopics = new SysTopics(facts, config)
    this.sysTopics.start()
  }

  static async start(t: TestContext, written: Written = {}): Promise<Watched> {
    const clock = new ManualClock()
    const watched = new Watched(await TestBroker.start(t, {}, clock), clock, sysTopicsSchema.parse(written))
    t.after(() => watched.sysTopics.stop())
    return watched
  }

  /** A client, and what its subscription to `$SYS/...` brings at once. */
  async reader(filter: string): Promise<{ reader: RawClient; values: Map<string, string> }> {
    const reader = await this.broker.client('reader')
    await subscribe(reader, filter)
    const first = await pending(reader)
    assert(first.every(({ retain, qos }) => retain && qos === 0))
    return { reader, values: valuesOf(first) }
  }
}

/** What the server has sent to this client by now and the test has not read. */
async function pending(client: RawClient): Promise<PacketOf<'publish'>[]> {
  const found: PacketOf<'publish'>[] = []
  client.send({ cmd: 'pingreq' })
  for (;;) {
    const { packet } = await client.receive()
    if (packet.cmd === 'pingresp') return found
    assert(packet.cmd === 'publish', packet.cmd)
    found.push(packet)
  }
}

function valuesOf(publishes: readonly PacketOf<'publish'>[]): Map<string, string> {
  const values = new Map(publishes.map(({ topic, payload }) => [topic, String(payload)]))
  assert.equal(values.size, publishes.length, 'each topic once')
  return values
}

/** The clock is ours, the sockets are not: what was sent has been counted once its answer is here. */
async function traffic(broker: TestBroker): Promise<void> {
  const subscriber = await broker.subscriber('subscriber', ['t/#', '$share/g/s'])
  const publisher = await broker.client('publisher')
  publisher.send(publish('t/1', 'abc', { qos: 1, messageId: 1, retain: true }), publish('t/2', 'defgh'))
  await publisher.next('puback')
  await subscriber.publishes(2)
  subscriber.send({ cmd: 'puback', messageId: 1, reasonCode: 0 }, { cmd: 'puback', messageId: 77, reasonCode: 0 })
  await subscriber.nothingMore()
  publisher.send(publish('nobody', 'x'))
  await publisher.nothingMore()
}

test('Mosquitto’s topics have its names and forms, and a late subscriber is told them at once', async (t) => {
  const watched = await Watched.start(t)
  await traffic(watched.broker)
  watched.clock.advance(70_500)
  const { values } = await watched.reader('$SYS/broker/#')
  const value = (name: string) => values.get(`$SYS/broker/${name}`)
  for (const [name, expected] of Object.entries({
    version: 'isthmus version 1.2.3',
    uptime: '70 seconds',
    'clients/connected': '3',
    'clients/active': '3',
    'clients/disconnected': '0',
    'clients/inactive': '0',
    'clients/maximum': '3',
    'clients/total': '3',
    'clients/expired': '0',
    'subscriptions/count': '3',
    'shared_subscriptions/count': '1',
    'retained messages/count': '1',
    'messages/stored': '1',
    'store/messages/count': '1',
    'publish/messages/received': '3',
    'publish/messages/sent': '2',
    'publish/messages/dropped': '0',
    'publish/bytes/received': '9',
    'publish/bytes/sent': '8',
    // 3 CONNECT, 2 SUBSCRIBE, 3 PUBLISH, 2 PUBACK, 2 PINGREQ.
    'messages/received': '12',
    'heap/current': '4096',
    'heap/maximum': '4096',
  }))
    assert.equal(value(name), expected, name)
  // Two in the first ten seconds, a minute ago: 12 * (1 - exp(-1/6)) * exp(-1).
  assert.equal(value('load/connections/1min'), '0.68')
  for (const name of 'messages publish bytes'.split(' '))
    for (const way of ['received', 'sent'])
      for (const span of ['1min', '5min', '15min'])
        assert.match(value(`load/${name}/${way}/${span}`) ?? '', /^\d+\.\d\d$/)
  assert(Number(value('bytes/received')) > 100 && Number(value('bytes/sent')) > 30)
})

test('EMQX’s topics tell stats and metrics by its names', async (t) => {
  const watched = await Watched.start(t)
  await traffic(watched.broker)
  watched.clock.advance(1_500)
  const { values } = await watched.reader('$SYS/brokers/#')
  const value = (name: string) => values.get(`$SYS/brokers/${NODE}/${name}`)
  for (const [name, expected] of Object.entries({
    version: '1.2.3',
    uptime: '1500',
    datetime: '2026-01-01T00:00:01.500Z',
    'stats/connections/count': '3',
    'stats/live_connections/max': '3',
    'stats/sessions/count': '3',
    'stats/topics/count': '2',
    'stats/subscriptions/count': '3',
    'stats/subscriptions/shared/count': '1',
    'stats/subscriptions/shared/max': '1',
    'stats/retained/count': '1',
    'metrics/packets/connect/received': '3',
    'metrics/packets/connack/sent': '3',
    'metrics/packets/publish/received': '3',
    'metrics/packets/puback/sent': '1',
    'metrics/packets/puback/missed': '1',
    'metrics/packets/pingreq/received': '2',
    'metrics/packets/received': '12',
    'metrics/messages/received': '3',
    'metrics/messages/qos0/received': '2',
    'metrics/messages/qos1/received': '1',
    'metrics/messages/qos1/sent': '1',
    'metrics/messages/publish': '3',
    'metrics/messages/acked': '1',
    'metrics/messages/dropped/no_subscribers': '1',
    'metrics/delivery/dropped': '0',
    'metrics/client/connected': '3',
    'metrics/session/created': '3',
  }))
    assert.equal(value(name), expected, name)
  assert.equal(values.get('$SYS/brokers'), NODE)
  assert.match(value('sysdescr') ?? '', /Isthmus/)
})

test('each name of a metric and of a stat stands once', () => {
  for (const names of [emqxMetrics.map(({ name }) => name), emqxStats.map(({ name }) => name)])
    assert.deepEqual(names.length, new Set(names).size)
})

test('values come again at their intervals, and not before', async (t) => {
  const watched = await Watched.start(t, { sys_msg_interval: '1m', sys_heartbeat_interval: '30s' })
  const { reader } = await watched.reader(`$SYS/brokers/${NODE}/+`)
  const told = async (ms: number) => {
    watched.clock.advance(ms)
    const publishes = await pending(reader)
    assert(publishes.every(({ retain }) => !retain))
    return [...valuesOf(publishes).keys()].map((topic) => topic.slice(`$SYS/brokers/${NODE}/`.length)).toSorted()
  }
  assert.deepEqual(await told(29_999), [])
  assert.deepEqual(await told(1), ['datetime', 'uptime'])
  assert.deepEqual(await told(MINUTE / 2), ['datetime', 'sysdescr', 'uptime', 'version'])
})

test('an interval that is disabled never comes, and late subscribers are told all the same', async (t) => {
  const watched = await Watched.start(t, { sys_msg_interval: 'disabled', sys_heartbeat_interval: 'disabled' })
  const { reader, values } = await watched.reader('$SYS/#')
  assert(values.size > 100)
  watched.clock.advance(24 * 60 * MINUTE)
  assert.deepEqual(await pending(reader), [])
})

test('nothing is said while it is switched off, and it can be switched on and off as the node runs', async (t) => {
  const watched = await Watched.start(t, { enable: false })
  const { reader, values } = await watched.reader('$SYS/#')
  assert.equal(values.size, 0)
  await watched.broker.client('silent')
  watched.clock.advance(10 * MINUTE)
  assert.deepEqual(await pending(reader), [])
  watched.sysTopics.configure(sysTopicsSchema.parse({}))
  watched.clock.advance(MINUTE)
  assert(valuesOf((await pending(reader)).filter(({ topic }) => topic.startsWith('$SYS/broker/'))).size > 40)
  watched.sysTopics.configure(sysTopicsSchema.parse({ enable: false }))
  watched.clock.advance(10 * MINUTE)
  assert.deepEqual(await pending(reader), [])
})

for (const filter of ['#', '+/broker/#', '+/brokers/#', '$SYS', 'SYS/#'])
  test(`${filter} matches nothing under $SYS [MQTT-4.7.2-1]`, async (t) => {
    const watched = await Watched.start(t)
    const { reader, values } = await watched.reader(filter)
    assert.equal(values.size, 0)
    watched.clock.advance(MINUTE)
    await watched.broker.client('another')
    assert.deepEqual(await pending(reader), [])
  })

test('no client may publish there, and no will, and what it tried to retain is kept for nobody', async (t) => {
  const watched = await Watched.start(t)
  const forger = await watched.broker.client('forger')
  forger.send(publish('$SYS/broker/version', 'forged', { qos: 1, messageId: 1, retain: true }))
  assert.equal((await forger.next('puback')).reasonCode, 0x87)
  const dying = await watched.broker.open()
  const { reasonCode } = await dying.connect({
    clientId: 'dying',
    will: { topic: '$SYS/broker/version', payload: Buffer.from('forged'), qos: 0, retain: false },
  })
  assert.equal(reasonCode, 0x87)
  const { values } = await watched.reader('$SYS/broker/version')
  assert.equal(values.get('$SYS/broker/version'), 'isthmus version 1.2.3')
})

test('links see nothing of it, whatever their peers want', async (t) => {
  const watched = await Watched.start(t)
  const { broker } = watched.broker
  const taken: string[] = []
  const sink = {
    id: 'peer',
    accept: (passing: { toMessage(): { topic: string } }) => void taken.push(passing.toMessage().topic),
  }
  broker.addRoute('$SYS/#', sink)
  broker.addRoute('#', sink)
  await watched.reader('$SYS/#')
  watched.clock.advance(MINUTE)
  await watched.broker.client('another')
  assert.deepEqual([...broker.interest()], [])
  assert.deepEqual([...broker.retained('$SYS/#')], [])
  assert.deepEqual(taken, [])
})

test('a session that is away is kept no values, but events', async (t) => {
  const watched = await Watched.start(t)
  const properties = { sessionExpiryInterval: 3600 }
  const away = await watched.broker.client('away', 5, { clean: false, properties })
  await subscribe(away, '$SYS/#')
  await away.destroy()
  await watched.broker.connections(0)
  watched.clock.advance(MINUTE)
  await watched.broker.client('comes')
  const back = await watched.broker.client('away', 5, { clean: false, properties })
  assert.deepEqual(
    (await pending(back)).map(({ topic }) => topic.replace(`$SYS/brokers/${NODE}/clients/`, '')),
    ['away/disconnected', 'comes/connected', 'away/connected'],
  )
})

test('who comes and goes is told in EMQX’s fields', async (t) => {
  const watched = await Watched.start(t)
  const { reader } = await watched.reader(`$SYS/brokers/${NODE}/clients/#`)
  const events = async () =>
    (await pending(reader)).map(({ topic, payload, qos, retain }) => {
      assert.deepEqual({ qos, retain }, { qos: 0, retain: false })
      const fields: unknown = JSON.parse(String(payload))
      assert(typeof fields === 'object')
      return { event: topic.replace(`$SYS/brokers/${NODE}/clients/`, ''), ...fields }
    })
  const nowMs = watched.clock.nowMs()
  const common = {
    clientid: 'c/1',
    username: 'u',
    ipaddress: '127.0.0.1',
    sockport: Number(watched.broker.address.split(':')[1]),
    protocol: 'mqtt',
    proto_name: 'MQTT',
    proto_ver: 4,
    connected_at: nowMs,
  }
  const client = await watched.broker.client('c/1', 4, { username: 'u', keepalive: 30, clean: false })
  assert.deepEqual(await events(), [
    {
      event: 'c/1/connected',
      ...common,
      ts: nowMs,
      keepalive: 30,
      clean_start: false,
      expiry_interval: 7200,
      connack: 0,
    },
  ])
  await subscribe(client, 'x')
  watched.clock.advance(1000)
  client.send({ cmd: 'disconnect' })
  await client.closed()
  assert.deepEqual(await events(), [
    { event: 'c/1/disconnected', ...common, ts: nowMs + 1000, reason: 'normal', disconnected_at: nowMs + 1000 },
  ])
})

for (const { when, leave, reason } of [
  { when: 'its socket breaks', leave: (_: Watched, client: RawClient) => client.destroy(), reason: 'tcp_closed' },
  {
    when: 'it is silent too long',
    leave: async (watched: Watched, client: RawClient) => {
      watched.clock.advance(20_000)
      await client.closed()
    },
    reason: 'keepalive_timeout',
  },
  {
    when: 'another takes its place',
    leave: (watched: Watched) => watched.broker.client('leaver'),
    reason: 'takenover',
  },
  {
    when: 'it breaks the protocol',
    leave: async (_: Watched, client: RawClient) => {
      client.sendBytes(Buffer.from([0xf1, 0]))
      await client.closed()
    },
    reason: 'malformed_packet',
  },
])
  test(`a client that goes because ${when} is told as ${reason}`, async (t) => {
    const watched = await Watched.start(t)
    const { reader } = await watched.reader(`$SYS/brokers/${NODE}/clients/leaver/disconnected`)
    const leaver = await watched.broker.client('leaver', 5, { keepalive: 10 })
    await leave(watched, leaver)
    const { payload } = await reader.next('publish')
    assert.equal(JSON.parse(String(payload)).reason, reason)
  })

test('subscriptions are told where that is switched on', async (t) => {
  const watched = await Watched.start(t, { sys_event_messages: { client_subscribed: true, client_unsubscribed: true } })
  const { reader } = await watched.reader(`$SYS/brokers/${NODE}/clients/c/+`)
  const client = await watched.broker.client('c')
  await subscribe(client, { topic: '$share/g/x', qos: 1, rap: true, rh: 1 }, '$LINK/no')
  await subscribe(client, { topic: '$share/g/x', qos: 0 })
  client.send({ cmd: 'unsubscribe', messageId: 5, unsubscriptions: ['$share/g/x', 'never'] })
  await client.next('unsuback')
  const told = (await pending(reader)).map(({ topic, payload }) => {
    const { subopts, topic: name, ts: _, ...who } = JSON.parse(String(payload))
    return { event: topic.split('/').at(-1), name, subopts, who }
  })
  const who = { clientid: 'c', username: 'undefined', protocol: 'mqtt' }
  const subscribed = { event: 'subscribed', name: '$share/g/x', who }
  assert.deepEqual(
    told.filter(({ event }) => event !== 'connected'),
    [
      { ...subscribed, subopts: { qos: 1, nl: 0, rap: 1, rh: 1, is_new: true, sub_props: {} } },
      { ...subscribed, subopts: { qos: 0, nl: 0, rap: 0, rh: 0, is_new: false, sub_props: {} } },
      { event: 'unsubscribed', name: '$share/g/x', subopts: undefined, who },
    ],
  )
})

test('a ClientID that makes no topic is told of by no event, and does no harm', async (t) => {
  const watched = await Watched.start(t)
  const { reader } = await watched.reader(`$SYS/brokers/${NODE}/clients/#`)
  for (const clientId of ['a+b', '#', 'x'.repeat(65_535)]) await watched.broker.client(clientId)
  assert.deepEqual(await pending(reader), [])
})

test('of a shared subscription one member is told each value', async (t) => {
  const watched = await Watched.start(t)
  const members = await Promise.all(
    ['m1', 'm2'].map((clientId) => watched.broker.subscriber(clientId, ['$share/g/$SYS/broker/#'])),
  )
  watched.clock.advance(MINUTE)
  const shares = await Promise.all(members.map(async (member) => valuesOf(await pending(member))))
  const together = shares.flatMap((share) => [...share.keys()])
  assert(shares.every((share) => share.size > 10))
  assert.equal(new Set(together).size, together.length)
})
