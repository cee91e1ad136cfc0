import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Slots } from '../../../src/cluster/slots/slots.ts'
import { slotRecordIn } from '../../../src/cluster/slots/slot-record.ts'
import { ManualClock } from '../../broker/manual-clock.ts'
import { SimulatedNetwork } from '../sim/simulated-coordination.ts'
import { pass, RememberedLog, SimulatedProcess } from '../sim/simulated-process.ts'

const DAY_MS = 24 * 3_600_000

function world() {
  const clock = new ManualClock()
  const network = new SimulatedNetwork(clock)
  const members = new Set<string>()
  const announced = new Map<number, string>()
  const disks = new Map<string, number>()
  let boots = 0
  const start = (node: string, { isCut = false } = {}) => {
    const process = new SimulatedProcess(network, clock, node, `${++boots}`)
    if (isCut) process.network.cut()
    members.add(node)
    const remembered = disks.get(node)
    const log = new RememberedLog()
    const slots = new Slots({
      coordination: process,
      clock: process.clock,
      log,
      memory: { recall: () => remembered, remember: async (slot) => void disks.set(node, slot) },
      membership: { slotsInUse: () => announced, has: (name) => members.has(name) },
    })
    const changes: (number | undefined)[] = []
    slots.onChange((slot) => changes.push(slot))
    const claimed = slots.claim()
    return { process, slots, changes, claimed, log }
  }
  const stop = ({ process, slots }: ReturnType<typeof start>) => {
    slots.stop()
    process.kill()
    members.delete(process.self.node)
  }
  const onRecord = () =>
    [...network.registers.values()]
      .flatMap((register) => {
        const record = slotRecordIn(register)
        return record === undefined ? [] : [`${register.key} ${record.node}`]
      })
      .sort()
  return { clock, network, members, announced, disks, start, stop, onRecord }
}

test('nodes that start together have slots of their own, the lowest', async () => {
  const { clock, start } = world()
  const nodes = ['a', 'b', 'c', 'd', 'e'].map((node) => start(node))
  await pass(clock, 200)
  assert.deepEqual(
    (await Promise.all(nodes.map(({ claimed }) => claimed))).sort((a, b) => a - b),
    [1, 2, 3, 4, 5],
  )
})

test('a node has the same slot after a restart, also when its disk is empty', async () => {
  const { clock, start, stop, disks } = world()
  const [a, b] = [start('a'), start('b')]
  await pass(clock, 100)
  const slot = a.slots.slot
  stop(a)
  disks.clear()
  start('c')
  await pass(clock, 100)
  const again = start('a')
  await pass(clock, 100)
  assert.equal(again.slots.slot, slot)
  assert.notEqual(b.slots.slot, slot)
})

test('while the coordination is away a node has the slot that it had, and keeps it when the coordination is back', async () => {
  const { clock, start, stop, onRecord } = world()
  start('b')
  await pass(clock, 100)
  const a = start('a')
  await pass(clock, 100)
  stop(a)
  const again = start('a', { isCut: true })
  assert.equal(await again.claimed, 2)
  again.process.network.heal()
  await pass(clock, 100)
  assert.deepEqual(again.changes, [2])
  assert.deepEqual(onRecord(), ['slot/1 b', 'slot/2 a'])
})

test('a node that never had a slot waits for the coordination', async () => {
  const { clock, start } = world()
  const a = start('a', { isCut: true })
  await pass(clock, 10_000, 100)
  assert.equal(a.slots.slot, undefined)
  a.process.network.heal()
  await pass(clock, 100)
  assert.equal(await a.claimed, 1)
})

test('of two nodes that believe in one slot the younger gives way, and says so', async () => {
  const { clock, start, disks, onRecord } = world()
  disks.set('b', 1)
  start('a')
  await pass(clock, 100)
  const b = start('b', { isCut: true })
  assert.equal(await b.claimed, 1)
  b.process.network.heal()
  await pass(clock, 100)
  assert.deepEqual(b.changes, [1, undefined, 2])
  assert.equal(disks.get('b'), 2)
  assert.deepEqual(onRecord(), ['slot/1 a', 'slot/2 b'])
})

