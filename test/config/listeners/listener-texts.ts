/** Every key of a listener, once written in HOCON, once as an object, and what both give. All of them are switched off. */
import type { ConfigInput } from '../../../src/config/config-schema.ts'
import {
  type ListenerBasis,
  type ListenerConfig,
  type ListenersConfig,
  listenerTypes,
  type TlsServerConfig,
  type WebsocketConfig,
} from '../../../src/config/listeners/listener-config.ts'

const basisWritten: readonly (readonly [string, string])[] = [
  ['enable', 'false'],
  ['max_connections', '16'],
  ['max_conn_rate', '"17/s"'],
  ['max_conn_burst', '"18/1m"'],
  ['messages_rate', '"19/10s"'],
  ['messages_burst', '"20/1h"'],
  ['bytes_rate', '"21KB/s"'],
  ['bytes_burst', '"22MB/60m"'],
  ['max_messages_rate', '"30/s"'],
  ['max_bytes_rate', '"31KB/s"'],
  ['proxy_protocol', 'true'],
  ['proxy_protocol_timeout', '23s'],
  ['enable_authn', 'false'],
  ['access_rules', '["deny 10.0.0.0/8, allow ::1", "deny all"]'],
  ['acceptors', '24'],
  ['tcp_backend', 'gen_tcp'],
  ['parse_unit', 'frame'],
  ['tcp_options.backlog', '25'],
  ['tcp_options.nodelay', 'false'],
  ['tcp_options.keepalive', '"26,27,28"'],
  ['tcp_options.send_timeout', '29s'],
  ['tcp_options.send_timeout_close', 'true'],
  ['tcp_options.active_n', '30'],
  ['tcp_options.sndbuf', '31KB'],
  ['tcp_options.recbuf', '32KB'],
  ['tcp_options.buffer', '33KB'],
  ['tcp_options.high_watermark', '34KB'],
  ['tcp_options.nolinger', 'true'],
  ['tcp_options.reuseaddr', 'true'],
]

const sslWritten: readonly (readonly [string, string])[] = [
  ['ssl_options.cacertfile', 'ca'],
  ['ssl_options.certfile', 'cert'],
  ['ssl_options.keyfile', 'key'],
  ['ssl_options.password', '"file://secret"'],
  ['ssl_options.verify', 'verify_peer'],
  ['ssl_options.fail_if_no_peer_cert', 'true'],
  ['ssl_options.versions', '["tlsv1.3"]'],
  ['ssl_options.ciphers', '"A, B"'],
  ['ssl_options.honor_cipher_order', 'false'],
  ['ssl_options.handshake_timeout', '35s'],
  ['ssl_options.depth', '36'],
  ['ssl_options.dhfile', 'dh'],
  ['ssl_options.log_level', 'notice'],
  ['ssl_options.hibernate_after', '37s'],
  ['ssl_options.gc_after_handshake', 'true'],
  ['ssl_options.reuse_sessions', 'true'],
  ['ssl_options.secure_renegotiate', 'true'],
  ['ssl_options.client_renegotiation', 'true'],
  ['ssl_options.user_lookup_fun', '"emqx_tls_psk:lookup"'],
]

const websocketWritten: readonly (readonly [string, string])[] = [
  ['websocket.mqtt_path', '"/ws"'],
  ['websocket.mqtt_piggyback', 'single'],
  ['websocket.compress', 'true'],
  ['websocket.idle_timeout', '38s'],
  ['websocket.max_frame_size', '39KB'],
  ['websocket.fail_if_no_subprotocol', 'false'],
  ['websocket.supported_subprotocols', '"mqtt, x"'],
  ['websocket.check_origin_enable', 'true'],
  ['websocket.allow_origin_absence', 'false'],
  ['websocket.check_origins', '"https://a, https://b"'],
  ['websocket.proxy_address_header', '"X-Real-IP"'],
  ['websocket.proxy_port_header', '"X-Real-Port"'],
  ['websocket.validate_utf8', 'true'],
  ['websocket.deflate_opts.level', 'best_speed'],
  ['websocket.deflate_opts.mem_level', '9'],
  ['websocket.deflate_opts.strategy', 'rle'],
  ['websocket.deflate_opts.server_context_takeover', 'takeover'],
  ['websocket.deflate_opts.client_context_takeover', 'takeover'],
  ['websocket.deflate_opts.server_max_window_bits', '10'],
  ['websocket.deflate_opts.client_max_window_bits', '11'],
]

const keysOf = {
  tcp: basisWritten,
  ssl: [...basisWritten, ...sslWritten],
  ws: [...basisWritten, ...websocketWritten],
  wss: [...basisWritten, ...sslWritten, ...websocketWritten],
}

const ports = { tcp: 16, ssl: 17, ws: 18, wss: 19 }

