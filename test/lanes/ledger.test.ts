import assert from 'node:assert/strict'
import test from 'node:test'
import { imbalance, Ledger, refusedByPeer } from '../../src/lanes/ledger.ts'

test('a reset forgets what is over and keeps what still waits or flies', () => {
  const ledger = new Ledger()
  for (let count = 0; count < 4; count += 1) ledger.enterQueued()
  ledger.enterDropped('queue_full')
  ledger.send()
  ledger.send()
  ledger.settle({ type: 'failed', reason: refusedByPeer(0x97) })
  ledger.reset()
  assert.deepEqual(ledger.snapshot(), {
    matched: 3,
    delivered: 0,
    inflight: 1,
    queued: 2,
    dropped: {},
    failed: {},
    retried: 0,
  })
  assert.equal(imbalance(ledger.snapshot()), 0)
})

test('reasons of a refusal are told apart by code', () => {
  assert.equal(refusedByPeer(0x97), 'refused_by_peer(0x97)')
  assert.equal(refusedByPeer(3), 'refused_by_peer(0x03)')
})

test('an unbalanced ledger is seen', () => {
  assert.equal(
    imbalance({ matched: 3, delivered: 1, inflight: 0, queued: 0, dropped: { expired: 1 }, failed: {}, retried: 9 }),
    1,
  )
})
