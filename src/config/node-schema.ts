/** The node itself, its broker, its log. */
import * as z from 'zod'
import {
  byteSize,
  decimal,
  duration,
  flag,
  integer,
  oneOf,
  orInfinity,
  refusal,
  section,
  text,
  textLike,
} from './fields.ts'

export const nodeSchema = section({
  name: textLike(/^[^@\s]+@[^@\s]+$/, 'bad_name', 'name@host, such as "a1@127.0.0.1"').default('isthmus@127.0.0.1'),
  data_dir: text('the name of a directory').min(1, { error: 'expected the name of a directory' }).default('data'),
  max_memory: maxMemory().default('70%'),
})

/** Bytes, or a percentage of what there is, which stays one until the node knows its machine. */
function maxMemory(): z.ZodType<number | string, number | string> {
  const size = orInfinity(byteSize({ min: 64 * 1024 * 1024, max: Number.MAX_SAFE_INTEGER - 1 }))
  const expected = 'a percentage such as 70% of what the machine has, a size such as 2GB (at least 64MB), or infinity'
  const read = z.union([z.number(), z.string()], { error: `expected ${expected}` }).transform((written, context) => {
    const percent = typeof written === 'string' ? /^(\d+(?:\.\d+)?)\s*%$/.exec(written.trim())?.[1] : undefined
    if (percent !== undefined && Number(percent) > 0 && Number(percent) <= 100) return `${Number(percent)}%`
    const result = size.safeParse(written)
    if (percent === undefined && result.success) return result.data
    context.addIssue({ code: 'custom', input: written, ...refusal('bad_size', expected) })
    return z.NEVER
  })
  return z.preprocess((value: number | string) => (value === Number.POSITIVE_INFINITY ? 'infinity' : value), read)
}

export const mqttSchema = section({
  // 256MB is the longest packet that MQTT can frame.
  max_packet_size: byteSize({ min: 1, max: 268_435_456 }).default(1_048_576),
  max_inflight: integer(1, 65_535).default(1024),
  max_mqueue_len: orInfinity(integer(0, Number.MAX_SAFE_INTEGER)).default(1000),
  max_mqueue_bytes: orInfinity(byteSize()).default(Number.POSITIVE_INFINITY),
  mqueue_store_qos0: flag().default(true),
  max_awaiting_rel: integer(1, 65_535).default(1024),
  max_topic_alias: integer(0, 65_535).default(65_535),
  max_topic_levels: integer(1, 65_535).default(128),
  max_subscriptions: orInfinity(integer(1, Number.MAX_SAFE_INTEGER)).default(Number.POSITIVE_INFINITY),
  max_clientid_len: integer(23, 65_535).default(65_535),
  max_qos_allowed: integer(0, 2).default(2),
  retain_available: flag().default(true),
  wildcard_subscription: flag().default(true),
  shared_subscription: flag().default(true),
  payload_format_validation: flag().default(false),
  response_information: text('a prefix of topics').max(1024, { error: 'expected at most 1024 characters' }).default(''),
  // The largest interval that MQTT can say and that is not forever.
  session_expiry_interval: duration({ max: 4_294_967_294_000 }).default(7_200_000),
  server_keepalive: serverKeepalive().default('disabled'),
  keepalive_multiplier: decimal(1, 65_535).default(1.5),
  idle_timeout: duration({ min: 1 }).default(15_000),
  max_outbound_bytes: byteSize({ min: 1 }).default(16_777_216),
  shared_subscription_strategy: oneOf(['round_robin', 'random']).default('round_robin'),
})

function serverKeepalive(): z.ZodType<number | 'disabled', number | string> {
  const seconds = integer(1, 65_535)
  const expected = 'expected a whole number of seconds from 1 to 65535, or disabled'
  return z.union([z.number(), z.string()], { error: expected }).transform((written, context) => {
    if (written === 'disabled') return written
    const result = seconds.safeParse(written)
    if (result.success) return result.data
    context.addIssue({ code: 'custom', input: written, message: expected, params: { reason: 'bad_number' } })
    return z.NEVER
  })
}

export const debugSchema = section({
  socket: text('the name of a socket').min(1, { error: 'expected the name of a socket' }),
  faults: flag().default(false),
})
