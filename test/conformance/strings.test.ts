/** Chapter 1.5: strings and integers. */
import assert from 'node:assert/strict'
import { hex, type RawClient, type Version } from '../broker/raw-client.ts'
import { publish, subscribe, TestBroker } from '../broker/test-broker.ts'
import { connectBytes, field, packetBytes } from './connect-bytes.ts'
import { holds } from './holds.ts'

const properties = (version: Version) => (version === 5 ? [Buffer.from([0])] : [])

/** Packets in which this string stands, of those that a connected client sends. */
function packetsWith(version: Version, string: Buffer): Readonly<Record<string, Buffer>> {
  return {
    'topic of PUBLISH': packetBytes(0x30, [field(string), ...properties(version)]),
    'filter of SUBSCRIBE': packetBytes(0x82, [hex('0001'), ...properties(version), field(string), hex('00')]),
    'filter of UNSUBSCRIBE': packetBytes(0xa2, [hex('0001'), ...properties(version), field(string)]),
  }
}

/** CONNECT packets in which this string stands. */
function connectsWith(version: Version, string: Buffer): Readonly<Record<string, Buffer>> {
  const will = { willTopic: 't', willPayload: 'x' }
  return {
    ClientID: connectBytes(version, { clientId: string }),
    'will topic': connectBytes(version, { flags: 0x06, ...will, willTopic: string }),
    'user name': connectBytes(version, { flags: 0x82, username: string }),
  }
}

/** The server closes the connection, in MQTT 5 with a reason. */
async function isRefused(client: RawClient, what: string): Promise<void> {
  const packets = await client.closed()
  if (client.version < 5) return assert.deepEqual(packets, [], what)
  assert.equal(packets.length, 1, what)
  const [packet] = packets
  assert(packet?.cmd === 'connack' || packet?.cmd === 'disconnect', what)
  assert((packet.reasonCode ?? 0) >= 0x80, what)
}

async function refusesStrings(broker: TestBroker, version: Version, strings: readonly string[]): Promise<void> {
  for (const string of strings.map(hex)) {
    for (const [what, bytes] of Object.entries(packetsWith(version, string))) {
      const client = await broker.client('a', version)
      client.sendBytes(bytes)
      await isRefused(client, `${what}: ${string.toString('hex')}`)
    }
    for (const [what, bytes] of Object.entries(connectsWith(version, string))) {
      const client = await broker.open(version)
      client.sendBytes(bytes)
      await isRefused(client, `${what}: ${string.toString('hex')}`)
    }
  }
}

holds(
  'a string that is no UTF-8, with surrogates or overlong forms, closes the connection',
  {
    4: '1.5.3-1 3.1.3-4 3.1.3-10 3.1.3-11 3.3.2-1 3.8.3-1 3.10.3-1',
    5: '1.5.4-1 3.1.3-4 3.1.3-11 3.1.3-12 3.3.2-1 3.8.3-1 3.10.3-1',
  },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    await refusesStrings(broker, version, ['ff', 'c328', '61c2', 'eda080', 'edbfbf', 'c0af', 'e08080', 'f4908080'])
  },
)

holds(
  'a string with U+0000 closes the connection',
  { 4: '1.5.3-2 4.7.3-2', 5: '1.5.4-2 4.7.3-2' },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    await refusesStrings(broker, version, ['00', '6100', '610062', 'c080'])
  },
)

holds('U+FEFF is a character like others, wherever it stands', { 4: '1.5.3-3', 5: '1.5.4-3' }, async (t, version) => {
  const broker = await TestBroker.start(t)
  const plain = await broker.subscriber('a', ['t'], version)
  const marked = await broker.subscriber('\ufeffa', ['\ufefft', 't\ufeff'], version)
  assert.equal(broker.server.connectionCount, 2)
  plain.send(publish('\ufefft', '1'), publish('t', '2'), publish('t\ufeff', '3'))
  for (const topic of [hex('efbbbf74'), hex('74efbbbf')]) {
    const { bytes } = await marked.receive()
    assert.deepEqual(bytes.subarray(4, 8), topic)
  }
  assert.equal((await plain.next('publish')).topic, 't')
  await plain.nothingMore()
  await marked.nothingMore()
})

