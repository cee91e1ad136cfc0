import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { nodeWithApi } from '../node-with-api.ts'
import { openLive } from './open-live.ts'

const cluster = { name: 'us', links: [{ name: 'eu', server: '127.0.0.1:1', topics: [] }] }
const quiet = () => pino({ level: 'info', base: null }, { write: () => undefined })

type Lines = { data: { node: string; event: string; component: string }[] }

test('the log of a node is read from elsewhere, and followed', async (t) => {
  const { ask, url, authorization } = await nodeWithApi(t, { cluster }, { log: quiet() })
  const { body } = await ask<Lines>('/log?limit=1000')
  assert.ok(
    body.data.some(
      ({ event, component, node }) =>
        event === 'cluster_link_status' && component === 'link' && node === 'n1@127.0.0.1',
    ),
  )
  assert.equal((await ask<Lines>('/log?limit=1')).body.data.length, 1)
  assert.equal((await ask('/log?node=nobody')).status, 404)
  const live = await openLive(t, url, authorization, 'links,log')
  await live.next('links')
  await ask('/cluster/links/eu/pause', { method: 'POST' })
  const events = (await live.next('log')).data as Lines['data']
  assert.ok(events.some(({ event }) => event === 'cluster_link_forwarding_paused'))
})

test('a part of the node logs more, until it is told otherwise', async (t) => {
  const log = quiet()
  const { ask, node } = await nodeWithApi(t, { log: { levels: { api: 'error' } } }, { log })
  const put = (body: object) =>
    ask<{ nodes: { level: string; levels: Record<string, string> }[] }>('/log/level', { method: 'PUT', body })
  const { body } = await put({ level: 'debug', component: 'link' })
  assert.deepEqual(
    [
      body.nodes[0]?.level,
      body.nodes[0]?.levels['link'],
      body.nodes[0]?.levels['broker'],
      body.nodes[0]?.levels['api'],
    ],
    ['info', 'debug', 'info', 'error'],
  )
  assert.equal((await put({ level: 'warn' })).body.nodes[0]?.levels['broker'], 'warn')
  assert.equal(log.level, 'warn')
  assert.equal((await put({ level: null, component: 'link' })).body.nodes[0]?.levels['link'], 'warn')
  for (const wrong of [{ level: 'loud' }, { level: null }, { level: 'info', component: 'kitchen' }])
    assert.equal((await put(wrong)).status, 400)
  assert.equal(node.status().node, 'n1@127.0.0.1')
})

test('actors are listed with their parents, and their past is told', async (t) => {
  const { ask } = await nodeWithApi(t, { cluster })
  const { body } = await ask<{ nodes: { node: string; actors: { id: string; parent: string | null }[] }[] }>('/actors')
  const actors = body.nodes[0]?.actors ?? []
  const child = actors.find(({ id }) => id === 'eu/route-sync')
  assert.deepEqual([child?.parent, actors.some(({ id }) => id === 'eu')], ['eu', true])
  const past = await ask<{ nodes: { transitions: { to: string }[] }[] }>('/actors/eu%2Froute-sync/history')
  assert.ok(past.status === 200 && (past.body.nodes[0]?.transitions.length ?? 0) > 0)
  assert.equal((await ask('/actors/nobody/history')).status, 404)
})
