/** What a new configuration changes in a running node. */
import { isDeepStrictEqual } from 'node:util'
import type { AlarmConfig } from './alarm-schema.ts'
import type { AuthorizationConfig } from './authorization/authorization-config.ts'
import type { Config, LinkConfig, MqttConfig } from './config.ts'
import type { LogConfig } from './log-config.ts'
import { type ListenerConfig, listenerTypes } from './listeners/listener-config.ts'
import type { RetainerConfig } from './retainer-schema.ts'
import type { SysTopicsConfig } from './sys-topics-schema.ts'

export type ConfigChange =
  | { readonly type: 'link_added'; readonly name: string; readonly after: LinkConfig }
  | { readonly type: 'link_removed'; readonly name: string; readonly before: LinkConfig }
  | {
      readonly type: 'link_changed'
      readonly name: string
      /** As they are written under the link: `topics`, `resource_opts.request_ttl`. */
      readonly fields: readonly string[]
      readonly before: LinkConfig
      readonly after: LinkConfig
    }
  | { readonly type: 'listener_added'; readonly name: string; readonly after: ListenerConfig }
  | { readonly type: 'listener_removed'; readonly name: string; readonly before: ListenerConfig }
  | {
      readonly type: 'listener_changed'
      readonly name: string
      readonly fields: readonly string[]
      readonly before: ListenerConfig
      readonly after: ListenerConfig
    }
  | {
      readonly type: 'mqtt_changed'
      readonly fields: readonly string[]
      readonly before: MqttConfig
      readonly after: MqttConfig
    }
  | { readonly type: 'retainer_changed'; readonly fields: readonly string[]; readonly after: RetainerConfig }
  | { readonly type: 'sys_topics_changed'; readonly fields: readonly string[]; readonly after: SysTopicsConfig }
  | { readonly type: 'alarm_changed'; readonly fields: readonly string[]; readonly after: AlarmConfig }
  | { readonly type: 'prometheus_changed'; readonly fields: readonly string[] }
  | { readonly type: 'authentication_changed'; readonly fields: readonly string[] }
  | { readonly type: 'authorization_changed'; readonly fields: readonly string[]; readonly after: AuthorizationConfig }
  | { readonly type: 'log_level_changed'; readonly before: LogConfig['level']; readonly after: LogConfig['level'] }
  | { readonly type: 'log_levels_changed'; readonly fields: readonly string[] }
  /** The running node keeps the old value: its sessions, its peers or its files hang on it. */
  | { readonly type: 'needs_restart'; readonly key: string; readonly before: unknown; readonly after: unknown }

/** Removals first, so that a port or a peer is free before another takes it; the order of links and listeners means nothing. */
export function diffConfig(before: Config, after: Config): ConfigChange[] {
  return [
    ...restartChanges(before, after),
    ...listenerTypes.flatMap((type) => listenerChanges(before.listeners[type], after.listeners[type])),
    ...linkChanges(before, after),
    ...authorizationChanges(before.authorization, after.authorization),
    ...mqttChanges(before.mqtt, after.mqtt),
    ...retainerChanges(before.retainer, after.retainer),
    ...sysTopicsChanges(before.sys_topics, after.sys_topics),
    ...alarmChanges(before.alarm, after.alarm),
    ...prometheusChanges(before, after),
    ...authenticationChanges(before, after),
    ...logChanges(before.log, after.log),
  ]
}

/** For logs: what changed and in which fields, never the values, of which one may be a password. */
export function describeChange(change: ConfigChange): {
  readonly change: string
  readonly key: string
  readonly fields?: readonly string[]
} {
  const fields = 'fields' in change ? { fields: change.fields } : {}
  switch (change.type) {
    case 'link_added':
    case 'link_removed':
    case 'link_changed':
      return { change: change.type, key: `cluster.links.${change.name}`, ...fields }
    case 'listener_added':
    case 'listener_removed':
    case 'listener_changed':
      return { change: change.type, key: `listeners.${listenerOf(change).type}.${change.name}`, ...fields }
    case 'authorization_changed':
      return { change: change.type, key: 'authorization', ...fields }
    case 'mqtt_changed':
      return { change: change.type, key: 'mqtt', ...fields }
    case 'retainer_changed':
      return { change: change.type, key: 'retainer', ...fields }
    case 'sys_topics_changed':
      return { change: change.type, key: 'sys_topics', ...fields }
    case 'alarm_changed':
      return { change: change.type, key: 'alarm', ...fields }
    case 'prometheus_changed':
      return { change: change.type, key: 'prometheus', ...fields }
    case 'authentication_changed':
      return { change: change.type, key: 'authentication', ...fields }
    case 'log_level_changed':
      return { change: change.type, key: 'log.level' }
    case 'log_levels_changed':
      return { change: change.type, key: 'log.levels', fields: change.fields }
    case 'needs_restart':
      return { change: change.type, key: change.key }
  }
}

function listenerOf(change: Extract<ConfigChange, { readonly type: `listener_${string}` }>): ListenerConfig {
  return change.type === 'listener_removed' ? change.before : change.after
}

