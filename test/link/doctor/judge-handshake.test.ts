import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LinkOnNode } from '../../../src/link/doctor/link-on-node.ts'
import {
  type HandshakeFacts,
  judgeClusterNames,
  judgeDialect,
  judgeHandshake,
  judgeHandshakeBack,
} from '../../../src/link/doctor/judge-handshake.ts'
import { account, link, onNode } from './link-facts.ts'

const facts = (more: Partial<HandshakeFacts> = {}): HandshakeFacts => ({
  us: 'us',
  link: link(),
  speaker: onNode(),
  account: undefined,
  ...more,
})
const rejected = (rejection: string, inbound: Partial<LinkOnNode['inbound']> = {}) =>
  onNode({
    routeSync: { phase: 'refused', trouble: { cause: 'handshake_rejected', reason: `no (${rejection})`, rejection } },
    inbound: { state: 'absent', routes: 0, ...inbound },
  })
const refusal = (reason: string) => ({
  reason,
  words: `words of ${reason}`,
  clientId: 'eu:x',
  remoteAddress: '10.0.0.1:5',
})

for (const { when, given, status, detail, remedy } of [
  { when: 'the peer knows what we want', given: facts(), status: 'ok', detail: /1 route$/ },
  {
    when: 'it is being told',
    given: facts({ speaker: onNode({ routeSync: { phase: 'bootstrapping' } }) }),
    status: 'warning',
    detail: /is telling the peer/,
    remedy: /wait/,
  },
  {
    when: 'nobody of our cluster speaks',
    given: facts({ speaker: onNode({ routeSync: { phase: 'standby' } }) }),
    status: 'failed',
    detail: /no node of our cluster speaks/,
    remedy: /NATS/,
  },
  {
    when: 'the one who speaks says nothing',
    given: facts({ speaker: onNode({ routeSync: { phase: 'standby' }, speaker: 'a2' }) }),
    status: 'warning',
    detail: /a2 speaks to the peer .* did not answer/,
    remedy: /the node a2/,
  },
  {
    when: 'the link crashed too often',
    given: facts({ speaker: onNode({ routeSync: null, reasons: ['crashed too often, last with: x'] }) }),
    status: 'failed',
    detail: /does not run on a1: crashed too often/,
    remedy: /disabled and enabled/,
  },
  {
    when: 'the peer takes no more routes',
    given: facts({
      speaker: onNode({
        routeSync: { phase: 'degraded', trouble: { cause: 'routes_refused', reason: '0x97 Quota exceeded' } },
      }),
    }),
    status: 'failed',
    detail: /does not take our routes: 0x97/,
    remedy: /limits/,
  },
  {
    when: 'the peer’s cluster has another name, which an EMQX does not tell',
    given: facts({ speaker: rejected('bad_remote_cluster_link_name') }),
    status: 'failed',
    detail: /not called eu$/,
    remedy: /what cluster\.name says at the peer \(now eu\)/,
  },
  {
    when: 'the peer does not know us',
    given: facts({ speaker: rejected('unknown_cluster') }),
    status: 'failed',
    detail: /has no link called us/,
    remedy: /add a link to the peer’s configuration: name = us/,
  },
  {
    when: 'the peer calls us otherwise',
    given: facts({ speaker: rejected('unknown_cluster', { refusal: refusal('bad_remote_cluster_link_name') }) }),
    status: 'failed',
    detail: /words of bad_remote/,
    remedy: /name of the peer’s link to us/,
  },
  {
    when: 'the peer has disabled its link',
    given: facts({ speaker: rejected('cluster_link_disabled') }),
    status: 'failed',
    detail: /has disabled its link to us/,
    remedy: /enable = true of the link us at the peer/,
  },
  {
    when: 'native alone will do on one side',
    given: facts({ speaker: rejected('native_dialect_required') }),
    status: 'failed',
    detail: /native_dialect_required/,
    remedy: /dialect = auto/,
  },
  {
    when: 'nobody answers',
    given: facts({
      speaker: onNode({
        routeSync: { phase: 'disconnected', trouble: { cause: 'handshake_timeout', reason: 'no answer' } },
      }),
    }),
    status: 'failed',
    detail: /answers no handshake of a link: no answer/,
    remedy: /other brokers know nothing of links/,
  },
  {
    when: 'the connection broke',
    given: facts({
      speaker: onNode({ routeSync: { phase: 'disconnected', trouble: { cause: 'socket_error', reason: 'reset' } } }),
    }),
    status: 'failed',
    detail: /does not know what we want: reset/,
    remedy: /try again by itself/,
  },
  {
    when: 'nothing runs and the peer tells nothing',
    given: facts({ speaker: undefined }),
    status: 'skipped',
    detail: /not saved/,
  },
])
  test(`handshake: ${when}`, () => {
    const finding = judgeHandshake(given)
    assert.equal(finding.status, status)
    assert.match(finding.detail, detail)
    assert.match(finding.remedy ?? '', remedy ?? /^$/)
  })

