/** Three nodes under load, linked to another cluster, lose NATS for a while: what goes on meanwhile, and how soon all is one again. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import mqtt, { type MqttClient } from 'mqtt'
import { type TestNats, startNats } from '../../cluster/nats-server.ts'
import { isWanted, linkOf, linkRuns, speakerAmong, startLinked, wantedOn } from './linked.ts'
import { eventually, received, seesAll, type TestMember } from './members.ts'
import { assertArrive, longQueues, type Publishing, publishSteadily, routesKnown } from './traffic.ts'

export type Outage = {
  readonly nats: TestNats
  /** Where the nodes reach NATS, if not at its own address. */
  readonly url?: string
  readonly begin: () => Promise<void> | void
  /** Resolves when NATS is there again. */
  readonly end: () => Promise<void> | void
}

/** How long NATS is away. By hand with more: `ISTHMUS_TEST_OUTAGE_SECONDS=300`. */
const OUTAGE_MS = Number(process.env['ISTHMUS_TEST_OUTAGE_SECONDS'] ?? 15) * 1_000
/** All is one again within 5 s; on a slow and busy machine that may be this much. */
const CONVERGED_MS = 15_000
/** The same for an answer that a client waits for: a second, if the machine has nothing else to do. */
const ANSWER_MS = 5_000

type Load = {
  readonly members: readonly TestMember[]
  readonly far: TestMember
  readonly publishings: readonly Publishing[]
  /** Those of the members first, in their order; then that of the far cluster. */
  readonly subscribers: readonly Subscriber[]
}

type Subscriber = {
  readonly who: string
  readonly arrived: readonly string[]
  /** How many of one publisher have come so far. */
  readonly heard: (name: string) => number
}

function subscriber(who: string, client: MqttClient): Subscriber {
  const counts = new Map<string, number>()
  // Counted as they come: after minutes there are too many to go through them again and again.
  client.on('message', (_topic, payload) => {
    const [name = ''] = payload.toString().split(' ')
    counts.set(name, (counts.get(name) ?? 0) + 1)
  })
  return { who, arrived: received(client), heard: (name) => counts.get(name) ?? 0 }
}

export async function surviveOutage(t: TestContext, outage: Outage): Promise<void> {
  const load = await startLoad(t, outage.url ?? outage.nats.url)
  await retainBefore(t, load.members)

  const moving = await load.members[0]!.connect(t, movingOptions)
  await moving.subscribeAsync('near/moving', { qos: 1 })

  await outage.begin()
  const beganAtMs = performance.now()
  const early = await Promise.all([goesOn(load), coordinationIsLost(load.members, beganAtMs), movesOn(t, load, moving)])
  t.diagnostic(`away: coordination lost is said after ${early[1]} ms`)
  const changes = await changeWhileAway(t, load)
  await after(OUTAGE_MS - (performance.now() - beganAtMs))
  for (const member of load.members) assert.deepEqual((await linkOf(member, 'far')).reasons, ['coordination lost'])
  await goesOn(load)
  const counts = load.publishings.map(({ name, acknowledgedCount }) => ({ name, acknowledgedCount }))

  await outage.end()
  await converges(t, load, changes, counts)

  const published = await Promise.all(load.publishings.map((publishing) => publishing.stop()))
  for (const { name, slowestMs } of load.publishings) {
    t.diagnostic(`${name}: slowest acknowledgement ${Math.round(slowestMs)} ms`)
    assert.ok(slowestMs < 2 * ANSWER_MS, `${name} waited ${slowestMs} ms`)
  }
  for (const { name, process } of [...load.members, load.far])
    assert.deepEqual(
      process.log.filter(({ msg, level }) => msg === 'messages_lost' || level === 'error' || level === 'fatal'),
      [],
      `${name} says nothing of losses or errors`,
    )
  for (const { who, arrived } of load.subscribers) {
    for (const payloads of published) {
      // What is published at the far cluster is not sent back to it, and has no subscriber there.
      if (who === 'far' && payloads[0]?.startsWith('far ') === true) continue
      await assertArrive(who, arrived, payloads)
    }
  }
}

