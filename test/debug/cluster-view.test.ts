import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clusterView } from '../../src/debug/cluster-view.ts'

test('members, leases and lanes are told as plain rows, without what is not known', () => {
  const process = { startedAtMs: 5, host: 'h', pid: 1, version: '1', listeners: {} }
  const lease = { name: 'route:eu', sinceMs: 7, reason: 'the record is free', reservedUpTo: 99 }
  const lane = { epoch: 1, receiverBoot: 'b', sent: 4, sentQos0: 1, waitingBytes: 10, resent: 0, isHeld: false }
  const view = clusterView({
    membership: {
      list: () => [
        { node: 'a1@h', boot: 'b1', ...process, slot: 2, isSelf: true, state: 'up', silentMs: 0 },
        { node: 'a2@h', boot: 'b2', ...process, slot: undefined, isSelf: false, state: 'lost', silentMs: 9 },
      ],
    },
    leases: {
      list: () => [
        { ...lease, state: 'holder', holder: 'a1@h', incarnation: 8, renewedMsAgo: 3 },
        { ...lease, state: 'follower', holder: undefined, incarnation: undefined, renewedMsAgo: undefined },
      ],
    },
    lanes: {
      list: () => [
        {
          ...lane,
          member: 'a2@h',
          acknowledged: 1,
          waiting: 3,
          waitingQos0: 2,
          oldestAgeMs: 6,
          dropped: { queue_full: 1 },
        },
        { ...lane, member: 'a3@h', acknowledged: 4, waiting: 0, waitingQos0: 0, oldestAgeMs: 0, dropped: {} },
      ],
    },
  })
  const member = { sinceMs: 5, version: '1' }
  assert.deepEqual(view.members(), [
    { node: 'a1@h', boot: 'b1', state: 'up', isSelf: true, silentMs: 0, slot: 2, ...member },
    { node: 'a2@h', boot: 'b2', state: 'lost', isSelf: false, silentMs: 9, ...member },
  ])
  const row = { name: 'route:eu', sinceMs: 7, reason: 'the record is free' }
  assert.deepEqual(view.leases(), [
    { ...row, state: 'holder', holder: 'a1@h', incarnation: 8, renewedMsAgo: 3 },
    { ...row, state: 'follower' },
  ])
  const flowing = { epoch: 1, sent: 4, waitingBytes: 10, resent: 0, isHeld: false }
  const dropped = { queue_full: 1 }
  assert.deepEqual(view.lanes(), [
    { ...flowing, to: 'a2@h', acknowledged: 1, waitingMessages: 5, oldestMs: 6, dropped },
    { ...flowing, to: 'a3@h', acknowledged: 4, waitingMessages: 0, dropped: {} },
  ])
})
