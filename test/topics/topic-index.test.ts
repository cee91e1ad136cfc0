import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { matches } from '../../src/topics/match.ts'
import { TopicIndex } from '../../src/topics/topic-index.ts'
import { topicArbitrary, topicFilterArbitrary } from './arbitraries.ts'

type Destination = { readonly id: number }
const destinations: readonly Destination[] = Array.from({ length: 4 }, (_, id) => ({ id }))

/** An index whose plans are the sorted numbers of the destinations, and which notes each topic that it plans. */
function indexOf(cacheTopicsMax?: number) {
  const planned: string[] = []
  const index = new TopicIndex<Destination, string>({
    plan: (topic, found) => {
      planned.push(topic)
      return idsOf(found)
    },
    ...(cacheTopicsMax !== undefined && { cacheTopicsMax }),
  })
  const lookupBytes = (topic: string) => {
    const bytes = Buffer.from(`>${topic}<`)
    return index.lookupBytes(bytes, 1, bytes.length - 1)
  }
  return { index, lookupBytes, planned }
}

function idsOf(found: readonly Destination[]): string {
  return found
    .map(({ id }) => `${id}`)
    .sort()
    .join(' ')
}

const step = fc.record({
  action: fc.constantFrom('add', 'add', 'remove', 'lookup', 'lookupBytes'),
  topicFilter: fc.oneof(topicFilterArbitrary, topicArbitrary),
  topic: topicArbitrary,
  id: fc.nat(destinations.length - 1),
})

test('index: agrees with a scan of all pairs under any additions, removals and lookups', () => {
  fc.assert(
    fc.property(fc.constantFrom(1, 3, 1000), fc.array(step, { maxLength: 100 }), (cacheTopicsMax, steps) => {
      const { index, lookupBytes } = indexOf(cacheTopicsMax)
      const pairs = new Map<string, { topicFilter: string; destination: Destination }>()
      const scan = (topic: string) =>
        [...pairs.values()].filter((pair) => matches(topic, pair.topicFilter)).map((pair) => pair.destination)
      for (const { action, topicFilter, topic, id } of steps) {
        const destination = destinations[id]!
        const key = `${id} ${topicFilter}`
        if (action === 'add') {
          assert.equal(index.add(topicFilter, destination), !pairs.has(key))
          pairs.set(key, { topicFilter, destination })
        } else if (action === 'remove') assert.equal(index.remove(topicFilter, destination), pairs.delete(key))
        else if (action === 'lookup') assert.equal(index.lookup(topic), idsOf(scan(topic)))
        else assert.equal(lookupBytes(topic), idsOf(scan(topic)))
        assert.equal(idsOf(index.match(topic)), idsOf(scan(topic)))
      }
      const filters = new Set([...pairs.values()].map((pair) => pair.topicFilter))
      assert.deepEqual([...index.filters()].sort(), [...filters].sort())
      assert.equal(index.filterCount, filters.size)
      for (const topicFilter of filters) {
        const own = [...pairs.values()].filter((pair) => pair.topicFilter === topicFilter)
        assert.equal(idsOf([...index.destinations(topicFilter)]), idsOf(own.map((pair) => pair.destination)))
      }
    }),
    { numRuns: 1000 },
  )
})

