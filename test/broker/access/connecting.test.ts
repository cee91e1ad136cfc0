/** What a connection does with the answers of those who know its client; they are played by the tests. */
import assert from 'node:assert/strict'
import { once, EventEmitter } from 'node:events'
import test, { type TestContext } from 'node:test'
import type { AuthenticationResult, Authenticator } from '../../../src/broker/access/authenticator.ts'
import type { Credentials } from '../../../src/broker/access/client-info.ts'
import { reasonCode } from '../../../src/packets/reason-code.ts'
import { ManualClock } from '../manual-clock.ts'
import type { Version } from '../raw-client.ts'
import { publish, subscribe, TestBroker } from '../test-broker.ts'

const accepted = { type: 'accepted', isSuperuser: false, attributes: {}, expiresAtMs: undefined } as const
const refused = { type: 'refused', reason: reasonCode.badUserNameOrPassword, words: 'wrong password' } as const

/** Answers when a test says so. */
class Gatekeeper extends EventEmitter implements Authenticator {
  readonly isOpen = false
  readonly asked: Credentials[] = []
  #answer: ((result: AuthenticationResult) => void) | undefined

  authenticate(credentials: Credentials): Promise<AuthenticationResult> {
    this.asked.push(credentials)
    return new Promise((resolve) => {
      this.#answer = resolve
      this.emit('asked')
    })
  }

