/** Addresses as the configuration writes them: `host:port`, `[::1]:1883`, and for links lists of them with schemes. */
import { isIPv4, isIPv6 } from 'node:net'
import type { ServerAddress } from './config.ts'

export type AddressProblem = {
  readonly type: 'invalid'
  readonly reason: 'bad_host' | 'bad_port_number' | 'unsupported_scheme'
  readonly message: string
}

/** EMQX's, with TLS and without: it never becomes 8883 by itself. */
const defaultPort = 1883

/** `host[:port]` with an optional `mqtt://` or `mqtts://`, or several with commas, tried in the order in which they are written. */
export function readServers(
  server: string,
  ssl: { readonly enable: boolean },
): { readonly type: 'ok'; readonly servers: readonly ServerAddress[] } | AddressProblem {
  const servers: ServerAddress[] = []
  for (const written of server.split(',')) {
    const address = readServer(written.trim(), ssl)
    if (address.type === 'invalid') return address
    servers.push({ host: address.host, port: address.port, tls: address.tls })
  }
  return { type: 'ok', servers }
}

/** The addresses of a link whose `server` was checked when the configuration was read. */
export function parseServers(server: string, ssl: { readonly enable: boolean }): readonly ServerAddress[] {
  const result = readServers(server, ssl)
  if (result.type === 'invalid') throw new TypeError(`server was not checked: ${result.message}`)
  return result.servers
}

function readServer(written: string, ssl: { readonly enable: boolean }): Read<{ readonly tls: boolean }> {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(written)
  const name = scheme?.[1]?.toLowerCase()
  if (name !== undefined && name !== 'mqtt' && name !== 'mqtts') {
    return invalid('unsupported_scheme', `${name}:// is no scheme of a link; write mqtt://, mqtts:// or none`)
  }
  const address = readHostPort(written.slice(scheme?.[0].length ?? 0), 1)
  if (address.type === 'invalid') return address
  return { ...address, port: address.port ?? defaultPort, tls: ssl.enable || name === 'mqtts' }
}

/**
 * Where a listener binds: `host:port`, `[::]:1883`, or a port alone, which stands for all IPv4 addresses as it does in EMQX.
 * Port 0 is any free one.
 */
export function readBind(bind: string | number): Read<object> {
  const written = String(bind).trim()
  const portAlone = typeof bind === 'number' || /^:?\d+$/.test(written)
  const address = readHostPort(portAlone ? `0.0.0.0:${written.replace(':', '')}` : written, 0)
  if (address.type === 'invalid') return address
  if (address.port === undefined) return invalid('bad_port_number', `the port is missing; ${portHint(0)}`)
  return { ...address, port: address.port }
}

/** Where to listen, of a `bind` that was checked when the configuration was read; port 0 is one that the system chooses. */
export function parseBind(bind: string): { readonly host: string; readonly port: number } {
  const result = readBind(bind)
  if (result.type === 'invalid') throw new TypeError(`bind was not checked: ${result.message}`)
  return { host: result.host, port: result.port }
}

/** The other way round, for people: IPv6 in brackets. */
export function formatAddress({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

type Read<More> = ({ readonly type: 'ok'; readonly host: string; readonly port: number } & More) | AddressProblem
type HostPort = { readonly type: 'ok'; readonly host: string; readonly port: number | undefined }

/** `host`, `host:port` or `[::1]:port`. `examplePort`: for the words of what is refused. */
export function readHostPort(written: string, portMin: number, examplePort = defaultPort): HostPort | AddressProblem {
  // Nothing of what stands before an `@` may be repeated: it is a name and a password.
  if (written.includes('@')) return invalid('bad_host', 'an address holds no user; write username and password as keys')
  if (isIPv6(written)) return invalid('bad_host', `an IPv6 address stands in brackets: [${written}]:${examplePort}`)
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/s.exec(written)
  if (match === null) return badHost(written, examplePort)
  const [, inBrackets, plain = '', portText] = match
  if (inBrackets === undefined ? !isHost(plain) : !isIPv6(inBrackets)) return badHost(inBrackets ?? plain, examplePort)
  const host = inBrackets ?? plain
  if (portText === undefined) return { type: 'ok', host, port: undefined }
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : Number.NaN
  if (port >= portMin && port <= 65_535) return { type: 'ok', host, port }
  return invalid('bad_port_number', `${quoted(portText)} is no port; ${portHint(portMin)}`)
}

/** What consists of digits and dots alone is meant as an IPv4 address. */
function isHost(text: string): boolean {
  return /^[\d.]*$/.test(text) ? isIPv4(text) : hostName.test(text) && text.length <= 253
}

const hostName = /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_.])?$/i
const hostHint = (port: number): string => `write host:port, for instance broker.example.com:${port} or [::1]:${port}`
const portHint = (min: number): string => `a port is a number from ${min} to 65535`
const badHost = (host: string, port: number): AddressProblem =>
  invalid('bad_host', `${host === '' ? 'the host is missing' : `${quoted(host)} is no host`}; ${hostHint(port)}`)
const quoted = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text)

function invalid(reason: AddressProblem['reason'], message: string): AddressProblem {
  return { type: 'invalid', reason, message }
}
