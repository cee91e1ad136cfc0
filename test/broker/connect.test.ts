import assert from 'node:assert/strict'
import test from 'node:test'
import { generate, type IConnectPacket } from 'mqtt-packet'
import type { MqttConfig } from '../../src/config/config.ts'
import { reasonCode } from '../../src/packets/reason-code.ts'
import { ManualClock } from './manual-clock.ts'
import { hex, type Version } from './raw-client.ts'
import { publish, subscribe, TestBroker } from './test-broker.ts'

for (const version of [3, 4, 5] as const) {
  test(`CONNECT of version ${version}: connected, and a clean session is not remembered`, async (t) => {
    const broker = await TestBroker.start(t)
    const first = await broker.client('a', version)
    assert.equal(first.connack.sessionPresent, false)
    assert.equal(version === 5 ? first.connack.reasonCode : first.connack.returnCode, 0)
    await subscribe(first, 'a/b')
    first.send({ cmd: 'disconnect' })
    await first.closed()
    const again = await broker.client('a', version, { clean: false })
    assert.equal(again.connack.sessionPresent, false)
  })

  test(`CONNECT of version ${version}: a kept session is there again with its subscriptions`, async (t) => {
    const broker = await TestBroker.start(t)
    const kept = { clean: false, ...(version === 5 ? { properties: { sessionExpiryInterval: 60 } } : {}) }
    const first = await broker.client('a', version, kept)
    assert.equal(first.connack.sessionPresent, false)
    await subscribe(first, 'a/b')
    await first.destroy()
    await broker.connections(0)
    const again = await broker.client('a', version, kept)
    assert.equal(again.connack.sessionPresent, true)
    again.send(publish('a/b', 'still subscribed'))
    assert.equal(String((await again.next('publish')).payload), 'still subscribed')
  })

  test(`CONNECT of version ${version} with a clean start ends the session that there was`, async (t) => {
    const broker = await TestBroker.start(t)
    const kept = { clean: false, ...(version === 5 ? { properties: { sessionExpiryInterval: 60 } } : {}) }
    const first = await broker.client('a', version, kept)
    await subscribe(first, 'a/b')
    await first.destroy()
    await broker.connections(0)
    const again = await broker.client('a', version, { clean: true })
    assert.equal(again.connack.sessionPresent, false)
    again.send(publish('a/b', 'nobody'))
    await again.nothingMore()
    assert.deepEqual([...broker.broker.interest()], [])
  })
}

test('session expiry: the session lives as long as was asked, and no longer', async (t) => {
  const clock = new ManualClock()
  const broker = await TestBroker.start(t, {}, clock)
  const kept = { clean: false, properties: { sessionExpiryInterval: 60 } }
  for (const { away, present } of [
    { away: 59_999, present: true },
    { away: 60_000, present: false },
  ]) {
    const first = await broker.client('a', 5, kept)
    await first.destroy()
    await broker.connections(0)
    clock.advance(away)
    const again = await broker.client('a', 5, kept)
    assert.equal(again.connack.sessionPresent, present, `away ${away} ms`)
    await again.destroy()
    await broker.connections(0)
  }
})

test('session expiry: 0xffffffff never ends if the server allows it', async (t) => {
  const clock = new ManualClock()
  const broker = await TestBroker.start(t, { session_expiry_interval: Number.POSITIVE_INFINITY }, clock)
  const kept = { clean: false, properties: { sessionExpiryInterval: 0xffffffff } }
  const first = await broker.client('a', 5, kept)
  assert.equal(first.connack.properties?.sessionExpiryInterval, undefined)
  await first.destroy()
  await broker.connections(0)
  clock.advance(30 * 86_400_000)
  assert.equal((await broker.client('a', 5, kept)).connack.sessionPresent, true)
})

test('session expiry: the server grants less than was asked, and says so', async (t) => {
  const clock = new ManualClock()
  const broker = await TestBroker.start(t, { session_expiry_interval: 10_000 }, clock)
  const first = await broker.client('a', 5, { clean: false, properties: { sessionExpiryInterval: 60 } })
  assert.equal(first.connack.properties?.sessionExpiryInterval, 10)
  await first.destroy()
  await broker.connections(0)
  clock.advance(10_000)
  assert.equal(broker.broker.sessions.count, 0)
})

test('session expiry: DISCONNECT may change it', async (t) => {
  const clock = new ManualClock()
  const broker = await TestBroker.start(t, {}, clock)
  const first = await broker.client('a', 5, { clean: false, properties: { sessionExpiryInterval: 60 } })
  first.send({ cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 5 } })
  await first.closed()
  clock.advance(4_999)
  assert.equal(broker.broker.sessions.count, 1)
  clock.advance(1)
  assert.equal(broker.broker.sessions.count, 0)
})

