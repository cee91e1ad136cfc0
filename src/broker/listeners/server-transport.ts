/** A client's way to us, whatever lies below MQTT. */
import type { Transport } from '../connection/transport.ts'

export interface TransportReader {
  /** Bytes that are the reader's from now on. */
  read(chunk: Buffer): void
  /** The client sends no more. */
  ended(): void
  /** Nothing is left of the connection. */
  closed(): void
}

export interface ServerTransport extends Transport {
  /** Begins to read. Called once. */
  open(reader: TransportReader): void
  /** Reads nothing more for a client that sends too fast, until `unthrottle`; independent of `pause` and `resume`. */
  throttle(): void
  unthrottle(): void
  /** Calls back once nothing is left of the connection. */
  onceClosed(call: () => void): void
  /** Whether nothing has been heard for longer than this kind of connection may be silent. */
  isIdle(steadyMs: number): boolean
}

/** How long a connection that was asked to end may take to send what it holds, milliseconds. */
export const LINGER_MS = 5_000
