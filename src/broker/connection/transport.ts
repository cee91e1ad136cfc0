/** A socket as a connection sees it, whatever lies between: TCP, TLS, WebSocket. */
import type { CertificateName } from '../access/client-info.ts'
import type { Sink } from './output.ts'

export interface Transport extends Sink {
  /** Address and port of the client. */
  readonly remoteAddress: string
  /** The same, apart. An IPv4 address is never written as IPv6. */
  readonly peerHost: string
  readonly peerPort: number
  /** The port of ours that the client came to. */
  readonly localPort: number
  /** The listener by type and name: `tcp:default`. */
  readonly listener: string
  readonly certificate: CertificateName | undefined
  /** What the socket counts by itself; `undefined` where nobody does. */
  readonly bytesRead?: number
  readonly bytesWritten?: number
  /** How long the client may leave more unread than it should, milliseconds. EMQX's `send_timeout`. */
  readonly sendTimeoutMs: number
  /** Reads nothing more until `resume`; what was read already may still come. */
  pause(): void
  resume(): void
  /** Sends what was written, then closes. */
  end(): void
  /** Closes at once. */
  destroy(): void
}