test('session expiry: DISCONNECT may not make a session kept that was not (MQTT 5, 3.14.2.2.2)', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a')
  client.send({ cmd: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 5 } })
  assert.equal((await client.next('disconnect')).reasonCode, reasonCode.protocolError)
  await client.closed()
})

test('a session is ended by expiry with all its subscriptions, and interest goes with it', async (t) => {
  const clock = new ManualClock()
  const broker = await TestBroker.start(t, {}, clock)
  const changes: string[] = []
  broker.broker.onInterest(({ type, topicFilter }) => changes.push(`${type} ${topicFilter}`))
  const client = await broker.subscriber('a', ['a/+', '$share/g/s'], 5, {
    clean: false,
    properties: { sessionExpiryInterval: 5 },
  })
  await client.destroy()
  await broker.connections(0)
  assert.deepEqual(changes, ['added a/+', 'added s'])
  clock.advance(5_000)
  assert.deepEqual(changes.slice(2), ['removed a/+', 'removed s'])
})

for (const version of [4, 5] as const) {
  test(`takeover in version ${version}: the older connection goes, the session stays`, async (t) => {
    const broker = await TestBroker.start(t)
    const kept = { clean: false, ...(version === 5 ? { properties: { sessionExpiryInterval: 60 } } : {}) }
    const old = await broker.client('a', version, kept)
    await subscribe(old, 't')
    const young = await broker.client('a', version, kept)
    assert.equal(young.connack.sessionPresent, true)
    if (version === 5) assert.equal((await old.next('disconnect')).reasonCode, reasonCode.sessionTakenOver)
    assert.deepEqual(await old.closed(), [])
    young.send(publish('t', 'for the younger one'))
    assert.equal(String((await young.next('publish')).payload), 'for the younger one')
    assert.equal(broker.broker.sessions.count, 1)
  })
}

test('an empty ClientID is assigned one, which MQTT 5 is told', async (t) => {
  const broker = await TestBroker.start(t)
  const ids = new Set<string>()
  for (const cleanStart of ['02', '00']) {
    const client = await broker.open(5)
    client.sendBytes(hex(`10 0d 0004 4d515454 05 ${cleanStart} 0000 00 0000`))
    const connack = await client.next('connack')
    const assigned = connack.properties?.assignedClientIdentifier
    assert(assigned !== undefined && assigned !== '')
    assert(broker.broker.sessions.get(assigned) !== undefined)
    ids.add(assigned)
  }
  assert.equal(ids.size, 2)
  const old = await broker.client('', 4)
  assert.equal(old.connack.returnCode, 0)
  assert.equal(broker.broker.sessions.count, 3)
})

for (const { when, version, connect, returnCode } of [
  // MQTT 3.1.1, 3.1.3.1 [MQTT-3.1.3-8].
  {
    when: '3.1.1, empty ClientID without clean session',
    version: 4,
    connect: '10 0c 0004 4d515454 04 00 0000 0000',
    returnCode: 2,
  },
  { when: '3.1, empty ClientID', version: 3, connect: '10 0e 0006 4d5149736470 03 02 0000 0000', returnCode: 2 },
  { when: 'version 2 of MQTT', version: 4, connect: '10 0d 0004 4d515454 02 02 0000 0001 61', returnCode: 1 },
  { when: 'another protocol', version: 4, connect: '10 0d 0004 4d515455 04 02 0000 0001 61', returnCode: 1 },
] as const satisfies readonly { when: string; version: Version; connect: string; returnCode: number }[]) {
  test(`refused with return code ${returnCode}: ${when}`, async (t) => {
    const broker = await TestBroker.start(t)
    const client = await broker.open(version)
    client.sendBytes(hex(connect))
    const connack = await client.next('connack')
    assert.equal(connack.returnCode, returnCode)
    assert.equal(connack.sessionPresent, false)
    assert.deepEqual(await client.closed(), [])
    assert.equal(broker.broker.sessions.count, 0)
  })
}

test('an unknown newer version is refused with 0x84 in the form of MQTT 5', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.open(5)
  client.sendBytes(hex('10 0e 0004 4d515454 06 02 0000 00 0001 61'))
  assert.equal((await client.next('connack')).reasonCode, reasonCode.unsupportedProtocolVersion)
  assert.deepEqual(await client.closed(), [])
})

test('a first packet that is not CONNECT closes the connection without an answer [MQTT-3.1.0-1]', async (t) => {
  const broker = await TestBroker.start(t)
  for (const first of ['c0 00', '30 05 0001 61 00 62', '82 08 0001 00 0002 612f 00', 'e0 00', '47 45 54 20 2f']) {
    const client = await broker.open()
    client.sendBytes(Buffer.concat([hex(first), Buffer.alloc(200)]))
    assert.deepEqual(await client.closed(), [], first)
  }
})

