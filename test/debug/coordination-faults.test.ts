import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CoordinationFaults } from '../../src/debug/coordination-faults.ts'
import { ManualClock } from '../broker/manual-clock.ts'
import { SimulatedNetwork } from '../cluster/sim/simulated-coordination.ts'

/** Two nodes; the second one can be cut off. Reads of registers take simulated time, too. */
function pair() {
  const clock = new ManualClock()
  const network = new SimulatedNetwork(clock)
  const one = network.join('a1@h', 'boot1')
  const faults = new CoordinationFaults(network.join('a2@h', 'boot2'), clock)
  const seen: string[] = []
  faults.onConnection((isConnected) => void seen.push(isConnected ? 'connected' : 'away'))
  faults.bus.listen(
    'members',
    (from, payload) => void seen.push(`from ${from.node}: ${Buffer.from(payload).toString()}`),
  )
  const done = async <T>(asked: Promise<T>): Promise<T> => {
    const settled = asked.finally(() => undefined)
    clock.advance(10)
    return settled
  }
  return { clock, done, faults, one, seen }
}

test('without a fault everything passes', async () => {
  const { clock, done, faults, one, seen } = pair()
  assert.equal(faults.isConnected, true)
  assert.deepEqual(faults.self, { node: 'a2@h', boot: 'boot2' })
  one.bus.broadcast('members', Buffer.from('hi'))
  clock.advance(10)
  assert.deepEqual(seen, ['from a1@h: hi'])
  const heard: string[] = []
  one.bus.listen('lanes', (from) => void heard.push(from.node))
  faults.bus.send('a1@h', 'lanes', Buffer.of(1))
  clock.advance(10)
  assert.deepEqual(heard, ['a2@h'])
  assert.equal((await done(faults.registers.write('k', Buffer.of(1), 0))).type, 'written')
  assert.deepEqual([...((await done(faults.registers.read('k'))).value ?? [])], [1])
})

test('while it is cut off nothing comes or goes, and it is away', async () => {
  const { clock, faults, one, seen } = pair()
  const heard: string[] = []
  one.bus.listen('members', (from) => void heard.push(from.node))
  faults.cut(1_000)
  assert.equal(faults.isConnected, false)
  one.bus.broadcast('members', Buffer.from('hi'))
  faults.bus.broadcast('members', Buffer.of(1))
  faults.bus.send('a1@h', 'members', Buffer.of(1))
  clock.advance(999)
  assert.deepEqual({ heard, seen: [...seen] }, { heard: [], seen: ['away'] })
  await assert.rejects(faults.registers.read('k'), { code: 'COORDINATION_LOST' })
  await assert.rejects(faults.registers.write('k', Buffer.of(1), 0), { code: 'COORDINATION_LOST' })
  await assert.rejects(faults.registers.remove('k', 1), { code: 'COORDINATION_LOST' })
  clock.advance(1)
  one.bus.broadcast('members', Buffer.from('again'))
  clock.advance(10)
  assert.deepEqual(seen, ['away', 'connected', 'from a1@h: again'])
})

test('a watch begins again after a cut, with what was written meanwhile; one that was stopped does not', async () => {
  const { clock, done, faults, one } = pair()
  const told: string[] = []
  const watcher = (name: string) => ({
    changed: ({ key }: { readonly key: string }) => void told.push(`${name} ${key}`),
    ready: (keys: ReadonlySet<string>) => void told.push(`${name} ready ${[...keys].join(' ')}`),
  })
  faults.registers.watch('k', watcher('first'))
  const stop = faults.registers.watch('k', watcher('stopped'))
  clock.advance(10)
  told.length = 0
  faults.cut(1_000)
  faults.registers.watch('k', watcher('late'))
  stop()
  await done(one.registers.write('k1', Buffer.of(1), 0))
  assert.equal(told.length, 0)
  faults.cut(0)
  clock.advance(10)
  assert.deepEqual(told, ['first k1', 'first ready k1', 'late k1', 'late ready k1'])
})

test('a longer cut replaces a shorter one; to end what is not there does nothing', () => {
  const { clock, faults, seen } = pair()
  faults.cut(0)
  faults.cut(100)
  faults.cut(1_000)
  clock.advance(999)
  assert.deepEqual([...seen], ['away'])
  clock.advance(1)
  faults.cut(0)
  assert.deepEqual(seen, ['away', 'connected'])
})
