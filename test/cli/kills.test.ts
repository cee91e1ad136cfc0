import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Candidate, nextVictim } from '../../src/cli/demo/kills.ts'

const candidate = (name: string, kills: number, isHolder = false): Candidate => ({ name, kills, isHolder })

for (const { when, candidates, last, victim } of [
  {
    when: 'who holds a lease goes first',
    candidates: [candidate('a', 0), candidate('b', 0, true)],
    last: undefined,
    victim: 'b',
  },
  {
    when: 'never the same twice in a row',
    candidates: [candidate('a', 3), candidate('b', 1, true)],
    last: 'b',
    victim: 'a',
  },
  {
    when: 'a holder that was killed less goes before one that was killed more',
    candidates: [candidate('a', 2, true), candidate('b', 1)],
    last: 'c',
    victim: 'b',
  },
  { when: 'there is no other', candidates: [candidate('a', 0)], last: 'a', victim: undefined },
]) {
  test(`the next victim: ${when}`, () => assert.equal(nextVictim(candidates, last)?.name, victim))
}

test('whoever holds the leases, all nodes have their turn', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 4 }), { minLength: 30, maxLength: 30 }), (holders) => {
      const kills = [0, 0, 0, 0, 0]
      let last: string | undefined
      for (const holder of holders) {
        const candidates = kills.map((count, index) => candidate(String(index), count, index === holder))
        const { name } = nextVictim(candidates, last)!
        assert.notEqual(name, last)
        kills[Number(name)]!++
        last = name
      }
      assert.ok(Math.max(...kills) - Math.min(...kills) <= 2, kills.join(' '))
    }),
  )
})
