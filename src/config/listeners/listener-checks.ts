/** Rules between the fields of listeners, and between listeners: what no field can say about itself. */
import { isIPv6 } from 'node:net'
import { formatAddress, readBind } from '../address.ts'
import type { Finding, Remark } from '../config-issues.ts'
import { isSection, type KeyPath, valueAt } from '../key-path.ts'
import { type ListenerType, listenerTypes } from './listener-config.ts'
import { defaultBinds } from './resolve-listeners.ts'

/** One listener as it was written. */
type Written = { readonly type: ListenerType; readonly name: string; readonly listener: unknown }

export function listenerFindings(raw: unknown): Finding[] {
  const listeners = writtenListeners(raw)
  return [...bindFindings(listeners), ...listeners.flatMap(tlsFindings)]
}

function writtenListeners(raw: unknown): Written[] {
  return listenerTypes.flatMap((type) => {
    const named = valueAt(raw, ['listeners', type])
    if (!isSection(named)) return []
    return Object.entries(named).map(([name, listener]) => ({ type, name, listener }))
  })
}

const isOff = (value: unknown): boolean => value === false || value === 'false'
const isOn = (value: unknown): boolean => value === true || value === 'true'

/** Two listeners on one port: the second would fail at start. */
function bindFindings(listeners: readonly Written[]): Finding[] {
  const taken: { readonly id: string; readonly host: string; readonly port: number }[] = []
  return listeners.flatMap(({ type, name, listener }): Finding[] => {
    const bind = valueAt(listener, ['bind']) ?? (name === 'default' ? defaultBinds[type] : undefined)
    if (isOff(valueAt(listener, ['enable'])) || (typeof bind !== 'string' && typeof bind !== 'number')) return []
    const address = readBind(bind)
    if (address.type === 'invalid' || address.port === 0) return []
    const first = taken.find((other) => other.port === address.port && hostsClash(other.host, address.host))
    if (first !== undefined) {
      const message = `listeners.${first.id} has ${formatAddress(first)} already; give this one another port`
      return [{ path: ['listeners', type, name, 'bind'], value: bind, reason: 'duplicated_bind', message }]
    }
    taken.push({ id: `${type}.${name}`, host: address.host, port: address.port })
    return []
  })
}

/** `::` takes IPv4 along. */
function hostsClash(a: string, b: string): boolean {
  const [one, other] = [a.toLowerCase(), b.toLowerCase()]
  if (one === other || one === '::' || other === '::') return true
  return (one === '0.0.0.0' && !isIPv6(other)) || (other === '0.0.0.0' && !isIPv6(one))
}

function tlsFindings({ type, name, listener }: Written): Finding[] {
  return sslOptionFindings(valueAt(listener, ['ssl_options']), ['listeners', type, name, 'ssl_options'])
}

/** @param under path of these options */
export function sslOptionFindings(options: unknown, under: KeyPath): Finding[] {
  const at = (path: KeyPath): KeyPath => [...under, ...path]
  const findings: Finding[] = []
  if (isOn(valueAt(options, ['fail_if_no_peer_cert'])) && valueAt(options, ['verify']) !== 'verify_peer') {
    const message = 'wants verify = verify_peer: without it no client is asked for a certificate'
    findings.push({ path: at(['fail_if_no_peer_cert']), reason: 'bad_value', message })
  }
  const versions = valueAt(options, ['versions'])
  if (Array.isArray(versions) && versions.some((version) => version === 'tlsv1.1' || version === 'tlsv1')) {
    const message = 'TLS 1.1 and 1.0 are broken (RFC 8996) and not served; write ["tlsv1.3", "tlsv1.2"]'
    findings.push({ path: at(['versions']), reason: 'not_supported', message })
  }
  return findings
}

/** Keys that are read and change nothing. */
export function listenerRemarks(raw: unknown): Remark[] {
  return writtenListeners(raw).flatMap(({ type, name, listener }) => {
    const at = (path: KeyPath): KeyPath => ['listeners', type, name, ...path]
    const idle = idleKeys.filter(({ path }) => valueAt(listener, path) !== undefined)
    const bursts = ['max_conn', 'messages', 'bytes'].filter((rate) => {
      const limit = valueAt(listener, [`${rate}_rate`])
      return valueAt(listener, [`${rate}_burst`]) !== undefined && (limit === undefined || limit === 'infinity')
    })
    return [
      ...idle.map(({ path, because }) => noEffect(at(path), because)),
      ...bursts.map((rate) => noEffect(at([`${rate}_burst`]), `${rate}_rate is infinity`)),
    ]
  })
}

const noEffect = (path: KeyPath, because: string): Remark => {
  return { path, reason: 'no_effect', message: `has no effect here: ${because}` }
}

const idleKeys: readonly { readonly path: KeyPath; readonly because: string }[] = [
  ...['acceptors', 'tcp_backend', 'parse_unit'].map((key) => ({
    path: [key],
    because: "it belongs to Erlang's servers",
  })),
  ...['active_n', 'sndbuf', 'recbuf', 'buffer', 'high_watermark', 'nolinger', 'reuseaddr'].map((key) => {
    return { path: ['tcp_options', key], because: "it belongs to Erlang's sockets" }
  }),
  { path: ['tcp_options', 'send_timeout_close'], because: 'a client that reads too slowly is always disconnected' },
  ...[
    'depth log_level hibernate_after gc_after_handshake reuse_sessions secure_renegotiate client_renegotiation',
    'user_lookup_fun dhfile',
  ]
    .flatMap((keys) => keys.split(' '))
    .map((key) => ({ path: ['ssl_options', key], because: "it belongs to Erlang's TLS" })),
  { path: ['websocket', 'validate_utf8'], because: 'text frames are refused in any case' },
  { path: ['websocket', 'deflate_opts'], because: 'Node.js chooses how it compresses' },
]
