/** Clients and what they have subscribed to, as the API shows them. */

export type Client = {
  readonly node: string
  readonly clientid: string
  readonly username?: string
  readonly connected: boolean
  readonly ip_address?: string
  readonly port?: number
  readonly listener?: string
  readonly connected_at?: string
  readonly disconnected_at?: string
  readonly proto_name?: string
  readonly proto_ver?: number
  readonly keepalive?: number
  readonly clean_start?: boolean
  /** Seconds that the session outlives its connection. */
  readonly expiry_interval: number
  readonly is_link?: boolean
  readonly is_superuser?: boolean
  readonly subscriptions_cnt: number
  readonly mqueue_len: number
  readonly mqueue_max: number | 'infinity'
  readonly mqueue_dropped: number
  readonly inflight_cnt: number
  readonly inflight_max: number
  readonly awaiting_rel_cnt: number
  readonly recv_msg?: number
  readonly send_msg?: number
  readonly recv_oct?: number
  readonly send_oct?: number
}

export type Subscription = {
  readonly node: string
  readonly clientid: string
  /** As the client wrote it, `$share/...` included. */
  readonly topic: string
  readonly qos: number
  /** No Local, Retain As Published, Retain Handling. */
  readonly nl: number
  readonly rap: number
  readonly rh: number
  readonly share_group?: string
  readonly subscription_identifier?: number
}

/** Session Expiry Interval that means never (MQTT 5, 3.1.2.11.2). */
export const NEVER_EXPIRES = 0xffffffff

/** 5 -> MQTT 5 */
export function protocolName({ proto_ver: version }: Pick<Client, 'proto_ver'>): string {
  if (version === undefined) return '–'
  return version === 5 ? 'MQTT 5' : version === 4 ? 'MQTT 3.1.1' : 'MQTT 3.1'
}
