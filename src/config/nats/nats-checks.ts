/** Rules between the keys of `cluster.nats` and of the cluster that meets there. */
import type { Finding, Remark } from '../config-issues.ts'
import { isSection, type KeyPath, valueAt } from '../key-path.ts'
import { isTlsServer } from './nats-schema.ts'

const at = (...path: KeyPath): KeyPath => ['cluster', 'nats', ...path]

export function natsFindings(raw: unknown): Finding[] {
  const nats = valueAt(raw, at())
  if (!isSection(nats)) return []
  return [...nameFindings(raw), ...identityFindings(nats), ...natsTlsFindings(nats)]
}

/** Two nodes that both bear the default's name would each believe to be the other. */
function nameFindings(raw: unknown): Finding[] {
  return (
    [
      [['node', 'name'], 'in a cluster over NATS each node needs a name of its own, such as "a1@10.0.0.1"'],
      [['cluster', 'name'], 'nodes that meet over NATS know by it which of them belong together'],
    ] as const
  )
    .filter(([path]) => valueAt(raw, path) === undefined)
    .map(([path, because]) => ({ path, reason: 'required_field', message: `is missing; ${because}` }))
}

function identityFindings(nats: Record<string, unknown>): Finding[] {
  const has = (key: string): boolean => Object.hasOwn(nats, key)
  const findings: Finding[] = []
  const [first, ...more] = ['credentials', 'nkey', 'user'].filter(has)
  for (const key of more) {
    const message = `${first} says already who this node is to NATS; leave one of the two out`
    findings.push({ path: at(key), reason: 'bad_value', message })
  }
  if (has('user') && !has('password'))
    findings.push({ path: at('password'), reason: 'required_field', message: 'is missing; user needs a password' })
  if (has('password') && !has('user'))
    findings.push({ path: at('user'), reason: 'required_field', message: 'is missing; a password belongs to a user' })
  return findings
}

function natsTlsFindings(nats: Record<string, unknown>): Finding[] {
  const { servers, tls } = nats
  if (!isSection(tls)) return []
  const findings: Finding[] = []
  const isOff = tls['enable'] === false || tls['enable'] === 'false'
  if (isOff && Array.isArray(servers) && servers.some(isTlsServer)) {
    const message = 'is false, and servers holds a tls:// address; write nats:// there, or leave enable out'
    findings.push({ path: at('tls', 'enable'), reason: 'bad_value', message })
  }
  for (const [key, other] of [
    ['certfile', 'keyfile'],
    ['keyfile', 'certfile'],
  ] as const) {
    if (Object.hasOwn(tls, key) || !Object.hasOwn(tls, other)) continue
    const message = `is missing; ${other} alone proves nothing: a client certificate is both`
    findings.push({ path: at('tls', key), reason: 'required_field', message })
  }
  return findings
}

/** Durations of a cluster of several nodes, written for a node that is alone. */
export function natsRemarks(raw: unknown): Remark[] {
  if (valueAt(raw, at()) !== undefined) return []
  return ['member_ttl', 'lease_ttl']
    .map((key) => ['cluster', key])
    .filter((path) => valueAt(raw, path) !== undefined)
    .map((path) => ({
      path,
      reason: 'no_effect',
      message: 'has no effect here: without cluster.nats this node is its whole cluster',
    }))
}
