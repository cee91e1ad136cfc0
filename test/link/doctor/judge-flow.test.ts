import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LedgerSnapshot } from '../../../src/lanes/ledger.ts'
import type { Finding } from '../../../src/link/doctor/finding.ts'
import {
  judgeClock,
  judgeForwarding,
  judgeHistory,
  judgeLedgers,
  judgeNodes,
  judgeOutbox,
  judgePause,
  judgeProbe,
} from '../../../src/link/doctor/judge-flow.ts'
import { judgeTopic, type TopicFacts } from '../../../src/link/doctor/judge-topic.ts'
import { account, link, onNode } from './link-facts.ts'

const cut = {
  state: 'down',
  connections: 1,
  up: 0,
  trouble: { cause: 'socket_error', reason: 'no route to the host' },
} as const
const outbox = (fill: number, messages = 20, overflow = 'drop_oldest') => ({
  messages,
  bytes: 1,
  fill,
  oldestMs: 3_000,
  overflow,
})
const lost = (dropped: LedgerSnapshot['dropped'], failed: LedgerSnapshot['failed'] = {}) =>
  onNode({ ledger: { ...onNode().ledger, dropped, failed } })
const answered = {
  type: 'answered',
  kind: 'native',
  round_trip_ms: 2,
  one_way_ms: 1,
  answered_over: 'peers_link',
  clock_offset_ms: 0,
} as const

const findings: readonly { when: string; finding: Finding; status: string; detail: RegExp; remedy?: RegExp }[] = [
  { when: 'one node, well', finding: judgeNodes('a1', [onNode()], []), status: 'ok', detail: /works on 1 of 1 node$/ },
  {
    when: 'two of three nodes work',
    finding: judgeNodes(
      'a1',
      [
        onNode(),
        onNode({ node: 'a2', routeSync: { phase: 'standby' } }),
        onNode({ node: 'a3', routeSync: { phase: 'standby' }, forwarding: cut }),
      ],
      [],
    ),
    status: 'failed',
    detail: /works on 2 of 3 nodes; a3: no route to the host; a1 speaks for all$/,
    remedy: /wrong is at a3: compare .* with those of a1, a2/,
  },
  {
    when: 'another node is the speaker',
    finding: judgeNodes('a1', [onNode({ routeSync: { phase: 'standby' } }), onNode({ node: 'a2' })], []),
    status: 'ok',
    detail: /a2 speaks for all, and a1 was asked/,
  },
  {
    when: 'a node says nothing',
    finding: judgeNodes('a1', [onNode()], [{ node: 'a2', reason: 'timeout' }]),
    status: 'warning',
    detail: /no answer from a2 \(timeout\)/,
    remedy: /NATS/,
  },
  {
    when: 'no node works',
    finding: judgeNodes('a1', [onNode({ forwarding: cut })], []),
    status: 'failed',
    detail: /no connection for messages; a1: no route/,
    remedy: /by itself/,
  },
  {
    when: 'part of the pool is down',
    finding: judgeForwarding(onNode({ forwarding: { ...cut, connections: 4, up: 3 } })),
    status: 'warning',
    detail: /3 of 4 connections .*no route/,
    remedy: /limits for connections/,
  },
  {
    when: 'it is paused, and the outbox is full',
    finding: judgePause([onNode({ pause: { by: 'ops', sinceMs: 0 }, outbox: outbox(1) })], 'eu', undefined),
    status: 'failed',
    detail:
      /paused by ops since 1970-01-01T00:00:00\.000Z: 20 messages wait in the outbox, the oldest for 3 s; the outbox is full/,
    remedy: /isthmus links resume eu/,
  },
  {
    when: 'the peer has paused',
    finding: judgePause([onNode()], 'eu', account({}, { paused_by: 'bob' })),
    status: 'warning',
    detail: /the peer has paused .*bob/,
    remedy: /at the peer/,
  },
  { when: 'a probe comes back', finding: judgeProbe(answered), status: 'ok', detail: /there and back in 2 ms$/ },
  {
    when: 'a probe of an EMQX',
    finding: judgeProbe({ ...answered, kind: 'emqx', answered_over: null }),
    status: 'ok',
    detail: /PINGREQ/,
  },
  {
    when: 'a probe gets lost on the way back',
    finding: judgeProbe({ type: 'unanswered', kind: 'native', waited_ms: 3_000, isAcknowledged: true }),
    status: 'failed',
    detail: /its answer did not come back within 3000 ms/,
    remedy: /the peer’s link to us/,
  },
  {
    when: 'nothing is acknowledged',
    finding: judgeProbe({ type: 'unanswered', kind: 'native', waited_ms: 3_000, isAcknowledged: false }),
    status: 'failed',
    detail: /connected and mute/,
    remedy: /swallows packets/,
  },
  {
    when: 'the outbox is full',
    finding: judgeOutbox(onNode({ outbox: outbox(1) })),
    status: 'failed',
    detail: /outbox is full: 20 messages wait, and messages are lost/,
    remedy: /max_buffer_bytes/,
  },
  {
    when: 'it is full, and publishers wait',
    finding: judgeOutbox(onNode({ outbox: outbox(0.99, 20, 'backpressure') })),
    status: 'failed',
    detail: /publishers have to wait/,
    remedy: /max_buffer/,
  },
  {
    when: 'it is nearly full',
    finding: judgeOutbox(onNode({ outbox: outbox(0.85) })),
    status: 'warning',
    detail: /85 % full/,
    remedy: /max_buffer_bytes/,
  },
  {
    when: 'messages expired',
    finding: judgeOutbox(lost({ expired: 4 })),
    status: 'warning',
    detail: /4 expired/,
    remedy: /request_ttl/,
  },
  {
    when: 'it was full',
    finding: judgeOutbox(lost({ queue_full: 2, shed_qos0: 1 })),
    status: 'warning',
    detail: /2 queue_full, 1 shed_qos0/,
    remedy: /durable = true/,
  },
  {
    when: 'the peer refused some',
    finding: judgeOutbox(lost({}, { 'refused_by_peer(0x87)': 1 })),
    status: 'warning',
    detail: /1 refused_by_peer\(0x87\)/,
    remedy: /0x87/,
  },
  {
    when: 'some were too large',
    finding: judgeOutbox(lost({ too_large: 1 })),
    status: 'warning',
    detail: /1 too_large/,
    remedy: /max_packet_size/,
  },
  {
    when: 'the accounts agree',
    finding: judgeLedgers(onNode(), account(), []),
    status: 'ok',
    detail: /of ours 3 were acknowledged to this node, and 3 accepted by b1/,
  },
  {
    when: 'the peer did not let some in',
    finding: judgeLedgers(onNode(), account({}, { refused: 2 }), []),
    status: 'warning',
    detail: /2 messages of ours that the peer did not let in/,
    remedy: /drift/,
  },
  {
    when: 'the sides differ',
    finding: judgeLedgers(onNode(), undefined, [{ what: 'routes that we want', ours: 3, theirs: 2, note: '' }]),
    status: 'warning',
    detail: /routes that we want: 3 here, 2 there/,
    remedy: /drift/,
  },
  {
    when: 'connections were lost again and again',
    finding: judgeHistory(
      onNode({ recent: { minutes: 15, disconnects: 4, last: { atMs: 0, actor: 'eu/forwarding/1', reason: 'reset' } } }),
    ),
    status: 'warning',
    detail:
      /4 connections lost in the last 15 minutes, the last one at 1970-01-01T00:00:00\.000Z \(eu\/forwarding\/1\): reset/,
    remedy: /log of the peer/,
  },
  {
    when: 'the clocks differ',
    finding: judgeClock(onNode({ clockOffsetMs: -5_000 })),
    status: 'warning',
    detail: /5 s behind ours/,
    remedy: /NTP/,
  },
]
for (const { when, finding, status, detail, remedy = /^$/ } of findings)
  test(`flow: ${when}`, () => {
    assert.equal(finding.status, status)
    assert.match(finding.detail, detail)
    assert.match(finding.remedy ?? '', remedy)
  })

