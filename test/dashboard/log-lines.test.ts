/** Lines of the log from two sources, as one list. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fieldsText, joined, LINES_MAX, linesOf, shownLines, type LogLine } from '../../src/dashboard/log/log-lines.ts'

const line = (at: number, event = 'e', level = 'info'): LogLine => {
  return { node: 'n1', at: new Date(at).toISOString(), level, component: 'link', event, fields: { link: 'eu' } }
}
const all = { level: 'trace', component: '', node: '', text: '' } as const

test('a line that is read and told stands there once, in its order, however the two overlap', () => {
  const lines = Array.from({ length: 12 }, (_, at) => line(at * 10, `e${at % 3}`))
  fc.assert(
    fc.property(fc.subarray(lines), fc.subarray(lines), (read, told) => {
      const kept = joined(joined([], told), read)
      const wanted = lines.filter((one) => read.includes(one) || told.includes(one))
      assert.deepEqual(
        kept.map(({ at }) => at),
        wanted.map(({ at }) => at),
      )
    }),
  )
})

test('the same said twice at one instant is two lines', () => {
  const twice = [line(1), line(1)]
  assert.equal(joined(joined([], twice), twice).length, 2)
})

test('no more lines are kept than there is room for: the oldest go', () => {
  const kept = joined(
    [],
    Array.from({ length: LINES_MAX + 5 }, (_, at) => line(at)),
  )
  assert.equal(kept.length, LINES_MAX)
  assert.equal(kept[0]?.at, line(5).at)
})

const kept = joined([], [line(1, 'quiet', 'debug'), line(2, 'loud', 'error'), line(3, 'odd', 'strange')])
for (const { when, filter, events } of [
  { when: 'nothing is filtered', filter: all, events: ['quiet', 'loud', 'odd'] },
  { when: 'a level is asked for', filter: { ...all, level: 'warn' }, events: ['loud', 'odd'] },
  { when: 'a text is searched', filter: { ...all, text: ' LOUD ' }, events: ['loud'] },
  { when: 'a field is searched', filter: { ...all, text: '"eu"' }, events: ['quiet', 'loud', 'odd'] },
  { when: 'another component is asked for', filter: { ...all, component: 'api' }, events: [] },
  { when: 'another node is asked for', filter: { ...all, node: 'n2' }, events: [] },
] as const)
  test(`the lines shown when ${when}`, () =>
    assert.deepEqual(
      shownLines(kept, filter).map(({ event }) => event),
      events,
    ))

test('what was left out is told, and fields are words', () => {
  const [left] = linesOf([{ node: 'n1', skipped: 7 }], '2026-01-01T00:00:00.000Z')
  assert.deepEqual([left?.event, left?.fields], ['lines_left_out', { lines: 7 }])
  assert.equal(fieldsText({ link: 'eu', routes: 2, reasons: ['a'] }), 'link=eu routes=2 reasons=["a"]')
})
