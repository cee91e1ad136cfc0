/** What an answer has to hold, whatever it holds besides: lists in full, of objects the fields that are named. */
import assert from 'node:assert/strict'

export function assertHolds(actual: unknown, expected: unknown, at = ''): void {
  if (typeof expected !== 'object' || expected === null)
    return assert.deepEqual(actual, expected, `${at}: ${show(actual)}`)
  assert.ok(typeof actual === 'object' && actual !== null, `${at} is ${show(actual)}`)
  if (Array.isArray(expected))
    assert.equal(Array.isArray(actual) && actual.length, expected.length, `${at}: ${show(actual)}`)
  const fields = new Map(Object.entries(actual))
  for (const [key, value] of Object.entries(expected)) assertHolds(fields.get(key), value, `${at}.${key}`)
}

function show(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 500) ?? 'not there'
}
