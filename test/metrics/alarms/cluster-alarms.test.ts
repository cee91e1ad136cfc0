/** Alarms of two nodes over a real NATS, asked for at either. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Clock, systemClock } from '../../../src/broker/clock.ts'
import { nodeWithApi } from '../../api/node-with-api.ts'
import { startNats } from '../../cluster/nats-server.ts'
import { readExposition, valueOf } from '../prometheus/read-exposition.ts'

type Alarms = { readonly data: readonly { readonly name: string; readonly node: string }[] }

const fast: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + 60_000 }

test('a clock that is a minute ahead and a coordination that is lost are alarms on the nodes that see them', async (t) => {
  const nats = await startNats(t)
  const cluster = { name: 'east', nats: { servers: [nats.url] } }
  const two = await nodeWithApi(t, { node: { name: 'n2@127.0.0.1' }, cluster }, { machine: { clock: fast } })
  const one = await nodeWithApi(t, { node: { name: 'n1@127.0.0.1' }, cluster })
  const alarms = async (): Promise<string[]> => {
    const { body } = await one.ask<Alarms>('/alarms')
    return body.data.map(({ name, node }) => `${name} on ${node}`)
  }
  const until = async (wanted: readonly string[]): Promise<void> => {
    const giveUpAtMs = Date.now() + 60_000
    for (;;) {
      const seen = await alarms()
      if (wanted.every((alarm) => seen.includes(alarm))) return
      assert.ok(Date.now() < giveUpAtMs, `after a minute there were ${seen.join(', ')}`)
      await delay(100)
    }
  }
  // The one that started first knew of nobody when it looked first.
  await until(['clock_skew:n2@127.0.0.1 on n1@127.0.0.1'])
  const served = readExposition(await (await fetch(`${one.url}/metrics`)).text())
  const offset = valueOf(served, 'isthmus_cluster_clock_offset_seconds', { member: 'n2@127.0.0.1' }) ?? 0
  assert.ok(offset > 55 && offset < 65, `${offset} s`)
  assert.equal(valueOf(served, 'isthmus_cluster_members', { state: 'up' }), 2)
  assert.equal(valueOf(served, 'isthmus_cluster_coordination_up'), 1)

  await nats.kill()
  await until(['coordination_lost on n1@127.0.0.1'])
  // Without it the other node is not heard, and can be asked itself.
  assert.ok((await two.ask<Alarms>('/alarms')).status === 200)
  const without = readExposition(await (await fetch(`${one.url}/metrics`)).text())
  assert.equal(valueOf(without, 'isthmus_cluster_coordination_up'), 0)
})
