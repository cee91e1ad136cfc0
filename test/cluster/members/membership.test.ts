import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClusterError } from '../../../src/cluster/cluster-error.ts'
import { encodeAnnouncement } from '../../../src/cluster/members/announcement.ts'
import { Membership, type MembershipOptions } from '../../../src/cluster/members/membership.ts'
import { ManualClock } from '../../broker/manual-clock.ts'
import { SimulatedNetwork } from '../sim/simulated-coordination.ts'
import { pass, RememberedLog, SimulatedProcess } from '../sim/simulated-process.ts'

type Running = {
  readonly process: SimulatedProcess
  readonly membership: Membership
  readonly changes: string[]
  readonly log: RememberedLog
  readonly taken: ClusterError[]
}

function world() {
  const clock = new ManualClock()
  const network = new SimulatedNetwork(clock)
  let boots = 0
  const make = (node: string, options: Partial<MembershipOptions> = {}): Running => {
    const process = new SimulatedProcess(network, clock, node, `boot-${String(++boots).padStart(3, '0')}`)
    const log = new RememberedLog()
    const taken: ClusterError[] = []
    const membership = new Membership({
      coordination: process,
      clock: process.clock,
      log,
      version: '1',
      host: 'box',
      pid: boots,
      facts: () => ({ slot: undefined, listeners: {} }),
      onNameTaken: (error) => taken.push(error),
      ...options,
    })
    const changes: string[] = []
    membership.onChange(({ type, member }) => changes.push(`${type} ${member.node}`))
    return { process, membership, changes, log, taken }
  }
  const start = async (...nodes: string[]): Promise<Running[]> => {
    const running = nodes.map((node) => make(node))
    const joined = Promise.all(running.map(({ membership }) => membership.join()))
    await pass(clock, 700)
    await joined
    for (const { changes } of running) changes.sort()
    return running
  }
  return { clock, network, make, start }
}

const names = ({ membership }: Running): string[] => membership.members().map(({ node }) => node)

test('nodes that start together see each other, themselves first', async () => {
  const { start } = world()
  const [a, b, c] = await start('a', 'b', 'c')
  assert.ok(a && b && c)
  assert.deepEqual(
    [names(a), names(b), names(c)],
    [
      ['a', 'b', 'c'],
      ['b', 'a', 'c'],
      ['c', 'a', 'b'],
    ],
  )
  assert.deepEqual(a.changes, ['joined b', 'joined c'])
})

test('a node that comes later knows everybody when it has joined', async () => {
  const { start } = world()
  await start('a', 'b')
  const [c] = await start('c')
  assert.ok(c)
  assert.deepEqual(names(c), ['c', 'a', 'b'])
})

test('goodbye is known at once', async () => {
  const { clock, start } = world()
  const [a, b] = await start('a', 'b')
  assert.ok(a && b)
  await b.membership.leave()
  await pass(clock, 10)
  assert.deepEqual(a.changes, ['joined b', 'left b'])
  assert.equal(a.membership.hasLeft(b.process.self), true)
  assert.equal(a.membership.isAlone, true)
})

test('a killed node is lost within the TTL, and not long before', async () => {
  const { clock, start } = world()
  const [a, b] = await start('a', 'b')
  assert.ok(a && b)
  b.process.kill()
  await pass(clock, 3_900)
  assert.deepEqual(a.changes, ['joined b'])
  const silentMs = a.membership.silentMs('b')
  assert.ok(silentMs >= 3_900 && silentMs < 5_000, `${silentMs}`)
  await pass(clock, 1_150)
  assert.deepEqual(a.changes, ['joined b', 'lost b'])
  assert.deepEqual(
    a.membership.list().map(({ node, state }) => `${node} ${state}`),
    ['a up', 'b lost'],
  )
  assert.equal(a.membership.hasLeft(b.process.self), false)
})

test('a node that was cut off loses nobody, and is lost by the others until it returns', async () => {
  const { clock, start } = world()
  const [a, b, c] = await start('a', 'b', 'c')
  assert.ok(a && b && c)
  c.process.network.cut()
  await pass(clock, 60_000, 50)
  assert.deepEqual(c.changes, ['joined a', 'joined b'])
  assert.deepEqual(a.changes, ['joined b', 'joined c', 'lost c'])
  b.process.kill()
  c.process.network.heal()
  await pass(clock, 4_900, 50)
  assert.deepEqual(c.changes, ['joined a', 'joined b'])
  assert.deepEqual(a.changes.slice(3), ['returned c', 'lost b'])
  await pass(clock, 300, 50)
  assert.deepEqual(c.changes, ['joined a', 'joined b', 'lost b'])
})

for (const first of ['timers', 'sockets'] as const)
  test(`a node that was stopped for a minute loses nobody, ${first} first`, async () => {
    const { clock, start } = world()
    const [a, b] = await start('a', 'b')
    assert.ok(a && b)
    b.process.freeze()
    await pass(clock, 60_000, 50)
    assert.deepEqual(a.changes, ['joined b', 'lost b'])
    b.process.thaw(first)
    await pass(clock, 10_000, 50)
    assert.deepEqual(b.changes, ['joined a'])
    assert.deepEqual(a.changes, ['joined b', 'lost b', 'returned b'])
    assert.ok(b.log.events().includes('node_was_stalled'))
  })

test('a node that was killed comes back at once under a new boot id', async () => {
  const { start } = world()
  const [a, b] = await start('a', 'b')
  assert.ok(a && b)
  b.process.kill()
  const [again] = await start('b')
  assert.ok(again)
  assert.deepEqual(a.changes, ['joined b', 'restarted b'])
  assert.equal(a.membership.hasLeft(b.process.self), true)
  assert.equal(a.membership.members()[1]?.boot, again.process.self.boot)
})

