/**
 * The whole configuration as a schema, and what lies beside it: keys of EMQX or of later versions that this one cannot honour.
 * They are refused rather than ignored: who sets a limit or a password must not believe that it holds.
 */
import * as z from 'zod'
import { alarmSchema, prometheusSchema } from './alarm-schema.ts'
import { authenticationSchema, authenticationSettingsSchema } from './authentication/authentication-schema.ts'
import { authorizationSchema } from './authorization/authorization-schema.ts'
import { apiKeySchema, dashboardSchema } from './dashboard/dashboard-schema.ts'
import { duration, section } from './fields.ts'
import { hooksSchema } from './hooks-schema.ts'
import { opentelemetrySchema } from './opentelemetry-schema.ts'
import { logSchema } from './log-config.ts'
import type { KeyPath } from './key-path.ts'
import { clusterName, linkSchema } from './link-schema.ts'
import { listenersSchema } from './listeners/listener-schema.ts'
import { natsSchema } from './nats/nats-schema.ts'
import { debugSchema, mqttSchema, nodeSchema } from './node-schema.ts'
import { retainerSchema } from './retainer-schema.ts'
import { sysTopicsSchema } from './sys-topics-schema.ts'

export const clusterSchema = section({
  name: clusterName.optional(),
  links: z
    .array(linkSchema, { error: 'expected a list of links: [{ name = ..., server = ..., topics = [...] }]' })
    .default([]),
  nats: natsSchema.optional(),
  member_ttl: duration({ min: 500, max: 600_000 }).default(5_000),
  lease_ttl: duration({ min: 500, max: 600_000 }).default(3_000),
})

export const configSchema = section({
  node: nodeSchema.prefault({}),
  cluster: clusterSchema.prefault({}),
  listeners: listenersSchema.optional(),
  authorization: authorizationSchema.prefault({}),
  mqtt: mqttSchema.prefault({}),
  authentication: authenticationSchema,
  authentication_settings: authenticationSettingsSchema.prefault({}),
  retainer: retainerSchema.prefault({}),
  sys_topics: sysTopicsSchema.prefault({}),
  alarm: alarmSchema.prefault({}),
  prometheus: prometheusSchema.prefault({}),
  hooks: hooksSchema,
  opentelemetry: opentelemetrySchema.prefault({}),
  log: logSchema.prefault({}),
  dashboard: dashboardSchema.optional(),
  api_key: apiKeySchema.prefault({}),
  debug: debugSchema.optional(),
})

/** For the library door: what a file may say, as an object. Most keys may lack; durations and sizes may be text with units. */
export type ConfigInput = z.input<typeof configSchema>
export type ParsedConfig = z.output<typeof configSchema>
export type ParsedLink = z.output<typeof linkSchema>

/** Names the feature that this version lacks, for a key that is no unknown one; `*` stands for any name or index. */
export function notSupported(path: KeyPath): string | undefined {
  return missingFeatures.find(({ keys }) => keys.some((key) => fits(key.split('.'), path)))?.feature
}

function fits(pattern: readonly string[], path: KeyPath): boolean {
  return pattern.length === path.length && pattern.every((part, index) => part === '*' || part === path[index])
}

const under = (section: string, keys: string): string[] => keys.split(' ').map((key) => `${section}.${key}`)

