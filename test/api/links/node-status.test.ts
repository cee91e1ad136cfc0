import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LinkOnNode, mergedStatus, nodeStatus } from '../../../src/api/links/node-status.ts'

type Given = {
  readonly is: LinkOnNode['status']
  readonly up?: number
  readonly because?: string
  readonly standby?: true
}

function onNode({ is, up = 1, because, standby }: Given): LinkOnNode {
  return {
    status: is,
    reasons: because === undefined ? [] : [because],
    planes: {
      route_sync: { state: standby === true ? 'standby' : 'syncing' },
      forwarding: { state: up > 0 ? 'up' : 'down', connections: 1, up },
      inbound: { state: 'live' },
    },
    paused: false,
  }
}

const silent = 'silent'

for (const { when, given, status, emqx, reasons = [] } of [
  { when: 'one node, running', given: [{ is: 'running' }], status: 'running', emqx: 'connected' },
  { when: 'one node, connecting', given: [{ is: 'connecting', up: 0 }], status: 'connecting', emqx: 'connecting' },
  { when: 'one node, bootstrapping', given: [{ is: 'bootstrapping' }], status: 'bootstrapping', emqx: 'connecting' },
  {
    when: 'one node that works, though not as it should',
    given: [{ is: 'degraded', because: 'outbox' }],
    status: 'degraded',
    emqx: 'connected',
    reasons: ['outbox'],
  },
  { when: 'one node that can’t send', given: [{ is: 'degraded', up: 0 }], status: 'degraded', emqx: 'connecting' },
  { when: 'disabled', given: [{ is: 'stopped', up: 0 }], status: 'stopped', emqx: 'disconnected' },
  { when: 'failed', given: [{ is: 'failed', up: 0 }], status: 'failed', emqx: 'disconnected' },
  {
    when: 'all the same, one of them the speaker',
    given: [{ is: 'running' }, { is: 'running', standby: true }],
    status: 'running',
    emqx: 'connected',
  },
  {
    when: 'disabled everywhere',
    given: [
      { is: 'stopped', up: 0, because: 'the link is disabled' },
      { is: 'stopped', up: 0, because: 'the link is disabled' },
    ],
    status: 'stopped',
    emqx: 'disconnected',
    reasons: ['the link is disabled'],
  },
  {
    when: 'one has a nearly full outbox',
    given: [{ is: 'running' }, { is: 'degraded', because: 'nearly full', standby: true }],
    status: 'degraded',
    emqx: 'connected',
    reasons: ['n2: nearly full'],
  },
  {
    when: 'the speaker tells the peer, the others wait for it',
    given: [{ is: 'bootstrapping' }, { is: 'running', standby: true }],
    status: 'bootstrapping',
    emqx: 'connecting',
  },
  {
    when: 'the speaker shakes hands, the others wait for it',
    given: [
      { is: 'running', standby: true },
      { is: 'connecting', because: 'soon' },
    ],
    status: 'connecting',
    emqx: 'connecting',
    reasons: ['n2: soon'],
  },
  {
    when: 'one can’t reach the peer',
    given: [{ is: 'running' }, { is: 'connecting', up: 0, because: 'refused', standby: true }],
    status: 'inconsistent',
    emqx: 'inconsistent',
    reasons: ['the nodes differ: running on n1; connecting on n2', 'n2: refused'],
  },
  {
    when: 'the speaker can’t reach the peer, and has no connection at all',
    given: [
      { is: 'running', standby: true },
      { is: 'connecting', up: 0 },
    ],
    status: 'inconsistent',
    emqx: 'inconsistent',
    reasons: ['the nodes differ: running on n1; connecting on n2'],
  },
  {
    when: 'an edit has come to one of two',
    given: [{ is: 'stopped', up: 0 }, { is: 'running' }],
    status: 'inconsistent',
    emqx: 'inconsistent',
    reasons: ['the nodes differ: stopped on n1; running on n2'],
  },
  {
    when: 'one does not answer',
    given: [{ is: 'running' }, silent, { is: 'running', standby: true }],
    status: 'inconsistent',
    emqx: 'inconsistent',
    reasons: ['n2: does not answer: no answer within 2000 ms'],
  },
] as const satisfies readonly {
  when: string
  given: readonly (Given | typeof silent)[]
  status: string
  emqx: string
  reasons?: readonly string[]
}[])
  test(`over all nodes: ${when} is ${status}, to EMQX ${emqx}`, () => {
    const nodes = (given as readonly (Given | typeof silent)[]).map((one, index) => {
      const node = `n${index + 1}`
      if (one === silent) return nodeStatus({ node, type: 'failed', reason: 'no answer within 2000 ms' })
      return nodeStatus({ node, type: 'ok', result: onNode(one) })
    })
    assert.deepEqual(mergedStatus(nodes), { status, emqx_status: emqx, reasons })
  })

test('a node that the link has not come to yet says so', () => {
  const status = nodeStatus({ node: 'n1', type: 'ok', result: undefined })
  assert.deepEqual(
    [status.status, status.emqx_status, status.reason],
    ['stopped', 'disconnected', 'this node does not have the link yet'],
  )
})
