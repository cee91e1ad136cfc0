/** Alarms of a whole node, seen from outside: over the API, under $SYS and in the metrics. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import mqtt from 'mqtt'
import { ManualClock } from '../../broker/manual-clock.ts'
import { asker, nodeWithApi } from '../../api/node-with-api.ts'
import { readExposition, valueOf } from '../prometheus/read-exposition.ts'

type Alarms = { readonly data: readonly { readonly name: string; readonly reason: string }[] }

test('a peer that is not there: the alarm is told to subscribers and callers, and is over when the link is disabled', async (t) => {
  // Only alarms and the broker's own timers go by it; sockets don't.
  const clock = new ManualClock()
  const link = { name: 'west', server: '127.0.0.1:1', topics: ['#'] }
  const { node, url, ask, dataDir } = await nodeWithApi(
    t,
    { cluster: { name: 'east', links: [link] } },
    { machine: { clock } },
  )
  const watcher = await mqtt.connectAsync(`mqtt://${node.status().listeners['tcp:default']}`, { reconnectPeriod: 0 })
  t.after(() => void watcher.end(true))
  await watcher.subscribeAsync('$SYS/brokers/+/alarms/#')
  const published = () =>
    new Promise<string>((told) => {
      watcher.once('message', (topic, payload) => {
        const read: unknown = JSON.parse(payload.toString())
        assert.ok(typeof read === 'object' && read !== null && 'name' in read)
        told(`${topic} ${String(read.name)}`)
      })
    })
  const name = 'emqx_cluster_link_mqtt:msg:west'
  const raised = published()
  const giveUpAtMs = Date.now() + 30_000
  while (node.status().links[0]?.reasons.length === 0) {
    assert.ok(Date.now() < giveUpAtMs)
    await delay(5)
  }
  clock.advance(1_000)
  assert.equal(await raised, `$SYS/brokers/n1@127.0.0.1/alarms/activate ${name}`)
  const active = await ask<Alarms>('/alarms')
  assert.deepEqual(
    active.body.data.map((alarm) => alarm.name),
    [name],
  )
  assert.match(active.body.data[0]?.reason ?? '', /nobody listens there/)
  const served = async () => readExposition(await (await fetch(`${url}/metrics`)).text())
  assert.equal(valueOf(await served(), 'isthmus_alarms_active', { kind: 'link_down' }), 1)

  const over = published()
  await node.reconfigure({
    node: { name: 'n1@127.0.0.1', data_dir: dataDir },
    cluster: { name: 'east', links: [{ ...link, enable: false }] },
    listeners: { tcp: { default: { bind: '127.0.0.1:0' } } },
    dashboard: { listeners: { http: { bind: '127.0.0.1:0' } } },
  })
  clock.advance(31_000)
  assert.equal(await over, `$SYS/brokers/n1@127.0.0.1/alarms/deactivate ${name}`)
  assert.equal((await ask<Alarms>('/alarms')).body.data.length, 0)
  assert.equal((await ask<Alarms>('/alarms?activated=false')).body.data.length, 1)
  assert.equal((await ask('/alarms', { method: 'DELETE' })).status, 204)
  assert.equal((await ask<Alarms>('/alarms?activated=false')).body.data.length, 0)
  assert.equal(valueOf(await served(), 'isthmus_alarms_active', { kind: 'link_down' }), 0)
})

test('metrics are for everybody, or for who says who it is', async (t) => {
  const open = await nodeWithApi(t)
  assert.equal((await asker(open.url, undefined)('/prometheus/stats')).status, 200)
  const { url, authorization } = await nodeWithApi(t, { prometheus: { enable_basic_auth: true } })
  for (const path of ['/metrics', '/api/v5/prometheus/stats']) {
    assert.equal((await fetch(`${url}${path}`)).status, 401)
    const response = await fetch(`${url}${path}`, {
      headers: { authorization, accept: 'application/openmetrics-text' },
    })
    assert.equal(response.status, 200)
    assert.match(response.headers.get('content-type') ?? '', /^application\/openmetrics-text; version=1\.0\.0/)
    assert.ok((await response.text()).endsWith('# EOF\n'))
  }
})
