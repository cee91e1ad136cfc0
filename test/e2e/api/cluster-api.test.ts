/** A cluster as one thing over the API, whichever member is asked: one of them has none itself, one is killed, one stands still. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertHolds } from '../../api/holds.ts'
import { openLive } from '../../api/live/open-live.ts'
import { type Answer, asker, type Ask, nodeWithApi, readLocalToken } from '../../api/node-with-api.ts'
import { startNats } from '../../cluster/nats-server.ts'
import { connectClient } from '../clients.ts'
import { eventually, received, startMembers, TestMember } from '../cluster/members.ts'

/** None is lost while one is stopped: that it is silent shows in nothing but that it does not answer. */
const MEMBER_TTL = '60s'
const WEST = '/cluster/links/west'
const http = { listeners: { http: { bind: '127.0.0.1:0' } } }

type NodeStatuses = { readonly node_status: readonly { readonly node: string; readonly paused?: boolean }[] }
type Outboxes = { readonly nodes: readonly { readonly node: string; readonly messages: number }[] }

function has(answer: Answer<unknown>, status: number, body: object): void {
  assert.equal(answer.status, status, JSON.stringify(answer.body))
  assertHolds(answer.body, body)
}

const urlOf = ({ file }: TestMember): string => readLocalToken(file.node.data_dir).url
const tokenOf = ({ file }: TestMember): string => `Bearer ${readLocalToken(file.node.data_dir).token}`
const askerOf = (member: TestMember): Ask => asker(urlOf(member), tokenOf(member))

/** What waits for the peer, by node. */
async function waiting(ask: Ask): Promise<Record<string, number>> {
  const { body } = await ask<Outboxes>(`${WEST}/outbox`)
  return Object.fromEntries(body.nodes.map(({ node, messages }) => [node, messages]))
}

