import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nextSlotStep, type SlotSituation } from '../../../src/cluster/slots/next-step.ts'
import { Absences } from '../../../src/cluster/slots/absences.ts'
import { slotKey, slotOf, slotRecordIn } from '../../../src/cluster/slots/slot-record.ts'

const of = (node: string, sinceMs = 5) => ({ node, sinceMs, revision: 7 })
const situation: SlotSituation = {
  node: 'a',
  nowMs: 100,
  records: new Map(),
  used: undefined,
  remembered: undefined,
  announced: new Map(),
}

for (const { when, given, step } of [
  { when: 'nothing is on record', given: {}, step: { type: 'write', slot: 1, sinceMs: 100, revision: 0 } },
  {
    when: 'some are taken',
    given: {
      records: new Map([
        [1, of('b')],
        [3, of('c')],
      ]),
    },
    step: { type: 'write', slot: 2, sinceMs: 100, revision: 0 },
  },
  {
    when: 'one is used by a member that is not on record yet',
    given: { announced: new Map([[1, 'b']]) },
    step: { type: 'write', slot: 2, sinceMs: 100, revision: 0 },
  },
  {
    when: 'one is on record as ours',
    given: {
      records: new Map([
        [1, of('b')],
        [2, of('a')],
      ]),
    },
    step: { type: 'adopt', slot: 2, sinceMs: 5 },
  },
  {
    when: 'two are on record as ours, and one is remembered',
    given: {
      records: new Map([
        [2, of('a')],
        [4, of('a')],
      ]),
      remembered: 4,
    },
    step: { type: 'adopt', slot: 4, sinceMs: 5 },
  },
  {
    when: 'the remembered one is free',
    given: { remembered: 6 },
    step: { type: 'write', slot: 6, sinceMs: 100, revision: 0 },
  },
  {
    when: 'the remembered one is another’s',
    given: { remembered: 1, records: new Map([[1, of('b')]]) },
    step: { type: 'write', slot: 2, sinceMs: 100, revision: 0 },
  },
  {
    when: 'the used one is on record',
    given: { used: { slot: 3, sinceMs: 5 }, records: new Map([[3, of('a')]]) },
    step: { type: 'keep' },
  },
  {
    when: 'the record of the used one is gone',
    given: { used: { slot: 3, sinceMs: 5 } },
    step: { type: 'write', slot: 3, sinceMs: 5, revision: 0 },
  },
  {
    when: 'the used one went to a younger node',
    given: { used: { slot: 3, sinceMs: 4 }, records: new Map([[3, of('b')]]) },
    step: { type: 'write', slot: 3, sinceMs: 4, revision: 7 },
  },
  {
    when: 'the used one is an older node’s',
    given: { used: { slot: 3, sinceMs: 6 }, records: new Map([[3, of('b')]]) },
    step: { type: 'give_way' },
  },
  {
    when: 'both are of one age, and we come later by name',
    given: { node: 'c', used: { slot: 3, sinceMs: 5 }, records: new Map([[3, of('b')]]) },
    step: { type: 'give_way' },
  },
  {
    when: 'all are taken',
    given: { records: new Map(Array.from({ length: 9_999 }, (_, at) => [at + 1, of('b')])) },
    step: { type: 'none_left' },
  },
] satisfies { when: string; given: Partial<SlotSituation>; step: object }[])
  test(`a slot where ${when}: ${step.type}`, () => assert.deepEqual(nextSlotStep({ ...situation, ...given }), step))

test('keys of slots are read back, and nothing else is one', () => {
  assert.equal(slotOf(slotKey(12)), 12)
  for (const key of ['slot/0', 'slot/01', 'slot/1.5', 'slot/x', 'slot/', 'slot/10000', 'slot/1e2'])
    assert.equal(slotOf(key), undefined)
})

test('a slot whose record can’t be read is nobody’s who could claim it', () => {
  for (const text of ['{', '7', 'x'.repeat(5_000)]) {
    const record = slotRecordIn({ key: 'slot/1', value: Buffer.from(text), revision: 1 })
    assert.deepEqual(record, { node: '', sinceMs: Number.MAX_SAFE_INTEGER })
  }
})

test('an absence counts while it is seen without a break', () => {
  const absences = new Absences()
  let members = ['a']
  const note = (nowMs: number) => [...absences.note(['a', 'b'], (node) => members.includes(node), nowMs, 100)]
  assert.deepEqual(note(0), [])
  assert.deepEqual(note(99), [])
  assert.deepEqual(note(100), ['b'])
  members = ['a', 'b']
  assert.deepEqual(note(150), [])
  members = ['a']
  assert.deepEqual(note(160), [])
  assert.deepEqual(note(259), [])
  absences.forget()
  assert.deepEqual(note(260), [])
  assert.deepEqual(note(360), ['b'])
})
