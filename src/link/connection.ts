/**
 * One connection of a link: MQTT 5, clean start, never reconnecting by itself, because the actor that opened it decides that.
 * The addresses of the peer are tried in the order in which they are configured. It goes down by closing TCP, as EMQX's does.
 */
import { connect as connectTcp } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { MqttClient, type IClientOptions, type StreamBuilder } from 'mqtt'
import type { ServerAddress } from '../config/config.ts'
import type { SslConfig } from '../config/ssl-config.ts'
import {
  allAddressesFailed,
  closedByPeer,
  connectRefused,
  connectTimedOut,
  disconnectedByPeer,
  malformedPacket,
  peerSilent,
  socketFailure,
  type LinkFailure,
} from './link-failure.ts'
import { PACKET_ID_MAX, PacketStream } from './packet-stream.ts'
import type { OutgoingPublish } from './publish-packet.ts'
import { tlsOptions } from './tls-options.ts'

export type { OutgoingPublish } from './publish-packet.ts'

export type ConnectionOptions = {
  /** Whose connection it is, for the eyes of operators. */
  readonly link?: string
  readonly clientId: string
  readonly addresses: readonly ServerAddress[]
  readonly username: string | undefined
  readonly password: string | undefined
  readonly ssl: SslConfig
  readonly tcp: { readonly nodelay: boolean; readonly keepalive: boolean }
  /** For the User Property `isthmus-link` of the CONNECT. */
  readonly greeting?: string
  /** Time for each address, up to the CONNACK, milliseconds. */
  readonly connectMs: number
  /** Counts what is published, if anybody wants to know. */
  readonly traffic?: LinkTraffic
  /** Told of the certificate of a peer over TLS, as soon as it has proved it. */
  readonly secured?: (certificate: PeerCertificate) => void
}

/** With which a peer proved who it is. */
export type PeerCertificate = {
  readonly subject: string
  /** Milliseconds since 1970. */
  readonly notAfterMs: number
}

/** Of all connections of a link that carry messages. */
export type LinkTraffic = {
  /** Of payloads, as they were sent. */
  bytes: number
  /** Connections that came up after another one of the same ClientID. */
  reconnects: number
}

/** What the peer's CONNACK allows. */
export type PeerLimits = {
  /** QoS 1 messages that may be unacknowledged at once. */
  readonly receiveMaximum: number
  readonly packetBytesMax: number
  readonly qosMax: 0 | 1 | 2
}

export interface ConnectionListener {
  /** CONNACK with success. `greeting`: what its User Property `isthmus-link` says. */
  up(limits: PeerLimits, greeting: string | undefined): void
  /** Never came up, or went down. The last call of all; none comes after `close`. */
  down(failure: LinkFailure): void
  message?(topic: string, payload: Buffer, correlationData: Buffer | undefined): void
  /** The socket takes more again, after `writable` was false. */
  drained?(): void
}

/** What routes and messages need of a connection. */
export interface LinkConnection {
  readonly writable: boolean
  /** @param answered the reason code of the PUBACK, for QoS 1; never called if the connection goes first */
  publish(publish: OutgoingPublish, answered?: (reasonCode: number) => void): void
  /** QoS 1. @param answered the reason code of the SUBACK; never called if the connection goes first */
  subscribe(topicFilter: string, answered: (reasonCode: number) => void): void
  /** PINGREQ, to learn whether the peer answers. @param answered its PINGRESP came; never called if the connection goes first */
  ping(answered: () => void): void
  /** At once, whatever it was doing. */
  close(): void
}

export type OpenConnection = (options: ConnectionOptions, listener: ConnectionListener) => LinkConnection

const keepaliveSeconds = 60
/** Packet Identifiers have 16 bits. */
const PACKET_IDS_MAX = 65_535
/** Name of the User Property by which two of our kind know each other. */
export const greetingProperty = 'isthmus-link'

/** Begins to connect to an address and returns at once; what goes wrong, and the end, come as events, as a socket has them. */
export type Dial = (address: ServerAddress, options: Pick<ConnectionOptions, 'ssl' | 'tcp' | 'secured'>) => Duplex

