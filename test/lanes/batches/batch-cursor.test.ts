import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BatchCursor } from '../../../src/lanes/batches/batch-cursor.ts'
import { BatchWriter } from '../../../src/lanes/batches/batch-writer.ts'
import { LINK_TABLES_AT } from '../../../src/lanes/batches/link-frame.ts'
import { carried, given, messageOf, plain, somebody } from '../lane-messages.ts'

const head = Buffer.alloc(LINK_TABLES_AT)

function shown(cursor: BatchCursor, frame: Buffer): unknown[] {
  const found: unknown[] = []
  while (cursor.next()) {
    const { publisher, timeMs, v5, start, end } = cursor
    found.push({ publisher, timeMs, v5, plain: cursor.plain, bytes: Buffer.from(frame.subarray(start, end)) })
  }
  return found
}

test('shows each message as it was written, and once more after a rewind', () => {
  fc.assert(
    fc.property(given, (all) => {
      fc.pre(all.length > 0)
      const writer = new BatchWriter(LINK_TABLES_AT)
      for (const { message, directive } of all)
        writer.add({ ...message, origin: undefined }, { plain: directive.plain, groups: [] })
      const frame = writer.finishAfter(head)
      const cursor = new BatchCursor()
      assert.equal(cursor.open(frame, LINK_TABLES_AT, frame.length), undefined)
      assert.equal(cursor.count, all.length)
      const expected = all.map(({ message, directive }) => ({
        publisher: message.publisher,
        timeMs: message.nowMs,
        v5: message.view.v5,
        plain: directive.plain,
        bytes: carried(message.view, message.expirySeconds),
      }))
      assert.deepEqual(shown(cursor, frame), expected)
      cursor.rewind()
      assert.deepEqual(shown(cursor, frame), expected)
    }),
  )
})

test('what comes between clusters has neither groups nor an origin', () => {
  for (const { origin, groups } of [
    { origin: 'elsewhere', groups: [] },
    { origin: undefined, groups: ['g/a'] },
  ]) {
    const writer = new BatchWriter(LINK_TABLES_AT)
    writer.add({ ...messageOf('x', 1, somebody), origin }, { plain: true, groups })
    const frame = writer.finishAfter(head)
    assert.equal(new BatchCursor().open(frame, LINK_TABLES_AT, frame.length), 'a run is not what it should be')
  }
})

test('a batch of no message is none', () => {
  const frame = new BatchWriter(LINK_TABLES_AT).finishAfter(head)
  assert.equal(new BatchCursor().open(frame, LINK_TABLES_AT, frame.length), 'no message')
})

test('whatever was cut off or changed in a frame, its messages lie within it, or it is refused', () => {
  const writer = new BatchWriter(LINK_TABLES_AT)
  for (const text of ['one', 'two', 'x'.repeat(200)]) writer.add(messageOf(text, 1, somebody), plain)
  const whole = writer.finishAfter(head)
  fc.assert(
    fc.property(
      fc.nat(whole.length),
      fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 4 }),
      (length, changes) => {
        const frame = Buffer.from(whole)
        for (const [at, byte] of changes) frame[at] = byte
        const cursor = new BatchCursor()
        if (cursor.open(frame, LINK_TABLES_AT, length) !== undefined) return
        let messages = 0
        let before = LINK_TABLES_AT
        while (cursor.next()) {
          messages += 1
          assert.ok(before <= cursor.start && cursor.start < cursor.body && cursor.body <= cursor.end)
          before = cursor.end
        }
        assert.equal(before, length)
        assert.equal(messages, cursor.count)
      },
    ),
    { numRuns: 2_000 },
  )
  for (let length = 0; length < whole.length; length += 1)
    assert.notEqual(new BatchCursor().open(whole, LINK_TABLES_AT, length), undefined, `${length} bytes`)
})