const missingFeatures: readonly { readonly feature: string; readonly keys: readonly string[] }[] = [
  {
    feature: "Erlang's clustering",
    keys: [
      'node.cookie',
      'rpc',
      ...under('node', 'process_limit max_ports role dist_listen_min dist_listen_max'),
      ...under('cluster', 'discovery_strategy autoclean autoheal core_nodes static dns mcast etcd k8s proto_dist'),
    ],
  },
  { feature: 'listeners over QUIC', keys: ['listeners.quic'] },
  { feature: 'authentication of one listener alone', keys: ['listeners.*.*.authentication'] },
  {
    feature: 'this setting of an authenticator',
    keys: under('authentication.*', 'precondition acl_claim_name user_group oauth2'),
  },
  { feature: 'a cache of answers about clients', keys: ['authentication_settings.node_cache'] },
  { feature: 'a cache of rights for the whole node', keys: ['authorization.node_cache'] },
  {
    feature: 'this setting of a listener',
    keys: under(
      'listeners.*.*',
      'mountpoint zone limiter subscribes_rate subscribes_burst delivery_messages_rate delivery_messages_burst ' +
        'delivery_bytes_rate delivery_bytes_burst enabled',
    ),
  },
  {
    feature: 'checks whether a certificate was revoked',
    keys: under('listeners.*.*.ssl_options', 'ocsp enable_crl_check'),
  },
  {
    feature: 'this setting of the broker',
    keys: under(
      'mqtt',
      'await_rel_timeout client_attrs_init clientid_override exclusive_subscription ignore_loop_deliver ' +
        'message_expiry_interval mqueue_default_priority mqueue_priorities peer_cert_as_clientid peer_cert_as_username ' +
        'retry_interval strict_mode upgrade_qos use_username_as_clientid',
    ),
  },
  {
    feature: 'this setting of retained messages',
    keys: [
      ...under(
        'retainer',
        'allow_never_expire delivery_rate flow_control max_publish_rate msg_clear_interval msg_expiry_interval_override',
      ),
      ...under('retainer.backend', 'index_specs storage_type'),
    ],
  },
  { feature: 'logging by handler (use log.level)', keys: under('log', 'console file throttling') },
  { feature: 'a key with a passphrase', keys: ['cluster.links.*.ssl.password'] },
  {
    feature: 'this setting of the dashboard',
    keys: under('dashboard', 'cors i18n_lang swagger_support sso'),
  },
  {
    feature: 'this part of OpenTelemetry (traces over OTLP/HTTP are there; for metrics see prometheus)',
    keys: [
      'opentelemetry.metrics',
      'opentelemetry.logs',
      ...under('opentelemetry.exporter', 'protocol ssl_options'),
      ...under('opentelemetry.traces', 'client_attrs'),
      ...under('opentelemetry.traces.filter', 'trace_mode e2e_tracing_options'),
    ],
  },
  { feature: 'choosing where alarms go', keys: ['alarm.actions'] },
  {
    feature: 'this setting of metrics',
    keys: under('prometheus', 'push_gateway collectors namespace_metrics_limiter'),
  },
  {
    feature: 'this setting of a listener of the dashboard',
    keys: under(
      'dashboard.listeners.*',
      'backlog inet6 ipv6_v6only max_connections num_acceptors proxy_header send_timeout',
    ),
  },
  {
    feature: 'this part of EMQX',
    keys: (
      'actions auto_subscribe bridges broker connectors conn_congestion crl_cache delayed durable_sessions durable_storage ' +
      'exhook flapping_detect force_gc force_shutdown gateway license limiter overload_protection ' +
      'psk_authentication rewrite rule_engine schema_registry session_persistence slow_subs sources stats sysmon ' +
      'telemetry zones'
    ).split(' '),
  },
]

/** The names that may stand in a section, or `undefined` where anything or nothing may. */
export function allowedKeys(path: KeyPath): readonly string[] | undefined {
  let schemas: readonly z.core.$ZodType[] = [configSchema]
  for (const part of path) schemas = schemas.flatMap(kindsOf).flatMap((schema) => childOf(schema, part) ?? [])
  const found = schemas.flatMap(kindsOf).filter((schema) => schema instanceof z.ZodObject)
  return found.length === 0 ? undefined : [...new Set(found.flatMap(({ shape }) => Object.keys(shape)))]
}

/** The schema without its wrappers; of one that is told by a word in it, such as `mechanism`, all kinds. */
function kindsOf(schema: z.core.$ZodType): readonly z.core.$ZodType[] {
  const found = unwrapped(schema)
  return found instanceof z.ZodDiscriminatedUnion ? found.options.flatMap(kindsOf) : [found]
}

/** Every key of the schema as people write it, with `[]` for a list and `<name>` for a name of one's own. */
export function everyKey(): readonly string[] {
  keys ??= keysUnder(configSchema, '')
  return keys
}

/** The schema stays as it is, and to go through it takes a millisecond. */
let keys: readonly string[] | undefined

function keysUnder(schema: z.core.$ZodType, prefix: string): string[] {
  const found = unwrapped(schema)
  if (found instanceof z.ZodArray && kindsOf(found.element).some((kind) => kind instanceof z.ZodObject)) {
    return keysUnder(found.element, `${prefix}[]`)
  }
  if (found instanceof z.ZodDiscriminatedUnion)
    return [...new Set(kindsOf(found).flatMap((kind) => keysUnder(kind, prefix)))]
  if (found instanceof z.ZodRecord) return keysUnder(found.valueType, `${prefix}.<name>`)
  if (!(found instanceof z.ZodObject)) return [prefix]
  return Object.entries(found.shape).flatMap(([key, child]) =>
    keysUnder(child, prefix === '' ? key : `${prefix}.${key}`),
  )
}

function childOf(schema: z.core.$ZodType, part: string | number): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodArray) return schema.element
  if (schema instanceof z.ZodRecord) return schema.valueType
  if (!(schema instanceof z.ZodObject)) return undefined
  const shape: Readonly<Record<string, z.core.$ZodType>> = schema.shape
  return shape[part]
}

/** Without the wrappers that give defaults. */
function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return unwrapped(schema.unwrap())
  }
  return schema instanceof z.ZodPipe ? unwrapped(schema.in) : schema
}
