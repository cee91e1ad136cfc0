import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfigFile } from '../../src/config/parse-config.ts'
import { noListeners, tcpListener } from './listeners/listener-texts.ts'
import { example, good, withLink } from './texts.ts'

test("the design's example is good", async () => {
  const { config, warnings } = await good(example)
  assert.deepEqual(config.node, { name: 'a1@127.0.0.1', data_dir: 'data/a1', max_memory: '70%' })
  assert.equal(config.cluster.links[0]?.clientid, 'link-us-east')
  assert.deepEqual(config.listeners, { ...noListeners, tcp: { default: tcpListener('127.0.0.1', 1883) } })
  assert.deepEqual(warnings, [])
})

test('an empty file is a node alone with all defaults', async () => {
  const { config, warnings } = await good('')
  assert.deepEqual(warnings, [])
  assert.deepEqual(config, {
    node: { name: 'isthmus@127.0.0.1', data_dir: 'data', max_memory: '70%' },
    cluster: { name: 'emqxcl', links: [], member_ttl: 5000, lease_ttl: 3000 },
    listeners: { ...noListeners, tcp: { default: tcpListener('0.0.0.0', 1883) } },
    authentication: [],
    authentication_settings: {
      failed_logins: { enable: true, max_count: 20, window_time: 60_000, ban_time: 60_000 },
    },
    mqtt: {
      max_packet_size: 1_048_576,
      max_inflight: 1024,
      max_mqueue_len: 1000,
      max_mqueue_bytes: Number.POSITIVE_INFINITY,
      mqueue_store_qos0: true,
      max_awaiting_rel: 1024,
      max_topic_alias: 65_535,
      max_topic_levels: 128,
      max_subscriptions: Number.POSITIVE_INFINITY,
      max_clientid_len: 65_535,
      max_qos_allowed: 2,
      retain_available: true,
      wildcard_subscription: true,
      shared_subscription: true,
      payload_format_validation: false,
      response_information: '',
      session_expiry_interval: 7_200_000,
      server_keepalive: 'disabled',
      keepalive_multiplier: 1.5,
      idle_timeout: 15_000,
      max_outbound_bytes: 16_777_216,
      shared_subscription_strategy: 'round_robin',
    },
    authorization: {
      no_match: 'allow',
      deny_action: 'ignore',
      cache: { enable: true, max_size: 32 },
      topic_template_allow: { plus: false, hash: false, slash: false },
      sources: [],
    },
    retainer: {
      enable: true,
      msg_expiry_interval: 0,
      max_payload_size: 1_048_576,
      stop_publish_clear_msg: false,
      backend: { type: 'built_in_database', max_retained_messages: 0 },
    },
    sys_topics: {
      enable: true,
      sys_msg_interval: 60_000,
      sys_heartbeat_interval: 30_000,
      sys_event_messages: {
        client_connected: true,
        client_disconnected: true,
        client_subscribed: false,
        client_unsubscribed: false,
      },
    },
    alarm: { size_limit: 1_000, validity_period: 86_400_000 },
    prometheus: { enable_basic_auth: false },
    hooks: [],
    opentelemetry: {
      exporter: { endpoint: 'http://127.0.0.1:4318', headers: {} },
      traces: {
        enable: false,
        filter: { trace_all: false },
        sample_ratio: 1,
        max_queue_size: 2_048,
        scheduled_delay: 5_000,
      },
    },
    log: { level: 'info', levels: {} },
    api_key: {},
  })
})

test("a link has EMQX's defaults, but keeps messages for as long as it takes", async () => {
  const { config } = await good(withLink(''))
  assert.deepEqual(config.cluster.links, [
    {
      name: 'b',
      enable: true,
      server: 'h:1',
      clientid: 'a',
      ssl: { enable: false, verify: 'verify_none' },
      topics: ['t/#'],
      pool_size: 8,
      retry_interval: 15_000,
      max_inflight: 32,
      tcp_opts: { nodelay: true, keepalive: false },
      resource_opts: {
        worker_pool_size: 16,
        health_check_interval: 15_000,
        start_timeout: 5000,
        request_ttl: Number.POSITIVE_INFINITY,
        inflight_window: 100,
        max_buffer_bytes: 268_435_456,
        max_buffer_messages: Number.POSITIVE_INFINITY,
      },
      actor_ttl: 30_000,
      stale_ttl: 86_400_000,
      dialect: 'auto',
      durable: false,
      overflow: 'drop_oldest',
      retained: 'live',
      compression: 'off',
    },
  ])
})

test('no listener is made where listeners are named, and one that is switched off stays so', async () => {
  assert.deepEqual((await good('listeners.tcp.a.bind = 1')).config.listeners.tcp, {
    a: tcpListener('0.0.0.0', 1),
  })
  assert.deepEqual((await good('listeners.tcp.default.enable = false')).config.listeners.tcp, {
    default: tcpListener('0.0.0.0', 1883, false),
  })
  assert.deepEqual((await good('listeners {}')).config.listeners, noListeners)
})

