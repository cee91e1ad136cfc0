/** MQTT on a stream of bytes: TCP or TLS. */
import type { Socket } from 'node:net'
import type { CertificateName } from '../access/client-info.ts'
import { formatPeer, type Peer } from './peer.ts'
import { LINGER_MS, type ServerTransport, type TransportReader } from './server-transport.ts'

export class SocketTransport implements ServerTransport {
  readonly listener: string
  readonly peerHost: string
  readonly peerPort: number
  readonly certificate: CertificateName | undefined
  readonly sendTimeoutMs: number
  readonly #socket: Socket
  #isPaused = false
  #isThrottled = false

  constructor(socket: Socket, listener: string, peer: Peer, sendTimeoutMs: number) {
    this.#socket = socket
    this.listener = listener
    this.peerHost = peer.host
    this.peerPort = peer.port
    this.certificate = peer.certificate
    this.sendTimeoutMs = sendTimeoutMs
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
    return this.#socket.writableLength
  }

  get isClosed(): boolean {
    return this.#socket.closed
  }

  open(reader: TransportReader): void {
    const socket = this.#socket
    socket.on('data', (chunk: Buffer) => reader.read(chunk))
    socket.on('end', () => reader.ended())
    socket.on('close', () => reader.closed())
    // Whoever looked at its first bytes has stopped it.
    socket.resume()
  }

  onceClosed(call: () => void): void {
    if (this.#socket.closed) call()
    else this.#socket.once('close', call)
  }

  isIdle(): boolean {
    return false
  }

  pause(): void {
    this.#isPaused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#isPaused = false
    if (!this.#isThrottled) this.#socket.resume()
  }

  throttle(): void {
    this.#isThrottled = true
    this.#socket.pause()
  }

  unthrottle(): void {
    this.#isThrottled = false
    if (!this.#isPaused) this.#socket.resume()
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
    // Node has ended it itself if the client came first; to end it again would cost an error with its stack.
    if (!this.#socket.writableEnded) this.#socket.end()
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
