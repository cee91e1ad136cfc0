/** Chapters 3.1 and 3.2: CONNECT and CONNACK. */
import assert from 'node:assert/strict'
import { reasonCode } from '../../src/packets/reason-code.ts'
import { ManualClock } from '../broker/manual-clock.ts'
import { hex, type Version } from '../broker/raw-client.ts'
import { publish, subscribe, TestBroker } from '../broker/test-broker.ts'
import { answers } from './answers.ts'
import { connectBytes, type ConnectFields, field, packetBytes } from './connect-bytes.ts'
import { holds } from './holds.ts'

const kept = (version: Version) =>
  version === 5 ? { clean: false, properties: { sessionExpiryInterval: 600 } } : { clean: false }

/** What the server makes of a CONNECT: the code of its CONNACK, and whether it is closed. */
async function verdict(broker: TestBroker, version: Version, bytes: Buffer): Promise<string> {
  const client = await broker.open(version)
  client.sendBytes(bytes)
  const { packets, isClosed } = await answers(client)
  const codes = packets.map((packet) => {
    assert(packet.cmd === 'connack')
    if (isClosed) assert.equal(packet.sessionPresent, false)
    return `CONNACK ${version === 5 ? packet.reasonCode : packet.returnCode} `
  })
  await client.destroy()
  return `${codes.join('')}${isClosed ? 'closed' : 'open'}`
}

holds('with another protocol name the server does not go on', { 4: '3.1.2-1', 5: '3.1.2-1' }, async (t, version) => {
  const broker = await TestBroker.start(t)
  for (const protocolName of ['MQIsdp', 'mqtt', 'MQT', 'MQTT5', '', 'HTTP'])
    assert.equal(
      await verdict(broker, version, connectBytes(version, { protocolName })),
      version === 5 ? 'CONNACK 132 closed' : 'CONNACK 1 closed',
      protocolName,
    )
  assert.equal(broker.broker.sessions.count, 0)
})

holds('a level that nobody knows is refused', { 4: '3.1.2-2', 5: '3.1.2-2' }, async (t, version) => {
  const broker = await TestBroker.start(t)
  for (const level of version === 5 ? [6, 7, 127] : [0, 1, 2, 3])
    assert.equal(
      await verdict(broker, version, connectBytes(version, { level })),
      version === 5 ? 'CONNACK 132 closed' : 'CONNACK 1 closed',
      String(level),
    )
})

holds(
  'of all 256 connect flags those are taken that fit together, with exactly the fields that they announce',
  {
    4: '3.1.2-3 3.1.2-9 3.1.2-11 3.1.2-13 3.1.2-14 3.1.2-15 3.1.2-18 3.1.2-19 3.1.2-20 3.1.2-21 3.1.2-22 3.1.3-1 3.1.3-3 3.1.4-1',
    5: '3.1.2-3 3.1.2-9 3.1.2-11 3.1.2-12 3.1.2-13 3.1.2-16 3.1.2-17 3.1.2-18 3.1.2-19 3.1.3-1 3.1.3-3 3.1.4-1',
  },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    for (let flags = 0; flags < 256; flags++) {
      const [hasName, hasPassword, hasWill] = [0x80, 0x40, 0x04].map((flag) => (flags & flag) !== 0)
      const fields: ConnectFields = {
        flags,
        ...(hasWill ? { willTopic: 't', willPayload: 'x' } : {}),
        ...(hasName ? { username: 'u' } : {}),
        ...(hasPassword ? { password: 'p' } : {}),
      }
      const isGood =
        (flags & 1) === 0 &&
        (flags & 0x18) !== 0x18 &&
        (hasWill || (flags & 0x38) === 0) &&
        (version === 5 || hasName || !hasPassword)
      const good = 'CONNACK 0 open'
      const bad = version === 5 ? 'CONNACK 129 closed' : 'closed'
      assert.equal(await verdict(broker, version, connectBytes(version, fields)), isGood ? good : bad, String(flags))
      if (!isGood) continue
      // A field more than announced, and one less.
      assert.equal(await verdict(broker, version, connectBytes(version, { ...fields, tail: field('x') })), bad)
      const whole = connectBytes(version, fields)
      // Each field but the ClientID, which is `a`, has one character as well.
      const shorter = whole.subarray(0, whole.length - 3)
      shorter[1] = shorter.length - 2
      assert.equal(await verdict(broker, version, shorter), bad, `${flags} without its last field`)
    }
  },
)

