import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Member, type MemberChange, MEMBERS_MAX, MemberTable } from '../../../src/cluster/members/member-table.ts'

const member = (node: string, boot: string): Member => ({
  node,
  boot,
  startedAtMs: 0,
  host: 'h',
  pid: 1,
  version: '0',
  slot: undefined,
  listeners: {},
  isSelf: false,
})

type Step =
  | { readonly atMs: number; readonly heard: string }
  | { readonly atMs: number; readonly left: string }
  | { readonly atMs: number; readonly expire: true }
  | { readonly atMs: number; readonly refresh: true }

function play(steps: readonly Step[]): string[] {
  const table = new MemberTable(5_000)
  const changes: (MemberChange | undefined)[] = []
  for (const step of steps) {
    if ('heard' in step) changes.push(table.heard(member('n', step.heard), step.atMs))
    else if ('left' in step) changes.push(table.left({ node: 'n', boot: step.left }))
    else if ('expire' in step) changes.push(...table.expire(step.atMs))
    else table.refresh(step.atMs)
  }
  return changes.flatMap((change) => (change === undefined ? [] : [`${change.type} ${change.member.boot}`]))
}

for (const { when, steps, changes } of [
  { when: 'first heard', steps: [{ atMs: 0, heard: 'a' }], changes: ['joined a'] },
  {
    when: 'heard again',
    steps: [
      { atMs: 0, heard: 'a' },
      { atMs: 9, heard: 'a' },
    ],
    changes: ['joined a'],
  },
  {
    when: 'a goodbye',
    steps: [
      { atMs: 0, heard: 'a' },
      { atMs: 9, left: 'a' },
    ],
    changes: ['joined a', 'left a'],
  },
  {
    when: 'the goodbye of another process',
    steps: [
      { atMs: 0, heard: 'b' },
      { atMs: 9, left: 'a' },
    ],
    changes: ['joined b'],
  },
  {
    when: 'silence just short of the TTL',
    steps: [
      { atMs: 0, heard: 'a' },
      { atMs: 4_999, expire: true },
    ],
    changes: ['joined a'],
  },
  {
    when: 'silence for the TTL, and its return',
    steps: [
      { atMs: 0, heard: 'a' },
      { atMs: 5_000, expire: true },
      { atMs: 6_000, expire: true },
      { atMs: 7_000, heard: 'a' },
    ],
    changes: ['joined a', 'lost a', 'returned a'],
  },
  {
    when: 'silence that was ours',
    steps: [
      { atMs: 0, heard: 'a' },
      { atMs: 60_000, refresh: true },
      { atMs: 60_000, expire: true },
      { atMs: 65_000, expire: true },
    ],
    changes: ['joined a', 'lost a'],
  },
  {
    when: 'another process, and what the first still says',
    steps: [
      { atMs: 0, heard: 'a' },
      { atMs: 9, heard: 'b' },
      { atMs: 10, heard: 'a' },
      { atMs: 11, heard: 'b' },
    ],
    changes: ['joined a', 'restarted b'],
  },
  {
    when: 'the first process again, after the second was lost',
    steps: [
      { atMs: 0, heard: 'a' },
      { atMs: 9, heard: 'b' },
      { atMs: 9_000, expire: true },
      { atMs: 9_001, heard: 'a' },
    ],
    changes: ['joined a', 'restarted b', 'lost b', 'restarted a'],
  },
  {
    when: 'a return an hour after it was lost',
    steps: [
      { atMs: 0, heard: 'a' },
      { atMs: 5_000, expire: true },
      { atMs: 3_600_000, expire: true },
      { atMs: 3_600_001, heard: 'a' },
    ],
    changes: ['joined a', 'lost a', 'joined a'],
  },
] satisfies { when: string; steps: Step[]; changes: string[] }[])
  test(`members: ${when}`, () => assert.deepEqual(play(steps), changes))

test('members: names beyond the most that are kept are refused until one is lost', () => {
  const table = new MemberTable(5_000)
  for (let n = 0; n < MEMBERS_MAX; n++) table.heard(member(`n${n}`, 'a'), n === 0 ? 0 : 1_000)
  assert.equal(table.heard(member('late', 'a'), 1_000), undefined)
  assert.deepEqual(
    table.expire(5_000).map(({ member: { node } }) => node),
    ['n0'],
  )
  assert.equal(table.heard(member('late', 'a'), 5_000)?.type, 'joined')
  assert.equal([...table.present()].length, MEMBERS_MAX)
})

test('members: the next to expire is the one that was silent longest', () => {
  const table = new MemberTable(5_000)
  assert.equal(table.nextExpiryMs, undefined)
  table.heard(member('a', '1'), 100)
  table.heard(member('b', '1'), 200)
  assert.equal(table.nextExpiryMs, 5_100)
  table.heard(member('a', '1'), 300)
  assert.equal(table.nextExpiryMs, 5_200)
})