test('a cluster is one over its API', async (t) => {
  const nats = await startNats(t)
  const options = { cluster: 'east', nats: [nats.url], port: 0, moreCluster: { member_ttl: MEMBER_TTL } }
  const [[w1, w2], members] = await Promise.all([
    Promise.all(
      ['w1@127.0.0.1', 'w2@127.0.0.1'].map((name) =>
        nodeWithApi(t, { node: { name }, cluster: { name: 'west', nats: { servers: [nats.url] } } }),
      ),
    ),
    startMembers(t, 3, { ...options, more: { dashboard: http } }),
  ])
  assert.ok(w1 !== undefined && w2 !== undefined)
  const [n1, n2, n3] = members as [TestMember, TestMember, TestMember]
  const names = members.map(({ name }) => name)
  const [first, third] = [askerOf(n1), askerOf(n3)]
  let second = askerOf(n2)
  const portsOfWest = [w1, w2].map(({ node }) => node.status().listeners['tcp:default']!)
  const toWest = { name: 'west', server: portsOfWest.join(','), topics: ['back/#'], pool_size: 1, durable: true }
  const password = 'password1'

  await t.test('one first password is made though three start at once; a login is one on all', async () => {
    const told = members.flatMap(({ process }) => process.log.filter(({ msg }) => msg === 'dashboard_password_made'))
    assert.equal(told.length, 1)
    const { username, password: made } = told[0]!
    const login = await first<{ token: string }>('/login', { method: 'POST', body: { username, password: made } })
    has(login, 200, { role: 'administrator' })
    const own = members.map((member) => asker(urlOf(member), `Bearer ${login.body.token}`))
    for (const ask of own) has(await ask('/me'), 200, { name: 'admin' })
    assert.equal((await own[1]!('/logout', { method: 'POST' })).status, 204)
    for (const ask of own)
      await eventually('the login has ended', async () => assert.equal((await ask('/me')).status, 401))
  })

  await t.test('a viewer changes nothing, by whichever route', async () => {
    const body = { username: 'vera', password, role: 'viewer', description: '' }
    has(await first('/users', { method: 'POST', body }), 200, { username: 'vera' })
    const viewer = await eventually('she is known', async () => {
      const login = await third<{ token: string }>('/login', { method: 'POST', body: { username: 'vera', password } })
      assert.equal(login.status, 200)
      return asker(urlOf(n3), `Bearer ${login.body.token}`)
    })
    const document = (await (await fetch(`${urlOf(n3)}/api-docs/json`)).json()) as { paths: Record<string, object> }
    const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ path, method: method.toUpperCase() })),
    )
    const changing = routes.filter(({ path, method }) => method !== 'GET' && !mayBeUsedByViewers.test(path))
    assert.ok(changing.length > 25, `${changing.length} routes`)
    for (const { path, method } of changing) {
      const there = path.replace('/api/v5', '').replaceAll(/\{[^}]+\}/g, 'x')
      has(await viewer(there, { method, body: {} }), 403, { code: 'UNAUTHORIZED_ROLE' })
    }
    assert.equal((await viewer('/cluster/links')).status, 200)
    assert.equal((await viewer('/audit')).status, 403)
  })

  await t.test('a link to both nodes of a peer runs on all; all are asked what it has', async () => {
    const server = members.map(({ port }) => `127.0.0.1:${port}`).join(',')
    has(await w2.ask('/cluster/links', { method: 'POST', body: { name: 'east', server, topics: ['t/#'] } }), 201, {})
    // Whoever comes before the peer has a link back is taken for somebody who speaks EMQX's dialect, until it comes again.
    await eventually('both have it', async () => assert.equal((await w1.ask('/cluster/links/east')).status, 200))
    has(await first('/cluster/links', { method: 'POST', body: toWest }), 201, { durable: true })
    const client = await connectClient(t, Number(portsOfWest[1]!.split(':').at(-1)))
    await client.subscribeAsync('t/x', { qos: 1 })
    const other = await n2.connect(t)
    await other.subscribeAsync('back/x')
    for (const ask of [first, second, third])
      await eventually('it runs everywhere, and what is wanted is known', async () => {
        has(await ask(WEST), 200, { status: 'running', peer_dialect: 'native' })
        const { body } = await ask<{ node_metrics: object[] }>(`${WEST}/metrics`)
        for (const node of body.node_metrics) assertHolds(node, { metrics: { router: { routes: 1 } } })
      })
    const lanes = await second<{ nodes: { node: string }[] }>(`${WEST}/lanes`)
    assert.deepEqual(lanes.body.nodes.map(({ node }) => node).toSorted(), names)
    const progress = await second<{ nodes: { node: string }[] }>(`${WEST}/progress`)
    assert.deepEqual(progress.body.nodes.map(({ node }) => node).toSorted(), names)
    await eventually('both sides have the same routes', async () => {
      const { body } = await third<{ node: string; data: { what: string; agrees: boolean | null }[] }>(`${WEST}/drift`)
      assert.ok(names.includes(body.node), body.node)
      assert.equal(body.data.find(({ what }) => what === 'routes that we want')?.agrees, true)
      assert.deepEqual(
        body.data.filter(({ agrees }) => agrees === false),
        [],
      )
    })
  })

  let n4: TestMember | undefined
  await t.test('a pause on one holds all, also one that comes later and has no API', async (sub) => {
    has(await first(`${WEST}/pause`, { method: 'POST' }), 200, {})
    n4 = await TestMember.start(t, { ...options, name: 'n4@127.0.0.1' })
    const late = n4
    await eventually('all hold back', async () => {
      const { body } = await second<NodeStatuses>(WEST)
      assert.deepEqual(body.node_status.flatMap(({ node, paused }) => (paused === true ? [node] : [])).toSorted(), [
        ...names,
        late.name,
      ])
    })
    // A member that has just come is told what the peer wants a little later.
    await eventually('it knows what the peer wants', async () => {
      const { body } = await first<{ node_metrics: { node: string }[] }>(`${WEST}/metrics`)
      const onFourth = body.node_metrics.find(({ node }) => node === late.name)
      assertHolds(onFourth, { metrics: { router: { routes: 1 } } })
    })
    for (const member of [n1, n2, late]) {
      const client = await member.connect(sub)
      await client.publishAsync('t/x', `of ${member.name}`, { qos: 1 })
    }
    await eventually('it waits where it came', async () =>
      assert.deepEqual(await waiting(third), { [n1.name]: 1, [n2.name]: 1, [n3.name]: 0, [late.name]: 1 }),
    )

    await sub.test('what waits is purged where it is, and is gone after a crash, too', async () => {
      const purged = await third(`${WEST}/outbox`, { method: 'DELETE', body: { reason: 'stale' } })
      has(purged, 200, { purged: 3 })
      await n2.kill()
      await n2.restart()
      second = askerOf(n2)
      await eventually('it is back, and holds back as all do', async () => {
        const { body } = await second<NodeStatuses>(WEST)
        assert.equal(body.node_status.find(({ node }) => node === n2.name)?.paused, true)
      })
      assert.equal((await waiting(second))[n2.name], 0)
      const ledger = await first<{ metrics: { ledger: object } }>(`${WEST}/metrics`)
      assertHolds(ledger.body.metrics.ledger, { dropped: { purged: 3 } })
    })

    await sub.test('resumed on another one, it goes on from all', async (sub) => {
      const client = await connectClient(sub, Number(portsOfWest[0]!.split(':').at(-1)))
      const got = received(client)
      await client.subscribeAsync('t/#', { qos: 1 })
      for (const member of [n3, late]) {
        const publisher = await member.connect(sub)
        await publisher.publishAsync('t/x', member.name, { qos: 1 })
      }
      await eventually('it waits', async () => assertHolds(await waiting(first), { [n3.name]: 1, [late.name]: 1 }))
      has(await second(`${WEST}/resume`, { method: 'POST' }), 200, {})
      await eventually('both arrive', () => assert.deepEqual(got.toSorted(), [n3.name, late.name]))
    })

    await sub.test('a dry run sees what is published on each', async (sub) => {
      const all = [n1, n2, n3, late]
      const clients = await Promise.all(all.map((member) => member.connect(sub)))
      const topics = all.map((_, index) => `dry/${index}`)
      const isOver = new AbortController()
      const run = second<{ filters: { filter: string; messages: number }[]; silent?: object }>(`${WEST}/dry-run`, {
        method: 'POST',
        body: { topics, seconds: 2 },
      }).finally(() => isOver.abort())
      while (!isOver.signal.aborted)
        await Promise.all(clients.map((client, index) => client.publishAsync(topics[index]!, 'x', { qos: 1 })))
      const { body } = await run
      assert.equal(body.silent, undefined)
      for (const { filter, messages } of body.filters) assert.ok(messages > 0, filter)
    })

    await sub.test('an alarm of each is listed; those that are over are forgotten on all', async () => {
      const nowhere = { name: 'nowhere', server: '127.0.0.1:1', topics: [] }
      has(await second('/cluster/links', { method: 'POST', body: nowhere }), 201, {})
      await eventually('all raise it', async () => {
        const { body } = await third<{ data: { node: string; link?: string }[] }>('/alarms?limit=1000')
        const on = body.data.flatMap(({ node, link }) => (link === 'nowhere' ? [node] : []))
        assert.deepEqual([...new Set(on)].toSorted(), [...names, late.name])
      })
      assert.equal((await first('/alarms', { method: 'DELETE' })).status, 204)
      has(await second('/alarms?activated=false'), 200, { data: [], meta: { count: 0 } })
      assert.equal((await third('/cluster/links/nowhere', { method: 'DELETE' })).status, 204)
    })

    await sub.test('the log of the one without an API is read, and made to say more, from another', async () => {
      has(await second('/log/level', { method: 'PUT', body: { level: 'debug', component: 'link' } }), 200, {})
      const levels = await first<{ nodes: { node: string; levels: object }[] }>('/log/level')
      assert.equal(levels.body.nodes.length, 4)
      for (const { levels: of } of levels.body.nodes) assertHolds(of, { link: 'debug' })
      const { body } = await first<{ data: { node: string }[] }>(`/log?node=${late.name}`)
      assert.ok(body.data.some(({ node }) => node === late.name))
    })
  })

  await t.test('who watches is told of all, and who of them is silent', async (sub) => {
    const live = await openLive(sub, urlOf(n1), tokenOf(n1), 'links')
    assertHolds((await live.next('links')).data, [{ name: 'west' }])
    n3.freeze()
    try {
      const { data } = await live.next('silent')
      assert.ok(Array.isArray(data) && data.some(({ node }) => node === n3.name), JSON.stringify(data))
      const client = await n2.connect(sub)
      await client.publishAsync('t/x', 'meanwhile', { qos: 1 })
      const told = await live.next('links')
      assertHolds(told.data, [{ name: 'west' }])
    } finally {
      n3.thaw()
    }
    for (;;) {
      const { data } = await live.next('silent')
      if (Array.isArray(data) && !data.some(({ node }) => node === n3.name)) return
    }
  })

  await t.test('a link that is deleted while messages come leaves none uncounted', async (sub) => {
    const client = await n2.connect(sub)
    await second(`${WEST}/pause`, { method: 'POST' })
    await client.publishAsync('t/x', 'waits', { qos: 1 })
    const isGone = new AbortController()
    const publish = async (): Promise<void> => {
      while (!isGone.signal.aborted) await client.publishAsync('t/x', 'more', { qos: 1 })
    }
    const publishing = publish()
    try {
      assert.equal((await first(WEST, { method: 'DELETE' })).status, 204)
      const lost = await n2.process.waitFor('account of what waited', ({ msg }) => msg === 'cluster_link_outbox_lost')
      assertHolds(lost, { link: 'west', reason: 'link_removed' })
      assert.ok(Number(lost['queued']) + Number(lost['inflight']) > 0)
      for (const ask of [first, second, third])
        await eventually('it is gone everywhere', async () => assert.equal((await ask(WEST)).status, 404))
    } finally {
      isGone.abort()
      await publishing
    }
  })

  await t.test('what was changed on each stands in one list', async () => {
    const { body } = await third<{ data: { node: string; method: string; path: string; name: string }[] }>('/audit')
    const changes = body.data.map(({ node, method, path }) => `${node} ${method} ${path.replace('/api/v5', '')}`)
    for (const change of [
      `${n1.name} POST ${WEST}/pause`,
      `${n3.name} DELETE ${WEST}/outbox`,
      `${n2.name} POST ${WEST}/resume`,
      `${n1.name} DELETE ${WEST}`,
    ])
      assert.ok(changes.includes(change), `${change} is not among ${changes.join(', ')}`)
    assert.equal(
      n4?.process.log.some(({ msg }) => msg === 'api_opened' || msg === 'dashboard_password_made'),
      false,
    )
  })
})

/** They change nothing, or only what is one's own. */
const mayBeUsedByViewers = /\/(login|logout|login\/renew|change_pwd|dry-run|doctor|authorization\/test)$/
