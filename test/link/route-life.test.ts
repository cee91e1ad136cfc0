import assert from 'node:assert/strict'
import test from 'node:test'
import { RouteLife } from '../../src/link/route-life.ts'
import { Interest } from './link-fixture.ts'
import { ManualClock } from './manual-clock.ts'

function begin(count: number) {
  const clock = new ManualClock()
  const interest = new Interest()
  for (let index = 0; index < count; index += 1) interest.add(`t/${index}`)
  const seen = { changes: 0, ready: 0 }
  const life = new RouteLife({
    broker: interest,
    clock,
    cluster: 'cl.a',
    topics: ['t/#'],
    incarnation: 1,
    changed: () => (seen.changes += 1),
  })
  life.whenReady(() => (seen.ready += 1))
  return { clock, interest, life, seen }
}

test('a small interest is with the source at once', () => {
  const { clock, life, seen } = begin(3)
  assert.equal(life.source.size, 3)
  assert.equal(seen.ready, 1)
  assert.equal(clock.timers, 0)
})

test('a great interest is taken in slices, and what changes meanwhile comes after it', () => {
  const { clock, interest, life, seen } = begin(2_500)
  assert.equal(life.source.size, 1_000)
  interest.remove('t/2400')
  interest.remove('t/1')
  interest.add('t/new')
  interest.add('u')
  assert.equal(seen.ready, 0)
  clock.advance(0)
  clock.advance(0)
  assert.equal(seen.ready, 1)
  assert.equal(life.source.size, 2_499)
  assert.ok(![...life.source.routes()].includes('t/2400'))
})

test('a wide filter over many is worked off by itself', () => {
  const { clock, interest, life, seen } = begin(2_500)
  clock.advance(0)
  interest.add('t/#')
  const before = seen.changes
  assert.ok(life.source.busy)
  clock.advance(0)
  assert.equal(life.source.busy, false)
  assert.equal(life.source.size, 1)
  assert.ok(seen.changes > before)
})

test('an ended life listens and works no more', () => {
  const { clock, interest, life } = begin(2_500)
  life.end()
  clock.advance(1_000)
  assert.equal(life.source.size, 1_000)
  assert.equal(interest.listeners, 0)
  assert.equal(clock.timers, 0)
})
