/** A link that is well, as a node tells of it; tests say what is otherwise. */
import type { LinkConfig } from '../../../src/config/config.ts'
import type { Account } from '../../../src/link/enquiry.ts'
import type { LinkOnNode } from '../../../src/link/doctor/link-on-node.ts'
import { linkConfig } from '../link-fixture.ts'

export function link(more: Partial<LinkConfig> = {}): LinkConfig {
  return { ...linkConfig(1883), name: 'eu', clientid: 'us', topics: ['t/#'], ...more }
}

export function onNode(more: Partial<LinkOnNode> = {}): LinkOnNode {
  return {
    node: 'a1',
    state: 'running',
    reasons: [],
    speaker: null,
    routeSync: { phase: 'syncing' },
    forwarding: { state: 'up', connections: 1, up: 1 },
    inbound: { state: 'live', routes: 2 },
    strangers: [],
    peer: { node: 'b1', version: 1, features: ['short'] },
    dialect: { ours: 'native', peers: 'native' },
    pause: null,
    outbox: { messages: 0, bytes: 0, fill: 0, oldestMs: null, overflow: 'drop_oldest' },
    ledger: { matched: 3, delivered: 3, inflight: 0, queued: 0, dropped: {}, failed: {}, retried: 0 },
    routes: { ours: 1, confirmed: 1 },
    clockOffsetMs: 1,
    recent: { minutes: 15, disconnects: 0 },
    ...more,
  }
}

type LinkAccount = NonNullable<Account['link']>

export function account(more: Partial<Account> = {}, theirs: Partial<LinkAccount> = {}): Account {
  const base: LinkAccount = {
    enable: true,
    topics: ['t/#'],
    status: 'running',
    reasons: [],
    outbox: { messages: 0, fill: 0 },
    delivered: 0,
    accepted: 3,
    refused: 0,
    routes: 1,
  }
  return { cluster: 'eu', node: 'b1', link: { ...base, ...theirs }, ...more }
}