function restartChanges(before: Config, after: Config): ConfigChange[] {
  return changedFields(kept(before), kept(after)).map((key) => {
    return { type: 'needs_restart', key, before: at(before, key), after: at(after, key) }
  })
}

/** What a node reads once, at its start. */
function kept({ node, cluster, hooks, opentelemetry, dashboard, api_key, debug }: Config): object {
  const { links: _, ...fixed } = cluster
  return { node, cluster: fixed, hooks, opentelemetry, dashboard, api_key, debug }
}

function linkChanges(before: Config, after: Config): ConfigChange[] {
  const old = new Map(before.cluster.links.map((link) => [link.name, link]))
  const next = new Map(after.cluster.links.map((link) => [link.name, link]))
  const changes: ConfigChange[] = []
  for (const [name, link] of old) if (!next.has(name)) changes.push({ type: 'link_removed', name, before: link })
  for (const [name, link] of next) {
    const known = old.get(name)
    if (known === undefined) {
      changes.push({ type: 'link_added', name, after: link })
      continue
    }
    const fields = changedFields(known, link).filter((field) => {
      return field !== 'clientid' || !(followsCluster(known, before) && followsCluster(link, after))
    })
    if (fields.length > 0) changes.push({ type: 'link_changed', name, fields, before: known, after: link })
  }
  return changes
}

/** A ClientID that follows the cluster's name changes only with that name, at the next start. */
function followsCluster({ clientid }: LinkConfig, { cluster }: Config): boolean {
  return clientid === cluster.name
}

function listenerChanges(
  before: Readonly<Record<string, ListenerConfig>>,
  after: Readonly<Record<string, ListenerConfig>>,
): ConfigChange[] {
  const changes: ConfigChange[] = []
  for (const [name, listener] of Object.entries(before)) {
    if (!Object.hasOwn(after, name)) changes.push({ type: 'listener_removed', name, before: listener })
  }
  for (const [name, listener] of Object.entries(after)) {
    const known = Object.hasOwn(before, name) ? before[name] : undefined
    if (known === undefined) {
      changes.push({ type: 'listener_added', name, after: listener })
      continue
    }
    const fields = changedFields(known, listener)
    if (fields.length > 0) changes.push({ type: 'listener_changed', name, fields, before: known, after: listener })
  }
  return changes
}

function authorizationChanges(before: AuthorizationConfig, after: AuthorizationConfig): ConfigChange[] {
  const fields = changedFields(before, after)
  return fields.length === 0 ? [] : [{ type: 'authorization_changed', fields, after }]
}

function mqttChanges(before: MqttConfig, after: MqttConfig): ConfigChange[] {
  const fields = changedFields(before, after)
  return fields.length === 0 ? [] : [{ type: 'mqtt_changed', fields, before, after }]
}

function authenticationChanges(before: Config, after: Config): ConfigChange[] {
  const [old, next] = [before, after].map(({ authentication, authentication_settings }) => {
    return { authentication, authentication_settings }
  })
  const fields = changedFields(old, next)
  return fields.length === 0 ? [] : [{ type: 'authentication_changed', fields }]
}

function retainerChanges(before: RetainerConfig, after: RetainerConfig): ConfigChange[] {
  const fields = changedFields(before, after)
  return fields.length === 0 ? [] : [{ type: 'retainer_changed', fields, after }]
}

function sysTopicsChanges(before: SysTopicsConfig, after: SysTopicsConfig): ConfigChange[] {
  const fields = changedFields(before, after)
  return fields.length === 0 ? [] : [{ type: 'sys_topics_changed', fields, after }]
}

function alarmChanges(before: AlarmConfig, after: AlarmConfig): ConfigChange[] {
  const fields = changedFields(before, after)
  return fields.length === 0 ? [] : [{ type: 'alarm_changed', fields, after }]
}

function prometheusChanges({ prometheus: before }: Config, { prometheus: after }: Config): ConfigChange[] {
  const fields = changedFields(before, after)
  return fields.length === 0 ? [] : [{ type: 'prometheus_changed', fields }]
}

function logChanges(before: LogConfig, after: LogConfig): ConfigChange[] {
  const fields = changedFields(before.levels, after.levels)
  return [
    ...(before.level === after.level
      ? []
      : [{ type: 'log_level_changed', before: before.level, after: after.level } as const]),
    ...(fields.length === 0 ? [] : [{ type: 'log_levels_changed', fields } as const]),
  ]
}

/** Paths of the values that differ; a list is one value. */
function changedFields(before: unknown, after: unknown, prefix = ''): string[] {
  if (!isPlain(before) || !isPlain(after)) return isDeepStrictEqual(before, after) ? [] : [prefix]
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...keys].flatMap((key) => changedFields(before[key], after[key], prefix === '' ? key : `${prefix}.${key}`))
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function at(config: Config, key: string): unknown {
  return key.split('.').reduce<unknown>((value, part) => (isPlain(value) ? value[part] : undefined), config)
}
