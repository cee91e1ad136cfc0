/** One node cut off while interest changes on both sides: when it is back, each knows what the others want, and no more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startRelay } from '../../../src/cli/demo/relay.ts'
import { startNats } from '../../cluster/nats-server.ts'
import { linkOf, linkRuns, startLinked } from './linked.ts'
import { eventually, membersSeenBy, received, seesAll, type TestMember } from './members.ts'
import { routesKnown } from './traffic.ts'

/** All is one again within 5 s; on a slow and busy machine that may be this much. */
const CONVERGED_MS = 15_000
const FILTERS = 200

test('a node cut off from NATS while interest changes on both sides: all is known afterwards, and nothing that is over', async (t) => {
  const [nats, relay] = await Promise.all([startNats(t), startRelay()])
  t.after(() => relay.close())
  relay.pointAt(nats.port)
  const urls = [nats.url, `nats://127.0.0.1:${relay.port}`, nats.url]
  const [members, [far]] = await startLinked(t, nats, [
    { cluster: 'near', size: 3, topics: ['far/#'], more: (index) => ({ nats: [urls[index]!] }) },
    { cluster: 'far', size: 1, topics: ['near/#'] },
  ])
  const [one, two, three] = members
  assert(one !== undefined && two !== undefined && three !== undefined && far !== undefined)
  const names = members.map(({ name }) => name)
  const clients = await Promise.all(members.map((member) => member.connect(t)))
  const arrived = clients.map(received)
  const filters = (kind: string, at: number): string[] =>
    Array.from({ length: FILTERS }, (_, n) => `${kind}/${at}/${n}/+`)
  for (const [at, client] of clients.entries())
    await client.subscribeAsync([...filters('stays', at), ...filters('goes', at)], { qos: 1 })
  for (const kind of ['stays', 'goes'])
    for (const [at, member] of members.entries()) await routesKnown(members, `${kind}/${at}/${FILTERS - 1}/x`, [member])

  relay.hold()
  relay.cut()
  // First only it knows; then the others have given it up, too.
  await eventually('it knows that it is cut off', async () =>
    assert.deepEqual((await linkOf(two, 'far')).reasons, ['coordination lost']),
  )
  const change = async (at: number): Promise<void> => {
    await clients[at]!.unsubscribeAsync(filters('goes', at))
    await clients[at]!.subscribeAsync(filters('comes', at), { qos: 1 })
  }
  await Promise.all([change(0), change(1)])
  await eventually('it is given up', async () => {
    for (const member of [one, three]) assert.ok(!(await membersSeenBy(member)).includes(two.name))
  })
  await change(2)
  assert.deepEqual((await membersSeenBy(two)).toSorted(), names, 'it gives up nobody: it can know nothing')
  for (const member of [one, three]) assert.equal((await linkOf(member, 'far')).state, 'running')

  relay.pointAt(nats.port)
  const sinceMs = performance.now()
  await Promise.all(members.map((member) => seesAll(member, names)))
  for (const [at, member] of members.entries()) {
    await routesKnown(members, `comes/${at}/${FILTERS - 1}/x`, [member])
    await routesKnown(members, `stays/${at}/${FILTERS - 1}/x`, [member])
  }
  await eventually('all know the same', async () => {
    for (const member of members) assert.deepEqual(await wantedBy(member), await wantedBy(one), member.name)
  })
  await linkRuns(members, 'far')
  const convergedMs = Math.round(performance.now() - sinceMs)
  t.diagnostic(`back: all know what all want after ${convergedMs} ms`)
  assert.ok(convergedMs < CONVERGED_MS, `${convergedMs} ms`)

  const kinds = new Set((await wantedBy(one)).map((filter) => String(filter.split('/')[0])))
  assert.deepEqual(kinds, new Set(['comes', 'stays']))
  assert.equal((await wantedBy(one)).length, 2 * FILTERS * members.length)
  for (const [from, client] of clients.entries())
    for (const to of members.keys()) await client.publishAsync(`comes/${to}/0/x`, `from ${from}`, { qos: 1 })
  await eventually('all hear all', () => {
    for (const payloads of arrived) assert.deepEqual(payloads.toSorted(), ['from 0', 'from 1', 'from 2'])
  })
})

/** Every filter that the member knows somebody wants, itself or another, in order. */
async function wantedBy(member: TestMember): Promise<string[]> {
  const found: string[] = []
  for (let cursor: unknown = 0; cursor !== null;) {
    const page = await member.call('routes.list', { cursor, limit: 500 })
    assert(Array.isArray(page['routes']))
    for (const { topicFilter } of page['routes'])
      if (!/^(?:near|far)\//.test(topicFilter)) found.push(String(topicFilter))
    cursor = page['cursor']
  }
  return found.toSorted()
}
