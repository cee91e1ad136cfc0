import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as z from 'zod'
import { allowedKeys, type ConfigInput, configSchema, everyKey } from '../../src/config/config-schema.ts'
import type { Config } from '../../src/config/config.ts'
import { parseConfig } from '../../src/config/parse-config.ts'
import { resolveConfig } from '../../src/config/resolve-config.ts'
import {
  aclFile,
  authorizationExpected,
  authorizationInput,
  authorizationWritten,
  sourcesText,
} from './authorization/authorization-texts.ts'
import { settingsExpected, settingsWritten } from './authentication/authentication-texts.ts'
import { listenersExpected, listenersInput, listenersWritten } from './listeners/listener-texts.ts'

/** Every key with a value that is not its default. A new key of the schema fails the first test until it stands here. */
const written: readonly (readonly [key: string, hocon: string])[] = [
  ['node.name', '"n@h"'],
  ['node.data_dir', '"d"'],
  ['node.max_memory', '"50 %"'],
  ['cluster.name', '"c"'],
  ['cluster.member_ttl', '33s'],
  ['cluster.lease_ttl', '34s'],
  ['cluster.links[].name', '"l"'],
  ['cluster.links[].enable', 'false'],
  ['cluster.links[].server', '"mqtts://h:2"'],
  ['cluster.links[].clientid', '"id"'],
  ['cluster.links[].username', '"u"'],
  ['cluster.links[].password', '"p"'],
  ['cluster.links[].ssl.enable', 'true'],
  ['cluster.links[].ssl.cacertfile', '"ca"'],
  ['cluster.links[].ssl.certfile', '"cert"'],
  ['cluster.links[].ssl.keyfile', '"key"'],
  ['cluster.links[].ssl.verify', 'verify_peer'],
  ['cluster.links[].ssl.server_name_indication', 'disable'],
  ['cluster.links[].ssl.versions', '["tlsv1.2", "tlsv1.3"]'],
  ['cluster.links[].ssl.ciphers', '[]'],
  ['cluster.links[].ssl.depth', '10'],
  ['cluster.links[].ssl.log_level', 'notice'],
  ['cluster.links[].ssl.hibernate_after', '5s'],
  ['cluster.links[].ssl.reuse_sessions', 'true'],
  ['cluster.links[].ssl.secure_renegotiate', 'true'],
  ['cluster.links[].ssl.middlebox_comp_mode', 'true'],
  ['cluster.links[].topics', '["t/#", "+/x"]'],
  ['cluster.links[].pool_size', '3'],
  ['cluster.links[].retry_interval', '4s'],
  ['cluster.links[].max_inflight', '5'],
  ['cluster.links[].tcp_opts.nodelay', 'false'],
  ['cluster.links[].tcp_opts.keepalive', 'true'],
  ['cluster.links[].tcp_opts.active_n', '10'],
  ['cluster.links[].tcp_opts.sndbuf', '1KB'],
  ['cluster.links[].tcp_opts.recbuf', '1KB'],
  ['cluster.links[].tcp_opts.buffer', '1KB'],
  ['cluster.links[].tcp_opts.delay_send', 'true'],
  ['cluster.links[].resource_opts.worker_pool_size', '6'],
  ['cluster.links[].resource_opts.health_check_interval', '7s'],
  ['cluster.links[].resource_opts.start_timeout', '8s'],
  ['cluster.links[].resource_opts.request_ttl', '9s'],
  ['cluster.links[].resource_opts.inflight_window', '10'],
  ['cluster.links[].resource_opts.max_buffer_bytes', '11KB'],
  ['cluster.links[].resource_opts.max_buffer_messages', '12'],
  ['cluster.links[].resource_opts.dispatch_strategy', 'random'],
  ['cluster.links[].resource_opts.health_check_interval_jitter', '0ms'],
  ['cluster.links[].resource_opts.health_check_timeout', '60s'],
  ['cluster.links[].resource_opts.resume_interval', '1s'],
  ['cluster.links[].resource_opts.start_after_created', 'true'],
  ['cluster.links[].resource_opts.batch_size', '1'],
  ['cluster.links[].resource_opts.batch_time', '0ms'],
  ['cluster.links[].resource_opts.query_mode', 'async'],
  ['cluster.links[].resource_opts.buffer_mode', 'memory_only'],
  ['cluster.links[].actor_ttl', '13s'],
  ['cluster.links[].stale_ttl', '14s'],
  ['cluster.links[].ps_actor_incarnation', '15'],
  ['cluster.links[].accept.username', 'peer'],
  ['cluster.links[].accept.clientid_prefix', '"link-"'],
  ['cluster.links[].accept.cert_common_name', 'cn'],
  ['cluster.links[].dialect', 'native'],
  ['cluster.links[].durable', 'true'],
  ['cluster.links[].overflow', 'backpressure'],
  ['cluster.links[].retained', 'sync'],
  ['cluster.links[].compression', 'auto'],
  ...authorizationWritten,
  ...listenersWritten,
  ['mqtt.max_packet_size', '17KB'],
  ['mqtt.max_inflight', '18'],
  ['mqtt.max_mqueue_len', 'infinity'],
  ['mqtt.max_mqueue_bytes', '18KB'],
  ['mqtt.mqueue_store_qos0', 'false'],
  ['mqtt.max_awaiting_rel', '19'],
  ['mqtt.max_topic_alias', '20'],
  ['mqtt.max_topic_levels', '21'],
  ['mqtt.max_subscriptions', '22'],
  ['mqtt.max_clientid_len', '23'],
  ['mqtt.max_qos_allowed', '1'],
  ['mqtt.retain_available', 'false'],
  ['mqtt.wildcard_subscription', 'false'],
  ['mqtt.shared_subscription', 'false'],
  ['mqtt.payload_format_validation', 'true'],
  ['mqtt.response_information', '"reply/"'],
  ['mqtt.session_expiry_interval', '24s'],
  ['mqtt.server_keepalive', '25'],
  ['mqtt.keepalive_multiplier', '2.5'],
  ['mqtt.idle_timeout', '26s'],
  ['mqtt.max_outbound_bytes', '27KB'],
  ['mqtt.shared_subscription_strategy', 'random'],
  ['retainer.enable', 'false'],
  ['retainer.msg_expiry_interval', '30s'],
  ['retainer.max_payload_size', '31KB'],
  ['retainer.stop_publish_clear_msg', 'true'],
  ['retainer.backend.type', 'built_in_database'],
  ['retainer.backend.max_retained_messages', '32'],
  ...settingsWritten,
  ['sys_topics.enable', 'false'],
  ['sys_topics.sys_msg_interval', 'disabled'],
  ['sys_topics.sys_heartbeat_interval', '29s'],
  ['sys_topics.sys_event_messages.client_connected', 'false'],
  ['sys_topics.sys_event_messages.client_disconnected', 'false'],
  ['sys_topics.sys_event_messages.client_subscribed', 'true'],
  ['sys_topics.sys_event_messages.client_unsubscribed', 'true'],
  ['alarm.size_limit', '33'],
  ['alarm.validity_period', '34s'],
  ['prometheus.enable_basic_auth', 'true'],
  ['hooks', '["h.mjs"]'],
  ['opentelemetry.exporter.endpoint', '"https://h:1/x"'],
  ['opentelemetry.exporter.headers.<name>', '"secret"'],
  ['opentelemetry.traces.enable', 'true'],
  ['opentelemetry.traces.filter.trace_all', 'true'],
  ['opentelemetry.traces.sample_ratio', '0.5'],
  ['opentelemetry.traces.max_queue_size', '36'],
  ['opentelemetry.traces.scheduled_delay', '37s'],
  ['log.level', 'debug'],
  ['log.levels.node', 'trace'],
  ['log.levels.broker', 'notice'],
  ['log.levels.link', 'debug'],
  ['log.levels.cluster', 'warning'],
  ['log.levels.store', 'error'],
  ['log.levels.api', 'critical'],
  ['log.levels.debug', 'silent'],
  ['log.levels.config', 'info'],
  ['dashboard.listeners.http.bind', '28'],
  ['dashboard.default_username', 'root'],
  ['dashboard.default_password', '"p w"'],
  ['dashboard.token_expired_time', '35m'],
  ['api_key.bootstrap_file', '"keys"'],
  ['debug.socket', '"s"'],
  ['debug.faults', 'true'],
]

