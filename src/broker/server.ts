/** The broker's listeners and open connections: sockets at one end, `Connection` at the other. */
import { createServer, type AddressInfo, type Server as NetServer, type Socket } from 'node:net'
import type { ListenerConfig } from '../config/config.ts'
import { reasonCode } from '../packets/reason-code.ts'
import type { Broker } from './broker.ts'
import { Connection, type Hub, type Transport } from './connection.ts'
import type { Timer } from './clock.ts'

const DEADLINE_CHECK_MS = 1_000
const SWEEP_MS = 60_000
/** How long a socket that was asked to end may take to send what it holds. */
const LINGER_MS = 5_000

export class ListenerError extends Error {
  override readonly name = 'ListenerError'
  readonly code = 'LISTENER_FAILED'
}

export class Server implements Hub {
  readonly broker: Broker
  readonly #listeners = new Map<string, NetServer>()
  readonly #connections = new Map<Connection, SocketTransport>()
  #toFlush: Connection[] = []
  #deadlines: Timer | undefined
  #sweptAtMs: number

  constructor(broker: Broker) {
    this.broker = broker
    this.#sweptAtMs = broker.clock.steadyMs()
    this.#checkDeadlines()
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Starts a listener. Resolves to `host:port` as it really listens; throws `ListenerError`. */
  async listen(name: string, config: ListenerConfig): Promise<string> {
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket, `tcp:${name}`))
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause: NodeJS.ErrnoException) => {
        const words = cause.code === 'EADDRINUSE' ? 'another process listens there already' : cause.message
        reject(
          new ListenerError(`listeners.tcp.${name}: can't listen on ${config.host}:${config.port}: ${words}`, {
            cause,
          }),
        )
      })
      server.listen({ port: config.port, host: config.host, backlog: 1024 }, resolve)
    })
    server.on('error', (error) => this.broker.log.error({ err: error, listener: name }, 'listener_failed'))
    this.#listeners.set(name, server)
    const { address, port, family } = server.address() as AddressInfo
    return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`
  }

  /** Accepts no more connections on this listener; those that are open stay. */
  unlisten(name: string): void {
    this.#listeners.get(name)?.close()
    this.#listeners.delete(name)
  }

  /** Says goodbye to every client, lets what is gathered be sent, and closes. */
  async close(): Promise<void> {
    this.#deadlines?.cancel()
    for (const name of this.#listeners.keys()) this.unlisten(name)
    const sockets = [...this.#connections.values()]
    for (const connection of this.#connections.keys())
      connection.disconnect(reasonCode.serverShuttingDown, 'the node is shutting down')
    await Promise.all(sockets.map((transport) => transport.closed))
    this.broker.sessions.close()
  }

  // ---- Hub

  flushLater(connection: Connection): void {
    if (this.#toFlush.length === 0) setImmediate(this.#flush)
    this.#toFlush.push(connection)
  }

  closed(connection: Connection): void {
    this.#connections.delete(connection)
  }

  /** All sockets that were readable in this turn have been read by now, so that each receiver gets one write. */
  readonly #flush = (): void => {
    const connections = this.#toFlush
    this.#toFlush = []
    for (const connection of connections) {
      try {
        connection.flush()
      } catch (error) {
        // One connection that fails must not keep the others from being written to.
        this.broker.log.error({ err: error, clientid: connection.clientId }, 'connection_crashed')
        this.#connections.get(connection)?.destroy()
      }
    }
  }

  #accept(socket: Socket, listener: string): void {
    const transport = new SocketTransport(socket, listener)
    const connection = new Connection(this, transport)
    this.#connections.set(connection, transport)
    socket.on('data', (chunk: Buffer) => connection.receive(chunk))
    socket.on('error', (error) => this.broker.log.debug({ err: error, peer: transport.remoteAddress }, 'socket_error'))
    socket.on('end', () => {
      connection.disconnected()
      // What is still to be written is, but not for ever to a client that reads no more.
      transport.end()
    })
    socket.on('close', () => connection.disconnected())
  }

  #checkDeadlines(): void {
    this.#deadlines = this.broker.clock.after(DEADLINE_CHECK_MS, () => {
      const steadyMs = this.broker.clock.steadyMs()
      for (const connection of this.#connections.keys()) connection.checkDeadlines(steadyMs)
      if (steadyMs - this.#sweptAtMs >= SWEEP_MS) {
        this.#sweptAtMs = steadyMs
        this.broker.sweep()
      }
      this.#checkDeadlines()
    })
  }
}

class SocketTransport implements Transport {
  readonly remoteAddress: string
  readonly peerHost: string
  readonly peerPort: number
  readonly localPort: number
  readonly listener: string
  readonly certificate = undefined
  readonly closed: Promise<void>
  readonly #socket: Socket

  constructor(socket: Socket, listener: string) {
    this.#socket = socket
    this.listener = listener
    this.peerHost = (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/, '')
    this.peerPort = socket.remotePort ?? 0
    this.localPort = socket.localPort ?? 0
    this.remoteAddress = `${this.peerHost}:${this.peerPort}`
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
  }

  get writableLength(): number {
    return this.#socket.writableLength
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  cork(): void {
    this.#socket.cork()
  }

  uncork(): void {
    this.#socket.uncork()
  }

  write(bytes: Buffer, done?: () => void): boolean {
    return this.#socket.write(bytes, done)
  }

  end(): void {
    this.#socket.end()
    // A client that does not read would keep the socket for ever.
    const linger = setTimeout(() => this.#socket.destroy(), LINGER_MS)
    linger.unref()
    this.#socket.once('close', () => clearTimeout(linger))
    // What it still sends is nobody's: it must be read for the end to be seen.
    this.#socket.resume()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}
