import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LinkOutlook, linkConditions } from '../../../src/metrics/alarms/link-conditions.ts'
import { LossConditions } from '../../../src/metrics/alarms/loss-conditions.ts'
import {
  certificateConditions,
  clockConditions,
  coordinationCondition,
} from '../../../src/metrics/alarms/node-conditions.ts'

const link: LinkOutlook = {
  link: 'eu-west',
  state: 'running',
  reasons: [],
  peerLeft: false,
  refusal: undefined,
  muteSinceMs: undefined,
  fillAboveMark: undefined,
}

for (const { when, outlook, names } of [
  { when: 'runs', outlook: {}, names: [] },
  { when: 'has just begun to connect', outlook: { state: 'connecting' }, names: [] },
  { when: 'learns what the peer wants', outlook: { state: 'bootstrapping', reasons: ['x'] }, names: [] },
  {
    when: 'does not come up',
    outlook: { state: 'connecting', reasons: ['nobody listens there'] },
    names: ['emqx_cluster_link_mqtt:msg:eu-west'],
  },
  {
    when: 'crashed too often',
    outlook: { state: 'failed', reasons: ['crashed'] },
    names: ['emqx_cluster_link_mqtt:msg:eu-west'],
  },
  {
    when: 'is refused',
    outlook: { state: 'connecting', reasons: ['0x87'], refusal: '0x87' },
    names: ['emqx_cluster_link_mqtt:msg:eu-west', 'cluster_link:link_refused:eu-west'],
  },
  {
    when: 'lacks a connection',
    outlook: { state: 'degraded', reasons: ['1 of 4'] },
    names: ['cluster_link:link_degraded:eu-west'],
  },
  {
    when: 'passes nothing',
    outlook: { state: 'degraded', reasons: ['mute'], muteSinceMs: 0 },
    names: ['cluster_link:link_degraded:eu-west', 'cluster_link:link_mute:eu-west'],
  },
  {
    when: 'has an outbox above its mark',
    outlook: { fillAboveMark: 0.834 },
    names: ['cluster_link:outbox_above_mark:eu-west'],
  },
  {
    when: 'is disabled at the peer, which said so',
    outlook: { state: 'connecting', reasons: ['the peer has disabled its link to us'], peerLeft: true, refusal: 'no' },
    names: [],
  },
  {
    when: 'is disabled here, whatever else',
    outlook: { state: 'stopped', reasons: ['the link is disabled'], muteSinceMs: 5, fillAboveMark: 1, refusal: 'x' },
    names: [],
  },
] as const)
  test(`alarms of a link that ${when}`, () => {
    const found = linkConditions({ ...link, ...outlook })
    assert.deepEqual(
      found.map(({ name }) => name),
      names,
    )
    for (const { link: about, reason } of found) {
      assert.equal(about, 'eu-west')
      assert.notEqual(reason, '')
    }
  })

test('a link that is down is told in EMQX’s words, with why', () => {
  const [down] = linkConditions({ ...link, state: 'connecting', reasons: ['no connection', 'nobody listens there'] })
  assert.equal(down?.message, 'resource down: no connection; nobody listens there')
})

const DAY = 86_400_000
for (const { when, leftMs, reason } of [
  { when: 'in a month and a day', leftMs: 31 * DAY, reason: undefined },
  { when: 'in a month', leftMs: 30 * DAY, reason: 'expires in 30 days, on 2026-01-31T00:00:00.000Z' },
  { when: 'tomorrow', leftMs: 1.5 * DAY, reason: 'expires in 1 day, on 2026-01-02T12:00:00.000Z' },
  { when: 'today', leftMs: 1_000, reason: 'expires within a day, on 2026-01-01T00:00:01.000Z' },
  { when: 'before', leftMs: -1_000, reason: 'expired on 2025-12-31T23:59:59.000Z' },
])
  test(`a certificate that expires ${when}`, () => {
    const nowMs = Date.UTC(2026, 0, 1)
    const certificate = { owner: 'listener ssl:default', subject: 'CN=a', notAfterMs: nowMs + leftMs }
    const [found] = certificateConditions([certificate], nowMs)
    assert.equal(found?.reason, reason)
    if (found !== undefined) assert.equal(found.name, 'certificate_expiring:listener:ssl:default')
  })

for (const { offsetMs, uncertaintyMs, reason } of [
  { offsetMs: 900, uncertaintyMs: 1, reason: undefined },
  { offsetMs: 1_500, uncertaintyMs: 400, reason: 'its clock is 1.5 s ahead of ours' },
  { offsetMs: -1_500, uncertaintyMs: 400, reason: 'its clock is 1.5 s behind ours' },
  { offsetMs: 1_500, uncertaintyMs: 600, reason: undefined },
])
  test(`a clock ${offsetMs} ms ahead, as far as ${uncertaintyMs} ms can tell`, () => {
    const [found] = clockConditions([{ node: 'a2@h', offsetMs, uncertaintyMs }])
    assert.equal(found?.reason, reason)
  })

test('coordination that is lost', () => {
  assert.deepEqual(coordinationCondition(false), [])
  assert.equal(coordinationCondition(true)[0]?.name, 'coordination_lost')
})

test('what was lost before anybody looked is no news; what is lost later is summed up while it goes on', () => {
  const losses = new LossConditions()
  const look = (counts: Record<string, Record<string, number>>, seconds: number) =>
    losses.look(new Map(Object.entries(counts)), seconds * 1_000).map(({ name, reason }) => `${name}: ${reason}`)
  assert.deepEqual(look({ broker: { expired: 5 }, 'link:eu': { queue_full: 1 } }, 0), [])
  assert.deepEqual(look({ broker: { expired: 5 }, 'link:eu': { queue_full: 3 } }, 1), [
    'cluster_link:messages_dropped:eu: 2 queue_full',
  ])
  assert.deepEqual(look({ broker: { expired: 6 }, 'link:eu': { queue_full: 4, shed_qos0: 1 } }, 2), [
    'messages_dropped:broker: 1 expired',
    'cluster_link:messages_dropped:eu: 3 queue_full, 1 shed_qos0',
  ])
  assert.deepEqual(look({ broker: { expired: 6 }, 'link:eu': { queue_full: 4, shed_qos0: 1 } }, 3), [])
  // The ledger was reset, and its alarm is over by then.
  assert.deepEqual(look({ broker: { expired: 6 }, 'link:eu': { queue_full: 2 } }, 60), [
    'cluster_link:messages_dropped:eu: 2 queue_full',
  ])
})
