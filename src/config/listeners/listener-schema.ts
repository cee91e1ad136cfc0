/** `listeners.{tcp,ssl,ws,wss}.NAME`: EMQX's fields with EMQX's defaults. */
import * as z from 'zod'
import { parseAccessRules } from './access-rule.ts'
import { readBind } from '../address.ts'
import { byteSize, duration, flag, integer, oneOf, orInfinity, refusal, section, text, textLike } from '../fields.ts'
import { parseRate, type Rate, unlimited } from './rate.ts'

export const bind = z
  .union([z.string(), z.number()], { error: 'expected host:port in double quotes, or a port' })
  .superRefine((written, context) => {
    const result = readBind(written)
    if (result.type === 'ok') return
    context.addIssue({ code: 'custom', message: result.message, params: { reason: result.reason, problem: '' } })
  })

const countMax = Number.MAX_SAFE_INTEGER

const tcpOptionsSchema = section({
  backlog: integer(1, 65_535).default(1024),
  nodelay: flag().default(true),
  keepalive: keepalive().optional(),
  send_timeout: duration({ min: 1 }).default(15_000),
  // Of Erlang's sockets.
  send_timeout_close: flag().optional(),
  active_n: integer(0, 32_767).optional(),
  sndbuf: byteSize().optional(),
  recbuf: byteSize().optional(),
  buffer: byteSize().optional(),
  high_watermark: byteSize().optional(),
  nolinger: flag().optional(),
  reuseaddr: flag().optional(),
})

/** A file, or the PEM text itself. */
const pem = text('the name of a PEM file, or its text').min(1, { error: 'expected the name of a PEM file' })

/** Of a server; a link's are others. */
export const sslOptionsSchema = section({
  cacertfile: pem.optional(),
  certfile: pem.optional(),
  keyfile: pem.optional(),
  password: text().optional(),
  verify: oneOf(['verify_peer', 'verify_none']).default('verify_none'),
  fail_if_no_peer_cert: flag().default(false),
  versions: z
    .array(oneOf(['tlsv1.3', 'tlsv1.2', 'tlsv1.1', 'tlsv1']), { error: 'expected a list: ["tlsv1.3", "tlsv1.2"]' })
    .min(1, { error: 'expected at least one version' })
    .default(['tlsv1.3', 'tlsv1.2']),
  ciphers: words('a list of ciphers, or their names with commas').default([]),
  honor_cipher_order: flag().default(true),
  handshake_timeout: duration({ min: 1 }).default(15_000),
  // Of Erlang's TLS.
  depth: integer(0, 255).optional(),
  dhfile: text().optional(),
  log_level: text().optional(),
  hibernate_after: duration().optional(),
  gc_after_handshake: flag().optional(),
  reuse_sessions: flag().optional(),
  secure_renegotiate: flag().optional(),
  client_renegotiation: flag().optional(),
  user_lookup_fun: text().optional(),
})

