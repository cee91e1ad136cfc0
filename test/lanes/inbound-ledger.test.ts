import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InboundLedger } from '../../src/lanes/inbound-ledger.ts'

test('each message stands in one place, and received is all of them', () => {
  const ledger = new InboundLedger()
  ledger.accept()
  ledger.accept()
  ledger.accept(2)
  ledger.maybeDuplicate(3)
  for (const reason of ['duplicate', 'not_in_topics', 'link_disabled', 'malformed', 'malformed'] as const)
    ledger.refuse(reason)
  ledger.refuse('duplicate', 4)
  assert.deepEqual(ledger.snapshot(), {
    received: 13,
    accepted: 4,
    maybe_duplicate: 3,
    duplicate: 5,
    not_in_topics: 1,
    link_disabled: 1,
    malformed: 2,
  })
})

test('a reset forgets all, and a snapshot from before stays what it was', () => {
  const ledger = new InboundLedger()
  ledger.refuse('malformed')
  const before = ledger.snapshot()
  ledger.maybeDuplicate(1)
  ledger.reset()
  ledger.accept()
  assert.equal(before.malformed, 1)
  assert.deepEqual(
    [ledger.snapshot().received, ledger.snapshot().malformed, ledger.snapshot().maybe_duplicate],
    [1, 0, 0],
  )
})

test('it goes on where it was before a restart; what was not counted then is 0', () => {
  const before = new InboundLedger()
  before.accept(3)
  before.refuse('not_in_topics', 2)
  before.maybeDuplicate(1)
  const after = new InboundLedger(before.snapshot())
  after.accept()
  assert.deepEqual(after.snapshot(), { ...before.snapshot(), received: 6, accepted: 4 })
  assert.equal(new InboundLedger({ accepted: 2 }).snapshot().received, 2)
})
