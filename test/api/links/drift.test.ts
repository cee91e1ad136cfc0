import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DriftFacts, driftOf, isOurLike, type PeerAccount } from '../../../src/api/links/drift.ts'

const facts: DriftFacts = {
  cluster: 'us',
  peer: 'eu',
  topics: ['t/#'],
  enable: true,
  pausedBy: undefined,
  routes: { ours: 1, confirmed: 1 },
  peersRoutes: 2,
  isAccepted: true,
  isPeerAccepted: true,
  refusal: undefined,
  dialect: { ours: 'native', peers: 'native' },
  version: { ours: 1, peers: 1 },
  features: { ours: ['probe'], common: ['probe'] },
  frameBytesMax: { ours: 1, peers: 2 },
  clockOffsetMs: 3,
  ledger: { delivered: 5, accepted: 7 },
}
const link = { enable: true, topics: ['u/#'], delivered: 7, accepted: 5 }
const account: PeerAccount = { cluster: 'eu', node: 'e1', link }

const differing = (told: PeerAccount, known = facts): string[] =>
  driftOf(known, told).flatMap(({ what, agrees }) => (agrees === false ? [what] : []))

for (const { when, told, differs } of [
  { when: 'tells the same', told: account, differs: [] },
  { when: 'has another name', told: { ...account, cluster: 'asia' }, differs: ['the peer’s name'] },
  { when: 'has no link to us', told: { ...account, link: null }, differs: ['our cluster’s name'] },
  {
    when: 'has disabled its link',
    told: { ...account, link: { ...link, enable: false } },
    differs: ['the link is enabled'],
  },
  { when: 'has paused what it sends', told: { ...account, link: { ...link, paused_by: 'ann' } }, differs: [] },
  { when: 'counted otherwise', told: { ...account, link: { ...link, accepted: 4 } }, differs: [] },
])
  test(`drift: a peer that ${when} differs in ${differs.length} things`, () =>
    assert.deepEqual(differing(told), differs))

test('drift: what a peer tells is there, with the node that told it', () => {
  const items = driftOf({ ...facts, refusal: 'not in accept' }, account)
  const of = (name: string) => items.find(({ what }) => what === name)
  assert.deepEqual(of('topics that the peer wants')?.theirs, ['u/#'])
  assert.deepEqual([of('messages that it took of us')?.theirs, of('messages that it took of us')?.agrees], [5, true])
  assert.deepEqual([of('messages that we took of it')?.theirs, of('messages that we took of it')?.agrees], [7, true])
  assert.match(of('the peer’s name')?.note ?? '', /^e1 says so; we turned it away last: not in accept$/)
})

test('drift: of a peer that tells nothing it says so', () => {
  const items = driftOf(facts)
  assert.equal(items.find(({ what }) => what === 'messages that it took of us')?.note, 'not told by the peer')
  assert.ok(items.every(({ agrees }) => agrees !== false))
})

test('drift: an EMQX is not asked', () => {
  const emqx = { dialect: { ours: 'emqx', peers: 'emqx' }, version: { ours: 1, peers: undefined } }
  assert.equal(isOurLike({ ...facts, ...emqx }), false)
  assert.equal(isOurLike(facts), true)
})