/** Each starts to connect and returns at once. */
export function connectionsOver(dial: Dial): OpenConnection {
  return (options, listener) => new MqttLinkConnection(dial, options, listener)
}

/** Over sockets. */
export const openConnection = connectionsOver(dialSocket)

function dialSocket(
  address: ServerAddress,
  { ssl, tcp, secured }: Pick<ConnectionOptions, 'ssl' | 'tcp' | 'secured'>,
): Duplex {
  const { host, port } = address
  if (!address.tls) return connectTcp({ host, port, noDelay: tcp.nodelay, keepAlive: tcp.keepalive })
  const socket = connectTls(tlsOptions(ssl, address))
  if (secured !== undefined) socket.once('secureConnect', () => secured(certificateOf(socket)))
  return socket.setNoDelay(tcp.nodelay).setKeepAlive(tcp.keepalive)
}

class MqttLinkConnection implements LinkConnection {
  readonly #dial: Dial
  readonly #options: ConnectionOptions
  readonly #listener: ConnectionListener
  readonly #failures: (readonly [address: string, failure: LinkFailure])[] = []
  #client: MqttClient | undefined
  #stream: PacketStream | undefined
  #closed = false

  constructor(dial: Dial, options: ConnectionOptions, listener: ConnectionListener) {
    this.#dial = dial
    this.#options = options
    this.#listener = listener
    // Not within the constructor's call: whoever opens it has no reference yet that a listener could use.
    process.nextTick(() => this.#tryNext())
  }

  get writable(): boolean {
    return this.#stream?.takesMore === true
  }

  publish(publish: OutgoingPublish, answered?: (code: number) => void): void {
    const { traffic } = this.#options
    if (traffic !== undefined) traffic.bytes += publish.payload.length
    this.#stream?.publish(publish, answered)
  }

  subscribe(topicFilter: string, answered: (reasonCode: number) => void): void {
    this.#client?.subscribe(topicFilter, { qos: 1 }, (_error, _granted, packet) => {
      const code = packet?.granted[0]
      if (typeof code === 'number' && !this.#closed) answered(code)
    })
  }

  ping(answered: () => void): void {
    this.#stream?.ping(answered)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#client?.end(true)
  }

  #tryNext(): void {
    if (this.#closed) return
    const address = this.#options.addresses[this.#failures.length]
    if (address === undefined) return this.#down(allAddressesFailed(this.#failures))
    try {
      this.#connect(address)
    } catch (error) {
      // A certificate that cannot be read, most likely: nothing was opened yet.
      this.#failed(address, socketFailure(error))
    }
  }

