/** NATS comes back and remembers nothing. */
import { test } from 'node:test'
import { startNats } from '../../cluster/nats-server.ts'
import { surviveOutage } from './outage.ts'

test('NATS is killed and comes back without any state: clients and links go on, and all is one again', async (t) => {
  const nats = await startNats(t)
  const end = async (): Promise<void> => {
    nats.wipe()
    await nats.restart()
  }
  await surviveOutage(t, { nats, begin: () => nats.kill(), end })
})
