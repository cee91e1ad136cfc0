/** One client as the API shows it: EMQX's fields, and those of ours. */
import * as z from 'zod'
import type { KnownClient } from '../../broker/known-clients.ts'

const count = z.number().int()
/** What may be without limit. */
const limit = z.union([count, z.literal('infinity')])

/** What is not known of a client that is away is left out. */
export const clientRow = z.object({
  node: z.string(),
  clientid: z.string(),
  username: z.string().optional(),
  connected: z.boolean(),
  ip_address: z.string().optional(),
  port: count.optional().describe("the client's own"),
  listener: z.string().optional().describe('by type and name: tcp:default'),
  connected_at: z.string().optional(),
  disconnected_at: z.string().optional(),
  proto_name: z.string().optional(),
  proto_ver: count.optional(),
  keepalive: count.optional().describe('seconds'),
  clean_start: z.boolean().optional(),
  expiry_interval: count.describe('seconds that the session outlives its connection; 4294967295: for ever'),
  is_bridge: z.boolean().optional().describe('by its own account'),
  is_link: z.boolean().optional().describe('the connection of a linked cluster'),
  is_superuser: z.boolean().optional(),
  subscriptions_cnt: count,
  mqueue_len: count,
  mqueue_max: limit,
  mqueue_dropped: count,
  inflight_cnt: count,
  inflight_max: count,
  awaiting_rel_cnt: count,
  recv_msg: count.optional().describe('PUBLISH packets, on this connection'),
  send_msg: count.optional(),
  recv_oct: count.optional().describe('bytes, on this connection'),
  send_oct: count.optional(),
})

export type ClientRow = z.infer<typeof clientRow>

/** Session Expiry Interval that means never (MQTT 5, 3.1.2.11.2). */
const NEVER_EXPIRES = 0xffffffff

export function clientRowOf(
  node: string,
  { clientId, username, peerHost, session, connection }: KnownClient,
): ClientRow {
  return {
    node,
    clientid: clientId,
    ...(username === undefined ? {} : { username }),
    connected: connection !== undefined,
    ...(peerHost === undefined ? {} : { ip_address: peerHost }),
    ...(session.leftAtMs === undefined ? {} : { disconnected_at: isoTime(session.leftAtMs) }),
    expiry_interval: expirySeconds(session.expiryIntervalMs),
    subscriptions_cnt: session.subscriptions,
    mqueue_len: session.queued,
    mqueue_max: Number.isFinite(session.queueMax) ? session.queueMax : 'infinity',
    mqueue_dropped: session.dropped,
    inflight_cnt: session.inflight,
    inflight_max: session.inflightMax,
    awaiting_rel_cnt: session.awaitingRel,
    ...(connection === undefined ? {} : connectionFields(connection)),
  }
}

function connectionFields(connection: NonNullable<KnownClient['connection']>): Partial<ClientRow> {
  return {
    port: connection.peerPort,
    listener: connection.listener,
    connected_at: isoTime(connection.connectedAtMs),
    proto_name: connection.version === 3 ? 'MQIsdp' : 'MQTT',
    proto_ver: connection.version,
    keepalive: connection.keepAlive,
    clean_start: connection.cleanStart,
    is_bridge: connection.isBridge,
    is_link: connection.isLinkPeer,
    is_superuser: connection.isSuperuser,
    recv_msg: connection.publishesReceived,
    send_msg: connection.publishesSent,
    recv_oct: connection.bytesReceived,
    send_oct: connection.bytesSent,
  }
}

function expirySeconds(ms: number): number {
  return Math.min(NEVER_EXPIRES, Math.round(ms / 1000))
}

/** @param ms milliseconds since 1970 */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}
