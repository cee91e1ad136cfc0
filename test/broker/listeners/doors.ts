/** Ways to a listener from outside, and a server with listeners of any kind for one test. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { type ClientOptions, createWebSocketStream, WebSocket } from 'ws'
import type { ListenerConfig, ListenerType } from '../../../src/config/listeners/listener-config.ts'
import type { MqttConfig } from '../../../src/config/config.ts'
import type { Clock } from '../../../src/broker/clock.ts'
import { listenerOf, type WrittenListener } from '../listener-of.ts'
import { RawClient, type Version } from '../raw-client.ts'
import { TestBroker } from '../test-broker.ts'

/** Tests run from the root of the project. */
export const pemPath = (name: string): string => join(process.cwd(), 'test/fixtures/tls/listeners', name)
export const pem = (name: string): string => readFileSync(pemPath(name), 'utf8')

export const serverFiles = { certfile: pemPath('server.pem'), keyfile: pemPath('server.key') }
export const clientFiles = { cert: pem('client.pem'), key: pem('client.key') }
export const strangerFiles = { cert: pem('stranger.pem'), key: pem('stranger.key') }

export type Door = {
  readonly broker: TestBroker
  readonly config: ListenerConfig
  readonly address: string
  readonly port: number
  /** `ssl:door` and the like. */
  readonly id: string
}

/** A broker with one more listener than its plain one, named `door`. */
export async function openDoor<Type extends ListenerType>(
  t: TestContext,
  type: Type,
  written: WrittenListener<Type> | object = {},
  { mqtt = {}, clock }: { mqtt?: Partial<MqttConfig>; clock?: Clock } = {},
): Promise<Door> {
  const broker = await TestBroker.start(t, mqtt, clock)
  const tls = type === 'ssl' || type === 'wss'
  const { ssl_options = {}, ...rest } = written as { ssl_options?: object }
  const config = listenerOf(type, tls ? { ...rest, ssl_options: { ...serverFiles, ...ssl_options } } : rest)
  const address = await broker.server.listen('door', config)
  return { broker, config, address, port: Number(address.split(':')[1]), id: `${type}:door` }
}

/** As the log names the first client that connected. */
export function firstPeer(broker: TestBroker): unknown {
  const fields = broker.log.find(({ event }) => event === 'client_connected')?.fields ?? {}
  return 'peer' in fields ? fields.peer : undefined
}

/** What the listener says of itself. */
export function statusOf({ broker, id }: Door) {
  const status = broker.server.listeners().find((listener) => listener.id === id)
  assert.ok(status !== undefined)
  return status
}

const DEADLINE_MS = 30_000

/** Resolves once the condition holds. */
export async function until(holds: () => boolean): Promise<void> {
  const lateMs = Date.now() + DEADLINE_MS
  while (!holds()) {
    assert.ok(Date.now() < lateMs, `this never came true: ${String(holds)}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

export async function tcp(t: TestContext, port: number, localAddress?: string): Promise<Socket> {
  const socket = connectTcp({ host: '127.0.0.1', port, noDelay: true, ...(localAddress && { localAddress }) })
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  // A reset is an end like another one.
  socket.on('error', () => socket.destroy())
  return socket
}

/** Resolves when the server has ended the connection. */
export async function ended(socket: Socket | RawClient): Promise<void> {
  if (socket instanceof RawClient) return void (await socket.closed())
  socket.resume()
  await new Promise<void>((resolve) => (socket.closed ? resolve() : socket.once('close', () => resolve())))
}

export async function tls(
  t: TestContext,
  port: number,
  options: ConnectionOptions = {},
  first?: Buffer,
): Promise<TLSSocket> {
  const below = await tcp(t, port)
  if (first !== undefined) below.write(first)
  const socket = connectTls({ socket: below, servername: 'localhost', ca: pem('ca.pem'), ...options })
  t.after(() => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

export async function tlsClient(
  t: TestContext,
  port: number,
  options: ConnectionOptions = {},
  version: Version = 5,
): Promise<RawClient> {
  return new RawClient(await tls(t, port, options), version)
}

/** Why a TLS client did not get in: the code of what it was told, or of how it ended, before or after its own handshake. */
export async function tlsRefusal(t: TestContext, port: number, options: ConnectionOptions = {}): Promise<string> {
  const socket = connectTls({ host: '127.0.0.1', port, servername: 'localhost', ca: pem('ca.pem'), ...options })
  t.after(() => socket.destroy())
  return new Promise((resolve) => {
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    socket.on('close', () => resolve('closed'))
    socket.resume()
  })
}

export async function websocket(
  t: TestContext,
  url: string,
  protocols: readonly string[] = ['mqtt'],
  options: ClientOptions = {},
): Promise<WebSocket> {
  const client = new WebSocket(url, [...protocols], { ca: pem('ca.pem'), perMessageDeflate: false, ...options })
  t.after(() => client.terminate())
  await once(client, 'open')
  return client
}

export async function websocketClient(
  t: TestContext,
  url: string,
  options: ClientOptions = {},
  version: Version = 5,
): Promise<RawClient> {
  return new RawClient(createWebSocketStream(await websocket(t, url, ['mqtt'], options)), version)
}
