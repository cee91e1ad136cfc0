import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ClusterError } from '../../../src/cluster/cluster-error.ts'
import { leaseName, Leases } from '../../../src/cluster/leases/leases.ts'
import { decodeLeaseRecord } from '../../../src/cluster/leases/lease-record.ts'
import { TransitionHistory } from '../../../src/transitions/transition-history.ts'
import { ManualClock } from '../../broker/manual-clock.ts'
import { SimulatedNetwork } from '../sim/simulated-coordination.ts'
import { pass, RememberedLog, SimulatedProcess } from '../sim/simulated-process.ts'

function world() {
  const clock = new ManualClock()
  const network = new SimulatedNetwork(clock)
  const history = new TransitionHistory(() => clock.nowMs())
  const left = new Set<string>()
  const listeners = new Set<() => void>()
  const join = (node: string, boot: string, { known = 0, isAlone = false } = {}) => {
    const process = new SimulatedProcess(network, clock, node, boot)
    const kept = { incarnation: known }
    const leases = new Leases({
      coordination: process,
      clock: process.clock,
      log: new RememberedLog(),
      random: () => 0.5,
      inspect: history.inspector((snapshot) => {
        const name = leaseName(snapshot)
        return name === undefined ? undefined : { id: `${node}/${name}`, parent: undefined }
      }),
      memory: {
        recall: () => kept.incarnation,
        remember: async (_, incarnation) => void (kept.incarnation = incarnation),
      },
      membership: {
        isAlone,
        hasLeft: ({ boot }) => left.has(boot),
        onChange: (listener) => {
          listeners.add(listener)
          return () => void listeners.delete(listener)
        },
      },
    })
    const lease = leases.contest('eu')
    const states: string[] = []
    let last = lease.state
    lease.onChange((state) => {
      // It is told of another holder, too.
      if (state !== last) states.push(state)
      last = state
    })
    return { process, leases, lease, kept, states }
  }
  const leave = (boot: string) => {
    left.add(boot)
    for (const listener of listeners) listener()
  }
  const record = () => {
    const value = network.registers.get('lease/eu')?.value
    return value === undefined ? undefined : decodeLeaseRecord(value)
  }
  /** The first holds it, the second follows. */
  const two = async () => {
    const a = join('a', 'a1', { isAlone: true })
    await pass(clock, 50)
    const b = join('b', 'b1')
    await pass(clock, 1_000)
    assert.deepEqual([a.lease.state, b.lease.state], ['holder', 'follower'])
    a.states.length = 0
    return { a, b }
  }
  return { clock, network, history, join, leave, record, two }
}

test('who is alone has it at once', async () => {
  const { clock, join, record } = world()
  const { lease } = join('a', 'a1', { isAlone: true })
  await pass(clock, 30)
  assert.equal(lease.state, 'holder')
  assert.equal(lease.holder, 'a')
  assert.equal(lease.nextIncarnation(), Date.UTC(2026, 0, 1) + 10)
  assert.ok((record()?.upTo ?? 0) > Date.UTC(2026, 0, 1))
})

test('where there may have been a record everybody waits a TTL for its holder, and one gets it', async () => {
  const { clock, join } = world()
  const [a, b] = [join('a', 'a1'), join('b', 'b1')]
  await pass(clock, 2_900)
  assert.deepEqual([a.lease.state, b.lease.state], ['follower', 'follower'])
  await pass(clock, 400)
  assert.deepEqual([a.lease.state, b.lease.state].sort(), ['follower', 'holder'])
})

test('a killed holder is followed within a TTL and a second, with a higher number', async () => {
  const { clock, two } = world()
  const { a, b } = await two()
  const before = a.lease.nextIncarnation()
  a.process.kill()
  await pass(clock, 1_900)
  assert.equal(b.lease.state, 'follower')
  await pass(clock, 2_100)
  assert.equal(b.lease.state, 'holder')
  assert.ok(b.lease.nextIncarnation() > before)
})

