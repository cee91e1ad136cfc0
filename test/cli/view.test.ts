import assert from 'node:assert/strict'
import { test } from 'node:test'
import { invitation, line, savedRatio, screen, type Snapshot } from '../../src/cli/demo/view.ts'

const now: Snapshot = {
  elapsedMs: 61_000,
  summary: {
    published: 122_000,
    expected: 1220,
    crossed: 1218,
    lost: 2,
    duplicated: 0,
    unexpected: 0,
    latency_ms: { p50: 1.5, p99: 4.25 },
  },
  bytesPublished: 12_300_000,
  bytesCrossed: 615_000,
  links: [{ name: 'us-east -> eu-west', status: 'degraded', reasons: ['heartbeats late'], isNative: true }],
}

test('the screen shows messages, bytes, latency and links with their reasons', () => {
  const text = screen(now).join('\n')
  for (const part of [
    '122,000',
    '1,218 of 1,220',
    '2 on the way',
    '12.3 MB',
    '615.0 kB',
    '95.0 % saved',
    'p99 4.25 ms',
  ]) {
    assert.ok(text.includes(part), `${part} in\n${text}`)
  }
  assert.match(text, /us-east -> eu-west {2}degraded, native dialect, heartbeats late/)
  assert.doesNotMatch(text, /DOUBLED/)
})

test('a doubled message is not passed over', () => {
  assert.match(screen({ ...now, summary: { ...now.summary, duplicated: 1 } }).join('\n'), /1 DOUBLED/)
})

test('without a terminal it is one line', () => {
  assert.equal(
    line(now),
    '61 s: published 122000, crossed 1218, saved 95.0 %, p50 1.5 ms, p99 4.25 ms, us-east -> eu-west degraded',
  )
})

test('a link that cost more than all that was published saved less than nothing', () => {
  assert.equal(savedRatio({ bytesPublished: 100, bytesCrossed: 150 }), -0.5)
  assert.equal(savedRatio({ bytesPublished: 0, bytesCrossed: 150 }), 0)
})

test('the invitation names both ports and a topic that crosses', () => {
  const text = invitation({ sending: 1111, receiving: 2222 }).join('\n')
  assert.match(text, /mosquitto_sub -p 2222 .* -t devices\/hello/)
  assert.match(text, /mosquitto_pub -p 1111 .* -t devices\/hello -m hi/)
})
