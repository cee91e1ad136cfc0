/** MQTT.js, as people use it, against our broker. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { connectAsync, type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt'
import { TestBroker } from './test-broker.ts'

type Arrival = { readonly topic: string; readonly payload: string; readonly qos: number; readonly retain: boolean }

async function start(t: TestContext) {
  const broker = await TestBroker.start(t, { max_mqueue_len: 100_000, max_awaiting_rel: 65_535 })
  const clients: MqttClient[] = []
  // Before the broker goes, so that none of them tries to come back.
  t.after(() => Promise.all(clients.map((client) => client.endAsync(true))))
  const connect = async (clientId: string, options: IClientOptions = {}) => {
    const client = await connectAsync(`mqtt://${broker.address}`, { clientId, reconnectPeriod: 20, ...options })
    clients.push(client)
    const arrivals: Arrival[] = []
    const waiting = new Set<() => void>()
    client.on('message', (topic, payload, { qos, retain }) => {
      arrivals.push({ topic, payload: String(payload), qos, retain })
      for (const look of waiting) look()
    })
    const arrived = (count: number) =>
      new Promise<readonly Arrival[]>((resolve) => {
        const look = () => {
          if (arrivals.length < count) return
          waiting.delete(look)
          resolve(arrivals)
        }
        waiting.add(look)
        look()
      })
    return { client, arrived }
  }
  return { broker, connect }
}

for (const protocolVersion of [4, 5] as const) {
  test(`MQTT.js of version ${protocolVersion}: publish and subscribe at every QoS`, { timeout: 30_000 }, async (t) => {
    const { connect } = await start(t)
    const { client: receiver, arrived } = await connect('receiver', { protocolVersion })
    const { client: publisher } = await connect('publisher', { protocolVersion })
    await receiver.subscribeAsync({ 'a/+': { qos: 2 }, 'b/#': { qos: 1 } })
    for (const qos of [0, 1, 2] as const) {
      await publisher.publishAsync('a/1', `a${qos}`, { qos })
      await publisher.publishAsync('b/1', `b${qos}`, { qos })
    }
    const got = await arrived(6)
    assert.deepEqual(
      got.map(({ payload, qos }) => `${payload}@${qos}`).sort((a, b) => a.localeCompare(b)),
      ['a0@0', 'a1@1', 'a2@2', 'b0@0', 'b1@1', 'b2@1'],
    )
  })

  test(
    `MQTT.js of version ${protocolVersion}: a session goes on after the connection broke`,
    { timeout: 30_000 },
    async (t) => {
      const { broker, connect } = await start(t)
      const kept: IClientOptions = {
        protocolVersion,
        clean: false,
        ...(protocolVersion === 5 ? { properties: { sessionExpiryInterval: 60 } } : {}),
      }
      const { client: receiver, arrived } = await connect('receiver', { ...kept, resubscribe: false })
      const { client: publisher } = await connect('publisher', { protocolVersion })
      await receiver.subscribeAsync('t', { qos: 2 })
      const back = new Promise<void>((resolve) => receiver.once('connect', () => resolve()))
      receiver.stream.destroy()
      await broker.connections(1)
      for (let i = 0; i < 20; i++) await publisher.publishAsync('t', String(i), { qos: i % 2 === 0 ? 1 : 2 })
      await back
      const got = await arrived(20)
      // MQTT.js hands over a message of QoS 2 only when it is released.
      for (const qos of [1, 2])
        assert.deepEqual(
          got.filter((arrival) => arrival.qos === qos).map(({ payload }) => Number(payload)),
          Array.from({ length: 10 }, (_, i) => 2 * i + qos - 1),
        )
    },
  )
}

test('MQTT.js with topic aliases it assigns itself, both ways', { timeout: 30_000 }, async (t) => {
  const { connect } = await start(t)
  const options: IClientOptions = {
    protocolVersion: 5,
    autoAssignTopicAlias: true,
    properties: { topicAliasMaximum: 3 },
  }
  const { client: receiver, arrived } = await connect('receiver', options)
  const { client: publisher } = await connect('publisher', options)
  await receiver.subscribeAsync('t/#', { qos: 1 })
  for (let i = 0; i < 60; i++) await publisher.publishAsync(`t/${i % 15}`, String(i), { qos: 1 })
  assert.deepEqual(
    (await arrived(60)).map(({ topic, payload }) => `${topic}=${payload}`),
    Array.from({ length: 60 }, (_, i) => `t/${i % 15}=${i}`),
  )
})

test('MQTT.js: request and response', { timeout: 30_000 }, async (t) => {
  const { connect } = await start(t)
  const { client: server } = await connect('server', { protocolVersion: 5 })
  const { client } = await connect('client', { protocolVersion: 5 })
  await server.subscribeAsync('request', { qos: 1 })
  server.on('message', (_topic, payload, { properties }) => {
    assert(properties?.responseTopic !== undefined && properties.correlationData !== undefined)
    server.publish(properties.responseTopic, `re: ${String(payload)}`, {
      qos: 1,
      properties: { correlationData: properties.correlationData },
    })
  })
  await client.subscribeAsync('answers/1', { qos: 1 })
  const answer = new Promise<[Buffer, IPublishPacket]>((resolve) =>
    client.once('message', (_topic, payload, packet) => resolve([payload, packet])),
  )
  await client.publishAsync('request', 'question', {
    qos: 1,
    properties: { responseTopic: 'answers/1', correlationData: Buffer.from([1, 2]) },
  })
  const [payload, packet] = await answer
  assert.equal(String(payload), 're: question')
  assert.deepEqual(packet.properties?.correlationData, Buffer.from([1, 2]))
})

test('MQTT.js: three thousand messages of each QoS arrive in order', { timeout: 60_000 }, async (t) => {
  const { connect } = await start(t)
  const { client: receiver, arrived } = await connect('receiver', { protocolVersion: 5 })
  const { client: publisher } = await connect('publisher', { protocolVersion: 5 })
  await receiver.subscribeAsync('t/#', { qos: 2 })
  for (let i = 0; i < 3_000; i++)
    for (const qos of [0, 1, 2] as const) publisher.publish(`t/${qos}`, String(i), { qos })
  const got = await arrived(9_000)
  for (const qos of [0, 1, 2])
    assert.deepEqual(
      got.filter((arrival) => arrival.qos === qos).map(({ payload }) => Number(payload)),
      Array.from({ length: 3_000 }, (_, i) => i),
    )
})
