/** Clients of MQTT 3.1, which has no numbered statements: what they do otherwise than those of 3.1.1, and that they are served. */
import assert from 'node:assert/strict'
import { hex } from '../broker/raw-client.ts'
import { publish, subscribe, TestBroker } from '../broker/test-broker.ts'
import { answers } from './answers.ts'
import { connectBytes } from './connect-bytes.ts'
import { holds } from './holds.ts'

holds('MQIsdp of level 3 is served at every QoS', { 3: '' }, async (t, version) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a', version)
  assert.equal(client.connack.returnCode, 0)
  assert.deepEqual(
    await subscribe(client, { topic: 'a', qos: 0 }, { topic: 'b', qos: 1 }, { topic: 'c', qos: 2 }),
    [0, 1, 2],
  )
  for (const [qos, topic] of ['a', 'b', 'c'].entries()) {
    client.send(publish(topic, 'x', { qos: qos as 0 | 1 | 2, messageId: 1 }))
    const { packets } = await answers(client)
    const got = packets.find((packet) => packet.cmd === 'publish')
    assert.deepEqual([got?.topic, got?.qos], [topic, qos])
  }
})

holds(
  'DUP on SUBSCRIBE, UNSUBSCRIBE and PUBREL says that they come again, and is no error',
  { 3: '' },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    const client = await broker.client('a', version)
    client.sendBytes(hex('8a 06 0001 0001 74 01'))
    assert.equal((await client.next('suback')).messageId, 1)
    client.send(publish('t', 'x', { qos: 2, messageId: 2 }))
    for (let i = 0; i < 2; i++) await client.receive()
    client.sendBytes(hex('6a 02 0002'))
    assert.equal((await client.next('pubcomp')).messageId, 2)
    client.sendBytes(hex('aa 05 0003 0001 74'))
    assert.equal((await client.next('unsuback')).messageId, 3)
    await client.nothingMore()
  },
)

holds('a kept session, its queue and its will work as in 3.1.1', { 3: '' }, async (t, version) => {
  const broker = await TestBroker.start(t)
  const watcher = await broker.subscriber('watcher', ['will'], version)
  const will = { topic: 'will', payload: 'gone' }
  const first = await broker.subscriber('a', ['t'], version, { clean: false, will })
  await first.destroy()
  assert.equal(String((await watcher.next('publish')).payload), 'gone')
  watcher.send(publish('t', 'waiting', { qos: 1, messageId: 1 }))
  await watcher.next('puback')
  const back = await broker.client('a', version, { clean: false })
  assert.equal(String((await back.next('publish')).payload), 'waiting')
})

for (const { what, fields, code } of [
  { what: 'an empty ClientID', fields: { clientId: '' }, code: 2 },
  { what: 'the name MQTT at level 3', fields: { protocolName: 'MQTT' }, code: 1 },
  { what: 'level 2', fields: { level: 2 }, code: 1 },
])
  holds(`${what} is refused with ${code}`, { 3: '' }, async (t, version) => {
    const broker = await TestBroker.start(t)
    const client = await broker.open(version)
    client.sendBytes(connectBytes(version, fields))
    assert.equal((await client.next('connack')).returnCode, code)
    assert.deepEqual(await client.closed(), [])
  })
