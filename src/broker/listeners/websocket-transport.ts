/**
 * MQTT in WebSocket frames (MQTT 5, section 6): binary frames alone, whose borders mean nothing to the packets in them.
 */
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { ListenerBasis, WebsocketConfig } from '../../config/listeners/listener-config.ts'
import type { CertificateName } from '../access/client-info.ts'
import { formatPeer, type Peer } from './peer.ts'
import { LINGER_MS, type ServerTransport, type TransportReader } from './server-transport.ts'

/** RFC 6455, 7.4.1. */
const closeCode = { normal: 1000, unsupportedData: 1003 } as const
/** A client that pings and does not read gets no more answers. */
const PONG_BACKLOG_BYTES_MAX = 65_536
const binary = { binary: true } as const

export class WebsocketTransport implements ServerTransport {
  readonly listener: string
  readonly peerHost: string
  readonly peerPort: number
  readonly certificate: CertificateName | undefined
  readonly sendTimeoutMs: number
  readonly #websocket: WebSocket
  readonly #socket: Socket
  readonly #config: WebsocketConfig
  readonly #steadyMs: () => number
  #heardAtMs: number
  #isPaused = false
  #isThrottled = false

  constructor(
    websocket: WebSocket,
    socket: Socket,
    listener: string,
    peer: Peer,
    config: ListenerBasis & { readonly websocket: WebsocketConfig },
    steadyMs: () => number,
  ) {
    this.#websocket = websocket
    this.#socket = socket
    this.#config = config.websocket
    this.#steadyMs = steadyMs
    this.#heardAtMs = steadyMs()
    this.listener = listener
    this.peerHost = peer.host
    this.peerPort = peer.port
    this.certificate = peer.certificate
    this.sendTimeoutMs = config.tcp_options.send_timeout
  }

  get remoteAddress(): string {
    return formatPeer({ host: this.peerHost, port: this.peerPort })
  }

  /** Asked for when it is told: a socket that was asked once remembers the answer as an object. */
  get localPort(): number {
    return this.#socket.localPort ?? 0
  }

  get bytesRead(): number {
    return this.#socket.bytesRead
  }

  get bytesWritten(): number {
    return this.#socket.bytesWritten
  }

  get writableLength(): number {
    return this.#websocket.bufferedAmount
  }

  get isClosed(): boolean {
    return this.#websocket.readyState === this.#websocket.CLOSED
  }

  open(reader: TransportReader): void {
    const websocket = this.#websocket
    websocket.on('message', (data: Buffer, isBinary: boolean) => {
      this.#heardAtMs = this.#steadyMs()
      if (isBinary) return reader.read(data)
      reader.closed() // [MQTT-6.0.0-1]
      this.#close(closeCode.unsupportedData)
    })
    websocket.on('ping', (data: Buffer) => {
      this.#heardAtMs = this.#steadyMs()
      if (websocket.bufferedAmount <= PONG_BACKLOG_BYTES_MAX) websocket.pong(data)
    })
    websocket.on('close', () => reader.closed())
  }

  onceClosed(call: () => void): void {
    if (this.isClosed) call()
    else this.#websocket.once('close', call)
  }

  isIdle(steadyMs: number): boolean {
    return steadyMs - this.#heardAtMs > this.#config.idle_timeout
  }

  pause(): void {
    this.#isPaused = true
    this.#websocket.pause()
  }

  resume(): void {
    this.#isPaused = false
    if (!this.#isThrottled) this.#websocket.resume()
  }

  throttle(): void {
    this.#isThrottled = true
    this.#websocket.pause()
  }

  unthrottle(): void {
    this.#isThrottled = false
    if (!this.#isPaused) this.#websocket.resume()
  }

  cork(): void {
    this.#socket.cork()
  }

  uncork(): void {
    this.#socket.uncork()
  }

  write(bytes: Buffer, done?: () => void): boolean {
    let at = 0
    if (this.#config.mqtt_piggyback === 'single') {
      for (let end = packetEnd(bytes, 0); end < bytes.length; end = packetEnd(bytes, at)) {
        this.#websocket.send(bytes.subarray(at, end), binary)
        at = end
      }
    }
    this.#websocket.send(at === 0 ? bytes : bytes.subarray(at), binary, done)
    return this.#websocket.bufferedAmount === 0
  }

  end(): void {
    this.#close(closeCode.normal)
  }

  #close(code: number): void {
    this.#websocket.close(code)
    // The client must answer the close, and may not.
    const linger = setTimeout(() => this.#websocket.terminate(), LINGER_MS)
    linger.unref()
    this.#websocket.once('close', () => clearTimeout(linger))
    this.#websocket.resume()
  }

  destroy(): void {
    this.#websocket.terminate()
  }
}

/** Where the packet that begins at `at` ends: what we write ourselves is well formed. */
function packetEnd(bytes: Buffer, at: number): number {
  let length = 0
  let shift = 0
  let i = at + 1
  for (; bytes[i]! >= 128; i++, shift += 7) length |= (bytes[i]! & 127) << shift
  return i + 1 + (length | (bytes[i]! << shift))
}