for (const { how, act } of [
  { how: 'released it', act: async ({ a }: Awaited<ReturnType<ReturnType<typeof world>['two']>>) => a.leases.stop() },
  {
    how: 'left the cluster',
    act: async ({ a }: Awaited<ReturnType<ReturnType<typeof world>['two']>>, leave: (boot: string) => void) => {
      a.process.kill()
      leave('a1')
    },
  },
])
  test(`a holder that ${how} is followed at once`, async () => {
    const { clock, two, leave } = world()
    const nodes = await two()
    const done = act(nodes, leave)
    await pass(clock, 250)
    await done
    assert.equal(nodes.b.lease.state, 'holder')
    assert.equal(nodes.a.lease.state === 'holder' && how === 'released it', false)
  })

test('a holder that is cut off lapses, may speak on below its successor, and follows when it is back', async () => {
  const { clock, two, record } = world()
  const { a, b } = await two()
  a.process.network.cut()
  await pass(clock, 4_100)
  assert.deepEqual([a.lease.state, b.lease.state], ['lapsed', 'holder'])
  assert.ok(a.lease.nextIncarnation() < b.lease.nextIncarnation())
  a.process.network.heal()
  await pass(clock, 100)
  assert.deepEqual([a.lease.state, a.lease.holder, record()?.node], ['follower', 'b', 'b'])
  assert.deepEqual(a.states, ['lapsed', 'follower'])
})

test('when everything was away, the holder is the holder again, and its number the same', async () => {
  const { clock, two, record } = world()
  const { a, b } = await two()
  const before = a.lease.nextIncarnation()
  a.process.network.cut()
  b.process.network.cut()
  await pass(clock, 300_000, 100)
  assert.deepEqual([a.lease.state, b.lease.state], ['lapsed', 'follower'])
  b.process.network.heal()
  await pass(clock, 2_000)
  a.process.network.heal()
  await pass(clock, 100)
  assert.deepEqual([a.lease.state, b.lease.state], ['holder', 'follower'])
  assert.deepEqual(a.states, ['lapsed', 'holder'])
  assert.equal(a.lease.nextIncarnation(), before + 1)
  assert.equal(record()?.node, 'a')
})

/** From when in the interval between two renewals, and for how long. */
const silences = fc.record({
  afterMs: fc.integer({ min: 0, max: 1_200 }),
  lengthMs: fc.integer({ min: 10, max: 15_000 }),
})

test('while the registers do not answer, and after it, nobody takes over from a living holder', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(silences, { minLength: 1, maxLength: 4 }), async (outages) => {
      const { clock, network, two, join } = world()
      const { a, b } = await two()
      const c = join('c', 'c1')
      const before = a.lease.nextIncarnation()
      for (const { afterMs, lengthMs } of outages) {
        await pass(clock, afterMs)
        network.silenceRegisters()
        await pass(clock, lengthMs, 25)
        network.answerAgain()
        // What was asked before is lost, and the next renewal comes within a third of the TTL.
        await pass(clock, 1_200)
        assert.equal(a.lease.state, 'holder')
      }
      await pass(clock, 5_000, 25)
      assert.deepEqual([a.lease.state, b.lease.state, c.lease.state], ['holder', 'follower', 'follower'])
      assert.deepEqual([b.states, c.states].flat().includes('holder'), false)
      assert.equal(a.lease.nextIncarnation(), before + 1)
      assert.ok(a.states.every((state) => state === 'lapsed' || state === 'holder'))
    }),
    { numRuns: 25, seed: 6 },
  )
})

test('a holder that dies while the registers do not answer is followed when they do again', async () => {
  const { clock, network, two } = world()
  const { a, b } = await two()
  network.silenceRegisters()
  await pass(clock, 1_000)
  a.process.kill()
  await pass(clock, 10_000, 50)
  assert.equal(b.lease.state, 'follower')
  network.answerAgain()
  await pass(clock, 7_000)
  assert.equal(b.lease.state, 'holder')
})

