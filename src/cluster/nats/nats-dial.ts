/** One attempt to connect to one NATS server, and what its failure means to the person who wrote the configuration. */
import { readFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { connect, type ConnectionOptions, credsAuthenticator, type NatsConnection, nkeyAuthenticator } from 'nats'
import type { NatsConfig } from '../../config/nats/nats-config.ts'
import { natsTlsOptions } from './nats-tls.ts'

export type NatsServer = {
  readonly host: string
  readonly port: number
  /** The name in its certificate; of a server that another one told us of, the name by which we know that one. */
  readonly name: string
}

/** How long a server may take to greet, and then to take the connection. */
const dialMsMax = 2000
/** A server that says nothing for four of these is given up: one that is frozen, or cut off without a word. */
const pingMs = 1000

/** The servers of the configuration, whose addresses were checked when it was read. */
export function configuredServers({ servers }: NatsConfig): NatsServer[] {
  return servers.map((server) => readServer(server.replace(/^[a-z]+:\/\//i, '')))
}

/** `[::1]:4222`, `host:4222` or `host`. */
export function readServer(written: string, name?: string): NatsServer {
  const [, inBrackets, plain = '', port = '4222'] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(written) ?? []
  const host = inBrackets ?? plain
  return { host, port: Number(port), name: name ?? host }
}

export type DialOptions = {
  /** By which people at the servers know us. */
  readonly clientName: string
  /** Gives up. */
  readonly signal: AbortSignal
}

/** Resolves with a connection that has made its first round trip. It does not reconnect by itself. */
export async function dial(
  config: NatsConfig,
  server: NatsServer,
  { clientName, signal }: DialOptions,
): Promise<NatsConnection> {
  await greeted(server, signal)
  const options: ConnectionOptions = {
    servers: [server.host.includes(':') ? `[${server.host}]:${server.port}` : `${server.host}:${server.port}`],
    name: clientName,
    // As everything else does: by the system's resolver, which knows `localhost` and /etc/hosts.
    resolve: false,
    reconnect: false,
    noEcho: true,
    noAsyncTraces: true,
    timeout: dialMsMax,
    pingInterval: pingMs,
    maxPingOut: 3,
    tls: config.tls.enable ? natsTlsOptions(config.tls, server.name) : null,
    ...identity(config),
  }
  return connect(options)
}

function identity({ credentials, nkey, user, password }: NatsConfig): Partial<ConnectionOptions> {
  if (credentials !== undefined) return { authenticator: credsAuthenticator(readFileSync(credentials)) }
  if (nkey !== undefined) return { authenticator: nkeyAuthenticator(Buffer.from(nkey)) }
  return user === undefined ? {} : { user, pass: password ?? '' }
}

/**
 * A server greets whoever connects. One that does not is frozen, and nats.js 2.29 keeps for ever the socket on which it waits for
 * that: so it is asked on one of ours first. Can go when its transport destroys the socket of an attempt that was given up.
 */
function greeted({ host, port }: NatsServer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp(port, host)
    const giveUp = (): void => settle(new Error('given up'))
    const settle = (error?: Error): void => {
      signal.removeEventListener('abort', giveUp)
      socket.destroy()
      if (error === undefined) resolve()
      else reject(error)
    }
    signal.addEventListener('abort', giveUp)
    socket.setTimeout(dialMsMax, () => settle(new Error('no greeting in time')))
    socket.once('data', (bytes) => {
      settle(bytes.toString('latin1', 0, 5) === 'INFO ' ? undefined : new Error('this is no NATS server'))
    })
    socket.once('error', settle)
    socket.once('close', () => settle(new Error('closed without a greeting')))
  })
}

/** Words for a refusal that only another configuration mends; `undefined` for a server that is merely away. */
export function refusalWords(error: unknown, config: NatsConfig, where: string): string | undefined {
  if (!(error instanceof Error)) return undefined
  const code = 'code' in error ? String(error.code) : ''
  const words = error.message
  if (code === 'BAD_CREDS' || error.name === 'NKeysError') return `${identityKey(config)}: can't be used: ${words}`
  if (/^AUTHENTICATION_EXPIRED|^ACCOUNT_EXPIRED/.test(code))
    return `${identityKey(config)}: NATS at ${where} says that it has expired`
  if (code === 'AUTHORIZATION_VIOLATION') {
    const who = identityKey(config)
    if (who === 'cluster.nats')
      return `cluster.nats: NATS at ${where} wants to know who we are; set credentials, nkey, or user and password`
    return `${who}: NATS at ${where} does not accept it`
  }
  if (code === 'SERVER_OPT_NA') return `cluster.nats.tls: NATS at ${where} does not offer TLS; set enable = false`
  if (code === 'TLS' && !config.tls.enable) return `cluster.nats.tls: NATS at ${where} wants TLS; set enable = true`
  if (code === 'ENOENT' || code === 'EACCES') return `cluster.nats: ${words}`
  if (/^TLS$|CERT|^ERR_SSL|^ERR_TLS|^UNABLE_TO|SELF_SIGNED|SIGNATURE/.test(code))
    return `cluster.nats.tls: no TLS with NATS at ${where}: ${words}`
  return undefined
}

function identityKey({ credentials, nkey, user }: NatsConfig): string {
  if (credentials !== undefined) return 'cluster.nats.credentials'
  if (nkey !== undefined) return 'cluster.nats.nkey'
  return user === undefined ? 'cluster.nats' : 'cluster.nats.user'
}
