import assert from 'node:assert/strict'
import test from 'node:test'
import { DeflateChoice } from '../../../src/link/native/deflate-choice.ts'

/** Which of so many batches are tried, when those that are tried shrink so much. */
function triesOf(choice: DeflateChoice, count: number, shrunk: (at: number) => number): number[] {
  return Array.from({ length: count }, (_, at) => at).filter((at) => {
    if (!choice.shouldTry(10_000)) return false
    choice.pays(10_000, shrunk(at))
    return true
  })
}

test('while it pays, every batch is compressed', () => {
  assert.equal(triesOf(new DeflateChoice(), 100, () => 7_000).length, 100)
})

test('what does not pay is tried ever more seldom, and at last once in 256 batches', () => {
  const tries = triesOf(new DeflateChoice(), 2_000, () => 7_001)
  const distances = tries.map((at, index) => at - (tries[index - 1] ?? 0))
  assert.deepEqual(distances, [0, 2, 4, 8, 16, 32, 64, 128, 256, 256, 256, 256, 256, 256])
})

test('once it pays again, all are compressed again', () => {
  const choice = new DeflateChoice()
  triesOf(choice, 1_000, () => 10_100)
  const tries = triesOf(choice, 1_000, () => 100)
  assert.ok(tries.length > 700, `${tries.length}`)
  assert.deepEqual(
    triesOf(choice, 4, (at) => (at === 1 ? 9_999 : 100)),
    [0, 1, 3],
    'one that does not costs one',
  )
})

for (const { what, bytes, tried } of [
  { what: 'small', bytes: 1_023, tried: false },
  { what: 'just large enough', bytes: 1_024, tried: true },
  { what: 'as large as batches are', bytes: 65_536, tried: true },
  { what: 'so large that others would wait for it', bytes: 262_145, tried: false },
]) {
  test(`a batch that is ${what} is ${tried ? '' : 'not '}tried`, () => {
    assert.equal(new DeflateChoice().shouldTry(bytes), tried)
  })
}

test('small batches do not count against the next try', () => {
  const choice = new DeflateChoice()
  assert.equal(choice.shouldTry(2_000), true)
  choice.pays(2_000, 2_000)
  for (let times = 0; times < 10; times += 1) assert.equal(choice.shouldTry(10), false)
  assert.deepEqual([choice.shouldTry(2_000), choice.shouldTry(2_000)], [false, true])
})

test('what was sent is counted before and after', () => {
  const choice = new DeflateChoice()
  assert.equal(choice.pays(10_000, 1_000), true)
  choice.sent(10_000, 1_000)
  assert.equal(choice.pays(500, 499), false)
  choice.sent(500, 500)
  assert.deepEqual(choice.counters(), { bytesBefore: 10_500, bytesAfter: 1_500, batches: 1, tries: 2 })
})
