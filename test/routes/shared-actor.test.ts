import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  actorOfSharedName,
  factKey,
  isTrusted,
  landingLife,
  parseSharedKey,
  routeKey,
  sharedName,
  sharedNamePrefix,
  sharedStateIn,
  sharedStateOf,
  sharedStates,
} from '../../src/routes/shared-actor.ts'

const text = fc.string({ unit: 'grapheme' }).filter((one) => !one.includes('\u0000'))

test('a route reads as it was written, whatever its filter and its id', () => {
  fc.assert(
    fc.property(text, fc.option(text, { nil: undefined }), (topicFilter, other) => {
      const id = other ?? topicFilter
      assert.deepEqual(parseSharedKey(routeKey(topicFilter, id)), { type: 'route', topicFilter, id })
    }),
  )
})

test('facts are told from routes, and both from what nobody knows', () => {
  assert.deepEqual(parseSharedKey(factKey('life')), { type: 'fact', fact: 'life' })
  assert.equal(parseSharedKey('r.life').type, 'route')
  for (const key of ['', '.', '.lives', 'x', 'life']) assert.equal(parseSharedKey(key).type, 'unknown', key)
})

test('the actor is found in the name, also one with slashes', () => {
  const name = sharedName('eu-west', 'n1@host/a/b')
  assert.ok(name.startsWith(sharedNamePrefix('eu-west')))
  assert.equal(actorOfSharedName('eu-west', name), 'n1@host/a/b')
})

const incarnation = 1_795_289_100_000

for (const { when, older, newer } of [
  {
    when: 'of a higher incarnation',
    older: landingLife(incarnation, undefined, 0.999),
    newer: [incarnation + 1, undefined],
  },
  {
    when: 'of the same life, which knows of the other',
    older: landingLife(7, undefined, 0.999),
    newer: [7, landingLife(7, undefined, 0.999)],
  },
  {
    when: 'after thousands of others of the same life',
    older: landingLife(7, undefined, 0) + 10_000,
    newer: [7, landingLife(7, undefined, 0) + 10_000],
  },
  {
    when: 'of a higher incarnation after thousands of landings of the lower one',
    older: landingLife(7, undefined, 0) + 10_000,
    newer: [8, landingLife(7, undefined, 0) + 10_000],
  },
  {
    when: 'of a lower incarnation, let in after a silence',
    older: landingLife(9, undefined, 0.5),
    newer: [8, landingLife(9, undefined, 0.5)],
  },
  {
    when: 'of an incarnation beyond all clocks, which knows of the other',
    older: landingLife(Number.MAX_SAFE_INTEGER, undefined, 0.999),
    newer: [Number.MAX_SAFE_INTEGER, landingLife(Number.MAX_SAFE_INTEGER, undefined, 0.999)],
  },
] as const) {
  test(`a landing ${when} replaces the one before`, () => {
    const life = landingLife(newer[0], newer[1], 0)
    assert.ok(life > older, `${life} > ${older}`)
    assert.ok(Number.isSafeInteger(life))
  })
}

test('a landing of an older incarnation on a node that knows nothing never replaces a newer one', () => {
  const ms = fc.integer({ min: 0, max: 4_000_000_000_000 })
  const random = fc.double({ min: 0, max: 0.999_999, noNaN: true })
  fc.assert(
    fc.property(ms, ms, random, random, (one, other, here, there) => {
      fc.pre(one !== other)
      const [older, newer] = one < other ? [one, other] : [other, one]
      assert.ok(landingLife(older, undefined, here) < landingLife(newer, undefined, there))
    }),
  )
})

for (const { when, state, ownerIsThere, isInSync = true, trusted } of [
  { when: 'heard by a node that is there', state: sharedStates.complete, ownerIsThere: true, trusted: true },
  { when: 'amid its bootstrap', state: sharedStates.bootstrapping, ownerIsThere: true, trusted: false },
  { when: 'silent', state: sharedStates.silent, ownerIsThere: true, trusted: false },
  { when: 'heard by a node that is gone', state: sharedStates.complete, ownerIsThere: false, trusted: false },
  {
    when: 'of which we lack something',
    state: sharedStates.complete,
    ownerIsThere: true,
    isInSync: false,
    trusted: false,
  },
]) {
  test(`an actor ${when} is ${trusted ? '' : 'not '}spared a bootstrap`, () => {
    assert.equal(isTrusted({ state, ownerIsThere, isInSync }), trusted)
  })
}

test('the state of an actor goes over and back; anything strange is silence', () => {
  assert.equal(sharedStateOf({ stale: true, formerRoutes: 3 }), sharedStates.silent)
  assert.equal(sharedStateOf({ stale: false, formerRoutes: 3 }), sharedStates.bootstrapping)
  assert.equal(sharedStateOf({ stale: false, formerRoutes: 0 }), sharedStates.complete)
  for (const state of Object.values(sharedStates)) assert.equal(sharedStateIn(state), state)
  for (const value of [undefined, 4, -1, 0.5]) assert.equal(sharedStateIn(value), sharedStates.silent)
})
