/** Chapters 4.7 and 4.8: topic names, filters and shared subscriptions. */
import assert from 'node:assert/strict'
import { reasonCode } from '../../src/packets/reason-code.ts'
import type { PacketOf } from '../broker/raw-client.ts'
import { publish, subscribe, TestBroker } from '../broker/test-broker.ts'
import { answers } from './answers.ts'
import { holds } from './holds.ts'

holds(
  'filters are refused whose wildcards are not whole levels, or stand before the end, or that are empty',
  { 4: '4.7.1-2 4.7.1-3 4.7.3-1', 5: '4.7.1-1 4.7.1-2 4.7.3-1' },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    const client = await broker.client('a', version)
    const bad = ['a#', '#/a', 'a/#/b', 'a/b#', '##', '#+', 'a+', '+a', 'a/+b', 'a/b+/c', '++', '']
    const good = ['#', '+', '/', '/#', '+/+', 'a/+/b/#', '+/a', '/+/', 'a//+', '$a/#', ' ']
    const code = version === 5 ? reasonCode.topicFilterInvalid : 0x80
    assert.deepEqual(await subscribe(client, ...bad, ...good), [...bad.map(() => code), ...good.map(() => 2)])
  },
)

for (const { filter, topics } of [
  { filter: '#', topics: ['/', 'a', 'a/b', '/a', 'a/', 'a/b/c'] },
  { filter: '+', topics: ['a'] },
  { filter: '+/+', topics: ['/', 'a/b', '/a', 'a/'] },
  { filter: 'a/#', topics: ['a', 'a/b', 'a/', 'a/b/c'] },
  { filter: 'a/+', topics: ['a/b', 'a/'] },
  { filter: '+/b/#', topics: ['a/b', 'a/b/c'] },
  { filter: '$x/#', topics: ['$x', '$x/b'] },
  { filter: '$x/+', topics: ['$x/b'] },
  { filter: '+/b', topics: ['a/b'] },
])
  holds(
    `${filter} matches ${topics.join(' ')} alone`,
    { 4: '4.7.2-1 4.7.1-2 4.7.1-3', 5: '4.7.2-1 4.7.1-1 4.7.1-2' },
    async (t, version) => {
      const broker = await TestBroker.start(t)
      const client = await broker.subscriber('a', [{ topic: filter, qos: 0 }], version)
      const all = ['/', 'a', 'a/b', '/a', 'a/', 'a/b/c', '$x', '$x/b']
      for (const topic of all) client.send(publish(topic, ''))
      const { packets } = await answers(client)
      const got = packets.map((packet) => (packet.cmd === 'publish' ? packet.topic : packet.cmd))
      assert.deepEqual(got.sort(), topics.toSorted())
    },
  )

holds(
  'nothing is normalized: what is not spelled alike is another topic',
  { 4: '4.7.3-4', 5: '4.7.3-4' },
  async (t, version) => {
    const broker = await TestBroker.start(t)
    const spellings = [
      'é',
      'e\u0301',
      'É',
      'a',
      'A',
      'ａ',
      'a ',
      ' a',
      'a/',
      '/a',
      'a//b',
      'a/b',
      'a/./b',
      'a\u200d',
      '\u{1f600}',
      '%61',
    ]
    const client = await broker.client('a', version)
    for (const topic of spellings) await subscribe(client, topic)
    const other = await broker.client('b', version)
    for (const topic of spellings) {
      client.send(publish(topic, topic))
      const got = await client.next('publish')
      assert.deepEqual([got.topic, String(got.payload)], [topic, topic])
      await client.nothingMore()
      await subscribe(other, topic)
      client.send(publish(topic, ''))
      await client.next('publish')
      await other.next('publish')
      other.send({ cmd: 'unsubscribe', messageId: 1, unsubscriptions: [topic] })
      await other.next('unsuback')
    }
  },
)

holds('a share needs a name without wildcards, and a filter', { 5: '4.8.2-1 4.8.2-2' }, async (t) => {
  const broker = await TestBroker.start(t)
  const client = await broker.client('a')
  const bad = [
    '$share//t',
    '$share/g',
    '$share/g/',
    '$share/',
    '$share/+/t',
    '$share/a#/t',
    '$share/g+/t',
    '$share/g/t#',
  ]
  assert.deepEqual(
    await subscribe(client, ...bad),
    bad.map(() => reasonCode.topicFilterInvalid),
  )
  assert.deepEqual(
    await subscribe(client, '$share/g/t', '$share/g/#', '$share/g//', '$share/$/t', '$SHARE/g'),
    [2, 2, 2, 2, 2],
  )
})

const taken = (packet: PacketOf<'publish'>) => `${String(packet.payload)} at ${packet.qos}`

holds('each member of a group gets its share at the QoS that it was granted', { 5: '4.8.2-3' }, async (t) => {
  const broker = await TestBroker.start(t)
  const members = await Promise.all(
    ([0, 1, 2] as const).map((qos) => broker.subscriber(`m${qos}`, [{ topic: '$share/g/t', qos }])),
  )
  const publisher = await broker.client('publisher')
  for (let i = 1; i <= 9; i++) publisher.send(publish('t', 'x', { qos: 2, messageId: i }))
  await answers(publisher)
  for (const [qos, member] of members.entries()) {
    const { packets } = await answers(member)
    assert.deepEqual(
      packets.map((packet) => (packet.cmd === 'publish' ? taken(packet) : packet.cmd)),
      [`x at ${qos}`, `x at ${qos}`, `x at ${qos}`],
    )
  }
})

holds(
  'a QoS 2 message that went to a member whose connection broke is that member’s, whether it had sent PUBREC or not',
  { 5: '4.8.2-4' },
  async (t) => {
    const broker = await TestBroker.start(t)
    const kept = { clean: false, properties: { sessionExpiryInterval: 600 } }
    const chosen = await broker.subscriber('chosen', ['$share/g/t'], 5, kept)
    const publisher = await broker.client('publisher')
    publisher.send(publish('t', '1', { qos: 2, messageId: 1 }), publish('t', '2', { qos: 2, messageId: 2 }))
    await answers(publisher)
    const [one, two] = await chosen.publishes(2)
    chosen.send({ cmd: 'pubrec', messageId: one!.messageId! })
    await chosen.next('pubrel')
    const other = await broker.subscriber('other', ['$share/g/t'])
    await chosen.destroy()
    await broker.connections(2)
    await other.nothingMore()
    const back = await broker.client('chosen', 5, kept)
    const { packets } = await answers(back)
    assert.deepEqual(
      packets.map(({ cmd, messageId }) => [cmd, messageId]),
      [
        ['pubrel', one!.messageId],
        ['publish', two!.messageId],
      ],
    )
    await other.nothingMore()
  },
)