const websocketSchema = section({
  mqtt_path: text('a path that begins with /')
    .regex(/^\/[^?#\s]*$/, { error: 'expected a path that begins with /' })
    .default('/mqtt'),
  mqtt_piggyback: oneOf(['single', 'multiple']).default('multiple'),
  compress: flag().default(false),
  idle_timeout: duration({ min: 1 }).default(7_200_000),
  max_frame_size: orInfinity(byteSize({ min: 1 })).default(Number.POSITIVE_INFINITY),
  fail_if_no_subprotocol: flag().default(true),
  // EMQX's list lacks `mqttv3.1`, the registered name for MQTT 3.1, which old clients ask for.
  supported_subprotocols: words('subprotocols with commas').default([
    'mqtt',
    'mqttv3.1',
    'mqtt-v3',
    'mqtt-v3.1.1',
    'mqtt-v5',
  ]),
  check_origin_enable: flag().default(false),
  allow_origin_absence: flag().default(true),
  check_origins: words('origins with commas').default(['http://localhost:18083', 'http://127.0.0.1:18083']),
  // EMQX believes `x-forwarded-for` of anybody by default: then every client chooses its own address.
  proxy_address_header: header().default(''),
  proxy_port_header: header().default(''),
  // Of Erlang's WebSocket.
  validate_utf8: flag().optional(),
  deflate_opts: section({
    level: oneOf(['none', 'default', 'best_compression', 'best_speed']).optional(),
    mem_level: integer(1, 9).optional(),
    strategy: oneOf(['default', 'filtered', 'huffman_only', 'rle']).optional(),
    server_context_takeover: oneOf(['takeover', 'no_takeover']).optional(),
    client_context_takeover: oneOf(['takeover', 'no_takeover']).optional(),
    server_max_window_bits: integer(8, 15).optional(),
    client_max_window_bits: integer(8, 15).optional(),
  }).optional(),
})

const basis = {
  bind: bind.optional(),
  enable: flag().default(true),
  max_connections: orInfinity(integer(1, countMax)).default(Number.POSITIVE_INFINITY),
  max_conn_rate: rate('count').default(unlimited),
  max_conn_burst: rate('count').optional(),
  messages_rate: rate('count').default(unlimited),
  messages_burst: rate('count').optional(),
  bytes_rate: rate('bytes').default(unlimited),
  bytes_burst: rate('bytes').optional(),
  max_messages_rate: rate('count').default(unlimited),
  max_bytes_rate: rate('bytes').default(unlimited),
  proxy_protocol: flag().default(false),
  proxy_protocol_timeout: duration({ min: 1 }).default(3_000),
  enable_authn: z
    .union([z.boolean(), z.enum(['true', 'false', 'quick_deny_anonymous'])], {
      error: 'expected true, false or quick_deny_anonymous',
    })
    .transform((value) => (value === 'quick_deny_anonymous' ? value : value === true || value === 'true'))
    .default(true),
  access_rules: z
    .array(accessRule(), { error: 'expected a list of rules: ["deny 10.0.0.0/8", "allow all"]' })
    .default(['allow all']),
  tcp_options: tcpOptionsSchema.prefault({}),
  // Of Erlang's servers.
  acceptors: integer(1, 65_535).optional(),
  tcp_backend: oneOf(['gen_tcp', 'socket']).optional(),
  parse_unit: oneOf(['chunk', 'frame']).optional(),
}

const tcpSchema = section(basis)
const sslSchema = section({ ...basis, ssl_options: sslOptionsSchema.prefault({}) })
const wsSchema = section({ ...basis, websocket: websocketSchema.prefault({}) })
const wssSchema = section({
  ...basis,
  ssl_options: sslOptionsSchema.prefault({}),
  websocket: websocketSchema.prefault({}),
})

export const listenersSchema = section({
  tcp: byName(tcpSchema, '0.0.0.0:1883'),
  ssl: byName(sslSchema, '0.0.0.0:8883'),
  ws: byName(wsSchema, '0.0.0.0:8083'),
  wss: byName(wssSchema, '0.0.0.0:8084'),
})

export type ParsedListeners = z.output<typeof listenersSchema>
export type ParsedListener = z.output<typeof tcpSchema>
export type ParsedSslOptions = z.output<typeof sslOptionsSchema>
export type ParsedWebsocket = z.output<typeof websocketSchema>

function byName<Schema extends z.ZodType>(schema: Schema, example: string) {
  return z
    .record(textLike(/^[a-zA-Z0-9][a-zA-Z0-9_-]*$/, 'bad_name', 'a name of letters, digits, `_` and `-`'), schema, {
      error: `expected listeners by their names: { default { bind = "${example}" } }`,
    })
    .default({})
}

function rate(unit: 'count' | 'bytes'): z.ZodType<Rate, string> {
  const expected = `a rate such as ${unit === 'count' ? '"1000/s" or "100/10s"' : '"1MB/s" or "100KB/10s"'}, or infinity`
  return text(expected).transform((written, context) => {
    const value = parseRate(written, unit)
    if (value !== undefined) return value
    context.addIssue({ code: 'custom', input: written, ...refusal('bad_rate', expected) })
    return z.NEVER
  })
}

/** EMQX's `idle,interval,probes` in seconds; Node sets the first, the kernel has the others. */
function keepalive(): z.ZodType<number | undefined, string> {
  const expected = 'none, or three numbers with commas: "240,30,5"'
  return text(expected).transform((written, context) => {
    if (written === 'none') return undefined
    const numbers = written.split(',').map((part) => (/^\d{1,6}$/.test(part.trim()) ? Number(part) : 0))
    if (numbers.length === 3 && numbers.every((number) => number > 0)) return numbers[0]! * 1000
    context.addIssue({ code: 'custom', input: written, ...refusal('bad_value', expected) })
    return z.NEVER
  })
}

/** As a list, or in one text with commas. */
function words(expected: string): z.ZodType<string[], string | string[]> {
  return z
    .union([z.array(z.string()), z.string()], { error: `expected ${expected}` })
    .transform((written) =>
      (typeof written === 'string' ? written.split(',') : written)
        .map((word) => word.trim())
        .filter((word) => word !== ''),
    )
}

function header(): z.ZodType<string, string> {
  return text('the name of a header')
    .regex(/^[A-Za-z0-9-]*$/, { error: 'expected the name of a header' })
    .transform((name) => name.toLowerCase())
}

function accessRule(): z.ZodType<string, string> {
  const expected = 'rules such as "allow all" or "deny 10.0.0.0/8"'
  return text(expected).superRefine((written, context) => {
    const rules = parseAccessRules(written)
    if ('problem' in rules) context.addIssue({ code: 'custom', ...refusal('bad_access_rule', expected, rules.problem) })
  })
}
