/** What the account of a soak says of messages that came, came twice, or did not come. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { Account } from '../../scripts/soak/account.ts'

const READERS = [
  { name: 'near', publishers: new Set(['a', 'b']) },
  { name: 'far', publishers: new Set(['b']) },
]

test('a message is due where its publisher is heard, and lost where it does not come', () => {
  const account = new Account(READERS)
  for (const number of [0, 1, 2]) {
    account.acknowledged({ publisher: 'a', qos: 1 }, number)
    account.acknowledged({ publisher: 'b', qos: 2 }, number)
    account.arrived('near', { publisher: 'a', qos: 1 }, number)
    account.arrived('near', { publisher: 'b', qos: 2 }, number)
  }
  account.arrived('far', { publisher: 'b', qos: 2 }, 0)
  account.arrived('far', { publisher: 'b', qos: 2 }, 2)
  account.arrived('far', { publisher: 'b', qos: 2 }, 2)
  assert.deepEqual(account.missing(5), ['far lacks b 2 1'])
  assert.deepEqual(account.summary(), { acknowledged: 6, due: 9, delivered: 8, lost: 1, doubled: 1 })
})

test('what nobody acknowledged is not lost, and what came before its acknowledgement is there', () => {
  const account = new Account(READERS)
  account.arrived('near', { publisher: 'a', qos: 1 }, 5)
  assert.deepEqual(account.summary(), { acknowledged: 0, due: 0, delivered: 0, lost: 0, doubled: 0 })
  account.acknowledged({ publisher: 'a', qos: 1 }, 5)
  assert.deepEqual(account.summary(), { acknowledged: 1, due: 1, delivered: 1, lost: 0, doubled: 0 })
})

test('it is settled when all up to a number is acknowledged and has come, of both QoS', () => {
  const account = new Account(READERS)
  const until = (number: number): boolean => account.unsettled(new Map([['b', number]])).length === 0
  for (const qos of [1, 2] as const) {
    assert.equal(until(2), false)
    for (const number of [1, 0]) account.acknowledged({ publisher: 'b', qos }, number)
    assert.equal(until(2), false)
    for (const number of [0, 1]) for (const { name } of READERS) account.arrived(name, { publisher: 'b', qos }, number)
  }
  assert.equal(until(2), true)
  assert.deepEqual(account.unsettled(new Map([['b', 3]])), [
    'b 1 2 is not acknowledged',
    'near lacks b 1 2',
    'far lacks b 1 2',
    'b 2 2 is not acknowledged',
    'near lacks b 2 2',
    'far lacks b 2 2',
  ])
})

test('in whatever order they come, it counts as two sets do', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(30)), fc.array(fc.nat(30)), (acknowledged, arrived) => {
      const account = new Account([{ name: 'r', publishers: new Set(['p']) }])
      for (const number of acknowledged) account.acknowledged({ publisher: 'p', qos: 1 }, number)
      for (const number of arrived) account.arrived('r', { publisher: 'p', qos: 1 }, number)
      const came = new Set(arrived)
      const due = new Set(acknowledged)
      const lost = [...due].filter((number) => !came.has(number)).sort((a, b) => a - b)
      assert.deepEqual(
        account.missing(Infinity),
        lost.map((number) => `r lacks p 1 ${number}`),
      )
      const { size } = due
      assert.deepEqual(account.summary(), {
        acknowledged: size,
        due: size,
        delivered: size - lost.length,
        lost: lost.length,
        doubled: arrived.length - came.size,
      })
    }),
  )
})
