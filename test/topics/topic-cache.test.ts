import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { PackedKey } from '../../src/topics/packed-key.ts'
import { firstLevelOf, TopicCache } from '../../src/topics/topic-cache.ts'
import { topicArbitrary } from './arbitraries.ts'

/** With the topic somewhere within the bytes, as in a packet. */
function keyOf(topic: string): PackedKey {
  const bytes = Buffer.from(`xx${topic}yy`)
  const key = new PackedKey()
  key.pack(bytes, 2, bytes.length - 2)
  return key
}

function levelOf(topic: string): number {
  return firstLevelOf(Buffer.from(topic), 0, Buffer.byteLength(topic))
}

function cacheOf<V>(topicsMax: number) {
  const cache = new TopicCache<V>(topicsMax)
  return {
    cache,
    get: (topic: string) => cache.get(keyOf(topic)),
    set: (topic: string, value: V, changes = cache.changes) => cache.set(keyOf(topic), levelOf(topic), value, changes),
    forget: (topic: string) => cache.forget(keyOf(topic)),
    forgetFirstLevel: (topic: string) => cache.forgetFirstLevel(levelOf(topic)),
  }
}

test('topic cache: a hit is the value last set, or nothing', () => {
  const step = fc.tuple(topicArbitrary, fc.constantFrom('get', 'set', 'set', 'forget', 'forgetFirstLevel', 'forgetAll'))
  fc.assert(
    fc.property(fc.constantFrom(1, 2, 5, 1000), fc.array(step, { maxLength: 80 }), (topicsMax, steps) => {
      const { cache, get, set, forget, forgetFirstLevel } = cacheOf<number>(topicsMax)
      const model = new Map<string, number>()
      for (const [value, [topic, action]] of steps.entries()) {
        if (action === 'get') {
          const found = get(topic)
          if (found !== undefined || topicsMax === 1000) assert.equal(found, model.get(topic))
        } else if (action === 'set') {
          set(topic, value)
          model.set(topic, value)
        } else if (action === 'forget') {
          forget(topic)
          model.delete(topic)
        } else if (action === 'forgetAll') {
          cache.forgetAll()
          model.clear()
        } else {
          forgetFirstLevel(topic)
          const level = topic.split('/')[0]
          for (const known of model.keys()) if (known.split('/')[0] === level) model.delete(known)
        }
      }
    }),
    { numRuns: 1000 },
  )
})

test('topic cache: a value that was computed before a change is not believed after it', () => {
  const { cache, get, set, forgetFirstLevel } = cacheOf<string>(10)
  const before = cache.changes
  forgetFirstLevel('a')
  set('a/b', 'outdated', before)
  set('b/b', 'not concerned', before)
  assert.equal(get('a/b'), undefined)
  assert.equal(get('b/b'), 'not concerned')
  set('a/b', 'new')
  assert.equal(get('a/b'), 'new')
})

test('topic cache: topics in use survive a scan of many others', () => {
  const { get, set } = cacheOf<string>(2000)
  const hot = Array.from({ length: 500 }, (_, i) => `hot/${i}`)
  for (const topic of hot) set(topic, topic)
  for (let i = 0; i < 100_000; i += 1) {
    set(`scan/${i}`, 'scan')
    const topic = hot[i % hot.length]!
    assert.equal(get(topic), topic)
  }
})

test('topic cache: holds what it promises, and at most twice that', () => {
  const topicsMax = 3000
  const { get, set } = cacheOf<number>(topicsMax)
  const total = 50_000
  for (let i = 0; i < total; i += 1) set(`t/${i}`, i)
  // From the newest to the oldest: a hit keeps a topic, and must not push out one that is still to be asked for.
  let held = 0
  for (let i = total - 1; i >= 0; i -= 1) if (get(`t/${i}`) === i) held += 1
  assert.ok(held >= topicsMax && held <= 2 * topicsMax, `${held}`)
})

test('topic cache: takes topics of any length up to the longest', () => {
  const { get, set } = cacheOf<number>(4)
  for (const length of [1, 2, 3, 4, 5, 63, 64, 65, 4096, 65_534, 65_535]) {
    set('x'.repeat(length), length)
    assert.equal(get('x'.repeat(length)), length)
    assert.equal(get(`${'x'.repeat(length - 1)}y`), undefined)
  }
})

test('topic cache: sweeping lets go of what no longer holds', async () => {
  const { cache, get, set, forgetFirstLevel } = cacheOf<object>(10)
  set('a/b', { plan: 'outdated' })
  set('b/b', { plan: 'good' })
  const outdated = new WeakRef(get('a/b')!)
  forgetFirstLevel('a')
  cache.sweep()
  setFlagsFromString('--expose-gc')
  const collectGarbage: () => void = runInNewContext('gc')
  // A WeakRef keeps its target until the turn in which it was made is over.
  await new Promise((resolve) => setImmediate(resolve))
  collectGarbage()
  assert.equal(outdated.deref(), undefined)
  assert.deepEqual(get('b/b'), { plan: 'good' })
})
