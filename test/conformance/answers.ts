/** All that a server has to say to what it was sent. */
import type { Packet } from 'mqtt-packet'
import type { RawClient } from '../broker/raw-client.ts'

export type Answers = { readonly packets: readonly Packet[]; readonly isClosed: boolean }

/** What came up to the answer to a PING, or up to the end of the connection. */
export async function answers(client: RawClient): Promise<Answers> {
  client.send({ cmd: 'pingreq' })
  const packets: Packet[] = []
  for (;;) {
    const packet = await nextOrEnd(client)
    if (packet === undefined) return { packets, isClosed: true }
    if (packet.cmd === 'pingresp') return { packets, isClosed: false }
    packets.push(packet)
  }
}

async function nextOrEnd(client: RawClient): Promise<Packet | undefined> {
  try {
    return (await client.receive()).packet
  } catch (error) {
    if (client.isClosed) return undefined
    throw error
  }
}
