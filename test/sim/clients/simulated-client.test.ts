/** The clients of the simulator keep to the specification, since nobody else would notice that the oracle judges nonsense. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generate, type Packet, parser } from 'mqtt-packet'
import { SeededRandom } from '../world/random.ts'
import { VirtualTime } from '../world/virtual-time.ts'
import { History, numberIn, payloadOf } from './history.ts'
import { type ClientTerms, SimulatedClient } from './simulated-client.ts'
import type { DialWire } from './wire.ts'

const LATENCY_MS = 5

/** What a client sends, and what it is sent, one connection after the other. */
class ScriptedBroker {
  readonly time = new VirtualTime()
  readonly history = new History()
  readonly heard: Packet[] = []
  /** Of each connection: to send to the client, and to hang up. */
  readonly lines: { readonly node: string; send(packet: Packet): void; close(): void }[] = []
  /** What the next CONNACK says. */
  sessionPresent = false
  accepts = true
  receiveMaximum: number | undefined

  client(terms: Partial<ClientTerms> = {}): SimulatedClient {
    const servers = ['a1', 'a2'].map((node) => ({ node, host: node, port: 1883 }))
    const ports = { clock: this.time, random: new SeededRandom(1), dial: this.#dial, history: this.history }
    return new SimulatedClient({ clientId: 'c', cluster: 'a', ...terms }, ports, servers)
  }

  of(cmd: Packet['cmd']): Packet[] {
    return this.heard.filter((packet) => packet.cmd === cmd)
  }

  /** Lets so much time pass. */
  async pass(ms = 50): Promise<void> {
    await this.time.runUntil(this.time.nowMs + ms)
  }

  get line(): ScriptedBroker['lines'][number] {
    const line = this.lines.at(-1)
    assert(line !== undefined)
    return line
  }

  readonly #dial: DialWire = (_host, { node }, end) => {
    let version = 5
    let isOpen = true
    const later = (call: () => void): void => void this.time.after(LATENCY_MS, () => isOpen && call())
    const close = (): void => {
      if (!isOpen) return
      isOpen = false
      this.time.after(LATENCY_MS, () => end.closed())
    }
    const send = (packet: Packet): void => later(() => end.read(generate(packet, { protocolVersion: version })))
    const reader = parser()
    reader.on('packet', (packet) => {
      this.heard.push(packet)
      if (packet.cmd !== 'connect') return
      version = packet.protocolVersion ?? 4
      const properties = this.receiveMaximum === undefined ? {} : { receiveMaximum: this.receiveMaximum }
      send({ cmd: 'connack', reasonCode: 0, returnCode: 0, sessionPresent: this.sessionPresent, properties })
    })
    this.lines.push({ node, send, close })
    if (this.accepts) later(() => end.opened())
    else close()
    return {
      write: (bytes) => later(() => reader.parse(bytes)),
      end: () => later(close),
      destroy: close,
      pause: () => undefined,
      resume: () => undefined,
    }
  }
}

test('a payload carries its number, whatever its length', () => {
  for (const number of [0, 7, 123_456_789]) {
    assert.equal(numberIn(payloadOf(number)), number)
    assert.equal(numberIn(payloadOf(number, 500)), number)
  }
  assert.equal(payloadOf(3, 500).length, 500)
  for (const alien of ['', '#', '#;', 'x1;', '#12', '#1x;']) assert.equal(numberIn(Buffer.from(alien)), undefined)
})

for (const version of [4, 5] as const) {
  test(`MQTT ${version}: what was not acknowledged is sent again with DUP in the session that the broker kept, in order`, async () => {
    const broker = new ScriptedBroker()
    const client = broker.client({ version, sessionExpirySeconds: 60 })
    client.connect()
    await broker.pass()
    for (const qos of [1, 2, 1] as const) client.publish({ topic: 't', qos })
    await broker.pass()
    broker.line.send({ cmd: 'puback', messageId: 1, reasonCode: 0 })
    broker.line.send({ cmd: 'pubrec', messageId: 2, reasonCode: 0 })
    await broker.pass()
    assert.deepEqual(
      broker.history.messages.map(({ acknowledgedMs }) => acknowledgedMs !== undefined),
      [true, true, false],
    )
    broker.sessionPresent = true
    broker.heard.length = 0
    broker.line.close()
    await broker.pass(1_000)
    assert.deepEqual(
      broker.heard.map((packet) => [packet.cmd, packet.messageId, packet.cmd === 'publish' && packet.dup]),
      [
        ['connect', undefined, false],
        ['pubrel', 2, false],
        ['publish', 3, true],
      ],
    )
    assert.equal(broker.line.node, 'a2', 'the next node is tried')
    assert.deepEqual(
      broker.history.messages[2]?.sends.map(({ isRepeat }) => isRepeat),
      [false, true],
    )
    assert.equal(broker.history.sessions.length, 1)
  })
}

test('a session that the broker lost is another one: filters are asked for again, messages published anew', async () => {
  const broker = new ScriptedBroker()
  const client = broker.client({ sessionExpirySeconds: 600 })
  client.subscribe({ filter: 'x/#', qos: 1 })
  client.connect()
  await broker.pass()
  broker.line.send({ cmd: 'suback', messageId: broker.of('subscribe')[0]?.messageId ?? 0, granted: [1] })
  client.publish({ topic: 't', qos: 2 })
  await broker.pass()
  const lostMs = broker.time.nowMs
  broker.line.close()
  await broker.pass(1_000)
  const [first, second] = broker.history.sessions
  assert.equal(first?.end, 'lost_by_broker')
  assert.equal(first.endedMs, lostMs + LATENCY_MS)
  assert.equal(first.subscriptions[0]?.endedMs, first.endedMs)
  assert.equal(second?.subscriptions[0]?.filter, 'x/#')
  assert.deepEqual(
    broker.history.messages[0]?.sends.map(({ isRepeat }) => isRepeat),
    [false, false],
  )
})