for (const first of ['timers', 'sockets'] as const) {
  test(`a holder that was stopped is none when it wakes, ${first} first`, async () => {
    const { clock, two } = world()
    const { a, b } = await two()
    a.process.freeze()
    await pass(clock, 60_000, 50)
    assert.equal(b.lease.state, 'holder')
    assert.equal(a.lease.state, 'lapsed', 'before any of its timers could fire')
    a.process.thaw(first)
    assert.notEqual(a.lease.state, 'holder')
    await pass(clock, 100)
    assert.equal(a.lease.state, 'follower')
    assert.ok(!a.states.includes('holder') && b.lease.state === 'holder')
  })

  test(`a follower that was stopped does not take over from a living holder, ${first} first`, async () => {
    const { clock, two } = world()
    const { a, b } = await two()
    b.process.freeze()
    await pass(clock, 60_000, 50)
    b.process.thaw(first)
    await pass(clock, 3_000)
    assert.deepEqual([a.lease.state, b.lease.state], ['holder', 'follower'])
    assert.deepEqual(a.states, [])
  })
}

test('another’s name on the record makes a follower at once, without waiting for the next renewal', async () => {
  const { clock, network, two, record } = world()
  const { a } = await two()
  network.put('lease/eu', Buffer.from(JSON.stringify({ ...record(), node: 'x', boot: 'x1', upTo: 2 ** 50 })))
  await pass(clock, 2, 1)
  assert.equal(a.lease.state, 'follower')
})

test('a restarted node takes what its earlier process held at once', async () => {
  const { clock, two, join } = world()
  const { a } = await two()
  const before = a.lease.nextIncarnation()
  a.process.kill()
  const again = join('a', 'a2')
  await pass(clock, 60)
  assert.equal(again.lease.state, 'holder')
  assert.ok(again.lease.nextIncarnation() > before)
})

test('wall clocks set back by an hour change nothing', async () => {
  const { clock, two } = world()
  const { a, b } = await two()
  const before = a.lease.nextIncarnation()
  a.process.wallOffsetMs = b.process.wallOffsetMs = -3_600_000
  await pass(clock, 10_000, 50)
  assert.equal(a.lease.state, 'holder')
  assert.equal(a.lease.nextIncarnation(), before + 1)
  a.process.kill()
  await pass(clock, 4_000)
  assert.ok(b.lease.nextIncarnation() > before + 1)
})

test('when all records are deleted the holder writes its own again, and nobody else does', async () => {
  const { clock, network, two, record } = world()
  const { a, b } = await two()
  const incarnation = a.lease.nextIncarnation()
  network.wipe()
  await pass(clock, 100)
  assert.equal(record()?.boot, 'a1')
  await pass(clock, 5_000)
  assert.deepEqual([a.states, b.states], [[], []])
  assert.equal(a.lease.nextIncarnation(), incarnation + 1)
})

test('when all records are deleted while the holder is away, its successor goes above what it saw', async () => {
  const { clock, network, two } = world()
  const { a, b } = await two()
  const before = a.lease.nextIncarnation()
  b.process.wallOffsetMs = -3_600_000
  a.process.network.cut()
  network.wipe()
  await pass(clock, 2_900)
  assert.equal(b.lease.state, 'follower')
  await pass(clock, 400)
  assert.equal(b.lease.state, 'holder')
  assert.ok(b.lease.nextIncarnation() > before)
})

test('what was used before all records and all memory of the holder were lost is known by whoever remembers', async () => {
  const { clock, join } = world()
  const low = join('a', 'a1', { isAlone: true })
  await pass(clock, 50)
  const high = 2 ** 50
  const knows = join('b', 'b1', { known: high })
  await pass(clock, 400)
  assert.deepEqual([low.lease.state, knows.lease.state], ['follower', 'holder'])
  assert.ok(knows.lease.nextIncarnation() > high)
  assert.ok(low.kept.incarnation > high)
})

test('a lease that is held by nobody here gives no number', async () => {
  const { two } = world()
  const { b } = await two()
  assert.throws(() => b.lease.nextIncarnation(), /not held/)
})

