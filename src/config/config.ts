/**
 * The configuration of a node after parsing: every default filled in, durations in milliseconds, sizes in bytes.
 * Keys are those of the file, which are EMQX's where EMQX has one. Durations are whole and short enough for a timer of Node
 * (24 days), except `session_expiry_interval`; only where it says so is one `Infinity`.
 */
import type { AlarmConfig, PrometheusConfig } from './alarm-schema.ts'
import type { AuthenticationSettings, AuthenticatorConfig } from './authentication/authentication-config.ts'
import type { AuthorizationConfig } from './authorization/authorization-config.ts'
import type { ApiKeyConfig, DashboardConfig } from './dashboard/dashboard-config.ts'
import type { ListenersConfig } from './listeners/listener-config.ts'
import type { NatsConfig } from './nats/nats-config.ts'
import type { OpentelemetryConfig } from './opentelemetry-schema.ts'
import type { LogConfig } from './log-config.ts'
import type { RetainerConfig } from './retainer-schema.ts'
import type { SslConfig } from './ssl-config.ts'
import type { SysTopicsConfig } from './sys-topics-schema.ts'

export type ResourceOpts = {
  readonly worker_pool_size: number
  readonly health_check_interval: number
  readonly start_timeout: number
  /** How long a message may wait in the outbox, milliseconds; `Infinity` (our default, not EMQX's) for as long as it takes. */
  readonly request_ttl: number
  /** Unacknowledged messages per link and node. */
  readonly inflight_window: number
  /** Limit of the outbox, bytes of topic and payload. */
  readonly max_buffer_bytes: number
  /** Limit of the outbox in messages; `Infinity` by default. Ours, not EMQX's. */
  readonly max_buffer_messages: number
}

export type ServerAddress = { readonly host: string; readonly port: number; readonly tls: boolean }

export type LinkConfig = {
  /** The peer's cluster name. */
  readonly name: string
  readonly enable: boolean
  /** As written: one address or several with commas. `parseServers` gives the addresses. */
  readonly server: string
  /** Prefix of the ClientIDs of this link's connections; the local cluster's name if not set. */
  readonly clientid: string
  readonly username?: string
  /** The secret itself, already read if the file says `file://...`. */
  readonly password?: string
  readonly ssl: SslConfig
  /** Filters we want from the peer; `[]` for a link that only sends. */
  readonly topics: readonly string[]
  readonly pool_size: number
  /** How long before an unanswered connection is given up, milliseconds. */
  readonly retry_interval: number
  readonly max_inflight: number
  readonly tcp_opts: { readonly nodelay: boolean; readonly keepalive: boolean }
  readonly resource_opts: ResourceOpts
  /** How long an actor of the peer is believed without a heartbeat, milliseconds. */
  readonly actor_ttl: number
  /** How long a silent peer's routes still gather messages for it, milliseconds. */
  readonly stale_ttl: number
  /** Who may speak for the peer to us; without it the rules of `authorization` say. */
  readonly accept?: AcceptConfig
  /** `auto`: native with a peer that speaks it, EMQX's with any other. */
  readonly dialect: 'auto' | 'emqx' | 'native'
  /** What waits to cross outlives the process. */
  readonly durable: boolean
  /** What happens to a message for which the outbox has no room. */
  readonly overflow: 'drop_oldest' | 'drop_newest' | 'backpressure'
  /** What crosses of retained messages, both ways. */
  readonly retained: 'live' | 'sync' | 'off'
  /** Of batches of messages, in the native dialect. */
  readonly compression: 'off' | 'auto'
}

/** All that is given must fit, and at least one is. */
export type AcceptConfig = {
  readonly username?: string | undefined
  readonly clientid_prefix?: string | undefined
  readonly cert_common_name?: string | undefined
}

export type MqttConfig = {
  /** Bytes. */
  readonly max_packet_size: number
  readonly max_inflight: number
  /** Messages queued for a session that is away or slow; may be `Infinity`. */
  readonly max_mqueue_len: number
  /** The same in bytes of their packets; may be `Infinity`. Ours, not EMQX's. */
  readonly max_mqueue_bytes: number
  readonly mqueue_store_qos0: boolean
  readonly max_awaiting_rel: number
  readonly max_topic_alias: number
  readonly max_topic_levels: number
  /** Of one session; may be `Infinity`. */
  readonly max_subscriptions: number
  readonly max_clientid_len: number
  /** Highest QoS a client may use. */
  readonly max_qos_allowed: 0 | 1 | 2
  readonly retain_available: boolean
  readonly wildcard_subscription: boolean
  readonly shared_subscription: boolean
  /** Whether a payload that its publisher calls UTF-8 and that is none is refused (MQTT 5, 3.3.2.3.2). */
  readonly payload_format_validation: boolean
  /** What CONNACK tells a client that asks for Response Information; empty: nothing. */
  readonly response_information: string
  /** Longest session expiry granted, milliseconds; also that of MQTT 3.1.1 sessions that are kept. */
  readonly session_expiry_interval: number
  /** Seconds the server imposes, or `disabled`. */
  readonly server_keepalive: number | 'disabled'
  readonly keepalive_multiplier: number
  /** How long a connection may take to send its CONNECT, milliseconds. */
  readonly idle_timeout: number
  /** Unsent bytes of one connection beyond which QoS 0 is shed; beyond twice as many the connection is closed. */
  readonly max_outbound_bytes: number
  readonly shared_subscription_strategy: 'round_robin' | 'random'
}

export type ClusterConfig = {
  readonly name: string
  readonly links: readonly LinkConfig[]
  /** Where the nodes of the cluster meet; without it this node is its whole cluster. */
  readonly nats?: NatsConfig
  /** After how long without a sign of life a node is lost to the others, milliseconds. */
  readonly member_ttl: number
  /** After how long without renewal a right passes to another node, milliseconds. */
  readonly lease_ttl: number
}

export type NodeConfig = {
  readonly name: string
  readonly data_dir: string
  /** Bytes, a percentage such as `70%` of what the machine or the container has, or `Infinity`. */
  readonly max_memory: number | string
}

export type Config = {
  readonly node: NodeConfig
  readonly cluster: ClusterConfig
  readonly listeners: ListenersConfig
  readonly authorization: AuthorizationConfig
  readonly mqtt: MqttConfig
  /** In the order in which they are asked; empty: everybody may connect. */
  readonly authentication: readonly AuthenticatorConfig[]
  readonly authentication_settings: AuthenticationSettings
  readonly retainer: RetainerConfig
  readonly sys_topics: SysTopicsConfig
  readonly alarm: AlarmConfig
  /** Who may read the metrics. */
  readonly prometheus: PrometheusConfig
  /** Modules with hooks, by their absolute paths. */
  readonly hooks: readonly string[]
  readonly opentelemetry: OpentelemetryConfig
  readonly log: LogConfig
  /** Where the API and the dashboard are served; without it they are not. */
  readonly dashboard?: DashboardConfig
  readonly api_key: ApiKeyConfig
  readonly debug?: { readonly socket: string; readonly faults: boolean }
}