for (const { when, topicFilter, planned } of [
  { when: 'an exact filter', topicFilter: 'a/b', planned: ['a/b'] },
  { when: 'an exact filter that no cached topic has', topicFilter: 'a/b/c/d', planned: [] },
  { when: 'a + under a literal', topicFilter: 'a/+', planned: ['a', 'a/b', 'a/b/c'] },
  { when: 'a # right under a literal', topicFilter: 'a/#', planned: ['a', 'a/b', 'a/b/c'] },
  { when: 'a # under an empty level', topicFilter: '/#', planned: ['/a'] },
  { when: 'a + in front', topicFilter: '+/b', planned: ['a', 'a/b', 'a/b/c', 'b/b', '/a', 'ä/b'] },
  { when: 'a wildcard under a level with an umlaut', topicFilter: 'ä/+', planned: ['ä/b'] },
]) {
  test(`index: ${when} makes it plan anew only what it may concern`, () => {
    const { index, lookupBytes, planned: seen } = indexOf()
    const topics = ['a', 'a/b', 'a/b/c', 'b/b', '/a', 'ä/b']
    for (const change of ['add', 'remove'] as const) {
      for (const topic of topics) lookupBytes(topic)
      seen.length = 0
      assert.ok(index[change](topicFilter, destinations[0]!))
      for (const topic of topics) index.lookup(topic)
      for (const topic of topics) lookupBytes(topic)
      assert.deepEqual(seen, planned)
    }
  })
}

test('index: a pair that was there changes nothing', () => {
  const { index, planned } = indexOf()
  index.add('a/+', destinations[0]!)
  index.lookup('a/b')
  assert.equal(index.add('a/+', destinations[0]!), false)
  assert.equal(index.remove('a/+', destinations[1]!), false)
  assert.equal(index.remove('b/+', destinations[0]!), false)
  index.lookup('a/b')
  assert.deepEqual(planned, ['a/b'])
})

for (const { when, bytes } of [
  { when: 'nothing', bytes: Buffer.alloc(0) },
  { when: 'U+0000', bytes: Buffer.from('a\0b') },
  { when: 'a +', bytes: Buffer.from('a/+') },
  { when: 'a # within a level', bytes: Buffer.from('a#') },
  { when: 'a cut character', bytes: Buffer.from([0x61, 0xc3]) },
  { when: 'an overlong slash', bytes: Buffer.from([0xc0, 0xaf]) },
  { when: 'a surrogate', bytes: Buffer.from([0xed, 0xa0, 0x80]) },
  { when: 'more bytes than a topic has', bytes: Buffer.alloc(65_536, 'x') },
]) {
  test(`index: ${when} in the bytes is no topic name`, () => {
    const { index, planned } = indexOf()
    index.add('#', destinations[0]!)
    assert.equal(index.lookupBytes(bytes, 0, bytes.length), undefined)
    assert.equal(index.lookupBytes(bytes, 0, bytes.length), undefined)
    assert.deepEqual(planned, [])
  })
}

test('index: a topic is the same as a string, as a Buffer and as other bytes', () => {
  for (const topic of ['a/b', 'ä/😀', '\ufeffa', '\ufffd/a', 'x'.repeat(65_535), 'ä'.repeat(32_767)]) {
    const { index, lookupBytes, planned } = indexOf()
    index.add(topic, destinations[2]!)
    assert.equal(lookupBytes(topic), '2')
    assert.equal(index.lookup(topic), '2')
    const bytes = new TextEncoder().encode(topic)
    assert.equal(index.lookupBytes(bytes, 0, bytes.length), '2')
    assert.deepEqual(planned, [topic])
  }
})

test('index: a string that is no topic name matches nothing', () => {
  const { index, planned } = indexOf()
  index.add('#', destinations[0]!)
  index.lookup('\ufffd')
  for (const topic of ['', 'a/+', '#', 'a\0', '\ud800', 'x'.repeat(65_536)]) assert.equal(index.lookup(topic), '')
  assert.equal(planned.length, 7)
})

test('index: a filter that is none is a fault of the caller', () => {
  const { index } = indexOf()
  for (const topicFilter of ['', 'a/#/b', 'a+', '\0']) {
    assert.throws(() => index.add(topicFilter, destinations[0]!), assert.AssertionError)
  }
  assert.equal(index.filterCount, 0)
})

