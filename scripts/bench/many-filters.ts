/** Clients that subscribe to very many filters, a tenth of them with wildcards, none of which covers another. */
import { Client, packetType } from './client.ts'
import { USERNAME } from './load.ts'
import { subscribePacket, unsubscribePacket } from './mqtt-bytes.ts'

const CLIENTS = 10
const FILTERS_PER_PACKET = 500

/** What several prefixes have under them has other words, but for a few. */
export function filterOf(prefix: string, index: number): string {
  return index % 10 === 0
    ? `${prefix}/${index % 1_000}/+/${index}/#`
    : `${prefix}/${index % 1_000}/device/${index}/state`
}

/** Resolves when all are granted. The clients stay connected; whoever called closes them. */
export async function subscribeMany(port: number, prefix: string, count: number, isKept: boolean): Promise<Client[]> {
  const clients: Client[] = []
  for (let at = 0; at < CLIENTS; at++) {
    const clientId = `${prefix.replaceAll('/', '-')}-${at}`
    const client = await Client.open(port, { clientId, username: USERNAME, isKept }, {})
    clients.push(client)
    const ofClient = Array.from({ length: Math.ceil((count - at) / CLIENTS) }, (_, nth) =>
      filterOf(prefix, at + nth * CLIENTS),
    )
    await subscribe(client, ofClient)
  }
  return clients
}

export async function subscribe(client: Client, topicFilters: readonly string[]): Promise<void> {
  for (let from = 0; from < topicFilters.length; from += FILTERS_PER_PACKET) {
    const granted = client.next(packetType.suback)
    client.socket.write(subscribePacket(1, topicFilters.slice(from, from + FILTERS_PER_PACKET), 0))
    await granted
  }
}

export async function unsubscribe(client: Client, topicFilters: readonly string[]): Promise<void> {
  for (let from = 0; from < topicFilters.length; from += FILTERS_PER_PACKET) {
    const done = client.next(packetType.unsuback)
    client.socket.write(unsubscribePacket(1, topicFilters.slice(from, from + FILTERS_PER_PACKET)))
    await done
  }
}