test('a session ends as its client meant it to', async () => {
  for (const [expiry, act, end] of [
    [0, 'drop', 'connection_ended'],
    [2, 'stay away', 'expired'],
    [600, 'end', 'client_ended'],
    [600, 'crash', 'client_ended'],
  ] as const) {
    const broker = new ScriptedBroker()
    const client = broker.client({ sessionExpirySeconds: expiry })
    client.connect()
    await broker.pass()
    if (act === 'drop') client.drop()
    else if (act === 'crash') client.crash()
    else client.disconnect(act === 'end')
    await broker.pass(3_000)
    client.connect()
    await broker.pass()
    assert.equal(broker.history.sessions[0]?.end, end, act)
    assert.equal(broker.history.sessions.length, 2, act)
  }
})

test('QoS 2: what comes again under the same identifier came before, until it is released', async () => {
  const broker = new ScriptedBroker()
  const client = broker.client()
  client.connect()
  await broker.pass()
  const publish: Packet = {
    cmd: 'publish',
    topic: 't',
    qos: 2,
    dup: false,
    retain: false,
    payload: payloadOf(0),
    messageId: 9,
  }
  broker.line.send(publish)
  broker.line.send({ ...publish, dup: true })
  await broker.pass()
  assert.equal(broker.history.arrivals.length, 1)
  assert.equal(broker.of('pubrec').length, 2)
  broker.line.send({ cmd: 'pubrel', messageId: 9 })
  broker.line.send(publish)
  await broker.pass()
  assert.equal(broker.history.arrivals.length, 2)
  assert.equal(broker.of('pubcomp').length, 1)
})

test('no more flies than the broker takes, and what is refused is not sent again', async () => {
  const broker = new ScriptedBroker()
  broker.receiveMaximum = 2
  const client = broker.client()
  client.connect()
  await broker.pass()
  for (let count = 0; count < 4; count += 1) client.publish({ topic: 't', qos: 1 })
  await broker.pass()
  assert.equal(broker.of('publish').length, 2)
  broker.line.send({ cmd: 'puback', messageId: 1, reasonCode: 0x97 })
  await broker.pass()
  assert.equal(broker.of('publish').length, 3)
  const [refused] = broker.history.messages
  assert.deepEqual([refused?.acknowledgedMs, refused?.reasonCode, refused?.isGivenUp], [undefined, 0x97, true])
  assert.equal(client.open, 3)
})

test('a connection on which nothing comes back is given up', async () => {
  const broker = new ScriptedBroker()
  const client = broker.client({ keepAliveSeconds: 10 })
  client.connect()
  await broker.pass(20_000)
  assert.ok(broker.of('pingreq').length > 0)
  await broker.pass(20_000)
  assert.ok(broker.lines.length > 1)
})

test('nobody there: it tries again, more and more rarely, and stops when it is told to', async () => {
  const broker = new ScriptedBroker()
  broker.accepts = false
  const client = broker.client()
  client.connect()
  await broker.pass(60_000)
  const tries = broker.lines.length
  assert.ok(tries > 10 && tries < 100, `${tries}`)
  client.disconnect()
  await broker.pass(60_000)
  assert.equal(broker.lines.length, tries)
})

test('a takeover leaves the older connection to the broker, and believes the newer one', async () => {
  const broker = new ScriptedBroker()
  const client = broker.client({ sessionExpirySeconds: 600 })
  client.connect()
  await broker.pass()
  broker.sessionPresent = true
  client.takeOver('a2')
  await broker.pass()
  const [older, newer] = broker.lines
  older?.send({ cmd: 'disconnect', reasonCode: 0x8e })
  await broker.pass()
  older?.close()
  newer?.send({ cmd: 'publish', topic: 't', qos: 0, dup: false, retain: false, payload: payloadOf(0) })
  await broker.pass()
  assert.deepEqual(
    broker.history.connections.map(({ disconnectedWith }) => disconnectedWith),
    [0x8e, undefined],
  )
  assert.equal(broker.history.arrivals[0]?.node, 'a2')
  assert.ok(client.isConnected)
})

test('what is tried under $LINK is written down with its answer', async () => {
  const broker = new ScriptedBroker()
  const client = broker.client()
  client.connect()
  await broker.pass()
  client.subscribe({ filter: '$LINK/#', qos: 1 })
  client.publish({ topic: '$LINK/cluster/msg/b', qos: 1 })
  client.publish({ topic: '$LINK/cluster/msg/b', qos: 0 })
  await broker.pass()
  broker.line.send({ cmd: 'suback', messageId: broker.of('subscribe')[0]?.messageId ?? 0, granted: [0x87] })
  broker.line.send({ cmd: 'puback', messageId: 1, reasonCode: 0x87 })
  await broker.pass()
  broker.line.close()
  await broker.pass()
  assert.deepEqual(
    broker.history.trespasses.map(({ action, answer }) => [action, answer]),
    [
      ['subscribe', 0x87],
      ['publish', 0x87],
      ['publish', 'closed'],
    ],
  )
})
