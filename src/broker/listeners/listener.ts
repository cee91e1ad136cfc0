/**
 * One listener: accepts connections as far as its limits allow, leads each through what lies below MQTT (PROXY header, TLS,
 * WebSocket) within its deadlines, and hands over those that got through.
 */
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net'
import { AccessRules } from '../../config/listeners/access-rule.ts'
import {
  type ListenerConfig,
  listenerId,
  type ListenerType,
  type TlsServerConfig,
  type WebsocketConfig,
} from '../../config/listeners/listener-config.ts'
import type { CertificateFile } from '../../config/listeners/tls-material.ts'
import type { Broker } from '../broker.ts'
import { TokenBucket } from '../limits/token-bucket.ts'
import { Certificates, certificateWords } from './certificates.ts'
import { Handshakes } from './handshakes.ts'
import { ListenerRates } from './listener-rates.ts'
import { formatPeer, type Peer, peerOf, proxiedPeer } from './peer.ts'
import { takeProxyHeader } from './proxy-header.ts'
import { type RefusalReason, Refusals } from './refusals.ts'
import type { ServerTransport } from './server-transport.ts'
import { SocketTransport } from './socket-transport.ts'
import { TlsLayer } from './tls-layer.ts'
import { WebsocketLayer } from './websocket-layer.ts'
import { WebsocketTransport } from './websocket-transport.ts'

export class ListenerError extends Error {
  override readonly name = 'ListenerError'
  readonly code = 'LISTENER_FAILED'
}

/** What is counted of a listener; it outlives a restart of the listener, as its connections do. */
export class ListenerLoad {
  /** Sockets that are open now, those in a handshake included. */
  open = 0
  /** Sockets that were ever accepted and not turned away at once. */
  accepted = 0
  readonly refusals: Refusals

  constructor(id: string, broker: Broker) {
    this.refusals = new Refusals(id, broker.log)
  }
}

export type ListenerPorts = {
  readonly broker: Broker
  readonly load: ListenerLoad
  /** A client has arrived: its first bytes of MQTT may follow. */
  readonly arrived: (transport: ServerTransport, config: ListenerConfig, rates: ListenerRates) => void
}

/** What lies between the socket and MQTT, by the options that count for new connections. */
type Layers = {
  readonly config: ListenerConfig
  readonly accessRules: AccessRules
  readonly certificates: Certificates | undefined
  readonly tls: TlsLayer | undefined
  readonly websocket: WebsocketLayer | undefined
  /** Of the largest MQTT packet, for which the WebSocket layer was made. */
  readonly packetBytesMax: number
}

export class Listener {
  readonly id: string
  readonly #name: string
  readonly #ports: ListenerPorts
  readonly #server: NetServer
  readonly #handshakes = new Handshakes((socket) => this.#expired(socket))
  readonly #connRate: TokenBucket
  readonly #rates: ListenerRates
  #layers: Layers

  private constructor(name: string, config: ListenerConfig, ports: ListenerPorts) {
    this.#name = name
    this.id = listenerId(config.type, name)
    this.#ports = ports
    this.#layers = this.#buildLayers(config)
    const nowMs = ports.broker.clock.steadyMs()
    this.#connRate = new TokenBucket(config.max_conn_rate, config.max_conn_burst, nowMs)
    this.#rates = new ListenerRates(config, nowMs)
    this.#server = createServer((socket) => this.#accept(socket))
  }

  /** Resolves once it listens. Rejects with `ListenerError`. */
  static async start(name: string, config: ListenerConfig, ports: ListenerPorts): Promise<Listener> {
    const listener = new Listener(name, config, ports)
    try {
      await listener.#listen()
    } catch (error) {
      listener.stop()
      throw error
    }
    return listener
  }

  /** `host:port` as it really listens. */
  get address(): string {
    const { address, port } = this.#server.address() as AddressInfo
    return formatPeer({ host: address, port })
  }

  get certificates(): readonly CertificateFile[] {
    return this.#layers.certificates?.files ?? []
  }