test('index: takes exact filters of any depth and levels of any length', () => {
  const { index, lookupBytes } = indexOf()
  const filters = ['a', 'level', 'sixteen-letters-', 'seven77', 'eight888'].flatMap((level) =>
    Array.from({ length: 10 }, (_, i) => `${level}/`.repeat(i) + level),
  )
  for (const topicFilter of filters) assert.ok(index.add(topicFilter, destinations[0]!))
  assert.deepEqual([...index.filters()].sort(), filters.sort())
  for (const topic of filters) assert.equal(lookupBytes(topic), '0')
  for (const topic of filters) assert.equal(lookupBytes(`${topic}x`), '')
  for (const topicFilter of filters) assert.ok(index.remove(topicFilter, destinations[0]!))
  for (const topic of filters) assert.equal(lookupBytes(topic), '')
  assert.equal(index.filterCount, 0)
})

test('index: many subscribers of one topic come and go', () => {
  const { index } = indexOf()
  const many = Array.from({ length: 100_000 }, (_, id) => ({ id }))
  for (const topicFilter of ['crowd', 'crowd/#']) {
    for (const destination of many) assert.ok(index.add(topicFilter, destination))
    assert.equal(index.match('crowd').length, many.length)
    for (const destination of many) assert.ok(index.remove(topicFilter, destination))
    assert.equal(index.filterCount, 0)
  }
})

test('index: a plan may ask the index for other topics', () => {
  const index: TopicIndex<Destination, string> = new TopicIndex({
    plan: (topic: string, found: readonly Destination[]): string =>
      topic === 'outer' ? `${idsOf(found)}, ${index.lookup('inner')}` : idsOf(found),
  })
  index.add('outer', destinations[0]!)
  index.add('inner', destinations[1]!)
  for (let i = 0; i < 2; i += 1) {
    assert.equal(index.lookup('outer'), '0, 1')
    assert.equal(index.lookup('inner'), '1')
  }
})

test('index: a plan that fails is not kept, and a plan may not change the index', () => {
  const index: TopicIndex<Destination, string> = new TopicIndex({
    plan: (topic: string): string => {
      if (topic === 'bad') index.add('a', destinations[0]!)
      return topic
    },
  })
  assert.throws(() => index.lookup('bad'), assert.AssertionError)
  assert.throws(() => index.lookup('bad'), assert.AssertionError)
  assert.equal(index.lookup('good'), 'good')
  assert.ok(index.add('a', destinations[0]!))
})

test('index: a walk in steps tells each filter once, and a topic the filters that match it', () => {
  const filters = fc.uniqueArray(fc.oneof(topicFilterArbitrary, topicArbitrary), { maxLength: 40 })
  fc.assert(
    fc.property(filters, topicArbitrary, fc.integer({ min: 1, max: 50 }), (filters, topic, placesMax) => {
      const { index } = indexOf()
      for (const filter of filters) for (const destination of destinations) index.add(filter, destination)
      const told: string[] = []
      for (let next: number | undefined = 0; next !== undefined;) {
        const step = index.scan(next, placesMax)
        assert.ok(step.filters.length <= placesMax)
        told.push(...step.filters)
        next = step.next
      }
      assert.deepEqual(told.sort(), filters.toSorted())
      const matching = filters.filter((filter) => matches(topic, filter))
      assert.deepEqual(index.filtersMatching(topic).sort(), matching.sort())
      for (const filter of matching) {
        assert.equal(index.someDestinations(filter, 10).total, destinations.length)
        assert.equal(index.someDestinations(filter, 3).first.length, 3)
      }
    }),
  )
})

test('index: a filter that begins with a wildcard would match but for the dollar', () => {
  const { index } = indexOf()
  index.add('#', destinations[0]!)
  index.add('$me/#', destinations[1]!)
  assert.deepEqual(index.filtersMatching('$me/a'), ['$me/#'])
  assert.deepEqual(index.filtersMatching('$me/a', false).sort(), ['#', '$me/#'])
  assert.deepEqual(index.someDestinations('none', 3), { total: 0, first: [] })
})
