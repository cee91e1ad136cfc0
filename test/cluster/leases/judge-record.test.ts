import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgeRecord } from '../../../src/cluster/leases/judge-record.ts'
import { decodeLeaseRecord, encodeLeaseRecord, type LeaseRecord } from '../../../src/cluster/leases/lease-record.ts'

const record: LeaseRecord = { node: 'b', boot: 'b1', upTo: 100, renewals: 3, released: false }
const contestant = { self: { node: 'a', boot: 'a2' }, known: 100, hasLeft: () => false, isAlone: false }

for (const { when, given, others, verdict } of [
  { when: 'of another', given: record, others: {}, verdict: 'held' },
  { when: 'of another, though nobody else is heard', given: record, others: { isAlone: true }, verdict: 'held' },
  { when: 'that is not there', given: undefined, others: {}, verdict: 'missing' },
  {
    when: 'that is not there, and nobody else either',
    given: undefined,
    others: { isAlone: true },
    verdict: 'nobody else is here',
  },
  { when: 'that can’t be read', given: 'damaged' as const, others: {}, verdict: 'the record is damaged' },
  { when: 'that was released', given: { ...record, released: true }, others: {}, verdict: 'b released it' },
  { when: 'of this process', given: { ...record, node: 'a', boot: 'a2' }, others: {}, verdict: 'own' },
  {
    when: 'of an earlier process',
    given: { ...record, node: 'a', boot: 'a1' },
    others: {},
    verdict: 'an earlier process of this node held it',
  },
  { when: 'of one who left', given: record, others: { hasLeft: () => true }, verdict: 'b left' },
  {
    when: 'that is too low',
    given: record,
    others: { known: 101 },
    verdict: 'b began below what was used before',
  },
])
  test(`a record ${when}: ${verdict}`, () => {
    const judged = judgeRecord(given, { ...contestant, ...others })
    assert.equal(judged.type === 'free' ? judged.reason : judged.type, verdict)
  })

test('a record comes through, and what is none does not', () => {
  assert.deepEqual(decodeLeaseRecord(encodeLeaseRecord(record)), record)
  for (const text of [
    '',
    '{',
    '7',
    JSON.stringify({ ...record, upTo: -1 }),
    JSON.stringify({ ...record, upTo: 2 ** 60 }),
  ])
    assert.equal(decodeLeaseRecord(Buffer.from(text)), undefined)
  assert.equal(decodeLeaseRecord(Buffer.from(JSON.stringify(record) + ' '.repeat(5_000))), undefined)
})