const expected: Config = {
  node: { name: 'n@h', data_dir: 'd', max_memory: '50%' },
  cluster: {
    name: 'c',
    links: [
      {
        name: 'l',
        enable: false,
        server: 'mqtts://h:2',
        clientid: 'id',
        username: 'u',
        password: 'p',
        ssl: {
          enable: true,
          cacertfile: '/conf/ca',
          certfile: '/conf/cert',
          keyfile: '/conf/key',
          verify: 'verify_peer',
          server_name_indication: 'disable',
        },
        topics: ['t/#', '+/x'],
        pool_size: 3,
        retry_interval: 4000,
        max_inflight: 5,
        tcp_opts: { nodelay: false, keepalive: true },
        resource_opts: {
          worker_pool_size: 6,
          health_check_interval: 7000,
          start_timeout: 8000,
          request_ttl: 9000,
          inflight_window: 10,
          max_buffer_bytes: 11_264,
          max_buffer_messages: 12,
        },
        actor_ttl: 13_000,
        stale_ttl: 14_000,
        accept: { username: 'peer', clientid_prefix: 'link-', cert_common_name: 'cn' },
        dialect: 'native',
        durable: true,
        overflow: 'backpressure',
        retained: 'sync',
        compression: 'auto',
      },
    ],
    member_ttl: 33_000,
    lease_ttl: 34_000,
  },
  listeners: listenersExpected,
  // Its own round trip is in authentication.test.ts.
  authentication: [],
  authentication_settings: settingsExpected,
  authorization: authorizationExpected,
  mqtt: {
    max_packet_size: 17_408,
    max_inflight: 18,
    max_mqueue_len: Number.POSITIVE_INFINITY,
    max_mqueue_bytes: 18_432,
    mqueue_store_qos0: false,
    max_awaiting_rel: 19,
    max_topic_alias: 20,
    max_topic_levels: 21,
    max_subscriptions: 22,
    max_clientid_len: 23,
    max_qos_allowed: 1,
    retain_available: false,
    wildcard_subscription: false,
    shared_subscription: false,
    payload_format_validation: true,
    response_information: 'reply/',
    session_expiry_interval: 24_000,
    server_keepalive: 25,
    keepalive_multiplier: 2.5,
    idle_timeout: 26_000,
    max_outbound_bytes: 27_648,
    shared_subscription_strategy: 'random',
  },
  retainer: {
    enable: false,
    msg_expiry_interval: 30_000,
    max_payload_size: 31_744,
    stop_publish_clear_msg: true,
    backend: { type: 'built_in_database', max_retained_messages: 32 },
  },
  sys_topics: {
    enable: false,
    sys_msg_interval: Number.POSITIVE_INFINITY,
    sys_heartbeat_interval: 29_000,
    sys_event_messages: {
      client_connected: false,
      client_disconnected: false,
      client_subscribed: true,
      client_unsubscribed: true,
    },
  },
  alarm: { size_limit: 33, validity_period: 34_000 },
  prometheus: { enable_basic_auth: true },
  hooks: ['/conf/h.mjs'],
  opentelemetry: {
    exporter: { endpoint: 'https://h:1/x', headers: { main: 'secret' } },
    traces: {
      enable: true,
      filter: { trace_all: true },
      sample_ratio: 0.5,
      max_queue_size: 36,
      scheduled_delay: 37_000,
    },
  },
  log: {
    level: 'debug',
    levels: {
      node: 'trace',
      broker: 'info',
      link: 'debug',
      cluster: 'warn',
      store: 'error',
      api: 'fatal',
      debug: 'silent',
      config: 'info',
    },
  },
  dashboard: {
    listeners: { http: { bind: '127.0.0.1:28' } },
    default_username: 'root',
    default_password: 'p w',
    token_expired_time: 2_100_000,
  },
  api_key: { bootstrap_file: '/conf/keys' },
  debug: { socket: 's', faults: true },
}

