import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Announcement, decodeAnnouncement, encodeAnnouncement } from '../../../src/cluster/members/announcement.ts'

const announcement: Announcement = {
  type: 'alive',
  standing: 'member',
  startedAtMs: 1_700_000_000_000,
  host: 'box',
  pid: 42,
  version: '0.1.0',
  slot: 3,
  listeners: { 'tcp:default': '127.0.0.1:1883' },
}

test('an announcement comes through', () => {
  assert.deepEqual(decodeAnnouncement(encodeAnnouncement(announcement)), announcement)
})

for (const { what, text } of [
  { what: 'nothing', text: '' },
  { what: 'no JSON', text: '{"type":' },
  { what: 'no object', text: '7' },
  { what: 'an unknown type', text: JSON.stringify({ ...announcement, type: 'shout' }) },
  { what: 'a slot below zero', text: JSON.stringify({ ...announcement, slot: -1 }) },
  { what: 'a very long host', text: JSON.stringify({ ...announcement, host: 'x'.repeat(2_000) }) },
  { what: 'too many bytes', text: JSON.stringify(announcement) + ' '.repeat(70_000) },
])
  test(`${what} is no announcement`, () => assert.equal(decodeAnnouncement(Buffer.from(text)), undefined))

test('no bytes throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => decodeAnnouncement(bytes) === undefined))
})
