import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addressKey, FailedLogins } from '../../../../src/broker/access/authentication/failed-logins.ts'

const limits = { enable: true, max_count: 3, window_time: 1000, ban_time: 500 }

function after(...failuresAtMs: number[]): FailedLogins {
  const logins = new FailedLogins(limits)
  for (const atMs of failuresAtMs) logins.failed('a', atMs)
  return logins
}

for (const { when, failures, atMs, banned } of [
  { when: 'before the last failure that counts', failures: [0, 1], atMs: 2, banned: false },
  { when: 'at the last failure that counts', failures: [0, 1, 2], atMs: 2, banned: true },
  { when: 'until the time is up', failures: [0, 1, 2], atMs: 501, banned: true },
  { when: 'when the time is up', failures: [0, 1, 2], atMs: 502, banned: false },
  { when: 'after failures that lie too far apart', failures: [0, 999, 1000], atMs: 1000, banned: false },
  { when: 'after failures of a new window', failures: [0, 1000, 1001, 1002], atMs: 1003, banned: true },
  { when: 'and failures meanwhile do not prolong it', failures: [0, 1, 2, 300, 400], atMs: 502, banned: false },
  { when: 'and afterwards counting begins anew', failures: [0, 1, 2, 600, 601], atMs: 602, banned: false },
])
  test(`${when} an address is ${banned ? 'shut out' : 'free'}`, () => {
    assert.equal(after(...failures).isBanned('a', atMs), banned)
    assert.equal(after(...failures).isBanned('b', atMs), false)
  })

test('the failure that shuts out is told, once', () => {
  const logins = new FailedLogins(limits)
  assert.deepEqual(
    [0, 1, 2, 3].map((atMs) => logins.failed('a', atMs)),
    [false, false, true, false],
  )
})

test('a login that succeeds clears the address', () => {
  const logins = after(0, 1)
  logins.succeeded('a')
  logins.failed('a', 2)
  assert.equal(logins.isBanned('a', 2), false)
})

test('switched off, nobody is shut out, nor stays so', () => {
  const logins = after(0, 1, 2)
  logins.configure({ ...limits, enable: false })
  assert.equal(logins.isBanned('a', 3), false)
  for (const atMs of [4, 5, 6, 7]) logins.failed('a', atMs)
  assert.equal(logins.isBanned('a', 8), false)
  assert.equal(logins.addressCount, 0)
})

for (const [address, key] of [
  ['192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:0001:2::7', '2001:db8:1:2::/64'],
  ['2001:db8::7', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['1::2:3:4:5:6:7', '1:0:2:3::/64'],
  ['64:ff9b::192.0.2.7', '64:ff9b:0:0::/64'],
] as const)
  test(`${address} counts as ${key}`, () => assert.equal(addressKey(address), key))

test('the table never grows beyond its bound, and forgets who failed longest ago', () => {
  const logins = new FailedLogins({ ...limits, max_count: 1 }, 3)
  for (const [atMs, address] of ['a', 'b', 'c', 'd'].entries()) logins.failed(address, atMs)
  assert.equal(logins.addressCount, 3)
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((address) => logins.isBanned(address, 5)),
    [false, true, true, true],
  )
})

type Step = { readonly kind: 'failed' | 'succeeded'; readonly address: string; readonly waitMs: number }

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('failed', 'failed', 'failed', 'succeeded'),
  address: fc.constantFrom('192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::2'),
  waitMs: fc.integer({ min: 0, max: 700 }),
})

test('whatever happens: shut out exactly after enough failures in one window, only so long, and each address by itself', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const logins = new FailedLogins(limits)
      /** All failures since the last success or ban of each address, and the end of that ban. */
      const model = new Map<string, { failures: number[]; untilMs: number }>()
      let nowMs = 0
      for (const { kind, address, waitMs } of steps) {
        nowMs += waitMs
        const key = addressKey(address)
        const state = model.get(key) ?? { failures: [], untilMs: 0 }
        model.set(key, state)
        if (kind === 'succeeded') {
          logins.succeeded(address)
          model.set(key, { failures: [], untilMs: 0 })
        } else {
          const told = logins.failed(address, nowMs)
          if (nowMs < state.untilMs) assert.equal(told, false)
          else {
            const [first] = state.failures
            if (first === undefined || nowMs - first >= limits.window_time) state.failures = []
            state.failures.push(nowMs)
            const isBan = state.failures.length >= limits.max_count
            assert.equal(told, isBan)
            if (isBan) model.set(key, { failures: [], untilMs: nowMs + limits.ban_time })
          }
        }
        for (const [each, { untilMs }] of model)
          assert.equal(logins.isBanned(each.endsWith('/64') ? '2001:db8::9' : each, nowMs), nowMs < untilMs)
        assert.ok(logins.addressCount <= 3)
      }
    }),
  )
})
