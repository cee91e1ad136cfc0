/** Who is seen as a member, by whom and how soon: nodes come, leave, are killed, stopped and started again. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startNats } from '../../cluster/nats-server.ts'
import { eventually, membersSeenBy, received, seesAll, startMembers, TestMember } from './members.ts'

/** `member_ttl` is 5 s; on a slow and busy machine it may be noticed so much later. */
const LOST_MS_MAX = 15_000
/** A node beats five times in a `member_ttl`: one that was heard just before it died is believed for no less than four of five. */
const LOST_MS_MIN = 3_500
/** What is told rather than found out: some milliseconds, but for a machine that is busy. */
const AT_ONCE_MS = 6_000

const [ONE, TWO, THREE] = ['n1@127.0.0.1', 'n2@127.0.0.1', 'n3@127.0.0.1']

type Row = { readonly node: string; readonly boot: string; readonly state: string; readonly slot?: number }

async function rowsSeenBy(member: TestMember): Promise<Row[]> {
  const { members } = await member.call('members.list')
  assert(Array.isArray(members))
  return members
}

async function rowOf(member: TestMember, node: string): Promise<Row> {
  const row = (await rowsSeenBy(member)).find((one) => one.node === node)
  assert(row !== undefined, `${member.name} knows nothing of ${node}`)
  return row
}

/** Resolves with how long it takes until all of them see just these, milliseconds. */
async function soonSeen(members: readonly TestMember[], names: readonly string[]): Promise<number> {
  const sinceMs = performance.now()
  await Promise.all(members.map((member) => seesAll(member, names)))
  return Math.round(performance.now() - sinceMs)
}

async function startThree(t: TestContext, moreCluster: Readonly<Record<string, unknown>> = {}) {
  const nats = await startNats(t)
  const [one, two, three] = await startMembers(t, 3, { cluster: 'c', nats: [nats.url], moreCluster })
  assert(one !== undefined && two !== undefined && three !== undefined)
  return { nats, one, two, three }
}

test('nodes appear on all others, leave at once, and are missed within member_ttl', async (t) => {
  const { nats, one, two, three } = await startThree(t)
  const boots = await Promise.all([one, two, three].map(async (member) => (await rowOf(member, TWO)).boot))
  assert.equal(new Set(boots).size, 1, 'all tell of the same process')
  const slots = (await rowsSeenBy(one)).map(({ slot }) => slot)
  assert.equal(new Set(slots).size, 3, JSON.stringify(slots))

  const four = await TestMember.start(t, { cluster: 'c', nats: [nats.url], name: 'n4@127.0.0.1' })
  const joinedMs = await soonSeen([one, two, three, four], [ONE, TWO, THREE, four.name])
  t.diagnostic(`a fourth node serves clients: seen by all after ${joinedMs} ms more`)
  assert.ok(joinedMs < AT_ONCE_MS, `${joinedMs} ms`)

  // It is gone from the others' view before its process has ended.
  const stopped = four.process.stop()
  const leftMs = await soonSeen([one, two, three], [ONE, TWO, THREE])
  t.diagnostic(`stopped in good order: seen by all after ${leftMs} ms`)
  assert.equal(await stopped, 0)
  assert.ok(leftMs < AT_ONCE_MS, `${leftMs} ms`)
  for (const member of [one, two, three])
    assert.ok(
      member.process.log.some(({ msg, node }) => msg === 'member_left' && node === four.name),
      `${member.name} knows that it left`,
    )

  await two.kill()
  const lostMs = await soonSeen([one, three], [ONE, THREE])
  t.diagnostic(`killed: missed by all after ${lostMs} ms`)
  assert.ok(lostMs > LOST_MS_MIN && lostMs < LOST_MS_MAX, `${lostMs} ms`)
  assert.equal((await rowOf(one, TWO)).state, 'lost')

  await two.restart()
  const backMs = await soonSeen([one, two, three], [ONE, TWO, THREE])
  t.diagnostic(`started again: seen by all after ${backMs} ms more`)
  assert.ok(backMs < AT_ONCE_MS, `${backMs} ms`)
  const boot = (await rowOf(one, TWO)).boot
  assert.notEqual(boot, boots[0])
  assert.equal((await rowOf(three, TWO)).boot, boot)
  for (const { process } of [one, three])
    await process.waitFor('its restart', ({ msg, node }) => msg === 'member_restarted' && node === TWO)
})

test('a node killed and started again at once is another process of the same member, which nobody misses', async (t) => {
  // However long the start of a process takes here: it is told of the new one, and does not wait for the old one.
  const { one, two, three } = await startThree(t, { member_ttl: '10m' })
  const { boot, slot } = await rowOf(one, TWO)
  await two.kill()
  await two.restart()
  for (const member of [one, three])
    await eventually(`${member.name} knows the new process`, async () => {
      const row = await rowOf(member, TWO)
      assert.notEqual(row.boot, boot)
      assert.equal(row.state, 'up')
      assert.equal(row.slot, slot, 'it has its number again')
    })
  const missed = [one, three].flatMap(({ process }) => process.log.filter(({ msg }) => msg === 'member_lost'))
  assert.deepEqual(missed, [])
})

test('a node that is stopped is missed, and is the same process when it goes on; it misses nobody', async (t) => {
  const { one, two, three } = await startThree(t)
  const { boot } = await rowOf(one, TWO)
  two.freeze()
  const lostMs = await soonSeen([one, three], [ONE, THREE])
  t.diagnostic(`stopped with SIGSTOP: missed by all after ${lostMs} ms`)
  assert.ok(lostMs > LOST_MS_MIN && lostMs < LOST_MS_MAX, `${lostMs} ms`)
  two.thaw()
  const backMs = await soonSeen([one, two, three], [ONE, TWO, THREE])
  t.diagnostic(`goes on: seen by all after ${backMs} ms`)
  assert.ok(backMs < AT_ONCE_MS, `${backMs} ms`)
  assert.equal((await rowOf(one, TWO)).boot, boot)
  assert.equal((await rowOf(three, TWO)).boot, boot)
  const missedByIt = two.process.log.filter(({ msg }) => msg === 'member_lost')
  assert.deepEqual(missedByIt, [])

  // A member again in every respect.
  const subscriber = await two.connect(t)
  const arrived = received(subscriber)
  await subscriber.subscribeAsync('t', { qos: 1 })
  const publisher = await three.connect(t)
  await eventually('it is heard', async () => {
    await publisher.publishAsync('t', 'again', { qos: 1 })
    assert.ok(arrived.includes('again'))
  })
  assert.deepEqual((await membersSeenBy(two)).toSorted(), [ONE, TWO, THREE])
})