holds('both strings of a user property keep the rules', { 5: '1.5.7-1' }, async (t) => {
  const broker = await TestBroker.start(t)
  for (const pair of ['0001ff 0001 61', '0001 61 0001ff', '000100 0000', '0000 0003 eda080']) {
    const property = Buffer.concat([hex('26'), hex(pair)])
    const all = Buffer.concat([Buffer.from([property.length]), property])
    for (const bytes of [
      packetBytes(0x30, [field('t'), all]),
      packetBytes(0x82, [hex('0001'), all, field('t'), hex('00')]),
      packetBytes(0xa2, [hex('0001'), all, field('t')]),
      packetBytes(0x40, [hex('0001 00'), all]),
      packetBytes(0xe0, [hex('00'), all]),
    ]) {
      const client = await broker.client('a')
      client.sendBytes(bytes)
      await isRefused(client, bytes.toString('hex'))
    }
    for (const fields of [{ properties: all }, { flags: 0x06, willProperties: all, willTopic: 't', willPayload: '' }]) {
      const client = await broker.open()
      client.sendBytes(connectBytes(5, fields))
      await isRefused(client, `CONNECT: ${all.toString('hex')}`)
    }
  }
})

holds('strings among the properties of PUBLISH are UTF-8', { 5: '3.3.2-13 3.3.2-19' }, async (t) => {
  const broker = await TestBroker.start(t)
  for (const identifier of ['03', '08'])
    for (const string of ['0001 ff', '0003 eda080', '0002 6100']) {
      const property = hex(`${identifier} ${string}`)
      const client = await broker.client('a')
      client.sendBytes(packetBytes(0x30, [field('t'), Buffer.from([property.length]), property]))
      await isRefused(client, property.toString('hex'))
    }
})

holds('lengths take as few bytes as they need, both ways', { 5: '1.5.5-1' }, async (t) => {
  const broker = await TestBroker.start(t)
  const receiver = await broker.subscriber('receiver', ['t'])
  const publisher = await broker.client('publisher', 4)
  // Topic and property length are 4 bytes of the body.
  for (const [body, header] of [
    [4, 2],
    [127, 2],
    [128, 3],
    [16_383, 3],
    [16_384, 4],
    [100_000, 4],
  ] as const) {
    publisher.send(publish('t', Buffer.alloc(body - 4)))
    assert.equal((await receiver.receive()).bytes.length, header + body)
  }
  for (const bytes of ['30 86 00 0001 74 00 6262', '30 05 0001 74 80 00', '30 87 80 00 0001 74 00 626262']) {
    const client = await broker.client('a')
    client.sendBytes(hex(bytes))
    await isRefused(client, bytes)
  }
  await receiver.nothingMore()
})

holds('a remaining length of five bytes closes the connection', { 3: '', 4: '', 5: '' }, async (t, version) => {
  const broker = await TestBroker.start(t)
  for (const bytes of ['30 80 80 80 80 01', 'c0 80 80 80 80 00', '82 ff ff ff ff 7f']) {
    const client = await broker.client('a', version)
    client.sendBytes(hex(bytes))
    await isRefused(client, bytes)
  }
  const early = await broker.open(version)
  early.sendBytes(hex('10 80 80 80 80 01'))
  assert.deepEqual(await early.closed(), [])
})

holds('a string of the greatest length is one', { 4: '4.7.3-3', 5: '4.7.3-3' }, async (t, version) => {
  const broker = await TestBroker.start(t)
  const topic = 'ä'.repeat(32_767) + 'x'
  assert.equal(Buffer.byteLength(topic), 65_535)
  const client = await broker.client('a', version)
  assert.deepEqual(await subscribe(client, topic), [2])
  client.send(publish(topic, 'x'))
  assert.equal((await client.next('publish')).topic, topic)
})
