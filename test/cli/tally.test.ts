import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createTally, isClean, quantile } from '../../src/cli/demo/tally.ts'

const wanted = new Set(['w'])

test('a message that was acknowledged and arrived once is neither lost nor doubled', () => {
  for (const ackFirst of [true, false]) {
    const tally = createTally(wanted)
    if (ackFirst) tally.acknowledged(1, 'w')
    tally.arrived(1, 'w', 3)
    if (!ackFirst) tally.acknowledged(1, 'w')
    const { published, expected, crossed, lost, duplicated, unexpected, latency_ms } = tally.summary()
    assert.deepEqual(
      { published, expected, crossed, lost, duplicated, unexpected },
      { published: 1, expected: 1, crossed: 1, lost: 0, duplicated: 0, unexpected: 0 },
    )
    assert.deepEqual(latency_ms, { p50: 3, p99: 3 })
  }
})

test('a message that nobody wants is expected of no one', () => {
  const tally = createTally(wanted)
  tally.acknowledged(1, 'x')
  assert.equal(tally.summary().expected, 0)
  assert.equal(tally.summary().lost, 0)
  tally.arrived(1, 'x', 1)
  assert.equal(tally.summary().unexpected, 1)
})

test('what arrives and how often is all that counts, not the order of events', () => {
  const message = fc.record({ acked: fc.boolean(), arrivals: fc.integer({ min: 0, max: 3 }) })
  fc.assert(
    fc.property(fc.array(message, { maxLength: 30 }), fc.infiniteStream(fc.nat()), (messages, random) => {
      const events = messages.flatMap(({ acked, arrivals }, sequence) => [
        ...(acked ? [{ sequence, arrived: false }] : []),
        ...Array.from({ length: arrivals }, () => ({ sequence, arrived: true })),
      ])
      const order = events.map((event) => ({ event, key: random.next().value })).sort((a, b) => a.key - b.key)
      const tally = createTally(wanted)
      for (const { event } of order) {
        if (event.arrived) tally.arrived(event.sequence, 'w', 1)
        else tally.acknowledged(event.sequence, 'w')
      }
      const summary = tally.summary()
      assert.equal(summary.expected, messages.filter(({ acked }) => acked).length)
      assert.equal(summary.crossed, messages.filter(({ arrivals }) => arrivals > 0).length)
      const missing = messages.flatMap(({ acked, arrivals }, sequence) => (acked && arrivals === 0 ? [sequence] : []))
      assert.equal(summary.lost, missing.length)
      assert.deepEqual(new Set(tally.missing), new Set(missing))
      assert.equal(
        summary.duplicated,
        messages.reduce((sum, { arrivals }) => sum + Math.max(0, arrivals - 1), 0),
      )
    }),
  )
})

for (const { when, clean, ...account } of [
  { when: 'all crossed once', clean: true, expected: 3 },
  { when: 'one is lost', clean: false, expected: 3, lost: 1 },
  { when: 'one is doubled', clean: false, expected: 3, duplicated: 1 },
  { when: 'one came that nobody asked for', clean: false, expected: 3, unexpected: 1 },
  { when: 'nothing had to cross', clean: false, expected: 0 },
]) {
  test(`the account is ${clean ? '' : 'not '}clean when ${when}`, () =>
    assert.equal(isClean({ ...createTally(wanted).summary(), ...account }), clean))
}

for (const { values, q, is } of [
  { values: [], q: 0.5, is: 0 },
  { values: [7], q: 0.99, is: 7 },
  { values: [1, 2, 3, 4], q: 0.5, is: 2 },
  { values: Array.from({ length: 100 }, (_, i) => i + 1), q: 0.99, is: 99 },
  { values: [1.23456], q: 0.5, is: 1.23 },
]) {
  test(`quantile ${q} of ${values.length} values is ${is}`, () => assert.equal(quantile(values, q), is))
}
