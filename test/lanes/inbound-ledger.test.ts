import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InboundLedger } from '../../src/lanes/inbound-ledger.ts'

test('each message stands in one place, and received is all of them', () => {
  const ledger = new InboundLedger()
  ledger.accept()
  ledger.accept()
  for (const reason of ['duplicate', 'not_in_topics', 'link_disabled', 'malformed', 'malformed'] as const)
    ledger.refuse(reason)
  assert.deepEqual(ledger.snapshot(), {
    received: 7,
    accepted: 2,
    duplicate: 1,
    not_in_topics: 1,
    link_disabled: 1,
    malformed: 2,
  })
})

test('a reset forgets all, and a snapshot from before stays what it was', () => {
  const ledger = new InboundLedger()
  ledger.refuse('malformed')
  const before = ledger.snapshot()
  ledger.reset()
  ledger.accept()
  assert.equal(before.malformed, 1)
  assert.deepEqual([ledger.snapshot().received, ledger.snapshot().malformed], [1, 0])
})