test('a lapsed holder gives no number that is not on record', async () => {
  const { clock, two, record } = world()
  const { a } = await two()
  a.process.network.cut()
  await pass(clock, 4_000)
  const upTo = record()?.node === 'a' ? record()?.upTo : undefined
  let last = 0
  assert.throws(
    () => {
      for (;;) last = a.lease.nextIncarnation()
    },
    (error) => error instanceof ClusterError && error.code === 'COORDINATION_LOST',
  )
  assert.ok(upTo === undefined || last === upTo)
})

test('a busy holder reserves more before it runs out', async () => {
  const { clock, two } = world()
  const { a } = await two()
  for (let n = 0; n < 5_000; n++) {
    a.lease.nextIncarnation()
    if (n % 500 === 0) await pass(clock, 1_100, 50)
  }
  assert.equal(a.lease.state, 'holder')
})

test('for people: who holds it, since when and why', async () => {
  const { clock, two } = world()
  const { a, b } = await two()
  const incarnation = a.lease.nextIncarnation()
  const [ours] = a.leases.list()
  const [theirs] = b.leases.list()
  assert.deepEqual(
    [ours?.state, ours?.holder, ours?.incarnation, ours?.reason],
    ['holder', 'a', incarnation, 'nobody else is here'],
  )
  assert.deepEqual(
    [theirs?.state, theirs?.holder, theirs?.incarnation, theirs?.reason],
    ['follower', 'a', undefined, 'a holds it'],
  )
  assert.ok((theirs?.renewedMsAgo ?? Infinity) <= 1_000)
  const stopped = b.leases.stop()
  await pass(clock, 30)
  await stopped
  assert.deepEqual(b.leases.list(), [])
})

test('a damaged record is replaced', async () => {
  const { clock, network, two, record } = world()
  const { a } = await two()
  network.put('lease/eu', Buffer.from('{'))
  await pass(clock, 3_000)
  assert.notEqual(record(), undefined)
  assert.ok(a.kept.incarnation > 0)
})

test('each change of state is seen, and a renewal is none', async () => {
  const { clock, history, two } = world()
  const { a } = await two()
  await pass(clock, 10_000, 50)
  a.process.network.cut()
  await pass(clock, 4_000, 50)
  assert.deepEqual(
    history.of('a/eu').map(({ to }) => to),
    ['follower', 'candidate', 'holder', 'lapsed'],
  )
})

test('a lease whose machine crashes begins anew, and is the holder again with a higher number', async () => {
  const { clock, history, two } = world()
  const { a, b } = await two()
  const before = a.lease.nextIncarnation()
  assert.equal(history.crash('a/eu', 'a fault'), true)
  await pass(clock, 1_100)
  assert.deepEqual([a.lease.state, b.lease.state], ['holder', 'follower'])
  assert.ok(a.lease.nextIncarnation() > before)
})

test('who asks learns who holds it, and hears when nobody answers', async () => {
  const { clock, two } = world()
  const { a, b } = await two()
  a.process.freeze()
  await pass(clock, 10_000, 50)
  assert.equal(a.lease.holder, 'a')
  // What was sent to it meanwhile is not there yet, but it may ask.
  const woken = a.process
  woken.thaw('timers')
  const asked = a.lease.reread()
  await pass(clock, 10)
  await asked
  assert.deepEqual([a.lease.state, a.lease.holder], ['follower', 'b'])
  b.process.network.cut()
  const refused = assert.rejects(
    b.lease.reread(),
    (error) => error instanceof ClusterError && error.code === 'COORDINATION_LOST',
  )
  await pass(clock, 10)
  await refused
})

test('what is contested anew while it is being released is not released after it was won', async () => {
  const { clock, two, record } = world()
  const { a } = await two()
  const released = a.lease.release()
  const again = a.leases.contest('eu')
  await pass(clock, 1_000)
  await released
  assert.notEqual(again, a.lease)
  assert.equal(record()?.released, false)
  assert.deepEqual([a.lease.state, again.holder], ['follower', record()?.node])
})
