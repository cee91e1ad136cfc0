/** All NATS servers are killed, and come back on what they had on disk. */
import { test } from 'node:test'
import { startNats } from '../../cluster/nats-server.ts'
import { surviveOutage } from './outage.ts'

test('NATS is killed and comes back: clients and links go on, and all is one again', async (t) => {
  const nats = await startNats(t)
  await surviveOutage(t, { nats, begin: () => nats.kill(), end: () => nats.restart() })
})
