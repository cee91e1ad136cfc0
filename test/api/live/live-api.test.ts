import assert from 'node:assert/strict'
import { test } from 'node:test'
import { STREAMS_MAX } from '../../../src/api/live/live-api.ts'
import { nodeWithApi } from '../node-with-api.ts'
import { openLive } from './open-live.ts'

const links = [
  // Nobody is there: it goes on trying.
  { name: 'eu', server: '127.0.0.1:1', clientid: 'link-us', topics: ['#'] },
]
const config = { cluster: { name: 'us', links } }

test('links are told over HTTP, and the stream ends with the node at once', async (t) => {
  const { node, url, authorization } = await nodeWithApi(t, config)
  const live = await openLive(t, url, authorization, 'links,log,actors')
  assert.equal(live.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  const { event, data } = await live.next()
  assert.equal(event, 'links')
  const [row] = data as { name: string; status: string; routes: object }[]
  assert.deepEqual([row?.name, row?.status, row?.routes], ['eu', 'connecting', { ours: 0, peers: 0 }])
  await node.stop()
  await live.ended
})

for (const [topics, status] of [
  ['everything', 400],
  [',', 400],
  ['links:nobody', 404],
  ['links&interval_ms=10', 400],
] as const)
  test(`topics=${topics}: ${status}`, async (t) => {
    const { ask } = await nodeWithApi(t, config)
    assert.equal((await ask(`/live?topics=${topics}`)).status, status)
  })

test('so many may watch, and one more when somebody has gone', async (t) => {
  const { url, authorization, ask } = await nodeWithApi(t, config)
  const streams = await Promise.all(Array.from({ length: STREAMS_MAX }, () => openLive(t, url, authorization, 'links')))
  assert.equal((await ask('/live')).status, 503)
  streams[0]?.close()
  for (;;) {
    const abort = new AbortController()
    const answer = await fetch(`${url}/api/v5/live`, { headers: { authorization }, signal: abort.signal })
    abort.abort()
    if (answer.status === 200) return
  }
})

test('the last hour is empty at first, and of no link that is not there', async (t) => {
  const { ask } = await nodeWithApi(t, config)
  const nothing = { at: [], out: [], in: [], bytes_out: [], bytes_in: [], outbox: [], p50_ms: [], p99_ms: [] }
  const { status, body } = await ask<{ interval_ms: number; series: Record<string, number[]> }>(
    '/cluster/links/eu/history?seconds=60',
  )
  assert.deepEqual([status, body.interval_ms], [200, 10_000])
  assert.deepEqual(Object.keys(body.series), Object.keys(nothing))
  assert.equal((await ask('/cluster/links/nobody/history')).status, 404)
  assert.equal((await ask('/history?seconds=5')).status, 400)
  const ofNode = 'at published delivered connections cpu memory loop_delay_ms'.split(' ')
  assert.deepEqual(Object.keys((await ask<{ series: object }>('/history')).body.series), ofNode)
})
