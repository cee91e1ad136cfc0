import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatConfigError } from '../../src/config/config-error.ts'
import { errorsOf, withLink, withTopics } from './texts.ts'

/** One text with one thing wrong, and what is said about it. */
type Case = { text: string; key: string; reason: string; line: number; says: RegExp }

/** A line of a file that holds nothing else; its key is what stands before the value. */
function alone(text: string, reason: string, says: RegExp): Case {
  return { text, key: keyOf(text), reason, line: 1, says }
}

/** A line of a link that lacks nothing. */
function inLink(text: string, reason: string, says: RegExp): Case {
  return { text: withLink(text), key: `cluster.links[0].${keyOf(text)}`, reason, line: 2, says }
}

function topics(list: string, reason: string, says: RegExp): Case {
  return { text: withTopics(list), key: 'cluster.links[0].topics', reason, line: 2, says }
}

const keyOf = (text: string): string => /^[\w.]+/.exec(text)?.[0] ?? ''
/** Links in a named cluster, on line 2. */
const links = (...written: string[]): string => `cluster.name = a\ncluster.links = [${written.join('\n')}]`

const missingKeys: readonly Case[] = [
  {
    text: links('{server = h, topics = []}'),
    key: 'cluster.links[0].name',
    reason: 'required_field',
    line: 2,
    says: /missing/,
  },
  {
    text: links('{name = b, topics = []}'),
    key: 'cluster.links[0].server',
    reason: 'required_field',
    line: 2,
    says: /host:1883/,
  },
  {
    text: links('{name = b, server = h}'),
    key: 'cluster.links[0].topics',
    reason: 'required_field',
    line: 2,
    says: /wants nothing/,
  },
  {
    text: '\ncluster.links = [{name = b, server = h, topics = []}]',
    key: 'cluster.name',
    reason: 'required_field',
    line: 2,
    says: /missing; with links/,
  },
  {
    text: 'listeners.tcp {\nmain {} }',
    key: 'listeners.tcp.main.bind',
    reason: 'required_field',
    line: 2,
    says: /missing/,
  },
  { text: 'debug.faults = true', key: 'debug.socket', reason: 'required_field', line: 1, says: /missing/ },
]

const unknownKeys: readonly Case[] = [
  inLink('topcis = []', 'unknown_key', /did you mean "topics"/),
  inLink('request_ttl = 1s', 'unknown_key', /there is cluster\.links\[\]\.resource_opts\.request_ttl/),
  inLink('pasword = "s3cret"', 'unknown_key', /did you mean "password"/),
  alone('node.nam = 1', 'unknown_key', /"name"\? allowed here: name, data_dir/),
  alone('log.colour = 1', 'unknown_key', /allowed here: level/),
  alone('clutser { }', 'unknown_key', /did you mean "cluster"/),
]

const names: readonly Case[] = [
  alone('cluster.name = "a b"', 'bad_name', /got "a b"; expected a name of fewer than 255 bytes/),
  alone('cluster.name = ""', 'bad_name', /got ""/),
  alone('cluster.name = ".a"', 'bad_name', /begins with a letter or a digit/),
  alone(`cluster.name = ${'a'.repeat(255)}`, 'bad_name', /fewer than 255/),
  alone('node.name = a', 'bad_name', /name@host/),
  {
    text: 'listeners.tcp {\n"a b".bind = 1 }',
    key: 'listeners.tcp."a b"',
    reason: 'bad_name',
    line: 2,
    says: /letters/,
  },
  {
    text: links(
      '{name = b, server = h, topics = []}',
      '{name = c, server = h, topics = []}',
      '{name = b, server = g, topics = []}',
    ),
    key: 'cluster.links[2].name',
    reason: 'duplicated_cluster_links',
    line: 4,
    says: /cluster\.links\[0\] has this name/,
  },
  {
    text: links('{name = a, server = h, topics = []}'),
    key: 'cluster.links[0].name',
    reason: 'link_to_itself',
    line: 2,
    says: /"a" is this cluster itself/,
  },
]