holds(
  'ClientIDs of 1 to 23 digits and letters are taken',
  { 3: '', 4: '3.1.3-5', 5: '3.1.3-5' },
  async (t, version) => {
    const broker = await TestBroker.start(t, { max_clientid_len: 23 })
    const characters = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
    for (const clientId of ['0', 'Z', characters.slice(0, 23), characters.slice(23, 46), characters.slice(46)])
      assert.equal(await verdict(broker, version, connectBytes(version, { clientId })), 'CONNACK 0 open', clientId)
  },
)

holds('a ClientID that is refused is told so', { 3: '', 4: '3.1.3-9', 5: '3.1.3-8' }, async (t, version) => {
  const broker = await TestBroker.start(t, { max_clientid_len: 23 })
  assert.equal(
    await verdict(broker, version, connectBytes(version, { clientId: 'x'.repeat(24) })),
    version === 5 ? 'CONNACK 133 closed' : 'CONNACK 2 closed',
  )
})

holds(
  'a client without a ClientID is given one of its own',
  { 4: '3.1.3-6', 5: '3.1.3-6 3.1.3-7 3.2.2-16' },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    const clients = [await broker.client('', version), await broker.client('', version)]
    assert.equal(broker.broker.sessions.count, 2)
    for (const client of clients) {
      assert.deepEqual(await subscribe(client, 't'), [2])
      client.send(publish('t', 'x'))
      await client.next('publish')
    }
    if (version < 5) return
    const [first] = clients
    const assigned = first!.connack.properties?.assignedClientIdentifier
    assert(assigned !== undefined && assigned !== clients[1]!.connack.properties?.assignedClientIdentifier)
    // It is a ClientID like others.
    await broker.client(assigned)
    while ((await first!.receive()).packet.cmd !== 'disconnect');
    await first!.closed()
  },
)

holds(
  'a ClientID is one session, whichever connection comes with it',
  { 4: '3.1.3-2', 5: '3.1.3-2' },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    const first = await broker.subscriber('a', ['of a'], version, kept(version))
    const other = await broker.subscriber('b', ['of b'], version, kept(version))
    for (const client of [first, other]) await client.destroy()
    await broker.connections(0)
    const again = await broker.client('b', version, kept(version))
    assert.equal(again.connack.sessionPresent, true)
    again.send(publish('of a', '1'), publish('of b', '2'))
    assert.equal((await again.next('publish')).topic, 'of b')
    await again.nothingMore()
  },
)

holds('nothing that follows a refused CONNECT is processed', { 4: '3.1.4-5', 5: '3.1.4-6' }, async (t, version) => {
  const broker = await TestBroker.start(t)
  const watcher = await broker.subscriber('watcher', ['#'])
  const client = await broker.open(version)
  const connect = connectBytes(version, { flags: 0x06, willTopic: '$SYS/x', willPayload: 'x' })
  const after = client.encode(publish('t', 'x', { qos: 1, messageId: 1, retain: true }))
  client.sendBytes(Buffer.concat([connect, after]))
  const packets = await client.closed()
  assert.deepEqual(
    packets.map((packet) => (packet.cmd === 'connack' ? (packet.reasonCode ?? packet.returnCode) : packet.cmd)),
    [version === 5 ? reasonCode.notAuthorized : 5],
  )
  await watcher.nothingMore()
  assert.deepEqual([...broker.broker.retained('#')], [])
})

holds(
  'CONNACK comes first and once, also where messages wait and the client does not',
  { 4: '3.2.0-1 3.1.4-4', 5: '3.2.0-1 3.2.0-2 3.1.4-5' },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    const away = await broker.subscriber('a', ['t'], version, kept(version))
    await away.destroy()
    await broker.connections(0)
    const publisher = await broker.client('publisher')
    publisher.send(publish('t', 'waiting', { qos: 1, messageId: 1 }))
    await publisher.next('puback')
    const client = await broker.open(version)
    client.send(
      {
        cmd: 'connect',
        protocolVersion: version as 4 | 5,
        protocolId: 'MQTT',
        clientId: 'a',
        keepalive: 0,
        ...kept(version),
      },
      { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'u', qos: 0 }] },
      publish('u', 'own'),
    )
    const { packets } = await answers(client)
    assert.equal(packets[0]?.cmd, 'connack')
    assert.deepEqual(packets.map(({ cmd }) => cmd).sort(), ['connack', 'publish', 'publish', 'suback'])
  },
)

