/** What no field can say about itself: rules between the fields of a configuration. */
import { readServers } from './address.ts'
import { authenticationFindings, authenticationRemarks } from './authentication/authentication-checks.ts'
import type { Finding, Remark } from './config-issues.ts'
import { unresolvedIn } from './hocon/hocon-unresolved.ts'
import { isSection, type KeyPath, valueAt } from './key-path.ts'
import { listenerFindings, listenerRemarks, sslOptionFindings } from './listeners/listener-checks.ts'
import { natsFindings, natsRemarks } from './nats/nats-checks.ts'
import { idleTlsKeys, tlsFindings } from './tls-checks.ts'

const DASHBOARD_TLS = ['dashboard', 'listeners', 'https', 'ssl_options']

/** Looks at what was written, not at what the schema made of it, so that other errors hide none of these. */
export function crossFindings(raw: unknown): Finding[] {
  const links = listAt(raw, ['cluster', 'links'])
  return [
    ...clusterNameFindings(raw, links),
    ...linkNameFindings(raw, links),
    ...links.flatMap(loginFindings),
    ...tlsFindings(links, ['cluster', 'links']),
    ...tlsFindings(listAt(raw, ['authentication']), ['authentication']),
    ...natsFindings(raw),
    ...listenerFindings(raw),
    ...sslOptionFindings(valueAt(raw, DASHBOARD_TLS), DASHBOARD_TLS),
    ...authenticationFindings(raw),
  ]
}

function clusterNameFindings(raw: unknown, links: readonly unknown[]): Finding[] {
  if (
    links.length === 0 ||
    valueAt(raw, ['cluster', 'nats']) !== undefined ||
    valueAt(raw, ['cluster', 'name']) !== undefined
  )
    return []
  const message = 'is missing; with links a cluster needs a name of its own, by which its peers know it'
  return [{ path: ['cluster', 'name'], reason: 'required_field', message }]
}

function linkNameFindings(raw: unknown, links: readonly unknown[]): Finding[] {
  const own = valueAt(raw, ['cluster', 'name'])
  const names = links.map((link) => valueAt(link, ['name']))
  return names.flatMap((name, index): Finding[] => {
    if (typeof name !== 'string' || unresolvedIn(name) !== undefined) return []
    const path = ['cluster', 'links', index, 'name']
    const first = names.indexOf(name)
    if (first < index) {
      const message = `cluster.links[${first}] has this name, too; there is one link to each cluster`
      return [{ path, value: name, reason: 'duplicated_cluster_links', message }]
    }
    if (name !== own) return []
    const message = `${JSON.stringify(name)} is this cluster itself (cluster.name); a link is named after the cluster it leads to`
    return [{ path, value: name, reason: 'link_to_itself', message }]
  })
}

/** MQTT 5 allows it (3.1.2.9), and MQTT.js refuses to send such a CONNECT. */
function loginFindings(link: unknown, index: number): Finding[] {
  const password = valueAt(link, ['password'])
  if (typeof password !== 'string' || unresolvedIn(password) !== undefined) return []
  if (valueAt(link, ['username']) !== undefined) return []
  const message =
    'cannot be sent without a username; set username ("" sends an empty one), or leave the password out if the peer asks for none'
  return [{ path: ['cluster', 'links', index, 'password'], reason: 'not_supported', message }]
}

/** Things that will not be as somebody may think, though nothing is wrong with them. */
export function remarks(raw: unknown): Remark[] {
  return [
    ...natsRemarks(raw),
    ...listenerRemarks(raw),
    ...authenticationRemarks(listAt(raw, ['authentication'])),
    ...authorizationRemarks(raw),
    ...acceptRemarks(raw),
    ...listAt(raw, ['cluster', 'links']).flatMap(linkRemarks),
  ]
}

