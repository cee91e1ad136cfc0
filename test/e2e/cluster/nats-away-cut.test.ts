/** NATS lives, but none of the nodes reaches it. */
import { test } from 'node:test'
import { startRelay } from '../../../src/cli/demo/relay.ts'
import { startNats } from '../../cluster/nats-server.ts'
import { surviveOutage } from './outage.ts'

test('connections to NATS are cut, and new ones hang: clients and links go on, and all is one again', async (t) => {
  const nats = await startNats(t)
  const relay = await startRelay()
  t.after(() => relay.close())
  relay.pointAt(nats.port)
  const begin = (): void => {
    relay.hold()
    relay.cut()
  }
  await surviveOutage(t, { nats, url: `nats://127.0.0.1:${relay.port}`, begin, end: () => relay.pointAt(nats.port) })
})