test('a node that was away when all records were lost gets its slot back from a younger one', async () => {
  const { clock, network, start } = world()
  const a = start('a')
  await pass(clock, 100)
  a.process.network.cut()
  network.wipe()
  const c = start('c')
  await pass(clock, 100)
  assert.equal(c.slots.slot, 1)
  a.process.network.heal()
  await pass(clock, 100)
  assert.deepEqual([a.slots.slot, c.slots.slot], [1, 2])
  assert.deepEqual(a.changes, [1])
  assert.deepEqual(c.changes, [1, undefined, 2])
})

test('when all records are lost each writes its own again, and those of the nodes that are away', async () => {
  const { clock, network, start, stop, onRecord } = world()
  const away = start('away')
  await pass(clock, 100)
  const a = start('a')
  await pass(clock, 100)
  stop(away)
  network.wipe()
  await pass(clock, 100)
  assert.deepEqual(onRecord(), ['slot/1 away', 'slot/2 a'])
  assert.deepEqual(a.changes, [2])
})

test('a newcomer leaves alone what members say they use, on record or not', async () => {
  const { clock, announced, start } = world()
  announced.set(1, 'x').set(2, 'y')
  const a = start('a')
  await pass(clock, 100)
  assert.equal(a.slots.slot, 3)
})

test('a write whose answer is lost leaves no second slot behind', async () => {
  const { clock, start, network, onRecord } = world()
  network.put('slot/4', Buffer.from(JSON.stringify({ node: 'a', sinceMs: 1 })))
  network.put('slot/7', Buffer.from(JSON.stringify({ node: 'a', sinceMs: 1 })))
  const a = start('a')
  await pass(clock, 100)
  assert.equal(a.slots.slot, 4)
  assert.deepEqual(onRecord(), ['slot/4 a'])
})

test('a node that was cut off in the middle of claiming gets its slot when it is back', async () => {
  const { clock, start } = world()
  const a = start('a')
  clock.advance(1)
  a.process.network.cut()
  await pass(clock, 5_000, 50)
  a.process.network.heal()
  await pass(clock, 1_100)
  assert.equal(await a.claimed, 1)
})

test('the slot of a name that was no member for a day is free, and not a minute before', async () => {
  const { clock, start, stop, onRecord } = world()
  const a = start('a')
  await pass(clock, 100)
  start('b')
  await pass(clock, 100)
  stop(a)
  await pass(clock, DAY_MS - 120_000, 60_000)
  assert.deepEqual(onRecord(), ['slot/1 a', 'slot/2 b'])
  await pass(clock, 300_000, 60_000)
  assert.deepEqual(onRecord(), ['slot/2 b'])
})

test('who was cut off itself frees nobody’s slot', async () => {
  const { clock, start, stop, onRecord } = world()
  const a = start('a')
  await pass(clock, 100)
  const b = start('b')
  await pass(clock, 100)
  stop(a)
  await pass(clock, DAY_MS / 2, 60_000)
  b.process.network.cut()
  await pass(clock, 60_000, 1_000)
  b.process.network.heal()
  await pass(clock, DAY_MS - 180_000, 60_000)
  assert.deepEqual(onRecord(), ['slot/1 a', 'slot/2 b'])
  await pass(clock, 400_000, 60_000)
  assert.deepEqual(onRecord(), ['slot/2 b'])
})

test('for people: who has which slot, and whether it is there', async () => {
  const { clock, start, stop } = world()
  const a = start('a')
  await pass(clock, 100)
  const b = start('b')
  await pass(clock, 100)
  stop(a)
  assert.deepEqual(b.slots.list(), [
    { slot: 1, node: 'a', isMember: false },
    { slot: 2, node: 'b', isMember: true },
  ])
})