function authorizationRemarks(raw: unknown): Remark[] {
  return ['ttl', 'excludes']
    .map((key) => ['authorization', 'cache', key])
    .filter((path) => valueAt(raw, path) !== undefined)
    .map((path) => ({
      path,
      reason: 'no_effect',
      message:
        'has no effect here: rules change when the configuration is read again, and then nothing remembered holds',
    }))
}

/** A user name that nobody asks proof of, and a ClientID that everybody may choose. */
function acceptRemarks(raw: unknown): Remark[] {
  const isProved = listAt(raw, ['authentication']).length > 0 || isSection(valueAt(raw, ['authentication']))
  return listAt(raw, ['cluster', 'links']).flatMap((link, index): Remark[] => {
    const path = ['cluster', 'links', index, 'accept']
    const accept = valueAt(link, ['accept'])
    if (!isSection(accept) || valueAt(accept, ['cert_common_name']) !== undefined) return []
    const message = isProved
      ? 'any client that may connect may choose such a ClientID; add username or cert_common_name'
      : 'without authentication a client is whoever it says it is; configure authentication, or add cert_common_name'
    if (isProved && valueAt(accept, ['username']) !== undefined) return []
    return [{ path, reason: 'unproved_identity', message }]
  })
}

function linkRemarks(link: unknown, index: number): Remark[] {
  const at = (path: KeyPath): KeyPath => ['cluster', 'links', index, ...path]
  const idle = idleKeys
    .filter(({ path }) => valueAt(link, path) !== undefined)
    .map(({ path, because }): Remark => ({
      path: at(path),
      reason: 'no_effect',
      message: `has no effect here: ${because}`,
    }))
  const system = listAt(link, ['topics']).flatMap((topic, position): Remark[] => {
    if (typeof topic !== 'string' || !/^\$SYS(?:\/|$)/.test(topic)) return []
    return [
      { path: at(['topics', position]), reason: 'no_effect', message: 'has no effect here: $SYS topics cross no link' },
    ]
  })
  return [...idle, ...system, ...plainPortRemarks(link, at)]
}

/** EMQX's default port does not follow the scheme, which is easily taken for granted. */
function plainPortRemarks(link: unknown, at: (path: KeyPath) => KeyPath): Remark[] {
  const server = valueAt(link, ['server'])
  const enable = valueAt(link, ['ssl', 'enable'])
  if (typeof server !== 'string') return []
  const result = readServers(server, { enable: enable === true || enable === 'true' })
  if (result.type === 'invalid' || !result.servers.some(({ tls, port }) => tls && port === 1883)) return []
  const message = 'TLS on port 1883, which is also the default if none is written; the usual port for TLS is 8883'
  return [{ path: at(['server']), reason: 'plain_port_for_tls', message }]
}

const idleKeys: readonly { readonly path: KeyPath; readonly because: string }[] = [
  ...idleTlsKeys,
  ...['active_n', 'sndbuf', 'recbuf', 'buffer', 'delay_send'].map((key) => {
    return { path: ['tcp_opts', key], because: "it belongs to Erlang's sockets" }
  }),
  ...['batch_size', 'batch_time', 'query_mode', 'buffer_mode', 'start_after_created'].map((key) => {
    return { path: ['resource_opts', key], because: 'EMQX does not use it for links either' }
  }),
  { path: ['resource_opts', 'dispatch_strategy'], because: 'the order of each publisher is always kept' },
  { path: ['resource_opts', 'health_check_interval_jitter'], because: 'every retry has jitter' },
  { path: ['resource_opts', 'health_check_timeout'], because: 'a link reacts to its connections, not to checks' },
  { path: ['resource_opts', 'resume_interval'], because: 'a link resumes as soon as it is connected' },
  { path: ['ps_actor_incarnation'], because: 'the node keeps its incarnation itself' },
]

function listAt(value: unknown, path: KeyPath): readonly unknown[] {
  const list = valueAt(value, path)
  return Array.isArray(list) ? list : []
}