async function startLoad(t: TestContext, url: string): Promise<Load> {
  const farNats = await startNats(t)
  const [members, [far]] = await startLinked(t, farNats, [
    { cluster: 'near', size: 3, topics: ['far/#'], more: () => ({ nats: [url], more: longQueues }) },
    { cluster: 'far', size: 1, topics: ['near/#'], more: () => ({ more: longQueues }) },
  ])
  assert(far !== undefined)
  const subscribers = await Promise.all(
    [...members, far].map(async (member) => {
      const client = await member.connect(t)
      const one = subscriber(member === far ? 'far' : member.name, client)
      await client.subscribeAsync(member === far ? ['near/load/#'] : ['near/load/#', 'far/load/#'], { qos: 2 })
      return one
    }),
  )
  await Promise.all([
    routesKnown(members, 'near/load/x', members),
    wantedOn(members, 'near/load/x', 'far'),
    wantedOn([far], 'far/load/x', 'near'),
    routesKnown(members, 'far/load/x', members),
  ])
  const publishings = await Promise.all([
    ...members.map(async (member, at) =>
      publishSteadily(await member.connect(t), `near/load/${at}`, { name: `near${at}`, qos: at === 2 ? 2 : 1 }),
    ),
    far.connect(t).then((client) => publishSteadily(client, 'far/load/x', { name: 'far' })),
  ])
  await eventually('all hear all', () => {
    for (const { who, heard } of subscribers)
      for (const { name } of publishings) if (who !== name) assert.ok(heard(name) > 5, `${who} of ${name}`)
  })
  return { members, far, publishings, subscribers }
}

// ---- while NATS is away

/** Publishers are answered; those on the same node hear them, and so does the other cluster; and that one is heard on some node. */
async function goesOn({ members, publishings, subscribers }: Load): Promise<void> {
  const farHeard = subscribers.at(-1)!
  const progress = (): Record<string, number> => ({
    ...Object.fromEntries(
      publishings.map(({ name, acknowledgedCount }) => [`acknowledged ${name}`, acknowledgedCount]),
    ),
    ...Object.fromEntries(
      members.flatMap(({ name }, at) => [
        [`${name} of its own`, subscribers[at]!.heard(`near${at}`)],
        [`far of ${name}`, farHeard.heard(`near${at}`)],
      ]),
    ),
    'near of far': members.reduce((sum, _, at) => sum + subscribers[at]!.heard('far'), 0),
  })
  const before = progress()
  await eventually('clients and links go on', () => {
    const now = progress()
    const still = Object.keys(before).filter((what) => now[what]! < before[what]! + 50)
    assert.deepEqual(still, [], JSON.stringify({ before, now }))
  })
}

/** Resolves with how long that took, milliseconds. */
async function coordinationIsLost(members: readonly TestMember[], sinceMs: number): Promise<number> {
  for (const member of members)
    await eventually(`${member.name} says that coordination is lost`, async () => {
      const { state, reasons } = await linkOf(member, 'far')
      assert.deepEqual({ state, reasons }, { state: 'degraded', reasons: ['coordination lost'] })
    })
  return Math.round(performance.now() - sinceMs)
}

const movingOptions = { clientId: 'moving', clean: false, properties: { sessionExpiryInterval: 3600 } } as const

/** A client whose session is on a node that can't be asked now is served by another one, at first perhaps without it. */
async function movesOn(t: TestContext, { members }: Load, client: MqttClient): Promise<void> {
  await client.endAsync(true)
  const startMs = performance.now()
  const moved = await members[1]!.connect(t, movingOptions)
  const arrived = received(moved)
  await moved.subscribeAsync('near/moved', { qos: 1 })
  await moved.publishAsync('near/moved', 'served', { qos: 1 })
  await eventually('it is served', () => assert.deepEqual(arrived, ['served']))
  const tookMs = Math.round(performance.now() - startMs)
  t.diagnostic(`away: a client that comes from another node is served after ${tookMs} ms`)
  assert.ok(tookMs < 2 * ANSWER_MS, `${tookMs} ms`)
}