  #connect(address: ServerAddress): void {
    let failure: LinkFailure | undefined
    let up = false
    const { greeting } = this.#options
    const client = new MqttClient(this.#streamBuilder(address), {
      protocolVersion: 5,
      clean: true,
      clientId: this.#options.clientId,
      keepalive: keepaliveSeconds,
      reconnectPeriod: 0,
      connectTimeout: this.#options.connectMs,
      queueQoSZero: false,
      resubscribe: false,
      timerVariant: 'native',
      messageIdProvider: new UpperIds(),
      ...(greeting === undefined ? {} : { properties: { userProperties: { [greetingProperty]: greeting } } }),
      ...(this.#options.username === undefined ? {} : { username: this.#options.username }),
      ...(this.#options.password === undefined ? {} : { password: this.#options.password }),
    })
    this.#client = client
    let takesAlias = false
    // CONNACK. Aliases are given by `PacketStream`; MQTT.js would make tables for all that there may be, of 2 MB for 65,535.
    client.once('packetreceive', (packet) => {
      if (packet.cmd !== 'connack' || packet.properties === undefined) return
      takesAlias = (packet.properties.topicAliasMaximum ?? 0) > 0
      delete packet.properties.topicAliasMaximum
    })
    client.on('connect', ({ properties }) => {
      if (this.#closed) return
      up = true
      const answer = properties?.userProperties?.[greetingProperty]
      const limits = peerLimits(client)
      if (takesAlias) this.#stream?.allowAlias(limits.packetBytesMax)
      this.#listener.up(limits, typeof answer === 'string' ? answer : undefined)
    })
    client.on('message', (topic, payload, packet) => {
      if (!this.#closed) this.#listener.message?.(topic, payload, packet.properties?.correlationData)
    })
    client.on('disconnect', ({ reasonCode = 0, properties }) => {
      failure ??= disconnectedByPeer(reasonCode, properties?.reasonString)
      // The peer must close now (MQTT 5, 4.13.1); one that does not answers nothing any more either.
      this.#stream?.destroy()
    })
    // The first thing that went wrong is the reason; the end itself is always `close`.
    client.on('error', (error) => (failure ??= this.#failureOf(error)))
    client.on('close', () => {
      if (this.#closed) return
      if (up) this.#down(failure ?? closedByPeer())
      else this.#failed(address, failure ?? closedByPeer())
    })
  }

  #streamBuilder(address: ServerAddress): StreamBuilder {
    return () => {
      const socket = this.#dial(address, this.#options)
      // MQTT.js keeps errors without a code to itself.
      socket.on('error', (error) => this.#client?.emit('error', error))
      socket.on('drain', () => {
        if (!this.#closed) this.#listener.drained?.()
      })
      const stream = new PacketStream(socket, (fault) => this.#client?.emit('error', fault))
      this.#stream = stream
      return stream
    }
  }

  /** This address will not do: on to the next. */
  #failed(address: ServerAddress, failure: LinkFailure): void {
    this.#client = undefined
    this.#stream = undefined
    this.#failures.push([`${address.host}:${address.port}`, failure])
    process.nextTick(() => this.#tryNext())
  }

  #down(failure: LinkFailure): void {
    this.#closed = true
    this.#listener.down(failure)
  }

  #failureOf(error: Error): LinkFailure {
    if (error.message.startsWith('Connection refused: ')) return connectRefused(reasonCodeOf(error) ?? 0x80)
    if (error.message === 'connack timeout') return connectTimedOut(this.#options.connectMs)
    // The peer may have set another interval with its CONNACK.
    if (error.message === 'Keepalive timeout') {
      return peerSilent((this.#client?.options.keepalive ?? keepaliveSeconds) * 1_500)
    }
    const code = 'code' in error ? error.code : undefined
    return typeof code === 'string' || 'syscall' in error ? socketFailure(error) : malformedPacket(error.message)
  }
}

function certificateOf(socket: TLSSocket): PeerCertificate {
  const { subject, valid_to } = socket.getPeerCertificate()
  return { subject: `CN=${[subject.CN].flat().join(', ')}`, notAfterMs: Date.parse(valid_to) }
}

/** 0 for no error; `undefined` for one that carries no reason code, because the connection went before the answer came. */
function reasonCodeOf(error: Error | null | undefined): number | undefined {
  if (error === null || error === undefined) return 0
  return 'code' in error && typeof error.code === 'number' ? error.code : undefined
}

function peerLimits({ serverProperties }: MqttClient): PeerLimits {
  const qosMax = serverProperties?.maximumQoS
  return {
    receiveMaximum: Math.min(PACKET_ID_MAX, serverProperties?.receiveMaximum ?? PACKET_ID_MAX),
    packetBytesMax: serverProperties?.maximumPacketSize ?? Number.POSITIVE_INFINITY,
    qosMax: qosMax === 0 || qosMax === 1 ? qosMax : 2,
  }
}

/** MQTT.js numbers what it subscribes to; PUBLISH packets have the numbers below. */
class UpperIds implements NonNullable<IClientOptions['messageIdProvider']> {
  #last: number | undefined

  allocate(): number {
    this.#last = this.#last === undefined || this.#last === PACKET_IDS_MAX ? PACKET_ID_MAX + 1 : this.#last + 1
    return this.#last
  }

  getLastAllocated(): number | null {
    return this.#last ?? null
  }

  register(): boolean {
    return true
  }

  deallocate(): void {
    // They go round.
  }

  clear(): void {
    this.#last = undefined
  }
}