holds(
  'the flags of CONNACK are Session Present alone, which is 1 exactly where a session goes on',
  { 4: '3.2.2-1 3.2.2-2 3.2.2-3 3.1.4-3', 5: '3.2.2-1 3.2.2-2 3.2.2-3 3.1.4-4' },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    for (const [clean, present] of [
      [false, 0],
      [false, 1],
      [true, 0],
      [false, version === 5 ? 1 : 0],
      [true, 0],
    ] as const) {
      const client = await broker.open(version)
      client.send({
        cmd: 'connect',
        protocolVersion: version as 4 | 5,
        protocolId: 'MQTT',
        clientId: 'a',
        keepalive: 0,
        ...kept(version),
        clean,
      })
      const { bytes } = await client.receive()
      assert.deepEqual([bytes[0], bytes[2], bytes[3]], [0x20, present, 0])
      await client.destroy()
      await broker.connections(0)
    }
  },
)

holds(
  'a CONNACK that refuses has Session Present 0 and one of the codes, and is the end',
  { 4: '3.2.2-4 3.2.2-5', 5: '3.2.2-6 3.2.2-7 3.2.2-8 4.13.2-1' },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    const first = await broker.client('a', version, kept(version))
    await first.destroy()
    await broker.connections(0)
    const client = await broker.open(version)
    client.sendBytes(connectBytes(version, { flags: 0x04, willTopic: '$SYS/x', willPayload: 'x' }))
    const { bytes } = await client.receive()
    assert.deepEqual([bytes[0], bytes[2], bytes[3]], [0x20, 0, version === 5 ? 0x87 : 5])
    assert.deepEqual(await client.closed(), [])
    assert.equal(broker.broker.sessions.count, 1)
  },
)

holds('where no return code fits there is no CONNACK', { 4: '3.2.2-6 3.1.4-1' }, async (t, version) => {
  const broker = await TestBroker.start(t, { max_qos_allowed: 1, retain_available: false })
  for (const fields of [
    { flags: 0x06, willTopic: 'a/#', willPayload: 'x' },
    { flags: 0x06, willTopic: '', willPayload: 'x' },
    { flags: 0x16, willTopic: 'a', willPayload: 'x' },
    { flags: 0x26, willTopic: 'a', willPayload: 'x' },
    { tail: hex('00') },
  ])
    assert.equal(await verdict(broker, version, connectBytes(version, fields)), 'closed', JSON.stringify(fields))
})

for (const maximum of [0, 1] as const)
  holds(
    `a server of Maximum QoS ${maximum} says so, takes any SUBSCRIBE and forwards no more`,
    { 5: '3.2.2-9 3.2.2-10 3.2.2-11 3.2.2-12' },
    async (t) => {
      const broker = await TestBroker.start(t, { max_qos_allowed: maximum })
      const client = await broker.client('a')
      assert.equal(client.connack.properties?.maximumQoS, maximum)
      const subscriptions = ([0, 1, 2] as const).map((qos) => ({ topic: `t/${qos}`, qos }))
      assert.deepEqual(
        await subscribe(client, ...subscriptions),
        [0, 1, 2].map((qos) => Math.min(qos, maximum)),
      )
      client.send(publish('t/2', 'x', { qos: maximum, messageId: 1 }))
      const { packets } = await answers(client)
      assert.equal(packets.find((packet) => packet.cmd === 'publish')?.qos, maximum)
      const will = { flags: 0x06 | ((maximum + 1) << 3), willTopic: 'w', willPayload: 'x' }
      assert.equal(await verdict(broker, 5, connectBytes(5, will)), 'CONNACK 155 closed')
      client.send(publish('t/2', 'x', { qos: (maximum + 1) as 1 | 2, messageId: 1 }))
      assert.equal((await client.next('disconnect')).reasonCode, reasonCode.qosNotSupported)
      await client.closed()
    },
  )

