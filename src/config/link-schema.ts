/** One entry of `cluster.links`: EMQX's fields with EMQX's defaults, and ours. */
import * as z from 'zod'
import { covers } from '../topics/covers.ts'
import { splitLevels, topicFilterProblem } from '../topics/topic-filter.ts'
import { union } from '../topics/union.ts'
import { readServers } from './address.ts'
import type { RefusedTopic } from './config-error.ts'
import { byteSize, duration, flag, integer, oneOf, orInfinity, section, text } from './fields.ts'

/** EMQX's rule for the names of links over REST, and the dot, which clusters in the field have in their names. */
export const clusterName = text('a name in double quotes').superRefine((name, context) => {
  const expected =
    'expected a name of fewer than 255 bytes that begins with a letter or a digit and goes on with letters, digits, `-`, `_` and `.`'
  if (!/^[0-9a-zA-Z][-0-9a-zA-Z_.]{0,253}$/.test(name)) {
    context.addIssue({ code: 'custom', message: expected, params: { reason: 'bad_name' } })
  }
})

/** A file, or the PEM text itself. */
const pem = text('the name of a PEM file, or its text').min(1, { error: 'expected the name of a PEM file' })

export const sslSchema = section({
  enable: flag().default(false),
  cacertfile: pem.optional(),
  certfile: pem.optional(),
  keyfile: pem.optional(),
  verify: oneOf(['verify_peer', 'verify_none']).default('verify_none'),
  server_name_indication: text('a host name, or disable')
    .min(1, { error: 'expected a host name, or disable' })
    .optional(),
  // EMQX shows these with their defaults, so that a copied configuration holds them; other values are refused elsewhere.
  versions: z.array(oneOf(['tlsv1.3', 'tlsv1.2', 'tlsv1.1', 'tlsv1'])).optional(),
  ciphers: z.union([z.array(text()), text()]).optional(),
  depth: integer(0, 255).optional(),
  log_level: text().optional(),
  hibernate_after: duration().optional(),
  reuse_sessions: flag().optional(),
  secure_renegotiate: flag().optional(),
  middlebox_comp_mode: flag().optional(),
})

export const tcpOptsSchema = section({
  nodelay: flag().default(true),
  keepalive: flag().default(false),
  active_n: integer(-32_768, 32_767).optional(),
  sndbuf: byteSize().optional(),
  recbuf: byteSize().optional(),
  buffer: byteSize().optional(),
  delay_send: flag().optional(),
})

export const resourceOptsSchema = section({
  worker_pool_size: integer(1, 1024).default(16),
  health_check_interval: duration({ min: 1 }).default(15_000),
  start_timeout: duration({ min: 1 }).default(5_000),
  // EMQX loses everything if this is no longer than health_check_interval (#18948), on whose ticks its queue moves. Ours moves
  // when a connection comes, so that the two need not fit each other.
  request_ttl: orInfinity(duration({ min: 1 })).default(Number.POSITIVE_INFINITY),
  inflight_window: integer(1, 65_535).default(100),
  max_buffer_bytes: byteSize({ min: 1 }).default(268_435_456),
  max_buffer_messages: orInfinity(integer(1, Number.MAX_SAFE_INTEGER)).default(Number.POSITIVE_INFINITY),
  dispatch_strategy: oneOf(['per_clientid', 'random']).optional(),
  health_check_interval_jitter: duration().optional(),
  health_check_timeout: duration().optional(),
  resume_interval: duration().optional(),
  start_after_created: flag().optional(),
  batch_size: integer(1, Number.MAX_SAFE_INTEGER).optional(),
  batch_time: duration().optional(),
  query_mode: oneOf(['async', 'sync']).optional(),
  buffer_mode: oneOf(['memory_only']).optional(),
})

/** Who may speak for the peer. An empty one would let in nobody, or everybody: neither is worth guessing. */
export const acceptSchema = section({
  username: identityPart('a user name'),
  clientid_prefix: identityPart('the beginning of a ClientID'),
  cert_common_name: identityPart('the common name of a certificate'),
}).refine((accept) => Object.values(accept).some((value) => value !== undefined), {
  error: 'expected at least one of username, clientid_prefix and cert_common_name',
})

function identityPart(what: string): z.ZodOptional<z.ZodString> {
  return text(what)
    .min(1, { error: `expected ${what}` })
    .optional()
}

