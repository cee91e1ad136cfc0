import assert from 'node:assert/strict'
import test from 'node:test'
import { imbalance, Ledger, refusedByPeer } from '../../src/lanes/ledger.ts'

test('a reset forgets what is over and keeps what still waits or flies', () => {
  const ledger = new Ledger()
  ledger.enterQueued(4)
  ledger.enterDropped(1, 'queue_full')
  ledger.send(2)
  ledger.settle(1, { type: 'failed', reason: refusedByPeer(0x97) })
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

test('from a snapshot comes what is over; what waited or flew is not known to be there', () => {
  const before = new Ledger()
  before.enterQueued(10)
  before.send(6)
  before.settle(2, { type: 'delivered' })
  before.settle(1, { type: 'failed', reason: refusedByPeer(0x97) })
  before.dropQueued(3, 'expired')
  before.putBack(1)
  const after = new Ledger(before.snapshot())
  assert.equal(imbalance(after.snapshot()), 0)
  assert.deepEqual(after.snapshot(), { ...before.snapshot(), matched: 6, inflight: 0, queued: 0 })
  after.enterQueued(4)
  assert.deepEqual(after.snapshot(), { ...before.snapshot(), inflight: 0, queued: 4 })
})

test('all that waits or flies can be given up at once', () => {
  const ledger = new Ledger()
  ledger.enterQueued(5)
  ledger.send(2)
  ledger.dropAll('link_removed')
  assert.deepEqual(ledger.snapshot().dropped, { link_removed: 5 })
  assert.equal(imbalance(ledger.snapshot()), 0)
  ledger.dropAll('link_removed')
  assert.deepEqual(ledger.snapshot().dropped, { link_removed: 5 })
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
