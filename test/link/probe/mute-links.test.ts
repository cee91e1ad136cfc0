/** Links with their actors and real sockets, to a peer that lets them connect and then says nothing, or not much. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { imbalance } from '../../../src/lanes/ledger.ts'
import { greetingProperty } from '../../../src/link/connection.ts'
import { answerTo, decodeGreeting } from '../../../src/link/native/greeting.ts'
import { decodeProbeFrame } from '../../../src/link/probe/probe-frame.ts'
import { defaultProbeTerms } from '../../../src/link/probe/silence.ts'
import { Acceptor, isPublish, payloadOf, type Received } from '../acceptor.ts'
import { behaving } from '../behaving.ts'
import { linkConfig, message, passing, startRuntime } from '../link-fixture.ts'

const mutely = { puback: ({ clientId }: Received) => (clientId.includes(':msg:') ? undefined : 0) }

async function start(t: TestContext, acceptor: Acceptor, boot?: string) {
  const run = startRuntime({ probe: defaultProbeTerms, ...(boot === undefined ? {} : { boot }) })
  t.after(async () => {
    await run.runtime.stop(0)
    await acceptor.close()
  })
  // A message may be unacknowledged for long here: it is the probe that is to notice.
  run.runtime.apply([linkConfig(await acceptor.listen(), { retry_interval: 600_000 })])
  await run.status(({ state }) => state === 'running')
  return run
}

const isConnect = ({ packet, clientId }: Received) => packet.cmd === 'connect' && clientId.includes(':msg:')

test('a link that is connected and mute is degraded, then opened anew with what waits in its outbox; the history says why', async (t) => {
  const acceptor = new Acceptor(behaving(mutely))
  const { runtime, clock, status, lines } = await start(t, acceptor)
  runtime.sinkOf('cl.b')?.accept(passing(message('a')))
  await acceptor.packet(({ packet, clientId }) => isPublish(packet) && clientId.includes(':msg:'))
  const { length: from } = acceptor.received
  clock.advance(20_000)
  const { reasons } = await status(({ state }) => state === 'degraded')
  assert.match(reasons.join(), /connected, but the probe is unanswered .* since /)
  assert.equal(acceptor.received.slice(from).filter(isConnect).length, 0)

  clock.advance(15_000)
  await acceptor.packet(isConnect, { from })
  assert.equal(runtime.probe('cl.b')?.mute_restarts, 1)
  const restarts = lines.filter(({ event }) => event === 'cluster_link_mute_restart')
  assert.equal(restarts.length, 1)
  const transition = runtime.transitions('cl.b').find(({ event }) => event === 'mute')
  assert.match(transition?.reason ?? '', /the probe is unanswered/)

  // Mended: what was not acknowledged crosses, and all is well.
  acceptor.answer = answeringPings(behaving())
  acceptor.cut()
  const again = acceptor.received.length
  clock.advance(5_000)
  const { packet } = await acceptor.packet(({ packet, clientId }) => isPublish(packet) && clientId.includes(':msg:'), {
    from: again,
  })
  assert.ok(isPublish(packet))
  clock.advance(5_000)
  await acceptor.packet(({ packet: { cmd } }) => cmd === 'pingreq', { from: again })
  await status(({ state, reasons: now }) => state === 'running' && now.length === 0)
  const ledger = runtime.ledger('cl.b')
  assert.ok(ledger)
  assert.equal(imbalance(ledger), 0)
  assert.deepEqual([ledger.matched, ledger.delivered], [1, 1])
})

function answeringPings(answer: (received: Received) => void): (received: Received) => void {
  return (received) => {
    answer(received)
    if (received.packet.cmd === 'pingreq') received.peer.send({ cmd: 'pingresp' })
  }
}

for (const { name, features, kind, note } of [
  {
    name: 'a native peer that knows no probes is pinged',
    features: ['deflate'],
    kind: 'native',
    note: /older version/,
  },
  { name: 'an EMQX is pinged', features: undefined, kind: 'emqx', note: /not that they reach its subscribers/ },
])
  test(`${name}, and is sent no probe`, async (t) => {
    const acceptor = new Acceptor((received) => {
      const { packet } = received
      const text = packet.cmd === 'connect' ? packet.properties?.userProperties?.[greetingProperty] : undefined
      const greeting = typeof text === 'string' ? decodeGreeting(text) : undefined
      const answer = greeting === undefined ? undefined : answerTo(greeting, 'b1', '0b')
      const said = { userProperties: { [greetingProperty]: JSON.stringify({ ...answer, features }) } }
      answeringPings(behaving(features === undefined ? {} : { properties: said }))(received)
    })
    const { runtime, clock } = await start(t, acceptor, '0a')
    clock.advance(5_000)
    await acceptor.packet(({ packet, clientId }) => packet.cmd === 'pingreq' && clientId.includes(':msg:'))
    const result = await runtime.probeNow('cl.b', 60_000)
    assert.deepEqual([result.type, 'kind' in result && result.kind], ['answered', kind])
    assert.match(runtime.probe('cl.b')?.note ?? '', note)
    const probes = acceptor.received.filter(({ packet }) => isPublish(packet) && decodeProbeFrame(payloadOf(packet)))
    assert.deepEqual(probes, [])
  })

test('what is not probed says so', async () => {
  const { runtime } = startRuntime()
  runtime.apply([linkConfig(1, { enable: false })])
  assert.deepEqual(await runtime.probeNow('cl.b'), { type: 'not_probed' })
  assert.deepEqual(await runtime.probeNow('nobody'), { type: 'not_probed' })
  assert.equal(runtime.probe('cl.b'), undefined)
  await runtime.stop(0)
})