test('numbers, switches, sizes and durations may come from the environment', async () => {
  const text = 'mqtt { max_inflight = ${N}, retain_available = ${B}, idle_timeout = ${T}, max_packet_size = ${S} }'
  const { config } = await good(text, { N: '7', B: 'false', T: '2s', S: '2KB' })
  const { max_inflight, retain_available, idle_timeout, max_packet_size } = config.mqtt
  assert.deepEqual([max_inflight, retain_available, idle_timeout, max_packet_size], [7, false, 2000, 2048])
})

for (const { password, is } of [
  { password: '"plain"', is: 'plain' },
  { password: '"file://secret"', is: 's3cret' },
  { password: '"file:///conf/secret"', is: 's3cret' },
  { password: '" kept "', is: ' kept ' },
]) {
  test(`password = ${password} is read`, async () => {
    const { config } = await good(withLink(`username = u, password = ${password}`))
    assert.equal(config.cluster.links[0]?.password, is)
  })
}

test('files for TLS count from the file that names them; PEM text stays as it is', async () => {
  const { config } = await good(
    withLink(
      'ssl { enable = true, cacertfile = "ca.pem", certfile = "/conf/ca.pem", keyfile = """-----BEGIN KEY-----\nx"""}',
    ),
  )
  const { cacertfile, certfile, keyfile } = config.cluster.links[0]?.ssl ?? {}
  assert.deepEqual([cacertfile, certfile, keyfile], ['/conf/ca.pem', '/conf/ca.pem', '-----BEGIN KEY-----\nx'])
})

for (const { when, more, key, reason } of [
  {
    when: 'how EMQX spreads its work',
    more: 'resource_opts.dispatch_strategy = random',
    key: 'resource_opts.dispatch_strategy',
    reason: 'no_effect',
  },
  {
    when: "EMQX's health checks",
    more: 'resource_opts.health_check_timeout = 60s',
    key: 'resource_opts.health_check_timeout',
    reason: 'no_effect',
  },
  { when: "Erlang's sockets", more: 'tcp_opts.active_n = 10', key: 'tcp_opts.active_n', reason: 'no_effect' },
  {
    when: "EMQX's own versions of TLS",
    more: 'ssl.versions = ["tlsv1.3", "tlsv1.2"]',
    key: 'ssl.versions',
    reason: 'no_effect',
  },
  { when: 'an incarnation', more: 'ps_actor_incarnation = 3', key: 'ps_actor_incarnation', reason: 'no_effect' },
  { when: '$SYS topics', more: 'topics = ["a", "$SYS/#"]', key: 'topics[1]', reason: 'no_effect' },
  { when: 'TLS on the plain port', more: 'server = "mqtts://h"', key: 'server', reason: 'plain_port_for_tls' },
]) {
  test(`taken with a warning: ${when}`, async () => {
    const { warnings } = await good(withLink(more))
    assert.deepEqual(
      warnings.map((warning) => ({ line: warning.line, key: warning.key, reason: warning.reason })),
      [{ line: 2, key: `cluster.links[0].${key}`, reason }],
    )
  })
}

test("what EMQX's REST API shows of a link is a good link here", async () => {
  // Recorded from EMQX 5.10.4: GET /cluster/links, without the status.
  const { config } = await good(`cluster.name = a, cluster.links = [{
    "topics": ["#"], "server": "127.0.0.1:21999", "retry_interval": "15s", "pool_size": 2, "name": "cl.a", "max_inflight": 32,
    "ssl": {"versions": ["tlsv1.3", "tlsv1.2"], "verify": "verify_none", "secure_renegotiate": true, "reuse_sessions": true,
      "middlebox_comp_mode": true, "log_level": "notice", "hibernate_after": "5s", "enable": false, "depth": 10, "ciphers": []},
    "resource_opts": {"worker_pool_size": 16, "start_timeout": "5s", "request_ttl": "45s", "max_buffer_bytes": "256MB",
      "inflight_window": 100, "health_check_timeout": "60s", "health_check_interval_jitter": "0ms", "health_check_interval": "15s"},
    "enable": true, "clientid": "link-from-d" }]`)
  assert.equal(config.cluster.links[0]?.resource_opts.request_ttl, 45_000)
})

test('a file is read with the names in it counted from its directory; one that lacks is an error', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-config-'))
  try {
    writeFileSync(join(directory, 'link.conf'), 'username = u, password = "file://pw"')
    writeFileSync(join(directory, 'pw'), 'hidden\n')
    const file = join(directory, 'main.conf')
    writeFileSync(file, withLink('include "link.conf"'))
    const result = await loadConfigFile(file, {})
    assert.equal(result.type === 'ok' && result.config.cluster.links[0]?.password, 'hidden')

    const missing = await loadConfigFile(join(directory, 'nope.conf'), {})
    assert.deepEqual(missing.type === 'invalid' && missing.errors, [
      {
        file: join(directory, 'nope.conf'),
        key: '',
        reason: 'file_not_readable',
        message: 'cannot read this file: there is no such file',
      },
    ])
    const folder = await loadConfigFile(directory, {})
    assert.ok(folder.type === 'invalid' && folder.errors[0]?.message.includes('it is a directory'))
  } finally {
    rmSync(directory, { recursive: true })
  }
})
