/** Either node dies at each step of a handover: the session is somewhere afterwards, and in one place in the end. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { MemoryStore } from '../durable/memory-store.ts'
import type { RawClient } from '../raw-client.ts'
import { publish } from '../test-broker.ts'
import { Gate, Town, type TownNode, turns } from './two-nodes.ts'

const kept = { clean: false, properties: { sessionExpiryInterval: 3600 } }

type Stage = { town: Town; a: TownNode; b: TownNode; packetId: number }

/** Node a has a session whose client has an unacknowledged message of QoS 2, and one that waits for it. */
async function stage(t: TestContext): Promise<Stage> {
  const town = new Town(t)
  const [a, b] = [await town.node('a', new MemoryStore()), await town.node('b', new MemoryStore())]
  const client = await a.started.subscriber('s', ['a'], 5, { ...kept })
  const publisher = await a.started.client('p')
  let packetId = 0
  for (const payload of ['0', '1', '2', 'sent']) {
    publisher.send(publish('a', payload, { qos: 2, messageId: 1 }))
    await publisher.next('pubrec')
    publisher.send({ cmd: 'pubrel', messageId: 1 })
    await publisher.next('pubcomp')
    const found = await client.next('publish')
    packetId = found.messageId!
    if (payload === 'sent') continue
    client.send({ cmd: 'pubrec', messageId: packetId })
    await client.next('pubrel')
    client.send({ cmd: 'pubcomp', messageId: packetId })
    await client.nothingMore()
  }
  await client.destroy()
  await a.started.connections(1)
  publisher.send(publish('a', 'waits', { qos: 2, messageId: 1 }))
  await publisher.next('pubrec')
  return { town, a, b, packetId }
}

async function hasAll(client: RawClient, packetId: number): Promise<void> {
  const [sent, waits] = await client.publishes(2)
  assert.deepEqual([sent!.messageId, String(sent!.payload), sent!.dup], [packetId, 'sent', true])
  assert.deepEqual([String(waits!.payload), waits!.dup], ['waits', false])
  assert.notEqual(waits!.messageId, packetId)
  for (const { messageId } of [sent!, waits!]) {
    client.send({ cmd: 'pubrec', messageId: messageId! })
    assert.equal((await client.next('pubrel')).messageId, messageId)
    client.send({ cmd: 'pubcomp', messageId: messageId! })
  }
  await client.nothingMore()
}

function connect(client: RawClient): void {
  client.send({ cmd: 'connect', clientId: 's', protocolId: 'MQTT', protocolVersion: 5, keepalive: 0, ...kept })
}

test('the new node crashes later: a message of QoS 2 keeps the identifier of the old node, and so does its PUBREL', async (t) => {
  const { town, a, b, packetId } = await stage(t)
  const client = await b.started.client('s', 5, kept)
  assert.equal(client.connack.sessionPresent, true)
  const after = await town.node('b', b.crash())
  const again = await after.started.client('s', 5, kept)
  const repeated = await again.next('publish')
  assert.deepEqual([repeated.messageId, repeated.dup], [packetId, true])
  again.send({ cmd: 'pubrec', messageId: packetId })
  await again.next('publish')
  assert.equal((await again.next('pubrel')).messageId, packetId)
  const last = await town.node('b', after.crash())
  const third = await last.started.client('s', 5, kept)
  const found = [await third.receive(), await third.receive()].map(({ packet }) => packet)
  assert.deepEqual(
    found.map(({ cmd }) => cmd),
    ['pubrel', 'publish'],
  )
  assert.equal(found[0]!.messageId, packetId)
  assert.deepEqual(a.troubles, [])
})

test('the new node crashes when it has the session on disk and has not confirmed: both have it, the client chooses', async (t) => {
  for (const name of ['a', 'b'] as const) {
    const { town, a, b, packetId } = await stage(t)
    const gate = new Gate()
    town.onTheWay = async (kind) => {
      if (kind === 'confirm') await gate.pass()
    }
    connect(await b.started.open())
    await gate.reached
    const store = b.crash()
    town.onTheWay = async () => undefined
    const after = await town.node('b', store)
    const chosen = name === 'a' ? a : after
    // What is newer is not known of what a store holds: the other one may hand over what it has, which is the same.
    const client = await chosen.started.client('s', 5, kept)
    assert.equal(client.connack.sessionPresent, true)
    await hasAll(client, packetId)
    await town.pass(12_000)
    const other = name === 'a' ? after : a
    assert.equal(other.started.broker.sessions.get('s'), undefined)
    await client.nothingMore()
    gate.open()
  }
})

test('the new node crashes before the session is on disk: the old one has it', async (t) => {
  const { town, a, b, packetId } = await stage(t)
  b.store!.isPrompt = false
  connect(await b.started.open())
  while (b.store!.pending.length === 0) await turns(1)
  b.store!.isPrompt = true
  const after = await town.node('b', b.crash())
  assert.equal(after.started.broker.sessions.get('s'), undefined)
  const client = await a.started.client('s', 5, kept)
  await hasAll(client, packetId)
})

test('a disk of the new node that takes nothing: the client is refused, and has all at the old node', async (t) => {
  const { a, b, packetId } = await stage(t)
  b.store!.failure = new Error('no space left')
  const refused = await b.started.open()
  connect(refused)
  assert.equal((await refused.next('connack')).reasonCode, 0x88)
  assert.ok(b.troubles.includes('session_handover_failed'))
  assert.equal(b.started.broker.sessions.get('s'), undefined)
  const client = await a.started.client('s', 5, kept)
  await hasAll(client, packetId)
})

test('the old node crashes when it has handed the session out: the new one has it, and the old one gives up its own', async (t) => {
  const { town, a, b, packetId } = await stage(t)
  const gate = new Gate()
  town.onTheWay = async (kind) => {
    if (kind === 'confirm') await gate.pass()
  }
  const client = await b.started.open()
  connect(client)
  await gate.reached
  const store = a.crash()
  gate.open()
  assert.equal((await client.next('connack')).sessionPresent, true)
  await hasAll(client, packetId)
  const after = await town.node('a', store)
  await turns(3)
  assert.equal(after.started.broker.sessions.get('s'), undefined)
  assert.deepEqual(after.troubles, ['session_superseded'])
  await after.started.broker.journal.flush()
  assert.equal(store.count('sessions'), 0)
  await client.nothingMore()
})

test('the old node crashes and is back before it is asked to confirm: the new one wins', async (t) => {
  const { town, a, b, packetId } = await stage(t)
  const gate = new Gate()
  town.onTheWay = async (kind) => {
    if (kind === 'confirm') await gate.pass()
  }
  const client = await b.started.open()
  connect(client)
  await gate.reached
  const after = await town.node('a', a.crash())
  assert.notEqual(after.started.broker.sessions.get('s'), undefined)
  gate.open()
  assert.equal((await client.next('connack')).sessionPresent, true)
  await hasAll(client, packetId)
  assert.equal(after.started.broker.sessions.get('s'), undefined)
  await town.pass(3_000)
  await client.nothingMore()
  assert.deepEqual(b.troubles, [])
})
