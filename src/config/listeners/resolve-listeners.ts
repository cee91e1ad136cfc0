/** From listeners as they were written to listeners as the broker takes them; their certificates are read and checked. */
import { isAbsolute, resolve } from 'node:path'
import { readBind } from '../address.ts'
import { readPassword } from '../config-files.ts'
import type { Finding, Remark } from '../config-issues.ts'
import type { KeyPath } from '../key-path.ts'
import {
  type ListenerBasis,
  type ListenerConfig,
  type ListenersConfig,
  type ListenerType,
  type TlsServerConfig,
  type TlsVersion,
  type WebsocketConfig,
} from './listener-config.ts'
import {
  listenersSchema,
  type ParsedListener,
  type ParsedListeners,
  type ParsedSslOptions,
  type ParsedWebsocket,
} from './listener-schema.ts'
import type { ResolveContext } from '../resolve-context.ts'
import { expiryWords, readTlsMaterial } from './tls-material.ts'

/** Where the listener `default` of each type binds if nobody says otherwise: EMQX's ports. */
export const defaultBinds: Readonly<Record<ListenerType, string>> = {
  tcp: '0.0.0.0:1883',
  ssl: '0.0.0.0:8883',
  ws: '0.0.0.0:8083',
  wss: '0.0.0.0:8084',
}

/** What is found on the way. */
type Notes = { readonly findings: Finding[]; readonly remarks: Remark[] }
type Built = Notes & { readonly listeners: ListenersConfig }

/** @param written `undefined` where nothing is said of listeners: then there is one, `tcp:default` */
export function buildListeners(written: ParsedListeners | undefined, context: ResolveContext): Built {
  const notes: Notes = { findings: [], remarks: [] }
  const { tcp, ssl, ws, wss } = written ?? listenersSchema.parse({ tcp: { default: {} } })
  const build = <Parsed extends ParsedListener>(
    type: ListenerType,
    named: Readonly<Record<string, Parsed>>,
    complete: (basis: ListenerBasis, listener: Parsed, path: KeyPath) => ListenerConfig,
  ): Record<string, ListenerConfig> =>
    Object.fromEntries(
      Object.entries(named).flatMap(([name, listener]) => {
        const path = ['listeners', type, name]
        const basis = buildBasis(type, name, listener, notes)
        return basis === undefined ? [] : [[name, complete(basis, listener, path)]]
      }),
    )
  const tls = (basis: ListenerBasis, options: ParsedSslOptions, path: KeyPath): TlsServerConfig =>
    buildServerTls(options, basis.enable, [...path, 'ssl_options'], context, notes)
  const listeners = {
    tcp: build('tcp', tcp, (basis) => ({ type: 'tcp', ...basis })),
    ssl: build('ssl', ssl, (basis, listener, path) => {
      return { type: 'ssl', ...basis, ssl_options: tls(basis, listener.ssl_options, path) }
    }),
    ws: build('ws', ws, (basis, listener) => ({ type: 'ws', ...basis, websocket: buildWebsocket(listener.websocket) })),
    wss: build('wss', wss, (basis, listener, path) => {
      const ssl_options = tls(basis, listener.ssl_options, path)
      return { type: 'wss', ...basis, ssl_options, websocket: buildWebsocket(listener.websocket) }
    }),
  }
  return { ...notes, listeners }
}

