import assert from 'node:assert/strict'
import test from 'node:test'
import type { LinkClient, LinkInlet } from '../../src/link/broker-port.ts'
import type { Message, QoS } from '../../src/packets/message.ts'
import { reasonCode } from '../../src/packets/reason-code.ts'
import { publish, subscribe, TestBroker } from './test-broker.ts'

class Inlet implements LinkInlet {
  readonly subscriptions: { client: LinkClient; topicFilter: string; qos: QoS }[] = []
  readonly messages: { client: LinkClient; message: Message }[] = []
  readonly gone: LinkClient[] = []
  answer: () => number = () => 0

  greet(): undefined {
    return undefined
  }

  batch(): undefined {
    return undefined
  }

  subscribe(client: LinkClient, topicFilter: string, qos: QoS): number {
    this.subscriptions.push({ client, topicFilter, qos })
    return this.answer()
  }

  publish(client: LinkClient, message: Message): number {
    this.messages.push({ client, message })
    return this.answer()
  }

  closed(client: LinkClient): void {
    this.gone.push(client)
    this.answer()
  }
}

const topic = '$LINK/cluster/msg/far'

test('without links everything under $LINK is denied', async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a')
  assert.deepEqual(await subscribe(client, '$LINK/#', '$LINK/cluster/resp/x/y'), [0x87, 0x87])
  client.send(publish(topic, 'x', { qos: 1, messageId: 1 }))
  assert.equal((await client.next('puback')).reasonCode, reasonCode.notAuthorized)
  client.send(publish(topic, 'x', { qos: 2, messageId: 1 }))
  assert.equal((await client.next('pubrec')).reasonCode, reasonCode.notAuthorized)
})

test('subscribe and publish under $LINK go to the inlet and nowhere else', async (t) => {
  const broker = await TestBroker.start(t)
  const inlet = new Inlet()
  broker.broker.linkInlet = inlet
  const watcher = await broker.subscriber('watcher', ['#', '+/#', '+/+/+/+', '$SYS/#'])
  const accepted: string[] = []
  broker.broker.addRoute('#', { id: 'route', accept: (passing) => void accepted.push(passing.toMessage().topic) })
  const client = await broker.client('peer', 5, { username: 'u' })
  inlet.answer = () => 1
  assert.deepEqual(await subscribe(client, { topic: '$LINK/cluster/resp/x/y', qos: 1 }), [1])
  inlet.answer = () => 0x10
  client.send(
    publish(topic, 'one', { qos: 1, messageId: 9, retain: true, properties: { correlationData: Buffer.from('c') } }),
  )
  assert.equal((await client.next('puback')).reasonCode, 0x10)
  client.send(publish('$LINK', 'two'))
  await client.nothingMore()
  await watcher.nothingMore()
  assert.deepEqual(accepted, [])
  assert.deepEqual([...broker.broker.retained('$LINK/#')], [])
  assert.deepEqual([...broker.broker.interest()].sort(), ['#', '+/#', '+/+/+/+'])

  assert.deepEqual(
    inlet.subscriptions.map(({ topicFilter, qos }) => [topicFilter, qos]),
    [['$LINK/cluster/resp/x/y', 1]],
  )
  const [first, second] = inlet.messages
  assert.equal(first?.message.topic, topic)
  assert.equal(String(first?.message.payload), 'one')
  assert.deepEqual(first?.message.properties?.correlationData, Buffer.from('c'))
  assert.equal(second?.message.topic, '$LINK')
  const [{ client: peer }] = inlet.subscriptions as [Inlet['subscriptions'][0]]
  assert.equal(first?.client, peer)
  assert.equal(peer.clientId, 'peer')
  assert.equal(peer.username, 'u')
  assert.equal(peer.protocolVersion, 5)
  assert.match(peer.remoteAddress, /^127\.0\.0\.1:\d+$/)

  assert.deepEqual(inlet.gone, [])
  await client.destroy()
  await broker.connections(1)
  assert.deepEqual(inlet.gone, [peer])
})

test('a QoS 2 packet under $LINK reaches the inlet once, also from an older client whose message was refused', async (t) => {
  const broker = await TestBroker.start(t)
  const inlet = new Inlet()
  broker.broker.linkInlet = inlet
  for (const [version, answer] of [
    [5, 0],
    [4, 0],
    [4, 0x87],
  ] as const) {
    inlet.answer = () => answer
    inlet.messages.length = 0
    const client = await broker.client('peer', version)
    for (const dup of [false, true]) {
      client.send(publish(topic, 'x', { qos: 2, messageId: 3, dup }))
      await client.next('pubrec')
    }
    client.send({ cmd: 'pubrel', messageId: 3 })
    await client.next('pubcomp')
    assert.equal(inlet.messages.length, 1)
  }
})

