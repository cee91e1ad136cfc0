/** From values as they were written to a configuration as the node uses it: all errors at once, or every default filled in. */
import type { ResolveContext } from './resolve-context.ts'
import { readFileSync } from 'node:fs'
import { readServers } from './address.ts'
import { type ConfigError, type ConfigWarning, inOrderOfFile } from './config-error.ts'
import { readPassword, readTlsFiles } from './config-files.ts'
import { type Finding, findingsOf, type Remark } from './config-issues.ts'
import { type ConfigInput, configSchema, type ParsedConfig, type ParsedLink } from './config-schema.ts'
import type { Config, LinkConfig } from './config.ts'
import { crossFindings, remarks } from './cross-checks.ts'
import type { ReadFile } from './hocon/hocon-include.ts'
import type { Place } from './hocon/hocon.ts'
import { formatKeyPath, type KeyPath } from './key-path.ts'
import { buildAuthentication } from './authentication/resolve-authentication.ts'
import { closedLinkRemarks, resolveAuthorization } from './authorization/resolve-authorization.ts'
import { buildApiKey, buildDashboard } from './dashboard/resolve-dashboard.ts'
import { buildHooks } from './resolve-hooks.ts'
import { buildNats } from './nats/resolve-nats.ts'
import { buildListeners } from './listeners/resolve-listeners.ts'

export type ConfigResult =
  | { readonly type: 'ok'; readonly config: Config; readonly warnings: readonly ConfigWarning[] }
  | { readonly type: 'invalid'; readonly errors: readonly ConfigError[] }

/** For the library door: the configuration as an object. Relative names of files count from the working directory. */
export function resolveConfig(input: ConfigInput, context: Partial<ResolveContext> = {}): ConfigResult {
  return resolveValues(input, {
    baseDir: '.',
    readFile: readTextFile,
    placeOf: () => ({}),
    nowMs: Date.now,
    ...context,
  })
}

export const readTextFile: ReadFile = (path) => readFileSync(path, 'utf8')

/** The same for values of which nothing is known. `told`: errors that were found while they were read. */
export function resolveValues(raw: unknown, context: ResolveContext, told: readonly ConfigError[] = []): ConfigResult {
  const parsed = configSchema.safeParse(raw)
  const findings = [...(parsed.success ? [] : findingsOf(parsed.error.issues, raw)), ...crossFindings(raw)]
  const built = parsed.success ? buildConfig(parsed.data, context) : { findings: [] }
  const errors = [...told, ...[...findings, ...built.findings].map((finding) => located(finding, context))]
  if (errors.length > 0 || !('config' in built)) return { type: 'invalid', errors: inOrderOfFile(errors) }
  const warnings = [...remarks(raw), ...built.remarks].map((remark) => located(remark, context))
  return { type: 'ok', config: built.config, warnings: inOrderOfFile(warnings) }
}

function located<Found extends { readonly path: KeyPath; readonly place?: Place }>(
  { path, place = {}, ...rest }: Found,
  context: ResolveContext,
): Place & { readonly key: string } & Omit<Found, 'path' | 'place'> {
  return { ...context.placeOf(path), ...place, key: formatKeyPath(path), ...rest }
}

function buildConfig(
  {
    node,
    cluster,
    listeners,
    authorization,
    mqtt,
    retainer,
    sys_topics,
    alarm,
    prometheus,
    log,
    dashboard,
    debug,
    ...parsed
  }: ParsedConfig,
  context: ResolveContext,
): { readonly config: Config; readonly findings: readonly Finding[]; readonly remarks: readonly Remark[] } {
  const name = cluster.name ?? 'emqxcl'
  const links = cluster.links.map((link, index) => buildLink(link, name, ['cluster', 'links', index], context))
  const { nats, findings: natsProblems } = buildNats(cluster.nats, context)
  const built = buildListeners(listeners, context)
  const { authentication, findings } = buildAuthentication(parsed.authentication, context)
  const rights = resolveAuthorization(authorization, context)
  const board = dashboard === undefined ? undefined : buildDashboard(dashboard, context)
  const keys = buildApiKey(parsed.api_key, context)
  const { hooks, findings: hookProblems } = buildHooks(parsed.hooks, context)
  const config: Config = {
    node,
    cluster: {
      name,
      links: links.map(({ link }) => link),
      ...(nats === undefined ? {} : { nats }),
      member_ttl: cluster.member_ttl,
      lease_ttl: cluster.lease_ttl,
    },
    listeners: built.listeners,
    authorization: rights.authorization,
    // The schema lets nothing else pass.
    mqtt: { ...mqtt, max_qos_allowed: mqtt.max_qos_allowed as 0 | 1 | 2 },
    authentication,
    authentication_settings: parsed.authentication_settings,
    retainer,
    sys_topics,
    alarm,
    prometheus,
    hooks,
    opentelemetry: parsed.opentelemetry,
    log,
    ...(board === undefined ? {} : { dashboard: board.config }),
    api_key: keys.config,
    ...(debug === undefined ? {} : { debug }),
  }
  const told = [
    ...links.flatMap((link) => link.findings),
    ...natsProblems,
    ...rights.findings,
    ...built.findings,
    ...findings,
    ...(board?.findings ?? []),
    ...keys.findings,
    ...hookProblems,
  ]
  return {
    config,
    findings: told,
    remarks: [...built.remarks, ...(board?.remarks ?? []), ...closedLinkRemarks(config)],
  }
}

function buildLink(
  {
    name,
    enable,
    server,
    username,
    topics,
    pool_size,
    retry_interval,
    max_inflight,
    actor_ttl,
    stale_ttl,
    accept,
    dialect,
    durable,
    overflow,
    retained,
    compression,
    ...link
  }: ParsedLink,
  clusterName: string,
  path: KeyPath,
  { baseDir, readFile }: ResolveContext,
): { readonly link: LinkConfig; readonly findings: readonly Finding[] } {
  const password =
    link.password === undefined ? undefined : readPassword(link.password, baseDir, readFile, [...path, 'password'])
  const tls = usesTls(server, link.ssl)
  const { files, findings } = readTlsFiles({ ...link.ssl, enable: tls }, baseDir, readFile, [...path, 'ssl'])
  const { worker_pool_size, health_check_interval, start_timeout, request_ttl } = link.resource_opts
  const { inflight_window, max_buffer_bytes, max_buffer_messages } = link.resource_opts
  const { server_name_indication } = link.ssl
  return {
    link: {
      name,
      enable,
      server,
      clientid: link.clientid ?? clusterName,
      ...(username === undefined ? {} : { username }),
      ...(typeof password === 'string' ? { password } : {}),
      ssl: {
        enable: link.ssl.enable,
        ...files,
        verify: link.ssl.verify,
        ...(server_name_indication === undefined ? {} : { server_name_indication }),
      },
      topics,
      pool_size,
      retry_interval,
      max_inflight,
      tcp_opts: { nodelay: link.tcp_opts.nodelay, keepalive: link.tcp_opts.keepalive },
      resource_opts: {
        worker_pool_size,
        health_check_interval,
        start_timeout,
        request_ttl,
        inflight_window,
        max_buffer_bytes,
        max_buffer_messages,
      },
      actor_ttl,
      stale_ttl,
      ...(accept === undefined ? {} : { accept }),
      dialect,
      durable,
      overflow,
      retained,
      compression,
    },
    findings: typeof password === 'object' ? [password, ...findings] : findings,
  }
}

function usesTls(server: string, ssl: { readonly enable: boolean }): boolean {
  const result = readServers(server, ssl)
  return result.type === 'ok' && result.servers.some(({ tls }) => tls)
}