function buildBasis(
  type: ListenerType,
  name: string,
  { bind, tcp_options, max_conn_burst, messages_burst, bytes_burst, ...listener }: ParsedListener,
  { findings }: Notes,
): ListenerBasis | undefined {
  const address = readBind(bind ?? defaultBinds[type])
  if (bind === undefined && name !== 'default') {
    const message = 'is missing; expected host:port in double quotes, or a port'
    findings.push({ path: ['listeners', type, name, 'bind'], reason: 'required_field', message })
  }
  if (address.type === 'invalid') return undefined
  const { enable, max_connections, max_conn_rate, messages_rate, bytes_rate } = listener
  const { max_messages_rate, max_bytes_rate } = listener
  const { proxy_protocol, proxy_protocol_timeout, enable_authn, access_rules } = listener
  const { backlog, nodelay, keepalive, send_timeout } = tcp_options
  return {
    enable,
    host: address.host,
    port: address.port,
    max_connections,
    max_conn_rate,
    ...(max_conn_burst === undefined ? {} : { max_conn_burst }),
    messages_rate,
    ...(messages_burst === undefined ? {} : { messages_burst }),
    bytes_rate,
    ...(bytes_burst === undefined ? {} : { bytes_burst }),
    max_messages_rate,
    max_bytes_rate,
    proxy_protocol,
    proxy_protocol_timeout,
    enable_authn,
    access_rules,
    tcp_options: { backlog, nodelay, ...(keepalive === undefined ? {} : { keepalive }), send_timeout },
  }
}

/**
 * Certificate and key of a server, read and checked.
 * @param isUsed whether they must be there
 */
export function buildServerTls(
  options: ParsedSslOptions,
  isUsed: boolean,
  path: KeyPath,
  { baseDir, readFile, nowMs }: ResolveContext,
  { findings, remarks }: Notes,
): TlsServerConfig {
  const secret = options.password ?? ''
  const password = secret === '' ? undefined : readPassword(secret, baseDir, readFile, [...path, 'password'])
  if (typeof password === 'object') findings.push(password)
  const absolute = (key: 'cacertfile' | 'certfile' | 'keyfile'): Partial<Pick<TlsServerConfig, typeof key>> => {
    const written = options[key]
    if (written === undefined) return {}
    return { [key]: written.includes('-----BEGIN') || isAbsolute(written) ? written : resolve(baseDir, written) }
  }
  const { verify, fail_if_no_peer_cert, ciphers, honor_cipher_order, handshake_timeout } = options
  const ssl: TlsServerConfig = {
    ...absolute('cacertfile'),
    ...absolute('certfile'),
    ...absolute('keyfile'),
    ...(typeof password === 'string' ? { password } : {}),
    verify,
    fail_if_no_peer_cert,
    versions: options.versions.filter((version): version is TlsVersion => /^tlsv1\.[23]$/.test(version)),
    ciphers,
    honor_cipher_order,
    handshake_timeout,
  }
  if (!isUsed) return ssl
  const missing = missingFiles(ssl, path)
  findings.push(...missing)
  if (missing.length > 0 || typeof password === 'object') return ssl
  const material = readTlsMaterial(ssl, readFile)
  if (material.type === 'invalid') {
    for (const { key, message } of material.problems)
      findings.push({ path: [...path, key], reason: 'bad_certificate', message })
    return ssl
  }
  for (const certificate of material.certificates) {
    const message = expiryWords(certificate, nowMs())
    if (message !== undefined) remarks.push({ path: [...path, certificate.key], reason: 'certificate_expiry', message })
  }
  return ssl
}

function missingFiles(ssl: TlsServerConfig, path: KeyPath): Finding[] {
  const missing = (key: 'cacertfile' | 'certfile' | 'keyfile', why: string): Finding[] =>
    ssl[key] === undefined ? [{ path: [...path, key], reason: 'required_field', message: `is missing; ${why}` }] : []
  const ownPem = 'a listener with TLS needs its own certificate and key, PEM files'
  return [
    ...missing('certfile', ownPem),
    ...missing('keyfile', ownPem),
    // Node would take any authority that it knows, so that everybody with a certificate of the web were let in.
    ...(ssl.verify === 'verify_peer' ? missing('cacertfile', 'who may sign certificates of clients must be said') : []),
  ]
}

function buildWebsocket(written: ParsedWebsocket): WebsocketConfig {
  const { validate_utf8: _unused, deflate_opts: _unusedToo, ...websocket } = written
  return websocket
}
