/** Listeners after parsing: every default filled in, durations in milliseconds, sizes in bytes. */
import type { Rate } from './rate.ts'

export const listenerTypes = ['tcp', 'ssl', 'ws', 'wss'] as const
export type ListenerType = (typeof listenerTypes)[number]

export type ListenerConfig = ListenerBasis &
  (
    | { readonly type: 'tcp' }
    | { readonly type: 'ssl'; readonly ssl_options: TlsServerConfig }
    | { readonly type: 'ws'; readonly websocket: WebsocketConfig }
    | { readonly type: 'wss'; readonly ssl_options: TlsServerConfig; readonly websocket: WebsocketConfig }
  )

export type ListenerBasis = {
  readonly enable: boolean
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** Connections open at once; may be `Infinity`. */
  readonly max_connections: number
  /** New connections of this listener; those above it are closed at once. */
  readonly max_conn_rate: Rate
  readonly max_conn_burst?: Rate
  /** What one client may publish; who sends more is read more slowly. */
  readonly messages_rate: Rate
  readonly messages_burst?: Rate
  /** Bytes that one client may send. */
  readonly bytes_rate: Rate
  readonly bytes_burst?: Rate
  /** The same for all clients of the listener together. Ours, not EMQX's. */
  readonly max_messages_rate: Rate
  readonly max_bytes_rate: Rate
  /** Every connection begins with a PROXY protocol header, version 1 or 2. */
  readonly proxy_protocol: boolean
  readonly proxy_protocol_timeout: number
  /** Whether clients of this listener must authenticate; `quick_deny_anonymous` refuses those without user name first. */
  readonly enable_authn: boolean | 'quick_deny_anonymous'
  /** Entries that `parseAccessRules` takes. */
  readonly access_rules: readonly string[]
  readonly tcp_options: TcpListenerOptions
}

export type TcpListenerOptions = {
  readonly backlog: number
  readonly nodelay: boolean
  /** After how long a silent connection is probed, milliseconds; `undefined`: never. */
  readonly keepalive?: number
  /** How long a client may leave more unread than it should. */
  readonly send_timeout: number
}

export type TlsVersion = 'tlsv1.3' | 'tlsv1.2'

export type TlsServerConfig = {
  /** PEM files by their absolute paths, or the PEM text itself. */
  readonly cacertfile?: string
  /** Only a listener that is switched off lacks it. */
  readonly certfile?: string
  readonly keyfile?: string
  /** Of the key; already read if the file says `file://...`. */
  readonly password?: string
  readonly verify: 'verify_peer' | 'verify_none'
  readonly fail_if_no_peer_cert: boolean
  readonly versions: readonly TlsVersion[]
  /** OpenSSL's names; empty for the defaults. */
  readonly ciphers: readonly string[]
  readonly honor_cipher_order: boolean
  readonly handshake_timeout: number
}

export type WebsocketConfig = {
  readonly mqtt_path: string
  /** Whether a frame may hold several packets. */
  readonly mqtt_piggyback: 'single' | 'multiple'
  readonly compress: boolean
  readonly idle_timeout: number
  /** May be `Infinity`; `mqtt.max_packet_size` bounds it in any case. */
  readonly max_frame_size: number
  readonly fail_if_no_subprotocol: boolean
  readonly supported_subprotocols: readonly string[]
  readonly check_origin_enable: boolean
  readonly allow_origin_absence: boolean
  readonly check_origins: readonly string[]
  /** Header in which a proxy gives the client's address; empty: none is believed. In lower case. */
  readonly proxy_address_header: string
  readonly proxy_port_header: string
}

export type ListenersConfig = Readonly<Record<ListenerType, Readonly<Record<string, ListenerConfig>>>>

/** As EMQX writes it: `tcp:default`. */
export function listenerId(type: ListenerType, name: string): string {
  return `${type}:${name}`
}