/** Key and value of each, under the name `<name>`. */
export const listenersWritten: readonly (readonly [string, string])[] = listenerTypes.flatMap((type) =>
  [['bind', `"[::1]:${ports[type]}"`] as const, ...keysOf[type]].map(
    ([key, value]) => [`listeners.${type}.<name>.${key}`, value] as const,
  ),
)

const basis = (port: number): ListenerBasis => ({
  enable: false,
  host: '::1',
  port,
  max_connections: 16,
  max_conn_rate: { amount: 17, periodMs: 1000 },
  max_conn_burst: { amount: 18, periodMs: 60_000 },
  messages_rate: { amount: 19, periodMs: 10_000 },
  messages_burst: { amount: 20, periodMs: 3_600_000 },
  bytes_rate: { amount: 21_504, periodMs: 1000 },
  bytes_burst: { amount: 23_068_672, periodMs: 3_600_000 },
  max_messages_rate: { amount: 30, periodMs: 1000 },
  max_bytes_rate: { amount: 31_744, periodMs: 1000 },
  proxy_protocol: true,
  proxy_protocol_timeout: 23_000,
  enable_authn: false,
  access_rules: ['deny 10.0.0.0/8, allow ::1', 'deny all'],
  tcp_options: { backlog: 25, nodelay: false, keepalive: 26_000, send_timeout: 29_000 },
})

const ssl_options: TlsServerConfig = {
  cacertfile: '/conf/ca',
  certfile: '/conf/cert',
  keyfile: '/conf/key',
  password: 'a file',
  verify: 'verify_peer',
  fail_if_no_peer_cert: true,
  versions: ['tlsv1.3'],
  ciphers: ['A', 'B'],
  honor_cipher_order: false,
  handshake_timeout: 35_000,
}

const websocket: WebsocketConfig = {
  mqtt_path: '/ws',
  mqtt_piggyback: 'single',
  compress: true,
  idle_timeout: 38_000,
  max_frame_size: 39_936,
  fail_if_no_subprotocol: false,
  supported_subprotocols: ['mqtt', 'x'],
  check_origin_enable: true,
  allow_origin_absence: false,
  check_origins: ['https://a', 'https://b'],
  proxy_address_header: 'x-real-ip',
  proxy_port_header: 'x-real-port',
}

export const listenersExpected: ListenersConfig = {
  tcp: { main: { type: 'tcp', ...basis(ports.tcp) } },
  ssl: { main: { type: 'ssl', ...basis(ports.ssl), ssl_options } },
  ws: { main: { type: 'ws', ...basis(ports.ws), websocket } },
  wss: { main: { type: 'wss', ...basis(ports.wss), ssl_options, websocket } },
}

const rates = {
  max_conn_rate: '17/1s',
  max_conn_burst: '18/1m',
  messages_rate: '19/10s',
  messages_burst: '20/1h',
  bytes_rate: '21KB/1s',
  bytes_burst: '22MB/1h',
  max_messages_rate: '30/1s',
  max_bytes_rate: '31KB/1s',
}
const tcp_options = { backlog: 25, nodelay: false, keepalive: '26,27,28', send_timeout: 29_000 }

/** The same as an object. */
export const listenersInput: NonNullable<ConfigInput['listeners']> = {
  tcp: { main: inputOf(ports.tcp) },
  ssl: { main: { ...inputOf(ports.ssl), ssl_options: sslInput() } },
  ws: { main: { ...inputOf(ports.ws), websocket: websocketInput() } },
  wss: { main: { ...inputOf(ports.wss), ssl_options: sslInput(), websocket: websocketInput() } },
}

function inputOf(listenPort: number) {
  const { host, port, access_rules, ...same } = basis(listenPort)
  return { ...same, ...rates, bind: `[${host}]:${port}`, access_rules: [...access_rules], tcp_options }
}

function sslInput() {
  return { ...ssl_options, versions: [...ssl_options.versions], ciphers: [...ssl_options.ciphers] }
}

function websocketInput() {
  const { supported_subprotocols, check_origins } = websocket
  return { ...websocket, supported_subprotocols: [...supported_subprotocols], check_origins: check_origins.join(',') }
}

const unlimited = { amount: Number.POSITIVE_INFINITY, periodMs: 1000 }

/** A listener of which nothing but its address is written. */
export function tcpListener(host: string, port: number, enable = true): ListenerConfig {
  return {
    type: 'tcp',
    enable,
    host,
    port,
    max_connections: Number.POSITIVE_INFINITY,
    max_conn_rate: unlimited,
    messages_rate: unlimited,
    bytes_rate: unlimited,
    max_messages_rate: unlimited,
    max_bytes_rate: unlimited,
    proxy_protocol: false,
    proxy_protocol_timeout: 3000,
    enable_authn: true,
    access_rules: ['allow all'],
    tcp_options: { backlog: 1024, nodelay: true, send_timeout: 15_000 },
  }
}

export const noListeners: ListenersConfig = { tcp: {}, ssl: {}, ws: {}, wss: {} }
