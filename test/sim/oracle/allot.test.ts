import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { allot, type Excuse } from './allot.ts'
import { matches } from './topic-match.ts'

const excuse = (atMost: number, ...items: string[]): Excuse<string> => ({
  words: items.join(),
  atMost,
  covers: (item) => items.includes(item),
})

test('what one account could explain goes to another one, if that lets it explain more', () => {
  const { unexcused, taken } = allot(['a', 'a', 'b'], [excuse(2, 'a', 'b'), excuse(1, 'a')])
  assert.deepEqual(unexcused, [])
  assert.deepEqual([...taken.values()], [2, 1])
  assert.deepEqual(allot(['a', 'b', 'c'], [excuse(1, 'a', 'b'), excuse(9, 'c')]).unexcused.length, 1)
})

test('property: as much is explained as can be', () => {
  const letter = fc.constantFrom('a', 'b', 'c', 'd')
  const one = fc.record({ atMost: fc.nat({ max: 3 }), items: fc.uniqueArray(letter) })
  fc.assert(
    fc.property(fc.array(letter, { maxLength: 7 }), fc.array(one, { maxLength: 4 }), (items, excuses) => {
      const made = excuses.map(({ atMost, items: covered }) => excuse(atMost, ...covered))
      const { unexcused, taken } = allot(items, made)
      assert.equal(items.length - unexcused.length, mostExplained(items, made))
      for (const [{ atMost }, count] of taken) assert.ok(count >= 0 && count <= atMost)
    }),
    { seed: 1 },
  )
})

/** By trying everything. */
function mostExplained(items: readonly string[], excuses: readonly Excuse<string>[]): number {
  const [first, ...rest] = items
  if (first === undefined) return 0
  const tries = excuses.flatMap((one, at) => {
    if (one.atMost === 0 || !one.covers(first)) return []
    return [1 + mostExplained(rest, excuses.with(at, { ...one, atMost: one.atMost - 1 }))]
  })
  return Math.max(mostExplained(rest, excuses), ...tries)
}

test('filters match as MQTT says', () => {
  for (const [filter, topic, isMatch] of [
    ['a/b', 'a/b', true],
    ['a/+', 'a/b', true],
    ['a/+', 'a', false],
    ['a/#', 'a', true],
    ['a/#', 'a/b/c', true],
    ['#', 'a/b', true],
    ['+/b', 'a/b', true],
    ['a', 'a/b', false],
    ['a/b/+', 'a/b', false],
    ['#', '$SYS/x', false],
    ['+/x', '$SYS/x', false],
    ['$SYS/#', '$SYS/x', true],
    ['a/+', 'a/', true],
  ] as const) {
    assert.equal(matches(filter, topic), isMatch, `${filter} ${topic}`)
  }
})