for (const { when, nodes, given = facts(), status, detail, remedy } of [
  { when: 'it has come', nodes: [onNode()], status: 'ok', detail: /has come to a1 .*2 routes/ },
  {
    when: 'it has come to another node of ours',
    nodes: [onNode({ inbound: { state: 'absent', routes: 0 } }), onNode({ node: 'a2' })],
    status: 'ok',
    detail: /has come to a2/,
  },
  {
    when: 'it was turned away since',
    nodes: [onNode({ inbound: { state: 'live', routes: 1, refusal: refusal('not_accepted') } })],
    status: 'warning',
    detail: /since then we turned the peer away/,
    remedy: /accept of the link eu on this side/,
  },
  ...[
    { reason: 'not_accepted', remedy: /accept of the link eu on this side/ },
    { reason: 'denied_by_rule', remedy: /take away the rule of authorization that denies .* eu:x/ },
    { reason: 'nobody_accepts', remedy: /\{allow, \{clientid, "eu:x"\}, all, \["\$LINK\/cluster\/\+\/eu"/ },
    { reason: 'bad_remote_cluster_link_name', remedy: /name of the peer’s link to us/ },
    { reason: 'cluster_link_disabled', remedy: /enable = true of the link eu on this side/ },
    { reason: 'too_many_routes', remedy: /narrow topics/ },
    { reason: 'native_dialect_required', remedy: /dialect = auto/ },
    { reason: 'malformed_term', remedy: /logs of both sides/ },
  ].map(({ reason, remedy: change }) => ({
    when: `it was turned away: ${reason}`,
    nodes: [onNode({ inbound: { state: 'refused', routes: 0, refusal: refusal(reason) } })],
    status: 'failed',
    detail: new RegExp(`we turned the peer away: words of ${reason}`),
    remedy: change,
  })),
  {
    when: 'it said goodbye',
    nodes: [onNode({ inbound: { state: 'left', routes: 0, farewell: 'deleted' } })],
    status: 'failed',
    detail: /has deleted its link to us/,
    remedy: /add the link us at the peer/,
  },
  {
    when: 'it is late',
    nodes: [onNode({ inbound: { state: 'late', routes: 1 } })],
    status: 'warning',
    detail: /are late/,
    remedy: /network/,
  },
  {
    when: 'it is silent',
    nodes: [onNode({ inbound: { state: 'stale', routes: 1 } })],
    status: 'failed',
    detail: /fallen silent/,
    remedy: /server of its link to us/,
  },
  {
    when: 'an EMQX never came, which may be well',
    nodes: [onNode({ inbound: { state: 'absent', routes: 0 } })],
    status: 'warning',
    detail: /has not come to us yet/,
    remedy: /an EMQX whose topics are empty never comes/,
  },
  {
    when: 'somebody came under another name',
    nodes: [
      onNode({
        inbound: { state: 'absent', routes: 0 },
        strangers: [{ ...refusal('unknown_cluster'), cluster: 'eu-1' }],
      }),
    ],
    status: 'failed',
    detail: /a cluster called eu-1 came from 10\.0\.0\.1:5, and there is no link to it here/,
    remedy: /set name of the link on this side to eu-1 \(now eu\)/,
  },
  {
    when: 'our like never came',
    nodes: [onNode({ inbound: { state: 'absent', routes: 0 } })],
    given: facts({ account: account({}, { reasons: ['nobody listens there'] }) }),
    status: 'failed',
    detail: /it says: nobody listens there/,
    remedy: /the peer’s link us/,
  },
])
  test(`handshake of the peer: ${when}`, () => {
    const finding = judgeHandshakeBack(given, nodes)
    assert.equal(finding.status, status)
    assert.match(finding.detail, detail)
    assert.match(finding.remedy ?? '', remedy ?? /^$/)
  })

test('names: as the peer says them, or as the handshake has shown', () => {
  assert.match(judgeClusterNames(facts({ account: account() })).detail, /calls itself eu/)
  assert.equal(judgeClusterNames(facts({ account: account({ cluster: 'eu-2' }) })).status, 'failed')
  assert.match(judgeClusterNames(facts()).detail, /has accepted us under this name/)
  assert.equal(judgeClusterNames(facts({ speaker: undefined })).status, 'skipped')
})

test('dialect: what is spoken, and a better one that could be', () => {
  assert.match(judgeDialect(facts()).detail, /the Isthmus b1: native dialect, version 1, with short/)
  assert.equal(judgeDialect(facts({ speaker: onNode({ peer: null }) })).status, 'ok')
  assert.match(
    judgeDialect(facts({ speaker: onNode({ peer: null }), account: account() })).remedy ?? '',
    /dialect = auto/,
  )
})