for (const version of [4, 5] as const) {
  test(`a second CONNECT of version ${version} is a protocol error [MQTT-3.1.0-2]`, async (t) => {
    const broker = await TestBroker.start(t)
    const client = await broker.client('a', version)
    client.send({ cmd: 'connect', protocolVersion: version, clientId: 'a', clean: true, keepalive: 0 })
    if (version === 5) assert.equal((await client.next('disconnect')).reasonCode, reasonCode.protocolError)
    assert.deepEqual(await client.closed(), [])
  })
}

test('CONNACK says what the server does and does not do', async (t) => {
  const broker = await TestBroker.start(t, {
    max_qos_allowed: 1,
    retain_available: false,
    wildcard_subscription: false,
    shared_subscription: false,
    server_keepalive: 30,
    max_packet_size: 5000,
    max_awaiting_rel: 7,
    max_topic_alias: 3,
  })
  const { connack } = await broker.client('a', 5, { keepalive: 60 })
  assert.deepEqual(
    { ...connack.properties },
    {
      maximumQoS: 1,
      retainAvailable: false,
      wildcardSubscriptionAvailable: false,
      sharedSubscriptionAvailable: false,
      subscriptionIdentifiersAvailable: true,
      serverKeepAlive: 30,
      maximumPacketSize: 5000,
      receiveMaximum: 7,
      topicAliasMaximum: 3,
    },
  )
})

for (const { when, config, act, reason } of [
  {
    when: 'QoS above the maximum',
    config: { max_qos_allowed: 1 },
    act: publish('t', '', { qos: 2, messageId: 1 }),
    reason: reasonCode.qosNotSupported,
  },
  {
    when: 'RETAIN without retained messages',
    config: { retain_available: false },
    act: publish('t', 'x', { retain: true }),
    reason: reasonCode.retainNotSupported,
  },
] as const) {
  test(`what the server does not do is refused: ${when}`, async (t) => {
    const broker = await TestBroker.start(t, config)
    const client = await broker.client('a')
    client.send(act)
    assert.equal((await client.next('disconnect')).reasonCode, reason)
    await client.closed()
  })
}

test('subscriptions that the server does not do are refused one by one', async (t) => {
  const broker = await TestBroker.start(t, {
    wildcard_subscription: false,
    shared_subscription: false,
    max_qos_allowed: 1,
    max_topic_levels: 3,
  })
  const client = await broker.client('a')
  assert.deepEqual(await subscribe(client, 'a', 'a/+', '$share/g/a', 'a/b/c', 'a/b/c/d', 'a/#/b', '$share//x'), [
    1,
    reasonCode.wildcardSubscriptionsNotSupported,
    reasonCode.sharedSubscriptionsNotSupported,
    1,
    reasonCode.topicFilterInvalid,
    reasonCode.topicFilterInvalid,
    reasonCode.topicFilterInvalid,
  ])
  const old = await broker.client('b', 4)
  assert.deepEqual(await subscribe(old, 'a', 'a/#/b'), [1, 0x80])
})

type RefusedConnect = {
  readonly when: string
  readonly will: NonNullable<IConnectPacket['will']> | undefined
  readonly properties: NonNullable<IConnectPacket['properties']>
  readonly reason: number
  readonly config?: Partial<MqttConfig>
}

for (const { when, will, properties, reason, config = {} } of [
  {
    when: 'a will on $LINK',
    will: { topic: '$LINK/cluster/msg/x', payload: 'x' },
    properties: {},
    reason: reasonCode.notAuthorized,
  },
  { when: 'a will on $SYS', will: { topic: '$SYS/x', payload: 'x' }, properties: {}, reason: reasonCode.notAuthorized },
  {
    when: 'a will with a wildcard',
    will: { topic: 'a/#', payload: 'x' },
    properties: {},
    reason: reasonCode.topicNameInvalid,
  },
  {
    when: 'an authentication method',
    will: undefined,
    properties: { authenticationMethod: 'SCRAM' },
    reason: reasonCode.badAuthenticationMethod,
  },
  {
    when: 'a will of QoS 2 where QoS 1 is the maximum',
    will: { topic: 'a', payload: 'x', qos: 2 },
    properties: {},
    reason: reasonCode.qosNotSupported,
    config: { max_qos_allowed: 1 },
  },
  {
    when: 'a retained will where nothing is retained',
    will: { topic: 'a', payload: 'x', retain: true },
    properties: {},
    reason: reasonCode.retainNotSupported,
    config: { retain_available: false },
  },
] as readonly RefusedConnect[]) {
  test(`refused: ${when}`, async (t) => {
    const broker = await TestBroker.start(t, config)
    const client = await broker.open()
    const connack = await client.connect({ clientId: 'a', properties, ...(will === undefined ? {} : { will }) })
    assert.equal(connack.reasonCode, reason)
    assert.match(connack.properties?.reasonString ?? '', /\w/)
    assert.deepEqual(await client.closed(), [])
    assert.equal(broker.broker.sessions.count, 0)
  })
}

