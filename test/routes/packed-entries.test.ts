import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { PackedEntries } from '../../src/routes/packed-entries.ts'

/** Few, so that they come and go; long ones whose length takes more bytes than one, and such as are longer in bytes than in units. */
const keys = ['', 'a', 'a/b', 'ä', '车/+', 'x'.repeat(127), 'x'.repeat(128), 'ä'.repeat(70), '车'.repeat(6_000)].concat(
  Array.from({ length: 20 }, (_, index) => `fleet/${index}/speed`),
)
/** Two keys in three share theirs. */
const hashOf = (key: string): number => (key.length % 3) - 1

const steps = fc.array(
  fc.record({
    type: fc.constantFrom('set', 'set', 'set', 'delete'),
    key: fc.constantFrom(...keys),
    value: fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.maxSafeInteger() }),
  }),
  { maxLength: 300, size: 'max' },
)

test('entries are those of a Map', () => {
  fc.assert(
    fc.property(steps, (list) => {
      const packed = new PackedEntries()
      const plain = new Map<string, number>()
      for (const { type, key, value } of list) {
        const before = plain.get(key)
        if (type === 'set') assert.equal(packed.set(hashOf(key), key, value), before)
        else assert.equal(packed.delete(hashOf(key), key), before)
        if (type === 'set') plain.set(key, value)
        else plain.delete(key)
        assert.equal(packed.size, plain.size)
      }
      assert.deepEqual(new Map(packed.entries(0)), plain)
      assert.deepEqual(packed.keys().toSorted(), [...plain.keys()].toSorted())
      for (const key of keys) assert.equal(packed.get(hashOf(key), key), plain.get(key))
    }),
    { seed: 1, numRuns: 300 },
  )
})

test('entries come in one order as long as nothing changes, also from the middle on', () => {
  const packed = new PackedEntries()
  for (const [index, key] of keys.entries()) packed.set(hashOf(key), key, index)
  const all = [...packed.entries(0)]
  assert.deepEqual([...packed.entries(7)], all.slice(7))
})