test('a second process of one name refuses to start, and names the first', async () => {
  const { clock, start, make } = world()
  const [a, b] = await start('a', 'b')
  assert.ok(a && b)
  const second = make('b')
  const refused = assert.rejects(second.membership.join(), (error) => {
    assert.ok(error instanceof ClusterError && error.code === 'NODE_NAME_TAKEN')
    assert.match(error.message, /process 2 on box, started 2026-01-01T00:00:00/)
    return true
  })
  await pass(clock, 700)
  await refused
  await pass(clock, 10_000, 50)
  assert.deepEqual(a.changes, ['joined b'])
  assert.deepEqual(second.taken, [])
})

for (const { when, laterMs } of [
  { when: 'at the same moment', laterMs: 0 },
  { when: 'one just after the other', laterMs: 300 },
])
  test(`of two processes of one name that start ${when} exactly one gives way`, async () => {
    const { clock, make } = world()
    const [first, second] = [make('n'), make('n')]
    const joins = [first.membership.join()]
    await pass(clock, laterMs)
    joins.push(second.membership.join())
    const settled = Promise.allSettled(joins)
    await pass(clock, 1_500)
    assert.deepEqual(
      (await settled).map(({ status }) => status),
      ['fulfilled', 'rejected'],
    )
  })

test('a node that starts while the coordination is away joins, and reports a taken name when it is back', async () => {
  const { clock, start, make } = world()
  const [a] = await start('a')
  const second = make('a')
  second.process.network.cut()
  await second.membership.join()
  assert.deepEqual(names(second), ['a'])
  await pass(clock, 20_000, 50)
  second.process.network.heal()
  await pass(clock, 100)
  assert.deepEqual(
    second.taken.map(({ code }) => code),
    ['NODE_NAME_TAKEN'],
  )
  assert.deepEqual(a?.taken, [])
})

for (const first of ['timers', 'sockets'] as const)
  test(`a node whose place was taken while it was stopped gives way when it wakes, ${first} first`, async () => {
    const { clock, start } = world()
    const [a, b] = await start('a', 'b')
    assert.ok(a && b)
    b.process.freeze()
    await pass(clock, 30_000, 50)
    const [again] = await start('b')
    b.process.thaw(first)
    await pass(clock, 2_000)
    assert.equal(b.taken.length, 1)
    assert.equal(again?.taken.length, 0)
    assert.equal(a.membership.members()[1]?.boot, again?.process.self.boot)
    assert.deepEqual(a.changes, ['joined b', 'lost b', 'restarted b'])
  })

test('of two processes that could not see each other the later one goes, and the others follow the earlier', async () => {
  const { clock, start } = world()
  const [a, b] = await start('a', 'b')
  assert.ok(a && b)
  b.process.network.cut()
  const [second] = await start('b')
  b.process.network.heal()
  await pass(clock, 3_000)
  assert.deepEqual([b.taken.length, second?.taken.length], [0, 1])
  assert.equal(a.membership.members()[1]?.boot, b.process.self.boot)
})

test('what a dead process of its name said, and a server kept, drives nobody out', async () => {
  const { start, network, clock } = world()
  const [a] = await start('a')
  assert.ok(a)
  const dead = network.join('a', 'boot-000')
  const words = { host: 'box', pid: 1, version: '1', listeners: {}, startedAtMs: 1 }
  for (const type of ['hello', 'alive', 'alive'] as const)
    dead.broadcast('members', encodeAnnouncement({ type, standing: 'member', ...words }))
  await pass(clock, 10_000)
  assert.deepEqual(a.taken, [])
  // One that lives answers, and then it is known.
  dead.listen('members', (from) =>
    dead.send('a', 'members', encodeAnnouncement({ type: 'alive', standing: 'member', ...words, answers: from.boot })),
  )
  dead.broadcast('members', encodeAnnouncement({ type: 'alive', standing: 'member', ...words }))
  await pass(clock, 100)
  assert.equal(a.taken.length, 1)
})

test('a node that can have no namesake does not wait', async () => {
  const { make } = world()
  const { membership } = make('a', { nameAsks: 0 })
  await membership.join()
  assert.equal(membership.isAlone, true)
})

test('what a node says of itself reaches the others, new facts at once', async () => {
  const { clock, start, make } = world()
  const [a] = await start('a')
  assert.ok(a)
  let slot = 3
  const b = make('b', { facts: () => ({ slot, listeners: { 'tcp:default': '127.0.0.1:1' } }) })
  const joined = b.membership.join()
  await pass(clock, 700)
  await joined
  slot = 4
  b.membership.announce()
  await pass(clock, 10)
  assert.deepEqual(a.membership.members()[1]?.listeners, { 'tcp:default': '127.0.0.1:1' })
  assert.deepEqual([...a.membership.slotsInUse()], [[4, 'b']])
})

test('a malformed message is dropped, and logged once', async () => {
  const { clock, network, start } = world()
  const [a] = await start('a')
  assert.ok(a)
  const stranger = network.join('x', 'x1')
  for (let n = 0; n < 100; n++) stranger.broadcast('members', Buffer.from('{}'))
  await pass(clock, 10)
  assert.deepEqual(names(a), ['a'])
  assert.deepEqual(
    a.log.events().filter((event) => event === 'member_message_malformed'),
    ['member_message_malformed'],
  )
})

test('a listener that throws keeps the others from nothing', async () => {
  const { clock, start } = world()
  const [a] = await start('a')
  assert.ok(a)
  const heard: string[] = []
  a.membership.onChange(() => {
    throw new Error('mine')
  })
  a.membership.onChange(({ member }) => heard.push(member.node))
  await start('b')
  await pass(clock, 10)
  assert.deepEqual(heard, ['b'])
})
