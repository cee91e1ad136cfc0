/** Connections to NATS stay open, and nothing answers on them. */
import { test } from 'node:test'
import { startNats } from '../../cluster/nats-server.ts'
import { surviveOutage } from './outage.ts'

test('NATS is stopped and goes on: clients and links go on meanwhile, and all is one again', async (t) => {
  const nats = await startNats(t)
  await surviveOutage(t, { nats, begin: () => nats.stop(), end: () => nats.cont() })
})
