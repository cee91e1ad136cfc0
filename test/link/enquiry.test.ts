import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeAccount, decodeEnquiry, encodeAccount, encodeEnquiry } from '../../src/link/enquiry.ts'
import { decodeLinkMessage } from '../../src/link/emqx/link-message.ts'
import { decodeRouteMessage, encodeRouteMessage } from '../../src/link/emqx/route-ops.ts'
import { account } from './doctor/link-facts.ts'

test('an enquiry is read as it was written, and is neither a route operation nor a message', () => {
  for (const enquiry of [{}, { topic: 't/ä' }]) {
    const payload = encodeEnquiry(enquiry)
    assert.deepEqual(decodeEnquiry(payload), enquiry)
    assert.equal(decodeRouteMessage(payload).type, 'unknown')
    assert.equal(decodeLinkMessage(payload).type, 'malformed')
  }
})

test('what is no enquiry is left alone, whatever it is', () => {
  const heartbeat = encodeRouteMessage({ type: 'heartbeat', actor: 'a', incarnation: 1 })
  assert.equal(decodeEnquiry(heartbeat), undefined)
  const start = encodeEnquiry({}).subarray(0, 6)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      assert.equal(decodeEnquiry(Buffer.from(bytes)), undefined)
      assert.equal(decodeEnquiry(Buffer.concat([start, bytes])), undefined)
      decodeAccount(Buffer.from(bytes))
    }),
  )
})

test('an account is read as it was written, but for what is too long', () => {
  const told = account({ topic: { in_topics: true, subscribed: false, routed: true } })
  assert.deepEqual(decodeAccount(encodeAccount(told)), told)
  assert.deepEqual(decodeAccount(encodeAccount({ cluster: 'eu', node: 'b', link: null })), {
    cluster: 'eu',
    node: 'b',
    link: null,
  })
  const many = account({}, { topics: Array.from({ length: 1_000 }, (_, index) => `t/${index}`) })
  assert.equal(decodeAccount(encodeAccount(many))?.link?.topics.length, 100)
})