  async answer(result: AuthenticationResult): Promise<void> {
    if (this.#answer === undefined) await once(this, 'asked')
    this.#answer!(result)
    this.#answer = undefined
  }
}

async function guarded(t: TestContext, clock?: ManualClock): Promise<{ broker: TestBroker; gate: Gatekeeper }> {
  const broker = await TestBroker.start(t, {}, clock)
  const gate = new Gatekeeper()
  broker.broker.authenticator = gate
  return { broker, gate }
}

const connectPacket = (clientId: string, version: Version) =>
  ({
    cmd: 'connect',
    protocolVersion: version,
    protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
    clientId,
    clean: true,
    keepalive: 0,
    username: 'u',
    password: Buffer.from('p'),
  }) as const

test('[MQTT-3.1.4-5] what a client sends behind CONNECT waits for the answer and is then done in order', async (t) => {
  const { broker, gate } = await guarded(t)
  const client = await broker.open()
  client.send(
    connectPacket('eager', 5),
    { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a', qos: 1 }] },
    publish('a', 'one', { qos: 1, messageId: 2 }),
  )
  client.sendBytes(client.encode(publish('a', 'two')))
  await gate.answer(accepted)
  assert.equal((await client.next('connack')).reasonCode, 0)
  assert.deepEqual((await client.next('suback')).granted, [1])
  const cmds: string[] = []
  while (cmds.length < 3) {
    const { packet } = await client.receive()
    cmds.push(packet.cmd === 'publish' ? String(packet.payload) : packet.cmd)
  }
  assert.deepEqual(cmds.toSorted(), ['one', 'puback', 'two'])
  assert.deepEqual(
    gate.asked.map(({ clientId, username, password, listener, peerHost, protocolVersion }) => ({
      clientId,
      username,
      password: String(password),
      listener,
      peerHost,
      protocolVersion,
    })),
    [
      {
        clientId: 'eager',
        username: 'u',
        password: 'p',
        listener: 'tcp:test',
        peerHost: '127.0.0.1',
        protocolVersion: 5,
      },
    ],
  )
})

for (const { version, code } of [
  { version: 5, code: { reasonCode: 0x86 } },
  { version: 4, code: { returnCode: 4 } },
  { version: 3, code: { returnCode: 4 } },
] as const)
  test(`[MQTT-3.1.4-6] a client of level ${version} that is refused is told, and nothing that it sent behind is done`, async (t) => {
    const { broker, gate } = await guarded(t)
    const client = await broker.open(version)
    client.send(connectPacket('liar', version), publish('kept', 'secret', { retain: true }))
    await gate.answer(refused)
    const connack = await client.next('connack')
    for (const [key, value] of Object.entries(code)) assert.equal(connack[key as keyof typeof connack], value)
    assert.deepEqual(await client.closed(), [])
    assert.deepEqual([...broker.broker.retained('#')], [])
    assert.equal(broker.broker.sessions.count, 0)
  })

test('who goes away before the answer leaves nothing behind', async (t) => {
  const { broker, gate } = await guarded(t)
  const client = await broker.open()
  client.send(connectPacket('hasty', 5))
  await once(gate, 'asked')
  await client.destroy()
  await broker.connections(0)
  await gate.answer(accepted)
  assert.equal(broker.broker.sessions.count, 0)
})

test('a client whose answer does not come is closed like one that does not connect', async (t) => {
  const clock = new ManualClock()
  const { broker, gate } = await guarded(t, clock)
  const client = await broker.open()
  client.send(connectPacket('patient', 5))
  await once(gate, 'asked')
  clock.advance(20_000)
  await client.closed()
})

test('an authenticator that fails refuses', async (t) => {
  const { broker } = await guarded(t)
  broker.broker.authenticator = { isOpen: false, authenticate: () => Promise.reject(new Error('out of order')) }
  const client = await broker.open()
  const connack = await client.connect()
  assert.equal(connack.reasonCode, reasonCode.unspecifiedError)
  await client.closed()
  assert.equal(broker.log.filter(({ event }) => event === 'connection_crashed').length, 1)
})

test('a client is disconnected when what it proved itself with runs out', async (t) => {
  const clock = new ManualClock()
  const { broker, gate } = await guarded(t, clock)
  const client = await broker.open()
  client.send(connectPacket('token', 5))
  await gate.answer({ ...accepted, expiresAtMs: clock.nowMs() + 60_000 })
  await client.next('connack')
  clock.advance(59_000)
  await client.nothingMore()
  clock.advance(2_000)
  assert.equal((await client.next('disconnect')).reasonCode, reasonCode.notAuthorized)
})

/** Topics under `open/` are for everybody, all others for nobody. */
const isOpenTopic = (topic: string) => topic.startsWith('open/')
const rules = (denyAction: 'ignore' | 'disconnect', isAllowed = isOpenTopic) => ({
  isOpen: false,
  denyAction,
  accessOf: () => ({
    publishesFreely: false,
    mayPublish: isAllowed,
    maySubscribe: isAllowed,
    link: () => 'unsaid' as const,
    forget: () => undefined,
  }),
})

async function ruled(t: TestContext, denyAction: 'ignore' | 'disconnect' = 'ignore'): Promise<TestBroker> {
  const broker = await TestBroker.start(t)
  broker.broker.authorizer = rules(denyAction)
  return broker
}

for (const version of [5, 4] as const)
  test(`a publish without the right is acknowledged, refused, and goes nowhere: level ${version}`, async (t) => {
    const broker = await ruled(t)
    const watcher = await broker.subscriber('watcher', ['open/#'], version)
    broker.broker.subscriptions.add(broker.broker.sessions.get('watcher')!, '#', {
      qos: 2,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
      identifier: 0,
    })
    const client = await broker.client('client', version)
    client.send(
      publish('shut/a', '0', { retain: true }),
      publish('shut/a', '1', { qos: 1, messageId: 1, retain: true }),
      publish('shut/a', '2', { qos: 2, messageId: 2 }),
      publish('open/a', 'seen'),
    )
    const puback = await client.next('puback')
    const pubrec = await client.next('pubrec')
    const code = version === 5 ? reasonCode.notAuthorized : undefined
    assert.deepEqual([puback.reasonCode, pubrec.reasonCode], [code, code])
    assert.equal(String((await watcher.next('publish')).payload), 'seen')
    await watcher.nothingMore()
    assert.deepEqual([...broker.broker.retained('shut/#')], [])
    assert.equal(broker.broker.counters.denied, 3)
    assert.equal(broker.log.filter((line) => line.event === 'authorization_denied' && line.level === 'info').length, 1)
  })

test('deny_action = disconnect: DISCONNECT with 0x87', async (t) => {
  const broker = await ruled(t, 'disconnect')
  const client = await broker.client('client')
  client.send(publish('shut/a', '0'))
  assert.equal((await client.next('disconnect')).reasonCode, reasonCode.notAuthorized)
  await client.closed()
})

for (const { version, granted } of [
  { version: 5, granted: [1, 0x87, 0x87, 2] },
  { version: 4, granted: [1, 0x80, 0x80, 2] },
] as const)
  test(`each filter of a SUBSCRIBE is asked about, a shared one by what it shares: level ${version}`, async (t) => {
    const broker = await ruled(t)
    const client = await broker.client('client', version)
    const codes = await subscribe(
      client,
      { topic: 'open/a', qos: 1 },
      'shut/a',
      '$share/g/shut/#',
      '$share/open/open/#',
    )
    assert.deepEqual(codes, granted)
    assert.deepEqual([...broker.broker.interest()].toSorted(), ['open/#', 'open/a'])
  })

const willOn = (topic: string) => ({ will: { topic, payload: 'gone', qos: 1, retain: false } as const })

test('a will that the client has no right to publish is refused with CONNACK 0x87', async (t) => {
  const broker = await ruled(t)
  const client = await broker.open()
  assert.equal((await client.connect(willOn('shut/a'))).reasonCode, reasonCode.notAuthorized)
  await client.closed()
  const other = await broker.open()
  assert.equal((await other.connect(willOn('open/a'))).reasonCode, 0)
})

const keptSession = { clean: false, properties: { sessionExpiryInterval: 100 } }

test('a kept session loses the subscriptions that its client has no right to any more', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.subscriber('client', ['open/a', 'shut/a'], 5, keptSession)
  await client.destroy()
  await broker.connections(0)
  broker.broker.authorizer = rules('ignore')
  const again = await broker.client('client', 5, keptSession)
  assert.equal(again.connack.sessionPresent, true)
  assert.deepEqual([...broker.broker.interest()], ['open/a'])
})

test('where users are known, a kept session is not handed to another user', async (t) => {
  const { broker, gate } = await guarded(t)
  const connect = async (username: string) => {
    const client = await broker.open()
    const connack = client.connect({ clientId: 'shared', username, password: Buffer.from('p'), ...keptSession })
    await gate.answer(accepted)
    return { client, sessionPresent: (await connack).sessionPresent }
  }
  const first = await connect('alice')
  await subscribe(first.client, 'letters/alice')
  const again = await connect('alice')
  assert.equal(again.sessionPresent, true)
  const other = await connect('mallory')
  assert.equal(other.sessionPresent, false)
  assert.deepEqual([...broker.broker.interest()], [])
})