const filters: readonly Case[] = [
  topics('[""]', 'invalid_topics', /"" is empty: empty_topic/),
  topics('["t/#/x"]', 'invalid_topics', /"t\/#\/x".*topic_invalid_#/),
  topics('["t/a+"]', 'invalid_topics', /topic_invalid_char/),
  topics('["$LINK/#"]', 'invalid_topics', /topic_not_allowed/),
  topics('["$LINK"]', 'invalid_topics', /topic_not_allowed/),
  topics('["$LINK/cluster/msg/x"]', 'invalid_topics', /topic_not_allowed/),
  topics('["$LINK/+/msg"]', 'invalid_topics', /topic_not_allowed/),
  topics('["$share/g/t"]', 'invalid_topics', /topic_not_allowed/),
  topics('["t/#", "t/1"]', 'redundant_topics', /"t\/1" is covered by "t\/#"; leave it out/),
  topics('["t/1", "t/1"]', 'redundant_topics', /"t\/1" stands there twice/),
  topics('"t/#"', 'wrong_type', /got "t\/#"; expected a list/),
  {
    text: withTopics('["a",\n1]'),
    key: 'cluster.links[0].topics[1]',
    reason: 'wrong_type',
    line: 3,
    says: /got 1; expected a topic filter in double quotes/,
  },
]

const addresses: readonly Case[] = [
  inLink('server = "host:notaport"', 'bad_port_number', /"notaport" is no port/),
  inLink('server = "http://h"', 'unsupported_scheme', /mqtt:\/\/, mqtts:\/\/ or none/),
  inLink('server = ""', 'bad_host', /host is missing/),
  inLink('server = "mqtt://u:s3cret@h"', 'bad_host', /holds no user/),
  inLink('server = 1883', 'wrong_type', /got 1883/),
  alone('listeners.tcp.default.bind = "127.0.0.1"', 'bad_port_number', /port is missing/),
  alone('dashboard.listeners.http.bind = "x y"', 'bad_host', /no host/),
  {
    text: 'listeners.tcp.default {}\nlisteners.tcp.b.bind = 1883',
    key: 'listeners.tcp.b.bind',
    reason: 'duplicated_bind',
    line: 2,
    says: /listeners\.tcp\.default has 0\.0\.0\.0:1883/,
  },
]

const values: readonly Case[] = [
  inLink('retry_interval = 15x', 'bad_duration', /got "15x"; expected a duration such as/),
  inLink('retry_interval = infinity', 'bad_duration', /got "infinity"/),
  inLink('retry_interval = true', 'wrong_type', /got true; expected a duration/),
  inLink('actor_ttl = 0s', 'bad_duration', /from 1ms to 24d/),
  inLink('stale_ttl = 25d', 'bad_duration', /at most 24d/),
  inLink('resource_opts.request_ttl = never', 'bad_duration', /expected a duration.* or infinity/),
  inLink('resource_opts.max_buffer_bytes = 1XB', 'bad_size', /expected a size such as/),
  inLink('pool_size = 0', 'bad_number', /got 0; expected a whole number from 1 to 1024/),
  inLink('pool_size = 1.5', 'bad_number', /whole number/),
  inLink('enable = yes', 'wrong_type', /got "yes"; expected true or false/),
  inLink('ssl = null', 'wrong_type', /got null; expected a section/),
  inLink('password = 12345', 'wrong_type', /^expected text in double quotes$/),
  alone('mqtt.max_packet_size = 257MB', 'bad_size', /to 256MB/),
  alone('mqtt.max_inflight = many', 'bad_number', /got "many"/),
  alone('mqtt.max_qos_allowed = 3', 'bad_number', /from 0 to 2/),
  alone('mqtt.server_keepalive = off', 'bad_number', /or disabled/),
  alone('mqtt.shared_subscription_strategy = sticky', 'bad_value', /round_robin or random/),
  alone('mqtt.max_subscriptions = 0', 'bad_number', /at least 1, or infinity/),
  alone('mqtt.max_mqueue_bytes = lots', 'bad_size', /a size such as.*, or infinity/),
  alone('node.max_memory = 120%', 'bad_size', /a percentage such as 70%/),
  alone('node.max_memory = 1MB', 'bad_size', /at least 64MB/),
  alone('sys_topics.sys_msg_interval = 10ms', 'bad_duration', /from 1s to 24d, or disabled/),
  alone('sys_topics.sys_heartbeat_interval = never', 'bad_duration', /or disabled/),
  alone('retainer.backend.max_retained_messages = -1', 'bad_number', /at least 0/),
  alone('retainer.backend.storage_type = disc', 'not_supported', /retained messages/),
  alone('listeners.tcp.default.max_bytes_rate = fast', 'bad_rate', /1MB\/s/),
  alone('mqtt = [1]', 'wrong_type', /got a list/),
  alone('log.level = loud', 'bad_value', /expected trace, debug/),
  alone('node.name { a = 1 }', 'wrong_type', /got a section; expected name@host/),
  alone('node.data_dir = ${NOPE}', 'unresolved_substitution', /\$\{\?NOPE\}/),
  alone('mqtt.max_inflight = ${NOPE}', 'unresolved_substitution', /neither an environment variable nor a key/),
  alone('cluster.name = "x-"${NOPE}', 'unresolved_substitution', /neither an environment variable nor a key/),
  { ...inLink('topics = ["ok", ${NOPE}]', 'unresolved_substitution', /NOPE/), key: 'cluster.links[0].topics[1]' },
]

const texts: readonly Case[] = [
  inLink('password = "s3cret"', 'not_supported', /^cannot be sent without a username; set username/),
  inLink('password = "file://nope", username = u', 'file_not_readable', /cannot read "nope": there is no such file/),
  {
    text: withLink('ssl.enable = true\nssl.cacertfile = "nope.pem"'),
    key: 'cluster.links[0].ssl.cacertfile',
    reason: 'file_not_readable',
    line: 3,
    says: /"nope\.pem"/,
  },
  {
    text: withLink('server = "mqtts://h:8883"\nssl.certfile = "nope.pem"'),
    key: 'cluster.links[0].ssl.certfile',
    reason: 'file_not_readable',
    line: 3,
    says: /"nope\.pem"/,
  },
  { ...alone('hooks = ["no.mjs"]', 'file_not_readable', /"no\.mjs"/), key: 'hooks[0]' },
  { text: '\ninclude "no.conf"', key: '', reason: 'file_not_readable', line: 2, says: /cannot include "no\.conf"/ },
  { text: 'node {\nname = [', key: '', reason: 'syntax_error', line: 2, says: /never closed/ },
]

const missingFeatures: readonly Case[] = [
  { ...alone('listeners.quic.default.bind = 14567', 'not_supported', /listeners over QUIC/), key: 'listeners.quic' },
  {
    ...alone(
      'listeners.tcp.default.authentication = [{ password = "s3cret" }]',
      'not_supported',
      /does not have authentication of one listener alone/,
    ),
    key: 'listeners.tcp.default.authentication',
  },
  {
    ...alone('authorization.node_cache.enable = true', 'not_supported', /cache of rights for the whole node/),
    key: 'authorization.node_cache',
  },
  {
    ...alone('dashboard { listeners.http.bind = 1, cors = true }', 'not_supported', /this setting of the dashboard/),
    key: 'dashboard.cors',
  },
  alone('listeners.tcp.default.mountpoint = "a/"', 'not_supported', /this setting of a listener/),
  inLink('ssl.ciphers = ["X"]', 'not_supported', /ciphers cannot be chosen/),
  inLink('ssl.versions = ["tlsv1.3"]', 'not_supported', /cannot be chosen/),
  inLink('ssl.password = "s3cret"', 'not_supported', /passphrase/),
]

for (const [about, cases] of Object.entries({
  missingKeys,
  unknownKeys,
  names,
  filters,
  addresses,
  values,
  texts,
  missingFeatures,
})) {
  for (const { text, key, reason, line, says } of cases) {
    test(`${about}: ${JSON.stringify(text.slice(-60))} is refused: ${reason}`, async () => {
      const errors = await errorsOf(text)
      assert.deepEqual(
        errors.map((error) => ({ file: error.file, line: error.line, key: error.key, reason: error.reason })),
        [{ file: 'isthmus.conf', line, key, reason }],
        JSON.stringify(errors),
      )
      assert.match(errors[0]?.message ?? '', says)
      assert.ok(!JSON.stringify(errors).includes('s3cret'))
    })
  }
}

test('invalid topics are told each with its reason, as EMQX does', async () => {
  const [error] = await errorsOf(withTopics('["ok", "a/#/b", "", "$LINK/x", "$SYS/#"]'))
  assert.deepEqual(error?.topics, [
    { topic: 'a/#/b', reason: 'topic_invalid_#' },
    { topic: '', reason: 'empty_topic' },
    { topic: '$LINK/x', reason: 'topic_not_allowed' },
  ])
})

test('redundant topics are told each with what covers it', async () => {
  const [error] = await errorsOf(withTopics('["a/1", "a/+", "b", "b", "#"]'))
  assert.deepEqual(error?.topics, [
    { topic: 'a/1', reason: 'redundant', coveredBy: '#' },
    { topic: 'a/+', reason: 'redundant', coveredBy: '#' },
    { topic: 'b', reason: 'redundant', coveredBy: '#' },
    { topic: 'b', reason: 'redundant', coveredBy: 'b' },
  ])
})

test('all errors come at once, in the order of the file', async () => {
  const errors = await errorsOf(`node.nam = "x"
cluster.name = "a"
cluster.links = [
  { name = "a", server = "h:x", topics = ["$LINK/#"], pool_size = 0 }
  { name = "b", server = "h", topics = [], password = \${NOPE} }
  { name = "b", topics = ["t", "t"] }
]
mqtt.idle_timeout = soon`)
  assert.deepEqual(
    errors.map(({ line, key, reason }) => `${line} ${key} ${reason}`),
    [
      '1 node.nam unknown_key',
      '4 cluster.links[0].server bad_port_number',
      '4 cluster.links[0].topics invalid_topics',
      '4 cluster.links[0].pool_size bad_number',
      '4 cluster.links[0].name link_to_itself',
      '5 cluster.links[1].password unresolved_substitution',
      '6 cluster.links[2].server required_field',
      '6 cluster.links[2].topics redundant_topics',
      '6 cluster.links[2].name duplicated_cluster_links',
      '8 mqtt.idle_timeout bad_duration',
    ],
  )
})

test('an error is one line: file, line, key, words, reason', async () => {
  const [error] = await errorsOf('\nlog.lvel = info')
  assert.ok(error !== undefined)
  assert.equal(
    formatConfigError(error),
    'isthmus.conf:2: log.lvel: unknown key; did you mean "level"? allowed here: level, levels (unknown_key)',
  )
})

test('a substitution that finds nothing is told once for each place, and nothing that follows from it', async () => {
  const errors = await errorsOf(
    links('{name = ${X}, server = ${X}, topics = []}', '{name = ${X}, server = h, topics = [${X}, ${X}]}'),
  )
  assert.deepEqual(
    errors.map(({ key, line }) => `${line} ${key}`),
    ['2 [0].name', '2 [0].server', '3 [1].name', '3 [1].topics[0]', '3 [1].topics[1]'].map((place) =>
      place.replace(' ', ' cluster.links'),
    ),
  )
  assert.ok(errors.every(({ reason }) => reason === 'unresolved_substitution'))
})
