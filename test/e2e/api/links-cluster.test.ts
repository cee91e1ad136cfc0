/** The links of a cluster, asked and changed on any of its members, while others do the same or don't answer. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertHolds } from '../../api/holds.ts'
import { type Answer, asker, type Ask, nodeWithApi, readLocalToken } from '../../api/node-with-api.ts'
import { startNats } from '../../cluster/nats-server.ts'
import { connectClient } from '../clients.ts'
import { eventually, startMembers, type TestMember } from '../cluster/members.ts'

/** None is lost while one is stopped: that it is silent shows in nothing but that it does not answer. */
const MEMBER_TTL = '60s'
const NAMES = ['n1@127.0.0.1', 'n2@127.0.0.1', 'n3@127.0.0.1']

function askerOf({ file }: TestMember): Ask {
  const { url, token } = readLocalToken(file.node.data_dir)
  return asker(url, `Bearer ${token}`)
}

function has(answer: Answer<unknown>, status: number, body: object): void {
  assert.equal(answer.status, status, JSON.stringify(answer.body))
  assertHolds(answer.body, body)
}

/** How many have which status. */
function countOf(answers: readonly Answer<unknown>[]): Record<number, number> {
  const counts: Record<number, number> = {}
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

test('any member answers for all, and changes the links of all', async (t) => {
  const nats = await startNats(t)
  const members = await startMembers(t, 3, {
    cluster: 'east',
    nats: [nats.url],
    port: 0,
    more: { dashboard: { listeners: { http: { bind: '127.0.0.1:0' } } } },
    moreCluster: { member_ttl: MEMBER_TTL },
  })
  const asks = members.map((member) => askerOf(member))
  const [first, second, third] = asks as [Ask, Ask, Ask]
  const peer = await nodeWithApi(t, { node: { name: 'w1@127.0.0.1' }, cluster: { name: 'west' } })
  const server = peer.node.status().listeners['tcp:default']!
  const toWest = { name: 'west', server, topics: [], pool_size: 1 }
  const back = { name: 'east', server: members.map(({ port }) => `127.0.0.1:${port}`).join(','), topics: ['t/#'] }

  await t.test('of three who create one link at once one does, and it runs on all', async () => {
    await peer.ask('/cluster/links', { method: 'POST', body: back })
    const made = await Promise.all(asks.map((ask) => ask('/cluster/links', { method: 'POST', body: toWest })))
    assert.deepEqual(countOf(made), { 201: 1, 400: 2 })
    for (const { status, body } of made) if (status === 400) assertHolds(body, { code: 'ALREADY_EXISTS' })
    for (const [index, ask] of asks.entries())
      await eventually(`${NAMES[index]} says that it runs everywhere`, async () => {
        const answer = await ask<{ node_status: { node: string; status: string }[]; speaker: string }>(
          '/cluster/links/west',
        )
        has(answer, 200, { status: 'running', emqx_status: 'connected', reasons: [] })
        assert.deepEqual(answer.body.node_status.map(({ node }) => node).toSorted(), NAMES)
        assert.ok(NAMES.includes(answer.body.speaker), answer.body.speaker)
      })
  })

  await t.test('what each of them sends is summed on whichever is asked', async (t) => {
    const client = await members[0]!.connect(t)
    const other = await members[1]!.connect(t)
    const far = await connectClient(t, Number(server.split(':').at(-1)))
    await far.subscribeAsync('t/x', { qos: 1 })
    for (const ask of asks)
      await eventually('the route is known', async () =>
        has(await ask('/cluster/links/west/metrics'), 200, { metrics: { router: { routes: 1 } } }),
      )
    await client.publishAsync('t/x', 'one', { qos: 1 })
    await other.publishAsync('t/x', 'two', { qos: 1 })
    await eventually('both crossed', async () => {
      const answer = await third<{ node_metrics: { node: string }[] }>('/cluster/links/west/metrics')
      has(answer, 200, { metrics: { forwarding: { matched: 2, success: 2 }, routers: { routes: 1 } } })
      const onFirst = answer.body.node_metrics.find(({ node }) => node === NAMES[0])
      assertHolds(onFirst, { metrics: { forwarding: { success: 1 } } })
    })
    assert.equal((await second('/cluster/links/west/metrics/reset', { method: 'PUT' })).status, 204)
    has(await first('/cluster/links/west/metrics'), 200, { metrics: { forwarding: { matched: 0 } } })
  })

  await t.test('a member that is stopped is named, and not waited for', async () => {
    members[2]!.freeze()
    try {
      const startedMs = performance.now()
      const answer = await first<{ node_status: { node: string; error?: string }[] }>('/cluster/links/west')
      has(answer, 200, { status: 'inconsistent', emqx_status: 'inconsistent' })
      const silent = answer.body.node_status.filter(({ error }) => error !== undefined)
      assert.deepEqual(
        silent.map(({ node }) => node),
        ['n3@127.0.0.1'],
      )
      // Two seconds, and what a busy machine takes: it is gone for the others after a minute only.
      assert.ok(performance.now() - startedMs < 15_000)
      has(await second('/cluster/links/west/metrics/reset', { method: 'PUT' }), 500, {
        code: 'INTERNAL_ERROR',
        nodes: ['n3@127.0.0.1'],
      })
      has(await second('/cluster/links/west/enable', { method: 'PUT', body: { enable: false } }), 200, {
        enable: false,
      })
    } finally {
      members[2]!.thaw()
    }
    await eventually('it follows what was changed meanwhile', async () =>
      has(await third('/cluster/links/west'), 200, { enable: false, status: 'stopped' }),
    )
  })

  await t.test('of eight who delete it at once, on different members, one does', async () => {
    const eight = Array.from({ length: 8 }, (_, index) => asks[index % 3]!('/cluster/links/west', { method: 'DELETE' }))
    assert.deepEqual(countOf(await Promise.all(eight)), { 204: 1, 404: 7 })
    for (const ask of asks)
      await eventually('it is gone everywhere', async () => has(await ask('/cluster/links'), 200, []))
  })

  await t.test('while NATS is away nothing is changed, and it is said why', async () => {
    await nats.kill()
    has(await first('/cluster/links', { method: 'POST', body: toWest }), 503, { code: 'SERVICE_UNAVAILABLE' })
    has(await first('/cluster/links'), 200, [])
  })
})