holds(
  'a server that retains nothing says so and refuses what is to be retained',
  { 5: '3.2.2-13 3.2.2-14' },
  async (t) => {
    const broker = await TestBroker.start(t, { retain_available: false })
    const client = await broker.client('a')
    assert.equal(client.connack.properties?.retainAvailable, false)
    const will = { flags: 0x26, willTopic: 'w', willPayload: 'x' }
    assert.equal(await verdict(broker, 5, connectBytes(5, will)), 'CONNACK 154 closed')
    client.send(publish('t', 'x', { retain: true }))
    assert.equal((await client.next('disconnect')).reasonCode, reasonCode.retainNotSupported)
    await client.closed()
  },
)

/** The property Maximum Packet Size with its length before it. */
const packetSize = (bytes: number) => Buffer.from([5, 0x27, 0, 0, 0, bytes])

holds(
  'CONNACK is never larger than the client takes: it goes without its reason string, or not at all',
  { 5: '3.1.2-24 3.2.2-19 3.2.2-20' },
  async (t) => {
    const broker = await TestBroker.start(t)
    const will = { flags: 0x06, willTopic: 'a/#', willPayload: 'x' }
    const size = async (fields: ConnectFields) => {
      const client = await broker.open()
      client.sendBytes(connectBytes(5, fields))
      const { packet, bytes } = await client.receive()
      assert(packet.cmd === 'connack')
      return { length: bytes.length, reason: packet.reasonCode, words: packet.properties?.reasonString }
    }
    const whole = await size(will)
    assert.match(whole.words ?? '', /topic/)
    assert.equal((await size({ ...will, properties: packetSize(whole.length) })).words, whole.words)
    const cut = await size({ ...will, properties: packetSize(whole.length - 1) })
    assert.deepEqual([cut.reason, cut.words], [reasonCode.topicNameInvalid, undefined])
    const good = await size({})
    assert.equal((await size({ properties: packetSize(good.length) })).reason, 0)
    const small = await size({ properties: packetSize(good.length - 1) })
    assert.equal(small.reason, reasonCode.packetTooLarge)
    assert(small.length < good.length)
    for (const bytes of [1, 2, 3, 4])
      assert.equal(await verdict(broker, 5, connectBytes(5, { properties: packetSize(bytes) })), 'closed')
    assert.equal(broker.broker.sessions.count, 1)
  },
)

for (const { seconds, longest } of [
  { seconds: 1, longest: 1_500 },
  { seconds: 10, longest: 15_000 },
])
  holds(
    `a keep alive of ${seconds} s lets a client be silent for ${longest} ms`,
    { 3: '', 4: '3.1.2-24', 5: '3.1.2-22 3.2.2-22' },
    async (t, version) => {
      const clock = new ManualClock()
      const broker = await TestBroker.start(t, {}, clock)
      const watcher = await broker.subscriber('watcher', ['will'])
      const will = { topic: 'will', payload: 'x' }
      const client = await broker.client('a', version, { keepalive: seconds, will })
      for (let i = 0; i < 3; i++) {
        clock.advance(longest)
        await client.nothingMore()
      }
      await watcher.nothingMore()
      // The server looks once a second.
      clock.advance(longest + 1_000)
      assert.equal((await client.closed()).length, version === 5 ? 1 : 0)
      assert.equal((await watcher.next('publish')).topic, 'will')
    },
  )

for (const { asked, configured, told } of [
  { asked: undefined, configured: 'reply/', told: undefined },
  { asked: false, configured: 'reply/', told: undefined },
  { asked: true, configured: 'reply/', told: 'reply/' },
  { asked: true, configured: '', told: undefined },
])
  holds(
    `Request Response Information ${asked} of a server with "${configured}" is told ${told}`,
    { 5: '3.1.2-28' },
    async (t) => {
      const broker = await TestBroker.start(t, { response_information: configured })
      const properties = asked === undefined ? {} : { requestResponseInformation: asked }
      const { connack } = await broker.client('a', 5, { properties })
      assert.equal(connack.properties?.responseInformation, told)
    },
  )

