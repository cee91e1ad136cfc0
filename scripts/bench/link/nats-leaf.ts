/** Two `nats-server` with MQTT and JetStream, each a domain of its own, joined as leaf nodes. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startNatsServer } from '../../../src/cli/demo/nats-server.ts'
import { topicName } from '../load.ts'
import { freePort, type Peer, untilServing } from '../peers.ts'
import type { Task } from './contestants.ts'

/**
 * At QoS 1 each subscription is a consumer of JetStream, and with 1,000 of them on one session it no longer keeps up with anybody:
 * there its subscriber asks for all topics by one filter, which costs it far less.
 */
export async function startNatsLeaf({ qos, relay }: Task): Promise<Peer> {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-bench-'))
  const [near, far, leaf] = [await freePort(), await freePort(), await freePort()]
  relay?.pointAt(leaf)
  const start = (name: string, port: number, join: string) =>
    startNatsServer({
      jetStream: false,
      settings: [
        `server_name: "${name}"`,
        `jetstream { store_dir: ${JSON.stringify(`${directory}/${name}`)}, domain: "${name}" }`,
        `mqtt { listen: "127.0.0.1:${port}" }`,
        `leafnodes { ${join} }`,
      ].join('\n'),
    })
  const receiving = await start('far', far, `listen: "127.0.0.1:${leaf}"`)
  const sending = await start('near', near, `remotes: [ { url: "nats://127.0.0.1:${relay?.port ?? leaf}" } ]`)
  await Promise.all([near, far].map(untilServing))
  return {
    publishPort: near,
    subscribePort: far,
    pids: [sending.pid, receiving.pid],
    ...(qos > 0 ? { wantedFilters: [topicName(0).replace(/[^/]*$/, '+')] } : {}),
    stop: async () => {
      await Promise.all([sending.stop(), receiving.stop()])
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