const fileTexts: Readonly<Record<string, string>> = { '/conf/keys': 'key:secret' }
const readFile = (path: string): string => (path.endsWith('acl.conf') ? aclFile : (fileTexts[path] ?? 'a file'))

async function parse(text: string) {
  const result = await parseConfig(text, { env: {}, baseDir: '/conf', readFile })
  assert.ok(result.type === 'ok', JSON.stringify(result))
  return result.config
}

test('the table below names every key of the schema', () => {
  // These have round trips of their own: of their keys some exclude others.
  const keys = everyKey().filter(
    (key) => !/^(?:authentication\[\]|cluster\.nats|dashboard\.listeners\.https)\./.test(key),
  )
  assert.deepEqual(written.map(([key]) => key).toSorted(), keys.toSorted())
})

test('every key arrives where it belongs', async () => {
  const inLink = written.flatMap(([key, hocon]) =>
    key.startsWith('cluster.links[].') ? [`${key.slice(16)} = ${hocon}`] : [],
  )
  const others = written.flatMap(([key, hocon]) => {
    return key.includes('[].') ? [] : [`${key.replace('<name>', 'main')} = ${hocon}`]
  })
  others.push(sourcesText)
  assert.deepEqual(await parse(`${others.join('\n')}\ncluster.links = [{\n${inLink.join('\n')}\n}]`), expected)
})