/** What refuses a subscription, a publish and a PUBREL, and what the answers say of it. */
async function explanations(t: Parameters<typeof TestBroker.start>[0], requestProblemInformation: boolean) {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a', 5, { properties: { requestProblemInformation } })
  client.send(
    { cmd: 'subscribe', messageId: 1, subscriptions: ['a/#/b', 't', '$share//x'].map((topic) => ({ topic, qos: 0 })) },
    publish('$SYS/x', 'x', { qos: 1, messageId: 2 }),
    publish('$SYS/x', 'x', { qos: 2, messageId: 3 }),
    { cmd: 'pubrel', messageId: 4 },
    { cmd: 'pubrec', messageId: 5 },
    publish('t', 'x', { properties: { userProperties: { kept: 'always' } } }),
  )
  const { packets } = await answers(client)
  const words = packets.map((packet) => {
    assert('properties' in packet || packet.cmd !== 'publish')
    const properties = 'properties' in packet ? packet.properties : undefined
    const reasonString = properties !== undefined && 'reasonString' in properties ? properties.reasonString : undefined
    return [packet.cmd, reasonString]
  })
  assert.equal(packets.find((packet) => packet.cmd === 'publish')?.properties?.userProperties?.['kept'], 'always')
  client.sendBytes(hex('f0 00'))
  assert.match((await client.next('disconnect')).properties?.reasonString ?? '', /AUTH/)
  return words
}

holds('Request Problem Information 0: reason strings in CONNACK and DISCONNECT alone', { 5: '3.1.2-29' }, async (t) => {
  assert.deepEqual(await explanations(t, false), [
    ['suback', undefined],
    ['puback', undefined],
    ['pubrec', undefined],
    ['pubcomp', undefined],
    ['pubrel', undefined],
    ['publish', undefined],
  ])
})

holds('Request Problem Information 1: a refusal says why', { 5: '' }, async (t) => {
  assert.deepEqual(await explanations(t, true), [
    ['suback', 'a/#/b: not a valid topic filter, or too many levels, and 1 more'],
    ['puback', 'not authorized'],
    ['pubrec', 'not authorized'],
    ['pubcomp', undefined],
    ['pubrel', undefined],
    ['publish', undefined],
  ])
})

holds(
  'an Authentication Method that the server does not do is refused, and no AUTH comes of it',
  { 5: '4.12.0-1 4.12.0-2 4.12.0-4 4.12.0-5 3.1.4-2 3.15.2-1 3.15.2-2 3.15.2-3' },
  async (t) => {
    const broker = await TestBroker.start(t)
    const method = Buffer.concat([hex('15'), field('SCRAM-SHA-1')])
    const data = Buffer.concat([hex('16'), field('x')])
    for (const [properties, code] of [
      [method, 140],
      [Buffer.concat([method, data]), 140],
      [data, 130],
    ] as const) {
      const all = Buffer.concat([Buffer.from([properties.length]), properties])
      assert.equal(await verdict(broker, 5, connectBytes(5, { properties: all })), `CONNACK ${code} closed`)
    }
  },
)

holds(
  'without an Authentication Method there is no AUTH of the server, and one of the client closes the connection',
  { 5: '4.12.0-6 4.12.0-7 4.12.1-2' },
  async (t) => {
    const broker = await TestBroker.start(t)
    for (const reason of ['18', '19', '00']) {
      const client = await broker.client('a')
      assert.equal(client.connack.properties?.authenticationMethod, undefined)
      client.sendBytes(packetBytes(0xf0, [hex(reason), hex('05 15 0002 4142')]))
      assert.equal((await client.next('disconnect')).reasonCode, reasonCode.protocolError)
      assert.deepEqual(await client.closed(), [])
    }
  },
)

for (const { what, properties, code } of [
  { what: 'Session Expiry Interval twice', properties: '11 00000001 11 00000001', code: 130 },
  { what: 'Receive Maximum twice', properties: '21 0001 21 0001', code: 130 },
  { what: 'Maximum Packet Size twice', properties: '27 00001000 27 00001000', code: 130 },
  { what: 'Topic Alias Maximum twice', properties: '22 0001 22 0001', code: 130 },
  { what: 'Request Response Information 2', properties: '19 02', code: 130 },
  { what: 'Request Problem Information twice', properties: '17 00 17 00', code: 130 },
  { what: 'a Server Keep Alive', properties: '13 0001', code: 129 },
  { what: 'an Assigned Client Identifier', properties: '12 0001 61', code: 129 },
  { what: 'half a property', properties: '11 0000', code: 129 },
])
  holds(`CONNECT with ${what} is refused`, { 5: '3.1.4-1' }, async (t) => {
    const broker = await TestBroker.start(t)
    const bytes = hex(properties)
    const all = Buffer.concat([Buffer.from([bytes.length]), bytes])
    assert.equal(await verdict(broker, 5, connectBytes(5, { properties: all })), `CONNACK ${code} closed`)
  })
