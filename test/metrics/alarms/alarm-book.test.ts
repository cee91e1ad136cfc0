import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Condition } from '../../../src/metrics/alarms/alarm.ts'
import { AlarmBook, type AlarmChange, STABLE_MS } from '../../../src/metrics/alarms/alarm-book.ts'

const limits = { pastMax: 1_000, pastMs: 86_400_000 }
const wrong = (name: string, reason = 'why'): Condition => ({
  kind: 'link_down',
  name,
  reason,
  message: `${name} is down`,
})
/** The wall clock runs an hour ahead of the steady one. */
const at = (seconds: number) => ({ steadyMs: seconds * 1_000, wallMs: seconds * 1_000 + 3_600_000 })
const words = (changes: readonly AlarmChange[]): string[] => changes.map(({ type, alarm }) => `${type} ${alarm.name}`)

test('an alarm is raised at once, and cleared when nothing was wrong for half a minute', () => {
  const book = new AlarmBook(limits)
  assert.deepEqual(words(book.look([wrong('a')], at(0))), ['activated a'])
  assert.deepEqual(words(book.look([wrong('a')], at(10))), [])
  assert.deepEqual(words(book.look([], at(39))), [])
  assert.deepEqual(
    book.active(at(39)).map(({ name, durationMs, deactivatedAtMs }) => ({ name, durationMs, deactivatedAtMs })),
    [{ name: 'a', durationMs: 39_000, deactivatedAtMs: undefined }],
  )
  assert.deepEqual(words(book.look([], at(40))), ['deactivated a'])
  assert.deepEqual(book.active(at(40)), [])
  const [past] = book.past(at(50))
  assert.deepEqual(past, {
    ...wrong('a'),
    activatedAtMs: 3_600_000,
    deactivatedAtMs: 3_640_000,
    durationMs: 40_000,
  })
})

test('a link that goes up and down each second is one alarm', () => {
  const book = new AlarmBook(limits)
  const changes: AlarmChange[] = []
  for (let second = 0; second < 600; second++)
    changes.push(...book.look(second % 2 === 0 ? [wrong('a')] : [], at(second)))
  assert.deepEqual(words(changes), ['activated a'])
  for (let second = 600; second < 700; second++) changes.push(...book.look([], at(second)))
  assert.deepEqual(words(changes), ['activated a', 'deactivated a'])
  assert.equal(changes[1]?.alarm.durationMs, 628_000)
})

test('what is told of an alarm is why it is there now, and last why it was there', () => {
  const book = new AlarmBook(limits)
  book.look([wrong('a', 'first')], at(0))
  book.look([wrong('a', 'then')], at(1))
  assert.equal(book.active(at(1))[0]?.reason, 'then')
  book.look([], at(100))
  assert.equal(book.past(at(100))[0]?.reason, 'then')
})

test('past alarms are as many as may be, the last first, and none is older than it may be', () => {
  const book = new AlarmBook({ pastMax: 3, pastMs: 1_000_000 })
  for (let round = 0; round < 5; round++) {
    book.look([wrong(`a${round}`)], at(round * 100))
    book.look([], at(round * 100 + 50))
  }
  const names = (seconds: number) => book.past(at(seconds)).map(({ name }) => name)
  assert.deepEqual(names(450), ['a4', 'a3', 'a2'])
  assert.deepEqual(names(1_300), ['a4', 'a3'])
  book.limit({ pastMax: 1, pastMs: 1_000_000 })
  assert.deepEqual(names(1_300), ['a4'])
  book.forgetPast()
  assert.deepEqual(names(1_300), [])
})

test('property: changes alternate by name, an alarm lasts as long as it must, and what is active was wrong within half a minute', () => {
  const names = ['a', 'b', 'c']
  const step = fc.record({ seconds: fc.integer({ min: 0, max: 45 }), wrong: fc.subarray(names) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const book = new AlarmBook({ pastMax: 5, pastMs: 200_000 })
      const lastWrong = new Map<string, number>()
      const isActive = new Map<string, boolean>()
      let now = 0
      for (const { seconds, wrong: wrongNow } of steps) {
        now += seconds
        const changes = book.look(
          wrongNow.map((name) => wrong(name)),
          at(now),
        )
        for (const name of wrongNow) lastWrong.set(name, now * 1_000)
        for (const { type, alarm } of changes) {
          assert.equal(isActive.get(alarm.name) ?? false, type === 'deactivated')
          isActive.set(alarm.name, type === 'activated')
          if (type === 'deactivated') assert.ok(alarm.durationMs >= STABLE_MS)
        }
        const expected = names.filter((name) => now * 1_000 - (lastWrong.get(name) ?? -Infinity) < STABLE_MS)
        const active = book.active(at(now)).map(({ name }) => name)
        assert.deepEqual(active.toSorted(), expected)
        assert.ok(book.past(at(now)).length <= 5)
      }
    }),
  )
})