type Changes = { readonly arrivedNew: readonly string[][]; readonly arrivedLate: readonly string[][] }

/** New interest and retained messages on every node; new interest on both sides of the link. */
async function changeWhileAway(t: TestContext, { members, far }: Load): Promise<Changes> {
  const arrivedNew = await Promise.all(
    members.map(async (member, at) => {
      const startMs = performance.now()
      const client = await member.connect(t, { clientId: `new-${at}` })
      const arrived = received(client)
      await client.subscribeAsync(`near/new/${at}`, { qos: 1 })
      await client.publishAsync(`near/new/${at}`, 'local', { qos: 1 })
      await eventually(`${member.name} serves a new subscription`, () => assert.deepEqual(arrived, ['local']))
      const tookMs = Math.round(performance.now() - startMs)
      t.diagnostic(`away: a new client, its subscription and its message take ${tookMs} ms on ${member.name}`)
      assert.ok(tookMs < ANSWER_MS, `${tookMs} ms`)
      return arrived
    }),
  )
  const arrivedLate = await Promise.all(
    [far, members[1]!].map(async (member) => {
      const client = await member.connect(t)
      const arrived = received(client)
      await client.subscribeAsync(member === far ? 'near/late' : 'far/late', { qos: 1 })
      return arrived
    }),
  )
  const clients = await Promise.all(members.map((member) => member.connect(t)))
  const retain = (at: number, topic: string, payload: string) =>
    clients[at]!.publishAsync(topic, payload, { qos: 1, retain: true })
  await retain(0, 'r/set', 'by n1')
  await retain(1, 'r/gone', '')
  await retain(2, 'r/changed', 'by n3')
  await retain(0, 'r/both', 'earlier')
  await after(5)
  await retain(1, 'r/both', 'later')
  return { arrivedNew, arrivedLate }
}

// ---- when it is back

type Counted = { readonly name: string; readonly acknowledgedCount: number }

async function converges(t: TestContext, load: Load, changes: Changes, counts: readonly Counted[]): Promise<void> {
  const { members, far } = load
  const names = members.map(({ name }) => name)
  const sinceMs = performance.now()
  const measured = async (what: string, work: Promise<unknown>): Promise<void> => {
    await work
    const tookMs = Math.round(performance.now() - sinceMs)
    t.diagnostic(`back: ${what} after ${tookMs} ms`)
    assert.ok(tookMs < CONVERGED_MS, `${what}: ${tookMs} ms`)
  }
  await Promise.all([
    measured('every node sees every node', Promise.all(members.map((member) => seesAll(member, names)))),
    measured('links run', linkRuns(members, 'far')),
    measured('one node speaks, and all know it', speakerAmong(members, 'far')),
    measured('retained messages are equal', retainedAreEqual(members)),
    measured('new subscriptions get what is published on other nodes', newInterestIsServed(t, load, changes)),
    measured('what the far cluster wants since is sent by every node', lateInterestIsServed(t, load, changes)),
    measured('all that waited has come', waitedHasCome(load, counts)),
    measured('a client that moved has one session', movedHasOneSession(load)),
  ])
  await goesOn(load)
  assert.equal((await linkOf(far, 'near')).state, 'running')
}

async function newInterestIsServed(t: TestContext, { members }: Load, { arrivedNew }: Changes): Promise<void> {
  await Promise.all(members.map((member, at) => routesKnown(members, `near/new/${at}`, [member])))
  const publishers = await Promise.all(members.map((member) => member.connect(t)))
  for (const at of members.keys())
    for (const publisher of publishers) await publisher.publishAsync(`near/new/${at}`, 'global', { qos: 1 })
  await eventually('new subscriptions are served', () => {
    for (const arrived of arrivedNew) assert.deepEqual(arrived, ['local', ...members.map(() => 'global')])
  })
}

