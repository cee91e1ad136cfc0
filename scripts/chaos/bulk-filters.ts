/** A client that wants very much: as many filters as a scenario says, none of which covers another. */
import { connectAsync, type MqttClient } from 'mqtt'
import type { Stage } from './stage/chaos-stage.ts'

export type BulkFilters = { close(): Promise<void> }

const AT_ONCE = 1_000
const SESSION_EXPIRY_S = 3_600

/** Resolves when all are subscribed, with a session that outlives connections, on a node that does not speak for its cluster. */
export async function subscribeBulk(stage: Stage, count: number): Promise<BulkFilters> {
  const cluster = stage.clusters.at(-1)!
  const peer = stage.clusters[0]!
  const spoken = await Promise.all(cluster.nodes.map((node) => node.speaksTo()))
  const node = cluster.nodes.find((_, index) => spoken[index]!.length === 0) ?? cluster.nodes[0]!
  const client: MqttClient = await connectAsync(node.url, {
    protocolVersion: 5,
    clientId: 'bulk',
    clean: false,
    properties: { sessionExpiryInterval: SESSION_EXPIRY_S },
  })
  // It reconnects by itself, and nothing is published under what it wants.
  client.on('error', () => undefined)
  for (let first = 0; first < count; first += AT_ONCE) {
    const filters = Array.from({ length: Math.min(AT_ONCE, count - first) }, (_, index) => {
      const number = first + index
      return `${peer.name}/bulk/${number % 1_000}/${number}`
    })
    await client.subscribeAsync(filters, { qos: 1 })
  }
  return { close: () => client.endAsync(true) }
}