  /**
   * Takes over other options for new connections; those that are open stay as they are. Returns false, and changes nothing, if
   * the listener must be started anew for them. Throws `ListenerError`, and changes nothing, for certificates that are no good.
   */
  reconfigure(config: ListenerConfig): boolean {
    const before = this.#layers.config
    const { host, port, tcp_options } = config
    if (before.host !== host || before.port !== port || before.tcp_options.backlog !== tcp_options.backlog) return false
    const layers = this.#buildLayers(config)
    this.#layers.certificates?.stop()
    this.#layers = layers
    const nowMs = this.#ports.broker.clock.steadyMs()
    this.#connRate.configure(config.max_conn_rate, config.max_conn_burst, nowMs)
    this.#rates.configure(config, nowMs)
    return true
  }

  /** Called about once a second. */
  check(steadyMs: number): void {
    this.#handshakes.check(steadyMs)
    this.#ports.load.refusals.report(steadyMs)
    this.#followPacketSize()
  }

  /** Accepts no more; whoever is still in a handshake is turned away, clients stay. */
  stop(): void {
    this.#server.close()
    this.#layers.certificates?.stop()
    this.#handshakes.destroyAll()
  }

  async #listen(): Promise<void> {
    const { host, port, tcp_options } = this.#layers.config
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause: NodeJS.ErrnoException) => {
        const where = `listeners.${this.#layers.config.type}.${this.#name}`
        reject(
          new ListenerError(`${where}: can't listen on ${formatPeer({ host, port })}: ${bindWords(cause)}`, { cause }),
        )
      })
      this.#server.listen({ port, host, backlog: tcp_options.backlog }, resolve)
    })
    this.#server.on('error', (error) =>
      this.#ports.broker.log.error({ err: error, listener: this.id }, 'listener_failed'),
    )
  }

  #buildLayers(config: ListenerConfig): Layers {
    const packetBytesMax = this.#ports.broker.mqtt.max_packet_size
    const certificates = 'ssl_options' in config ? this.#readCertificates(config.type, config.ssl_options) : undefined
    return {
      config,
      accessRules: new AccessRules(config.access_rules),
      certificates,
      tls: certificates === undefined ? undefined : this.#buildTls(certificates),
      websocket: 'websocket' in config ? this.#buildWebsocket(config, packetBytesMax) : undefined,
      packetBytesMax,
    }
  }

  #readCertificates(type: ListenerType, ssl: TlsServerConfig): Certificates {
    const { clock, log } = this.#ports.broker
    const certificates = Certificates.read(ssl, { listener: this.id, clock, log })
    if (certificates instanceof Certificates) return certificates
    throw new ListenerError(`listeners.${type}.${this.#name}.ssl_options: ${certificateWords(certificates.problems)}`)
  }

  #buildTls(certificates: Certificates): TlsLayer {
    const tls = new TlsLayer(certificates.config, certificates.options, {
      secured: (plain, secure, peer) => this.#secured(plain, secure, peer),
      refused: (plain, words) => this.#refuse(plain, 'tls_handshake', words),
    })
    certificates.onRenewed = (options) => tls.renew(options)
    return tls
  }

  #buildWebsocket(config: ListenerConfig & { readonly websocket: WebsocketConfig }, packetBytesMax: number) {
    const { clock, log } = this.#ports.broker
    const steadyMs = () => clock.steadyMs()
    return new WebsocketLayer(config.websocket, packetBytesMax, {
      upgraded: (socket, websocket, peer) => {
        this.#handshakes.leave(socket)
        // A frame that is too long or malformed; the end follows.
        websocket.on('error', (error) => {
          log.info({ listener: this.id, peer: formatPeer(peer), reason: error.message }, 'websocket_error')
        })
        this.#ports.arrived(
          new WebsocketTransport(websocket, socket, this.id, peer, config, steadyMs),
          config,
          this.#rates,
        )
      },
      refused: (socket, words) => this.#count(socket, 'websocket_handshake', words),
    })
  }

  /** A frame may be as long as a packet, whose length may be configured anew. */
  #followPacketSize(): void {
    const packetBytesMax = this.#ports.broker.mqtt.max_packet_size
    const { config } = this.#layers
    if (packetBytesMax === this.#layers.packetBytesMax || !('websocket' in config)) return
    this.#layers = { ...this.#layers, packetBytesMax, websocket: this.#buildWebsocket(config, packetBytesMax) }
  }

  // ---- a connection's way in

  #accept(socket: Socket): void {
    const { load, broker } = this.#ports
    const { config, accessRules } = this.#layers
    const peer = peerOf(socket)
    // An error is followed by the end, which is what counts.
    socket.on('error', (error) => broker.log.debug({ err: error, peer: formatPeer(peer) }, 'socket_error'))
    // Before anything is spent on it. Behind a proxy these are the proxy's addresses.
    if (!accessRules.allows(peer.host)) return this.#refuse(socket, 'access_rules', 'access_rules deny its address')
    if (load.open >= config.max_connections)
      return this.#refuse(socket, 'max_connections', `${load.open} connections are open`)
    if (!this.#connRate.tryTake(1, broker.clock.steadyMs()))
      return this.#refuse(socket, 'max_conn_rate', 'connections come faster than max_conn_rate')
    load.open++
    load.accepted++
    socket.once('close', () => {
      load.open--
      this.#handshakes.leave(socket)
    })
    const { nodelay, keepalive } = config.tcp_options
    if (nodelay) socket.setNoDelay(true)
    if (keepalive !== undefined) socket.setKeepAlive(true, keepalive)
    if (config.proxy_protocol) this.#expectProxyHeader(socket, peer)
    else this.#enter(socket, peer)
  }

  #expectProxyHeader(socket: Socket, own: Peer): void {
    this.#await(socket, this.#layers.config.proxy_protocol_timeout)
    takeProxyHeader(socket, (result) => {
      this.#handshakes.leave(socket)
      if (result.type === 'invalid') this.#refuse(socket, 'proxy_protocol', result.words)
      else this.#enter(socket, proxiedPeer(own, result))
    })
  }

  #enter(socket: Socket, peer: Peer): void {
    const { config, tls, websocket } = this.#layers
    if (tls !== undefined) {
      this.#await(socket, 'ssl_options' in config ? config.ssl_options.handshake_timeout : 0)
      tls.wrap(socket, peer)
    } else if (websocket !== undefined) this.#enterWebsocket(socket, peer, websocket)
    else this.#arrive(socket, peer)
  }

  #enterWebsocket(socket: Socket, peer: Peer, websocket: WebsocketLayer): void {
    // The time for CONNECT begins when the WebSocket is there.
    this.#await(socket, this.#ports.broker.mqtt.idle_timeout)
    websocket.serve(socket, peer)
  }

  #secured(plain: Socket, secure: Socket, peer: Peer): void {
    const { log } = this.#ports.broker
    secure.on('error', (error) => log.debug({ err: error, peer: formatPeer(peer) }, 'socket_error'))
    this.#handshakes.leave(plain)
    secure.once('close', () => this.#handshakes.leave(secure))
    const { websocket } = this.#layers
    if (websocket === undefined) this.#arrive(secure, peer)
    else this.#enterWebsocket(secure, peer, websocket)
  }

  #arrive(socket: Socket, peer: Peer): void {
    const { config } = this.#layers
    this.#ports.arrived(
      new SocketTransport(socket, this.id, peer, config.tcp_options.send_timeout),
      config,
      this.#rates,
    )
  }

  #refuse(socket: Socket, reason: RefusalReason, words: string): void {
    this.#count(socket, reason, words)
    socket.destroy()
  }

  #count(socket: Socket, reason: RefusalReason, words: string): void {
    this.#handshakes.leave(socket)
    const peer = formatPeer(peerOf(socket))
    this.#ports.load.refusals.count(reason, peer, words)
    this.#ports.broker.log.debug({ listener: this.id, peer, refused: reason, reason: words }, 'connection_refused')
  }

  #await(socket: Socket, ms: number): void {
    this.#handshakes.enter(socket, this.#ports.broker.clock.steadyMs() + ms)
  }

  #expired(socket: Socket): void {
    this.#layers.tls?.forget(socket)
    this.#refuse(socket, 'handshake_timeout', 'it took too long before MQTT began')
  }
}

const bindProblems: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there already',
  EACCES: 'this user may not (ports below 1024 need a right to them)',
  EADDRNOTAVAIL: 'this machine has no such address',
}

function bindWords({ code = '', message }: NodeJS.ErrnoException): string {
  return bindProblems[code] ?? message
}
