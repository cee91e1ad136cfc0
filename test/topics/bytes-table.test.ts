import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BytesTable } from '../../src/topics/bytes-table.ts'
import { plainHashKey } from '../../src/topics/keyed-hash.ts'
import { PackedKey } from '../../src/topics/packed-key.ts'

function keyOf(text: string): PackedKey {
  const key = new PackedKey()
  const bytes = Buffer.from(text)
  key.pack(bytes, 0, bytes.length)
  return key
}

function textOf(table: BytesTable, entry: number): string {
  const bytes = Buffer.alloc(table.byteLength(entry))
  assert.equal(table.copyText(entry, bytes, 0), bytes.length)
  return bytes.toString()
}

/** Around the lengths that fill a word, and that stand in a slot, with strings that begin alike. */
const textArbitrary = fc
  .tuple(fc.constantFrom(0, 1, 3, 4, 5, 6, 7, 8, 9, 12, 40), fc.constantFrom('a', 'b', 'ä'), fc.boolean())
  .map(([length, letter, other]) => letter.repeat(length) + (other ? 'x' : ''))

test('bytes table: is a map from strings to entries after any additions and removals', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(textArbitrary, fc.boolean()), { maxLength: 150 }), (steps) => {
      const table = new BytesTable(plainHashKey)
      const model = new Map<string, number>()
      for (const [text, add] of steps) {
        const known = model.get(text)
        assert.equal(table.find(keyOf(text)), known ?? -1)
        if (add && known === undefined) model.set(text, table.add(keyOf(text)))
        else if (!add && known !== undefined) {
          table.remove(known)
          model.delete(text)
        }
      }
      for (const [text, entry] of model) {
        assert.equal(table.find(keyOf(text)), entry)
        assert.equal(textOf(table, entry), text)
        assert.equal(table.firstByte(entry), Buffer.from(text)[0] ?? -1)
      }
      assert.equal(new Set(model.values()).size, model.size)
    }),
    { numRuns: 500 },
  )
})

test('bytes table: keeps entries and uses while it grows, shrinks and moves its strings together', () => {
  const table = new BytesTable([1, 2])
  const names = Array.from({ length: 5000 }, (_, i) => (i % 2 === 0 ? `${i}` : `a long name with the number ${i}`))
  const entries = names.map((name) => table.add(keyOf(name)))
  for (const [i, entry] of entries.entries()) table.setUses(entry, i)
  for (const [i, entry] of entries.entries()) if (i % 10 !== 0) table.remove(entry)
  for (const [i, name] of names.entries()) {
    assert.equal(table.find(keyOf(name)), i % 10 === 0 ? entries[i] : -1)
    if (i % 10 !== 0) continue
    assert.equal(textOf(table, entries[i]!), name)
    assert.equal(table.uses(entries[i]!), i)
  }
  assert.ok(entries.includes(table.add(keyOf('one more'))), 'an entry that was removed is given again')
})
