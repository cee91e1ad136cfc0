/** Payloads as text, JSON and bytes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { asHex, asText, bestView, bytesOf } from '../../src/dashboard/retained/payload.ts'

for (const { when, payload, view } of [
  { when: 'an object', payload: Buffer.from('{"a":1}'), view: 'json' },
  { when: 'a number', payload: Buffer.from('21.5'), view: 'json' },
  { when: 'words', payload: Buffer.from('wärme\nhier'), view: 'text' },
  { when: 'bytes that are no UTF-8', payload: Buffer.from([0xff, 0x41]), view: 'hex' },
  { when: 'text with a zero byte', payload: Buffer.from([0x41, 0]), view: 'hex' },
])
  test(`${when} is shown as ${view}`, () => assert.equal(bestView(payload), view))

test('every byte is in the dump, in its order', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (payload) => {
      const codes = asHex(payload)
        .split('\n')
        .flatMap((line) => line.slice(8, 57).split(/ +/))
        .filter((code) => code !== '')
      assert.deepEqual(
        codes.map((code) => Number.parseInt(code, 16)),
        [...payload],
      )
    }),
  )
})

test('what comes as Base64 is what was sent', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (payload) =>
      assert.deepEqual([...bytesOf(Buffer.from(payload).toString('base64'))], [...payload]),
    ),
  )
  assert.equal(asText(Buffer.from('\ufeffx')), '\ufeffx')
})
