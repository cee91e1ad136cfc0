import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { BatchWriter } from '../../../src/lanes/batches/batch-writer.ts'
import { readBatch } from '../../../src/lanes/batches/read-batch.ts'
import { takeGroups } from '../../../src/lanes/batches/take-groups.ts'
import { given } from '../lane-messages.ts'

test('a batch without some groups has the same messages for all others, and what was taken is what these were to get', () => {
  fc.assert(
    fc.property(given, fc.nat(2), (rows, remainder) => {
      const writer = new BatchWriter()
      for (const { message, directive } of rows) writer.add(message, directive)
      const frame = writer.finish(3)
      const isTaken = (group: string): boolean => group.length % 3 === remainder
      const result = takeGroups(frame, 3, isTaken)
      const hadSome = rows.some(({ directive }) => directive.groups.some(isTaken))
      assert.equal(result !== undefined, hadSome)
      if (result === undefined) return
      const [before, after] = [readBatch(frame), readBatch(result.frame)]
      assert.ok(before.type === 'messages' && after.type === 'messages')
      const seen = ({ publications }: typeof before) =>
        publications.map(({ bytes, v5, publisher, receivedAtMs, origin }) => [
          bytes,
          v5,
          publisher,
          receivedAtMs,
          origin,
        ])
      assert.deepEqual(seen(after), seen(before))
      assert.deepEqual(
        after.directives,
        rows.map(({ directive: { plain, groups } }) => ({ plain, groups: groups.filter((group) => !isTaken(group)) })),
      )
      assert.deepEqual(
        result.taken.map(({ publication, directive }) => [publication.bytes, directive]),
        rows.flatMap(({ directive: { groups } }, i) => {
          const gone = groups.filter(isTaken)
          return gone.length === 0 ? [] : [[before.publications[i]!.bytes, { plain: false, groups: gone }]]
        }),
      )
    }),
  )
})