export const linkSchema = section({
  name: clusterName,
  enable: flag().default(true),
  server: text('an address in double quotes, such as "host:1883"').superRefine((server, context) => {
    const result = readServers(server, { enable: false })
    if (result.type === 'ok') return
    context.addIssue({ code: 'custom', message: result.message, params: { reason: result.reason, problem: '' } })
  }),
  clientid: text().min(1, { error: 'expected at least one character' }).optional(),
  username: text().optional(),
  password: text().optional(),
  ssl: sslSchema.prefault({}),
  topics: z
    .array(text('a topic filter in double quotes'), {
      error: 'expected a list of topic filters: ["t/#"]; [] wants nothing',
    })
    .superRefine(checkTopics),
  pool_size: integer(1, 1024).default(8),
  retry_interval: duration({ min: 1 }).default(15_000),
  max_inflight: integer(1, 65_535).default(32),
  tcp_opts: tcpOptsSchema.prefault({}),
  resource_opts: resourceOptsSchema.prefault({}),
  actor_ttl: duration({ min: 1 }).default(30_000),
  stale_ttl: duration().default(86_400_000),
  ps_actor_incarnation: integer(0, Number.MAX_SAFE_INTEGER).optional(),
  accept: acceptSchema.optional(),
  dialect: oneOf(['auto', 'emqx', 'native']).default('auto'),
  durable: flag().default(false),
  overflow: oneOf(['drop_oldest', 'drop_newest', 'backpressure']).default('drop_oldest'),
  retained: oneOf(['live', 'sync', 'off']).default('live'),
  compression: oneOf(['off', 'auto']).default('off'),
})

/** As EMQX does it: filters that are no good first, and only among good ones those that another one covers. */
function checkTopics(topics: readonly string[], context: z.RefinementCtx): void {
  const refuse = (
    reason: 'invalid_topics' | 'redundant_topics',
    refused: readonly RefusedTopic[],
    message: string,
  ): void => {
    context.addIssue({ code: 'custom', message, params: { reason, topics: refused, problem: '' } })
  }
  const bad = topics.flatMap((topic) => {
    const reason = topicProblem(topic)
    return reason === undefined ? [] : [{ topic, reason }]
  })
  if (bad.length > 0) {
    return refuse(
      'invalid_topics',
      bad,
      bad.map(({ topic, reason }) => `${quoted(topic)} ${topicWords[reason]}`).join('; '),
    )
  }
  const redundant = redundantTopics(topics)
  if (redundant.length === 0) return
  const words = redundant.map(({ topic, coveredBy }) => {
    return topic === coveredBy
      ? `${quoted(topic)} stands there twice`
      : `${quoted(topic)} is covered by ${quoted(coveredBy)}`
  })
  refuse('redundant_topics', redundant, `${words.join('; ')}; leave it out`)
}

type TopicProblem = NonNullable<ReturnType<typeof topicFilterProblem>> | 'topic_not_allowed'

function topicProblem(topic: string): TopicProblem | undefined {
  const problem = topicFilterProblem(topic)
  if (problem !== undefined) return problem
  const [first] = splitLevels(topic)
  // EMQX lets `$LINK/#` and `$share/...` pass: the one opens the link's own traffic to itself, the other matches no topic.
  return first === '$LINK' || first === '$share' ? 'topic_not_allowed' : undefined
}

const topicWords: Readonly<Record<TopicProblem, string>> = {
  empty_topic: 'is empty: empty_topic',
  topic_too_long: 'is longer than 65535 bytes: topic_too_long',
  'topic_invalid_#': 'has a `#` that is not its last level: topic_invalid_#',
  topic_invalid_char:
    'has a level that mixes a wildcard with other characters, or a forbidden character: topic_invalid_char',
  topic_not_allowed: 'lies under $LINK/ or $share/, which links keep for themselves: topic_not_allowed',
}

function redundantTopics(topics: readonly string[]): (RefusedTopic & { readonly coveredBy: string })[] {
  if (topics.length < 2) return []
  const kept = new Set(union(topics))
  const seen = new Set<string>()
  return topics.flatMap((topic) => {
    const again = seen.has(topic)
    seen.add(topic)
    if (kept.has(topic) && !again) return []
    const coveredBy = again ? topic : ([...kept].find((wide) => covers(wide, topic)) ?? topic)
    return [{ topic, reason: 'redundant', coveredBy }]
  })
}

const quoted = (topic: string): string => JSON.stringify(topic.length > 120 ? `${topic.slice(0, 120)}...` : topic)
