/** What the configuration of a link says reaches the peer, or holds towards it, also after an edit. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { setImmediate as endOfTurn } from 'node:timers/promises'
import type { LinkConfig } from '../../src/config/config.ts'
import { Acceptor, isPublish, type Received } from './acceptor.ts'
import { behaving } from './behaving.ts'
import { linkConfig, message, passing, startRuntime } from './link-fixture.ts'

const running = ({ state }: { state: string }) => state === 'running'
const isMessage = ({ packet }: Received) => isPublish(packet) && packet.topic === '$LINK/cluster/msg/cl.a'

/** A link to a peer that takes messages and acknowledges none. */
async function start(t: TestContext, changes: (config: LinkConfig) => Partial<LinkConfig>) {
  const acceptor = new Acceptor(behaving({ puback: (received) => (isMessage(received) ? undefined : 0) }))
  const run = startRuntime()
  t.after(async () => {
    await run.runtime.stop(0)
    await acceptor.close()
  })
  const base = linkConfig(await acceptor.listen())
  const config = { ...base, ...changes(base) }
  run.runtime.apply([config])
  await run.status(running)
  const inflightOf = async (count: number) => {
    for (let index = 0; index < count; index += 1) {
      run.runtime.sinkOf('cl.b')?.accept(passing(message(`${index}`, { from: `device-${index}` })))
    }
    await endOfTurn()
    return run.runtime.ledger('cl.b')?.inflight
  }
  return { ...run, acceptor, config, inflightOf }
}

for (const { when, credentials } of [
  { when: 'a name and a password', credentials: { username: 'link', password: 's3cret' } },
  { when: 'a name alone', credentials: { username: 'link' } },
  { when: 'neither', credentials: {} },
]) {
  test(`every connection of a link logs in with ${when}, if that is configured`, async (t) => {
    const { acceptor } = await start(t, () => ({ ...credentials, pool_size: 2 }))
    const connects = acceptor.received.flatMap(({ packet }) => (packet.cmd === 'connect' ? [packet] : []))
    assert.ok(connects.length >= 2)
    for (const { username, password } of connects) {
      assert.deepEqual(
        { username, password: password?.toString() },
        { username: undefined, password: undefined, ...credentials },
      )
    }
  })
}

test('no more than max_inflight is unacknowledged on one connection', async (t) => {
  const { inflightOf } = await start(t, () => ({ max_inflight: 3 }))
  assert.equal(await inflightOf(10), 3)
})

const window = (inflight_window: number) => (config: LinkConfig) => ({
  resource_opts: { ...config.resource_opts, inflight_window },
  pool_size: 4,
})

test('no more than inflight_window is unacknowledged on all connections, and an edit that widens it lets more go', async (t) => {
  const { config, inflightOf, runtime, status } = await start(t, window(2))
  assert.equal(await inflightOf(20), 2)
  runtime.apply([{ ...config, ...window(6)(config) }])
  await status(running)
  while ((runtime.ledger('cl.b')?.inflight ?? 0) < 6) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(runtime.ledger('cl.b')?.inflight, 6)
})
