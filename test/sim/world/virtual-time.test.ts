import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { SeededRandom } from './random.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { endTurn } from './platform.ts'
import { VirtualTime } from './virtual-time.ts'

test('what is planned happens in the order of its moment, and in the order of planning within one', async () => {
  const delays = fc.array(fc.record({ ms: fc.nat(20), isCancelled: fc.boolean() }), { maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(delays, async (planned) => {
      const time = new VirtualTime()
      const happened: number[] = []
      const timers = planned.map(({ ms }, at) => time.after(ms, () => happened.push(at)))
      for (const [at, { isCancelled }] of planned.entries()) if (isCancelled) timers[at]?.cancel()
      await time.runUntil(100)
      const expected = [...planned.entries()]
        .filter(([, { isCancelled }]) => !isCancelled)
        .sort(([one, { ms }], [other, { ms: otherMs }]) => ms - otherMs || one - other)
        .map(([at]) => at)
      assert.deepEqual(happened, expected)
      assert.equal(time.nowMs, 100)
    }),
  )
})

test('promises are kept before time goes on', async () => {
  const time = new VirtualTime()
  const seen: string[] = []
  time.after(5, () => {
    void (async () => {
      for (let step = 0; step < 50; step += 1) await Promise.resolve()
      process.nextTick(() => seen.push(`promised at ${time.nowMs}`))
    })()
  })
  time.after(5, () => seen.push('next'))
  await time.runUntil(10)
  assert.deepEqual(seen, ['promised at 5', 'next'])
})

test('what an event throws ends the run', async () => {
  const time = new VirtualTime()
  time.after(1, () => assert.fail('wrong'))
  await assert.rejects(time.runUntil(2), /wrong/)
})

function draw(random: SeededRandom): number[] {
  return Array.from({ length: 20 }, () => random.int(0, 1_000_000))
}

test('the same seed gives the same choices, and a fork takes nothing from its source', () => {
  assert.deepEqual(draw(new SeededRandom(7)), draw(new SeededRandom(7)))
  assert.notDeepEqual(draw(new SeededRandom(7)), draw(new SeededRandom(8)))
  const forked = new SeededRandom(7)
  draw(forked.fork('one'))
  assert.deepEqual(draw(forked), draw(new SeededRandom(7)))
  assert.notDeepEqual(draw(new SeededRandom(7).fork('one')), draw(new SeededRandom(7).fork('two')))
})

test('chance is spread evenly', () => {
  const random = new SeededRandom(1)
  const counts = Array.from({ length: 10 }, () => 0)
  for (let drawn = 0; drawn < 10_000; drawn += 1) counts[random.int(0, 9)]! += 1
  for (const count of counts) assert.ok(count > 850 && count < 1_150, counts.join(' '))
})

test('a stopped process does late what fell due, all of it and in order of arrival, and a dead one nothing', async () => {
  const time = new VirtualTime(endTurn)
  const process = new SimulatedProcess(time, () => 0)
  const seen: string[] = []
  process.after(10, () => seen.push('timer'))
  process.after(20, () => seen.push('cancelled')).cancel()
  process.freeze()
  for (const at of [5, 15, 25]) time.after(at, () => process.turn(() => seen.push(`arrived at ${at}`)))
  await time.runUntil(50)
  assert.equal(seen.length, 0)
  process.thaw(new SeededRandom(1))
  process.turn(() => seen.push('arrived late'))
  await time.runUntil(60)
  assert.deepEqual(
    seen.filter((what) => what !== 'timer'),
    ['arrived at 5', 'arrived at 15', 'arrived at 25', 'arrived late'],
  )
  assert.ok(seen.includes('timer'))
  process.after(5, () => seen.push('after its death'))
  process.kill()
  process.turn(() => seen.push('after its death'))
  await time.runUntil(100)
  assert.equal(seen.length, 5)
})