test('a ClientID longer than the server takes is refused', async (t) => {
  const broker = await TestBroker.start(t, { max_clientid_len: 23 })
  const client = await broker.open(5)
  const connack = await client.connect({ clientId: 'x'.repeat(24) })
  assert.equal(connack.reasonCode, reasonCode.clientIdentifierNotValid)
  assert.equal((await broker.client('x'.repeat(23))).connack.reasonCode, 0)
})

test('a connection that sends no CONNECT is closed after idle_timeout', async (t) => {
  const clock = new ManualClock()
  const broker = await TestBroker.start(t, { idle_timeout: 3_000 }, clock)
  const client = await broker.open()
  client.sendBytes(hex('10 0d'))
  await broker.connections(1)
  clock.advance(3_000)
  assert.equal(client.isClosed, false)
  clock.advance(1_000)
  assert.deepEqual(await client.closed(), [])
})

test('keep alive: a client that is silent for 1.5 times its keep alive is disconnected with 0x8d', async (t) => {
  const clock = new ManualClock()
  const broker = await TestBroker.start(t, {}, clock)
  const will = { topic: 'will', payload: 'gone' }
  const watcher = await broker.subscriber('watcher', ['will'])
  const client = await broker.client('a', 5, { keepalive: 10, will })
  clock.advance(9_000)
  await client.nothingMore()
  clock.advance(15_000)
  await client.nothingMore()
  clock.advance(16_000)
  assert.equal((await client.next('disconnect')).reasonCode, reasonCode.keepAliveTimeout)
  await client.closed()
  assert.equal(String((await watcher.next('publish')).payload), 'gone')
})

test('keep alive goes by the steady clock: a wall clock set forward or back by a day disconnects nobody', async (t) => {
  const clock = new ManualClock()
  const node = await TestBroker.start(t, {}, clock)
  const client = await node.open(5)
  await client.connect({ clientId: 'steady', keepalive: 10 })
  for (const ms of [86_400_000, -2 * 86_400_000]) {
    clock.setWall(ms)
    clock.advance(2_000)
    await client.nothingMore()
  }
  assert.equal(client.isClosed, false)
})

test('keep alive imposed by the server is the one that counts; 0 means none', async (t) => {
  const clock = new ManualClock()
  const imposing = await TestBroker.start(t, { server_keepalive: 2 }, clock)
  const imposed = await imposing.client('a', 5, { keepalive: 100 })
  clock.advance(4_000)
  assert.equal((await imposed.next('disconnect')).reasonCode, reasonCode.keepAliveTimeout)
  const broker = await TestBroker.start(t, {}, clock)
  const silent = await broker.client('a', 5, { keepalive: 0 })
  clock.advance(86_400_000)
  await silent.nothingMore()
})

test('shutdown says 0x8b to every client of MQTT 5 and closes all connections', async (t) => {
  const broker = await TestBroker.start(t)
  const clients = [await broker.client('a', 5), await broker.client('b', 5)]
  const old = await broker.client('c', 4)
  const nobody = await broker.open()
  await broker.connections(4)
  await broker.server.close()
  for (const client of clients) {
    assert.equal((await client.next('disconnect')).reasonCode, reasonCode.serverShuttingDown)
    await client.closed()
  }
  assert.deepEqual(await old.closed(), [])
  assert.deepEqual(await nobody.closed(), [])
})

test('what came before DISCONNECT in one read is answered', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a')
  client.send(publish('t', 'x', { qos: 1, messageId: 5 }), { cmd: 'disconnect' })
  assert.equal((await client.next('puback')).messageId, 5)
  assert.deepEqual(await client.closed(), [])
})

test('CONNECT and what follows it may come in one read', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.open(5)
  client.sendBytes(
    Buffer.concat([
      generate({ cmd: 'connect', protocolVersion: 5, clientId: 'a', clean: true, keepalive: 0 }),
      client.encode({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 't', qos: 1 }] }),
      client.encode(publish('t', 'hello')),
    ]),
  )
  await client.next('connack')
  await client.next('suback')
  assert.equal(String((await client.next('publish')).payload), 'hello')
})
