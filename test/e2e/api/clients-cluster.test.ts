/** The clients, users and retained messages of a cluster, asked for and changed on whichever member. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertHolds } from '../../api/holds.ts'
import { asker, type Ask, readLocalToken } from '../../api/node-with-api.ts'
import { startNats } from '../../cluster/nats-server.ts'
import { eventually, startMembers, type TestMember } from '../cluster/members.ts'

/** None is lost while one is stopped: that it is silent shows in nothing but that it does not answer. */
const MEMBER_TTL = '60s'
const USERS = '/authentication/password_based:built_in_database/users'

type Listed = { readonly clientid: string; readonly node: string; readonly topic: string }
type List = {
  readonly data: readonly Listed[]
  readonly meta: { readonly count: number; readonly silent?: readonly { readonly node: string }[] }
}

const as = (username: string, password: string, clientId: string) => ({ username, password, clientId })

function askerOf({ file }: TestMember): Ask {
  const { url, token } = readLocalToken(file.node.data_dir)
  return asker(url, `Bearer ${token}`)
}

test('any member answers for the clients of all, ends them, and makes users for all', async (t) => {
  const nats = await startNats(t)
  const members = await startMembers(t, 2, {
    cluster: 'east',
    nats: [nats.url],
    port: 0,
    more: {
      dashboard: { listeners: { http: { bind: '127.0.0.1:0' } } },
      authentication: [{ mechanism: 'password_based', backend: 'built_in_database' }],
    },
    moreCluster: { member_ttl: MEMBER_TTL },
  })
  const [one, two] = members as [TestMember, TestMember]
  const [askOne, askTwo] = [askerOf(one), askerOf(two)]

  await t.test('a user that is made on one member logs in at the other one', async (t) => {
    const made = await askOne(USERS, { method: 'POST', body: { user_id: 'ann', password: 'secret' } })
    assert.equal(made.status, 201)
    await eventually('the other one knows', async () => assert.equal((await askTwo(`${USERS}/ann`)).status, 200))
    await (await two.connect(t, as('ann', 'secret', 'first'))).endAsync()
    await assert.rejects(two.connect(t, as('ann', 'wrong', 'first')))
    // Whoever comes second is told, on whichever member it comes.
    assert.equal((await askTwo(USERS, { method: 'POST', body: { user_id: 'ann', password: 'x' } })).status, 409)
    await askTwo(`${USERS}/ann`, { method: 'PUT', body: { password: 'other' } })
    await eventually('the first one knows', () => one.connect(t, as('ann', 'other', 'first')).then((c) => c.endAsync()))
  })

  await t.test('the clients of both stand in one list, which is also turned page by page', async (t) => {
    const clients = await Promise.all(
      [one, two, two].map((member, index) => member.connect(t, as('ann', 'other', `c${index}`))),
    )
    await Promise.all(clients.map((client, index) => client.subscribeAsync(`t/${index}`)))
    const { body } = await askTwo<List>('/clients?like_clientid=c')
    assert.deepEqual(body.data.map(({ clientid, node }) => `${clientid} ${node}`).toSorted(), [
      'c0 n1@127.0.0.1',
      'c1 n2@127.0.0.1',
      'c2 n2@127.0.0.1',
    ])
    assert.equal(body.meta.count, 3)
    const pages = await Promise.all(
      [1, 2, 3].map((page) => askOne<List>(`/clients?like_clientid=c&limit=1&page=${page}`)),
    )
    assert.deepEqual(pages.flatMap(({ body: { data } }) => data.map(({ clientid }) => clientid)).toSorted(), [
      'c0',
      'c1',
      'c2',
    ])
    assertHolds((await askOne('/clients?node=n2@127.0.0.1&clientid=c0')).body, { data: [], meta: { count: 0 } })
    assertHolds((await askTwo('/clients/c0')).body, { node: one.name, connected: true, username: 'ann' })
    assertHolds((await askTwo('/clients/c0/subscriptions')).body, [{ topic: 't/0', node: one.name }])
    const subscriptions = await askOne<List>('/subscriptions?match_topic=t/1')
    assert.deepEqual(
      subscriptions.body.data.map(({ clientid }) => clientid),
      ['c1'],
    )
  })

  await t.test('a client is ended by the member that it is not on, and sees it', async (t) => {
    const client = await one.connect(t, as('ann', 'other', 'kicked'))
    const told = new Promise<number | undefined>((resolve) =>
      client.on('disconnect', ({ reasonCode }) => resolve(reasonCode)),
    )
    assert.equal((await askTwo('/clients/kicked', { method: 'DELETE' })).status, 204)
    assert.equal(await told, 0x98)
    assert.equal((await askTwo('/clients/kicked')).status, 404)
    assert.equal((await askTwo('/clients/kicked', { method: 'DELETE' })).status, 404)
  })

  await t.test('what is retained is cleared on both', async (t) => {
    const client = await one.connect(t, as('ann', 'other', 'sender'))
    await client.publishAsync('kept/x', 'here', { retain: true, qos: 1 })
    await eventually('both have it', async () =>
      assert.equal((await askTwo('/mqtt/retainer/message/kept%2Fx')).status, 200),
    )
    assert.equal((await askTwo('/mqtt/retainer/message/kept%2Fx', { method: 'DELETE' })).status, 204)
    await eventually('nobody has it', async () =>
      assert.equal((await askOne('/mqtt/retainer/message/kept%2Fx')).status, 404),
    )
  })

  await t.test('nodes and members are shown', async () => {
    assertHolds((await askOne('/nodes')).body, [
      { node: one.name, node_status: 'running', coordination: 'connected', members: [one.name, two.name] },
      { node: two.name, node_status: 'running', coordination: 'connected' },
    ])
    assertHolds((await askTwo(`/nodes/${one.name}`)).body, { node: one.name, pid: one.process.pid })
    assertHolds((await askTwo('/members')).body, [
      { node: two.name, state: 'up', is_self: true },
      { node: one.name, state: 'up', is_self: false },
    ])
  })

  await t.test('a deleted user does not log in anywhere; one that was made outlives a restart of all', async (t) => {
    await askOne(USERS, { method: 'POST', body: { user_id: 'bob', password: 'stays' } })
    assert.equal((await askTwo(`${USERS}/ann`, { method: 'DELETE' })).status, 204)
    await eventually('it holds on both', async () => {
      assert.equal((await askOne(`${USERS}/ann`)).status, 404)
      assert.equal((await askTwo(`${USERS}/bob`)).status, 200)
    })
    await assert.rejects(one.connect(t, as('ann', 'other', 'late')))
    await Promise.all([one.process.stop(), two.process.stop()])
    // Also if nobody remembers but the members themselves.
    await nats.kill()
    nats.wipe()
    await nats.restart()
    await Promise.all([one.restart(), two.restart()])
    await (await one.connect(t, as('bob', 'stays', 'again'))).endAsync()
    await assert.rejects(one.connect(t, as('ann', 'other', 'late')))
  })

  await t.test('a member that does not answer is named, and the others make the list', async (t) => {
    const asked = askerOf(one)
    await one.connect(t, as('bob', 'stays', 'here'))
    await eventually('both see each other', async () =>
      assertHolds((await asked('/members')).body, [{ state: 'up' }, { state: 'up' }]),
    )
    two.freeze()
    try {
      const [{ body }, node] = await Promise.all([asked<List>('/clients'), asked(`/nodes/${two.name}`)])
      assert.deepEqual(
        body.data.map(({ clientid }) => clientid),
        ['here'],
      )
      assert.deepEqual(
        body.meta.silent?.map((one) => one.node),
        [two.name],
      )
      assertHolds(node.body, { node: two.name, node_status: 'stopped' })
    } finally {
      two.thaw()
    }
  })
})