test('an inlet that throws is contained: the client is told, the others are not touched', async (t) => {
  const broker = await TestBroker.start(t)
  const inlet = new Inlet()
  broker.broker.linkInlet = inlet
  const watcher = await broker.subscriber('watcher', ['#'])
  inlet.answer = () => {
    throw new Error('inlet')
  }
  const client = await broker.client('peer')
  assert.deepEqual(await subscribe(client, '$LINK/#'), [reasonCode.implementationSpecificError])
  client.send(publish(topic, 'x', { qos: 1, messageId: 1 }))
  assert.equal((await client.next('puback')).reasonCode, reasonCode.implementationSpecificError)
  client.send(publish(topic, 'x'))
  await client.nothingMore()
  await client.destroy()
  await broker.connections(1)
  assert.equal(inlet.gone.length, 1)
  await watcher.nothingMore()
  assert.deepEqual(broker.log.filter(({ event }) => event === 'link_inlet_crashed').length, 4)
})

test('an invalid filter under $LINK is refused before the inlet sees it', async (t) => {
  const broker = await TestBroker.start(t)
  const inlet = new Inlet()
  broker.broker.linkInlet = inlet
  const client = await broker.client('peer')
  assert.deepEqual(await subscribe(client, '$LINK/#/x'), [reasonCode.topicFilterInvalid])
  assert.deepEqual(await subscribe(client, '$share/g/$LINK/#', '$queue/$LINK/cluster/msg/x'), [0x87, 0x87])
  assert.deepEqual(inlet.subscriptions, [])
})

test('the inlet answers on the connection, in order with acknowledgements', async (t) => {
  const broker = await TestBroker.start(t)
  const inlet = new Inlet()
  broker.broker.linkInlet = inlet
  inlet.publish = (client) => {
    client.send({
      topic: '$LINK/cluster/resp/x/y',
      payload: Buffer.from('1'),
      qos: 1,
      correlationData: Buffer.from('c'),
      responseTopic: 'r',
    })
    client.send({ topic: '$LINK/cluster/resp/x/y', payload: Buffer.from('2'), qos: 0 })
    return 0
  }
  const client = await broker.client('peer')
  client.send(publish(topic, 'x', { qos: 1, messageId: 4 }))
  const first = await client.next('publish')
  assert.equal(first.topic, '$LINK/cluster/resp/x/y')
  assert.equal(first.qos, 1)
  assert.deepEqual(first.properties?.correlationData, Buffer.from('c'))
  assert.equal(first.properties?.responseTopic, 'r')
  assert.equal(String((await client.next('publish')).payload), '2')
  await client.next('puback')
})

test('the inlet may close the connection while it is handed a message', async (t) => {
  const broker = await TestBroker.start(t)
  const inlet = new Inlet()
  broker.broker.linkInlet = inlet
  inlet.publish = (client) => {
    client.disconnect(reasonCode.notAuthorized, 'not you')
    return 0
  }
  const client = await broker.client('peer')
  client.send(publish(topic, 'x', { qos: 1, messageId: 4 }), publish(topic, 'y', { qos: 1, messageId: 5 }))
  const { reasonCode: reason, properties } = await client.next('disconnect')
  assert.equal(reason, reasonCode.notAuthorized)
  assert.equal(properties?.reasonString, 'not you')
  assert.deepEqual(await client.closed(), [])
  assert.equal(inlet.gone.length, 1)
})

test('what is sent to a connection that is gone does not reach the next one of its session', async (t) => {
  const broker = await TestBroker.start(t)
  const inlet = new Inlet()
  broker.broker.linkInlet = inlet
  const kept = { clean: false, properties: { sessionExpiryInterval: 60 } }
  const client = await broker.client('peer', 5, kept)
  client.send(publish(topic, 'x', { qos: 1, messageId: 4 }))
  await client.next('puback')
  const [{ client: peer }] = inlet.messages as [Inlet['messages'][0]]
  await client.destroy()
  await broker.connections(0)
  peer.send({ topic: '$LINK/cluster/resp/x/y', payload: Buffer.from('stale'), qos: 1 })
  const again = await broker.client('peer', 5, kept)
  peer.send({ topic: '$LINK/cluster/resp/x/y', payload: Buffer.from('stale'), qos: 1 })
  peer.disconnect(reasonCode.notAuthorized)
  await again.nothingMore()
})

test('what a connection had not acknowledged of the inlet is not repeated to the next one of its session', async (t) => {
  const broker = await TestBroker.start(t)
  const inlet = new Inlet()
  broker.broker.linkInlet = inlet
  const kept = { clean: false, properties: { sessionExpiryInterval: 60, receiveMaximum: 2 } }
  const client = await broker.client('peer', 5, kept)
  await subscribe(client, 't')
  client.send(publish(topic, 'x'), publish('t', 'ordinary', { qos: 1, messageId: 1 }))
  await client.next('publish')
  await client.next('puback')
  const [{ client: peer }] = inlet.messages as [Inlet['messages'][0]]
  for (const payload of ['sent', 'queued', 'queued too'])
    peer.send({ topic: '$LINK/cluster/resp/x/y', payload: Buffer.from(payload), qos: 1 })
  assert.equal(String((await client.next('publish')).payload), 'sent')
  await client.nothingMore()
  await client.destroy()
  await broker.connections(0)
  const again = await broker.client('peer', 5, kept)
  const ordinary = await again.next('publish')
  assert.equal(String(ordinary.payload), 'ordinary')
  again.send({ cmd: 'puback', messageId: ordinary.messageId! })
  await again.nothingMore()
  assert.equal(broker.broker.sessions.get('peer')?.window.count, 0)
})
