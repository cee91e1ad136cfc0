import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  judgeMemory,
  memoryCeiling,
  type MemoryLevel,
  memoryLevel,
  type MemoryReading,
  memoryShare,
} from '../../../src/broker/limits/memory-guard.ts'

const { ok, high, critical } = memoryLevel

for (const { when, shares, levels } of [
  { when: 'below the ceiling', shares: [0, 0.5, 0.99], levels: [ok, ok, ok] },
  { when: 'at the ceiling', shares: [1], levels: [high] },
  { when: 'a little below it again', shares: [1, 0.95, 0.91], levels: [high, high, high] },
  { when: 'well below it again', shares: [1, 0.89], levels: [high, ok] },
  { when: 'up again after that', shares: [1, 0.89, 0.95, 1], levels: [high, ok, ok, high] },
  { when: 'far above it', shares: [1.2], levels: [critical] },
  {
    when: 'far above it and a little down',
    shares: [1.15, 1.06, 1.04, 0.95],
    levels: [critical, critical, high, high],
  },
  { when: 'from far above to nothing', shares: [2, 0.1], levels: [critical, ok] },
])
  test(`memory: ${when}`, () => {
    let level: MemoryLevel = ok
    assert.deepEqual(
      shares.map((share) => (level = judgeMemory(level, share))),
      levels,
    )
  })

test('the level never lags behind the memory, and rises with it', () => {
  const anyLevel = fc.constantFrom(ok, high, critical)
  fc.assert(
    fc.property(anyLevel, fc.double({ min: 0, max: 3, noNaN: true }), (before, share) => {
      const after = judgeMemory(before, share)
      if (share >= 1.15) assert.equal(after, critical)
      if (share >= 1) assert.ok(after >= high)
      if (share < 0.9) assert.equal(after, ok)
      assert.ok(judgeMemory(before, share + 0.1) >= after)
      assert.equal(judgeMemory(after, share), after, 'and stays where it is while nothing changes')
    }),
  )
})

const MB = 1024 * 1024
const reading = (more: Partial<MemoryReading>): MemoryReading => ({
  rss: 100 * MB,
  heapUsed: 20 * MB,
  external: 10 * MB,
  heapLimit: 4096 * MB,
  ...more,
})

for (const { when, of, share } of [
  { when: 'an idle process', of: {}, share: '0.10' },
  { when: 'buffers', of: { rss: 700 * MB, external: 600 * MB }, share: '0.69' },
  { when: 'memory that was freed and that the system has not taken back', of: { rss: 990 * MB }, share: '0.10' },
  { when: 'buffers whose pages nobody has touched', of: { external: 2000 * MB }, share: '0.10' },
  { when: 'a heap near its own limit', of: { heapUsed: 80 * MB, heapLimit: 100 * MB }, share: '1.00' },
])
  test(`share of the ceiling: ${when}`, () =>
    assert.equal(memoryShare(reading(of), 1000 * MB, 70 * MB).toFixed(2), share))

test('the ceiling is bytes, a part of what there is, or none', () => {
  assert.equal(memoryCeiling(5 * MB, 8 * MB), 5 * MB)
  assert.equal(memoryCeiling('70%', 1000), 700)
  assert.equal(memoryCeiling('12.5%', 1000), 125)
  const endless = memoryCeiling(Number.POSITIVE_INFINITY, 1000)
  assert.equal(judgeMemory(ok, memoryShare(reading({}), endless, 0)), ok)
})
