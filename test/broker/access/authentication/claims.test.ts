import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  attributesOf,
  type Claims,
  claimsProblem,
  expiryOf,
  isTrue,
} from '../../../../src/broker/access/authentication/claims.ts'

const nowMs = 1_700_000_000_000
const now = nowMs / 1000

const rows: readonly {
  readonly what: string
  readonly claims: Claims
  readonly expected?: Readonly<Record<string, string>>
  readonly problem: RegExp | undefined
}[] = [
  { what: 'no claims at all', claims: {}, problem: undefined },
  { what: 'a token of the moment', claims: { exp: now + 1, nbf: now, iat: now }, problem: undefined },
  { what: 'the second of its end', claims: { exp: now }, problem: /expired/ },
  { what: 'an end in the past', claims: { exp: now - 1 }, problem: /expired/ },
  { what: 'an end in text', claims: { exp: `${now + 1}` }, problem: undefined },
  { what: 'a past end in text', claims: { exp: `${now - 1}` }, problem: /expired/ },
  { what: 'an end that is no time', claims: { exp: 'tomorrow' }, problem: /expired/ },
  { what: 'an end of null', claims: { exp: null }, problem: /expired/ },
  { what: 'a beginning to come', claims: { nbf: now + 1 }, problem: /not valid yet/ },
  { what: 'a beginning that is no time', claims: { nbf: {} }, problem: /not valid yet/ },
  { what: 'an issuer whose clock is fast', claims: { iat: now + 60 }, problem: undefined },
  { what: 'an issuer of the future', claims: { iat: now + 61 }, problem: /issued in the future/ },
  { what: 'a claim that fits', claims: { sub: 'a' }, expected: { sub: 'a' }, problem: undefined },
  {
    what: 'a claim that does not fit',
    claims: { sub: 'b' },
    expected: { sub: 'a' },
    problem: /claim sub does not fit/,
  },
  { what: 'a claim that lacks', claims: {}, expected: { sub: '' }, problem: /lacks the claim sub/ },
  { what: 'a claim of another kind', claims: { sub: 1 }, expected: { sub: '1' }, problem: /does not fit/ },
  {
    what: 'a claim by the name of a method',
    claims: {},
    expected: { toString: 'x' },
    problem: /lacks the claim toString/,
  },
  { what: 'an audience', claims: { aud: 'a' }, expected: { aud: 'a' }, problem: undefined },
  { what: 'one of several audiences', claims: { aud: ['b', 'a'] }, expected: { aud: 'a' }, problem: undefined },
  { what: 'none of several audiences', claims: { aud: ['b'] }, expected: { aud: 'a' }, problem: /does not fit/ },
  { what: 'an audience of nobody', claims: { aud: [''] }, expected: { aud: '' }, problem: /does not fit/ },
  { what: 'a list where no list may be', claims: { sub: ['a'] }, expected: { sub: 'a' }, problem: /does not fit/ },
]

for (const { what, claims, expected = {}, problem } of rows)
  test(`${what}: ${problem === undefined ? 'fine' : problem.source}`, () => {
    const said = claimsProblem(claims, expected, nowMs)
    if (problem === undefined) assert.equal(said, undefined)
    else assert.match(said ?? '', problem)
  })

test('the end of a token in milliseconds', () => {
  assert.equal(expiryOf({ exp: 5 }), 5000)
  assert.equal(expiryOf({}), undefined)
})

for (const [value, expected] of [
  [true, true],
  [false, false],
  ['true', true],
  ['false', false],
  ['yes', false],
  [1, true],
  [7, true],
  [0, false],
  [-1, false],
  [0.5, false],
  ['1', true],
  ['0', false],
  ['12', true],
  [null, false],
  [undefined, false],
  [{}, false],
  [['true'], false],
] as const)
  test(`is_superuser = ${JSON.stringify(value)} is ${expected}`, () => assert.equal(isTrue(value), expected))

for (const [value, expected] of [
  [
    { role: 'admin', 'sn-1_a': 'x' },
    { role: 'admin', 'sn-1_a': 'x' },
  ],
  [{ role: 1, 'a b': 'x', '': 'x', ä: 'x', '-a': 'x', ok: 'y' }, { ok: 'y' }],
  [['a'], {}],
  ['a', {}],
  [null, {}],
  [undefined, {}],
] as const)
  test(`client_attrs = ${JSON.stringify(value)}`, () => assert.deepEqual(attributesOf(value), expected))