async function lateInterestIsServed(t: TestContext, { members, far }: Load, { arrivedLate }: Changes): Promise<void> {
  await Promise.all([
    ...members.map((member) =>
      eventually(`${member.name} knows`, async () => assert.ok(await isWanted(member, 'near/late', 'far'))),
    ),
    eventually('far knows', async () => assert.ok(await isWanted(far, 'far/late', 'near'))),
  ])
  for (const member of members) await (await member.connect(t)).publishAsync('near/late', member.name, { qos: 1 })
  await (await far.connect(t)).publishAsync('far/late', far.name, { qos: 1 })
  await eventually('it is served', () => {
    assert.deepEqual(arrivedLate[0]?.toSorted(), members.map(({ name }) => name).toSorted())
    assert.deepEqual(arrivedLate[1], [far.name])
  })
}

async function movedHasOneSession({ members: [old, now] }: Load): Promise<void> {
  const holders = async (topic: string): Promise<string> =>
    JSON.stringify(await Promise.all([old!, now!].map(async (member) => sessionsAt(member, topic))))
  await eventually('the newer one stays', async () => {
    assert.equal(await holders('near/moving'), '[[],[]]')
    assert.equal(await holders('near/moved'), '[[],["moving"]]')
  })
}

async function sessionsAt(member: TestMember, topic: string): Promise<string[]> {
  const { destinations } = await member.call('routes.match', { topic })
  assert(Array.isArray(destinations))
  return destinations.filter(({ type }) => type === 'session').map(({ clientId }) => String(clientId))
}

/** What had been acknowledged when NATS came back. */
async function waitedHasCome({ subscribers }: Load, counts: readonly Counted[]): Promise<void> {
  await eventually('what waited has come', () => {
    for (const { who, heard } of subscribers)
      for (const { name, acknowledgedCount } of counts)
        if (who !== name) assert.ok(heard(name) >= acknowledgedCount, `${who} of ${name}`)
  })
}

// ---- retained messages

async function retainBefore(t: TestContext, members: readonly TestMember[]): Promise<void> {
  const client = await members[0]!.connect(t)
  for (const topic of ['r/gone', 'r/changed', 'r/both'])
    await client.publishAsync(topic, 'before', { qos: 1, retain: true })
  await eventually('all nodes have retained it', async () => {
    for (const member of members)
      assert.deepEqual(await retainedOn(member, 'r/'), {
        'r/gone': 'before',
        'r/changed': 'before',
        'r/both': 'before',
      })
  })
}

async function retainedAreEqual(members: readonly TestMember[]): Promise<void> {
  const expected = { 'r/set': 'by n1', 'r/changed': 'by n3', 'r/both': 'later' }
  await eventually('retained messages are equal', async () => {
    for (const member of members) assert.deepEqual(await retainedOn(member, 'r/'), expected, member.name)
  })
}

/** What a client that subscribes now gets, by topic. */
async function retainedOn(member: TestMember, topicPrefix: string): Promise<Record<string, string>> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${member.port}`, { protocolVersion: 5, reconnectPeriod: 0 })
  try {
    const found: Record<string, string> = {}
    const end = `end/${randomUUID()}`
    const ended = new Promise<void>((resolve) => {
      client.on('message', (topic, payload) => {
        if (topic === end) resolve()
        else found[topic] = payload.toString()
      })
    })
    await client.subscribeAsync([`${topicPrefix}#`, end], { qos: 1 })
    // What was retained stands before it in the session's queue.
    await client.publishAsync(end, '', { qos: 1 })
    await ended
    return found
  } finally {
    await client.endAsync(true)
  }
}
