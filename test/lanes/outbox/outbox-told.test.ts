/** What is told of old in an outbox (`retained = sync`): it hurries nobody, is not lost, and nobody waits for it. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { BatchCursor } from '../../../src/lanes/batches/batch-cursor.ts'
import type { Directive } from '../../../src/lanes/batches/batch-writer.ts'
import { LINK_TABLES_AT } from '../../../src/lanes/batches/link-frame.ts'
import { Outbox } from '../../../src/lanes/outbox/outbox.ts'
import type { OutboxBatch } from '../../../src/lanes/outbox/outbox-batch.ts'
import { messageOf, plain, somebody } from '../lane-messages.ts'

const told: Directive = { plain: false, groups: [] }
const wallMs = 1_790_000_000_000

function outboxOf(countMax = 1_000): Outbox {
  const limits = { bytesMax: 10_000_000, countMax, ageMsMax: Number.POSITIVE_INFINITY }
  return new Outbox({ epoch: 1, limits, overflow: 'drop_oldest' })
}

function isToldIn(batch: OutboxBatch): boolean {
  const cursor = new BatchCursor()
  assert.equal(cursor.open(batch.frame, LINK_TABLES_AT, batch.frame.length), undefined)
  assert.equal(cursor.next(), true)
  return !cursor.plain
}

test('what is told goes after what its publisher says now, numbered whatever its QoS', () => {
  const outbox = outboxOf()
  outbox.connected()
  assert.equal(outbox.accept(messageOf('old', 0, somebody), told, 0, wallMs), 'taken')
  assert.equal(outbox.accept(messageOf('new', 1, somebody), plain, 0, wallMs), 'taken')
  assert.equal(outbox.backlog, 1)
  const first = outbox.next(0, true)
  assert.deepEqual([first?.lane, first && isToldIn(first)], [0, false])
  outbox.accept(messageOf('newer', 1, somebody), plain, 0, wallMs)
  assert.equal(outbox.next(0, false)?.lane, 0)
  assert.equal(outbox.next(0, false), undefined)
  const last = outbox.next(0, true)
  assert.deepEqual([last?.lane, last && isToldIn(last)], [1, true])
  assert.ok(last!.sequence > 0)
})

test('what is told outlives a connection, and is not shed as QoS 0 is', () => {
  const outbox = outboxOf(2)
  outbox.connected()
  outbox.accept(messageOf('old', 0, somebody), told, 0, wallMs)
  outbox.accept(messageOf('one', 0, somebody), plain, 0, wallMs)
  outbox.accept(messageOf('two', 0, somebody), plain, 0, wallMs)
  assert.deepEqual(outbox.ledger.snapshot().dropped, { shed_qos0: 1 })
  outbox.next(0, true)
  const before = outbox.next(0, true)
  assert.ok(before !== undefined && isToldIn(before))
  outbox.disconnected()
  outbox.connected()
  const again = outbox.next(0, true)
  assert.deepEqual([again?.sequence, again && isToldIn(again)], [before.sequence, true])
})