const topicFacts = (more: Partial<TopicFacts> = {}): TopicFacts => ({
  topic: 't/1',
  us: 'us',
  link: link(),
  others: [],
  nodes: [onNode({ topic: { peersRoute: 't/+', subscriber: 't/#', ourRoute: 't/#' } })],
  account: undefined,
  ...more,
})
const wanted = (peersRoute: string | null, subscriber: string | null, ourRoute: string | null) => [
  onNode({ topic: { peersRoute, subscriber, ourRoute } }),
]

for (const { when, facts, out, back } of [
  { when: 'both ways', facts: topicFacts(), out: ['ok', /route t\/\+$/], back: ['ok', /by the route t\/#$/] },
  {
    when: 'one node tells, another has the subscriber',
    facts: topicFacts({ nodes: [...wanted(null, 't/1', null), ...wanted('t/1', null, 't/#')] }),
    out: ['ok', /route t\/1/],
    back: ['ok', /subscriber of t\/1/],
  },
  {
    when: 'an EMQX wants it not, and nor do we',
    facts: topicFacts({ nodes: wanted(null, null, null), link: link({ topics: [] }) }),
    out: ['failed', /none of the 2 routes that the peer has told holds t\/1/],
    back: ['failed', /topics = \[\], so that it wants nothing/],
  },
  {
    when: 'one way is enough',
    facts: topicFacts({ nodes: wanted('t/#', null, null) }),
    out: ['ok', /route t\/#/],
    back: ['warning', /nobody here has subscribed to t\/1/],
  },
  {
    when: 'the peer has not told the route',
    facts: topicFacts({
      nodes: wanted(null, null, null),
      account: account({ topic: { in_topics: true, subscribed: true, routed: false } }),
    }),
    out: ['failed', /has not told us the route yet/],
    back: ['failed', /nobody here/],
  },
  {
    when: 'the outbox of the peer is full',
    facts: topicFacts({
      nodes: wanted(null, 't/#', 't/#'),
      account: account(
        { topic: { in_topics: false, subscribed: true, routed: true } },
        { outbox: { messages: 9, fill: 1 } },
      ),
    }),
    out: ['failed', /none of topics of its link us holds it \(t\/#\)/],
    back: ['failed', /outbox of the peer is full: 9 messages wait there/],
  },
  {
    when: 'it comes over another link',
    facts: topicFacts({
      others: [
        { name: 'asia', topics: ['t/#'] },
        { name: 'mars', topics: ['m/#'] },
      ],
    }),
    out: ['warning', /over the link asia does not/],
    back: ['ok', /comes here/],
  },
  {
    when: 'it is no topic',
    facts: topicFacts({ topic: 't/#' }),
    out: ['failed', /is no topic/],
    back: ['failed', /is no topic/],
  },
  {
    when: 'it is the node’s own',
    facts: topicFacts({ topic: '$SYS/x' }),
    out: ['failed', /never crosses/],
    back: ['failed', /never crosses/],
  },
] as const)
  test(`topic: ${when}`, () => {
    const found = judgeTopic(facts)
    assert.deepEqual([found.out.status, found.back.status], [out[0], back[0]])
    assert.match(found.out.detail, out[1])
    assert.match(found.back.detail, back[1])
    for (const { status, remedy } of [found.out, found.back]) assert.equal(remedy !== undefined, status !== 'ok')
  })
