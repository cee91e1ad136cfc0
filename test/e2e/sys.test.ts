/** `$SYS` of a whole node: as tools ask for it, on no link whatever happens, and ended by one key and a reload. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectClient, type Inbox, prove, subscribe } from './clients.ts'
import { relayedPair } from './clusters.ts'

const valueOf = async (inbox: Inbox, name: string): Promise<string> =>
  (await inbox.waitFor(name, ({ topic }) => topic === name)).payload

test('monitoring reads $SYS of a node of two that are linked', async (t) => {
  const { a, b } = await relayedPair(t)
  const root = `$SYS/brokers/${a.config.node.name}`

  await t.test('in Mosquitto’s words', async (t) => {
    const inbox = await subscribe(await connectClient(t, a.mqttPort), '$SYS/broker/#')
    assert.match(await valueOf(inbox, '$SYS/broker/version'), /^isthmus version \d/)
    assert.match(await valueOf(inbox, '$SYS/broker/uptime'), /^\d+ seconds$/)
    assert.match(await valueOf(inbox, '$SYS/broker/load/messages/received/1min'), /^\d+\.\d\d$/)
    assert.ok(Number(await valueOf(inbox, '$SYS/broker/clients/connected')) >= 1)
    assert.ok(Number(await valueOf(inbox, '$SYS/broker/bytes/received')) > 0)
  })

  await t.test('in EMQX’s words', async (t) => {
    const inbox = await subscribe(await connectClient(t, a.mqttPort), '$SYS/brokers/#')
    assert.equal(await valueOf(inbox, '$SYS/brokers'), a.config.node.name)
    assert.match(await valueOf(inbox, `${root}/uptime`), /^\d+$/)
    assert.ok(Number(await valueOf(inbox, `${root}/metrics/packets/connect/received`)) >= 1)
    assert.ok(Number(await valueOf(inbox, `${root}/stats/live_connections/count`)) >= 1)
  })

  await t.test('a client that comes is told of here, and not over there', async (t) => {
    const far = await connectClient(t, b.mqttPort)
    const farInbox = await subscribe(far, '$SYS/brokers/#')
    const near = await connectClient(t, a.mqttPort)
    const inbox = await subscribe(near, `${root}/clients/+/connected`)
    await connectClient(t, a.mqttPort, { clientId: 'newcomer' })
    const told: unknown = JSON.parse(await valueOf(inbox, `${root}/clients/newcomer/connected`))
    assert.ok(typeof told === 'object' && told !== null && 'proto_ver' in told)
    assert.equal(told.proto_ver, 5)
    // What was published after it has crossed.
    await prove(await subscribe(far, 't/mark'), near, 't/mark')
    assert.ok(farInbox.arrivals.length > 0)
    assert.deepEqual(
      farInbox.arrivals.filter(({ topic }) => topic.startsWith(root)),
      [],
    )
  })

  await t.test('and after a reload with sys_topics.enable = false a new subscriber is told nothing', async (t) => {
    a.reload(Object.assign({ sys_topics: { enable: false } }, a.config))
    await a.waitFor('config_reloaded', ({ msg }) => msg === 'config_reloaded')
    const client = await connectClient(t, a.mqttPort)
    const inbox = await subscribe(client, '$SYS/#')
    await prove(await subscribe(client, 'here'), client, 'here')
    assert.deepEqual(inbox.arrivals, [])
  })
})