test('what a configuration says can be written again, as an object and as a file, and says the same', async () => {
  const { listeners: _, ...rest } = expected
  const { nats: _nats, ...cluster } = rest.cluster
  const { http } = expected.dashboard!.listeners
  const input: ConfigInput = {
    ...rest,
    cluster: { ...cluster, links: rest.cluster.links.map((link) => ({ ...link, topics: [...link.topics] })) },
    listeners: listenersInput,
    dashboard: { ...expected.dashboard, listeners: { http } },
    authentication: [],
    authorization: authorizationInput,
    hooks: [...expected.hooks],
  }
  const resolved = resolveConfig(input, { readFile })
  assert.deepEqual(resolved.type === 'ok' && resolved.config, expected)
  const text = JSON.stringify(input, (_, value: unknown) => (value === Number.POSITIVE_INFINITY ? 'infinity' : value))
  assert.deepEqual(await parse(text), expected)
})

test('an object is judged like a file', () => {
  const result = resolveConfig({ cluster: { name: 'a', links: [{ name: 'a', server: 'h:x', topics: ['$LINK/#'] }] } })
  assert.deepEqual(result.type === 'invalid' && result.errors.map(({ key, reason }) => ({ key, reason })), [
    { key: 'cluster.links[0].server', reason: 'bad_port_number' },
    { key: 'cluster.links[0].topics', reason: 'invalid_topics' },
    { key: 'cluster.links[0].name', reason: 'link_to_itself' },
  ])
  assert.equal(resolveConfig({}).type, 'ok')
  const long = resolveConfig({
    cluster: { name: 'a', links: [{ name: 'b', server: 'h', topics: ['x'.repeat(65_536)] }] },
  })
  assert.match(long.type === 'invalid' ? (long.errors[0]?.message ?? '') : '', /^"x+\.\.\." is longer.*topic_too_long$/)
})

test('the schema can be told as JSON Schema, defaults included', () => {
  const schema = z.toJSONSchema(configSchema, { io: 'input' })
  const links = schema.properties?.['cluster']
  assert.ok(typeof links === 'object' && JSON.stringify(links).includes('"pool_size"'))
  assert.equal(schema.additionalProperties, false)
})

test('the keys of a section are known wherever it stands', () => {
  assert.deepEqual(allowedKeys(['log']), ['level', 'levels'])
  assert.deepEqual(allowedKeys(['cluster', 'links', 3, 'tcp_opts'])?.slice(0, 2), ['nodelay', 'keepalive'])
  assert.deepEqual(allowedKeys(['listeners', 'tcp', 'any'])?.slice(0, 2), ['bind', 'enable'])
  assert.equal(allowedKeys(['node', 'name']), undefined)
  assert.equal(allowedKeys(['nowhere', 'at', 'all']), undefined)
})
