/** A client's way to a node, as lean as can be: bytes there, bytes back, and the end. */

export type ClientServer = { readonly node: string; readonly host: string; readonly port: number }

/** What becomes of a connection. Nothing is called after `closed`. */
export interface WireEnd {
  opened(): void
  read(chunk: Buffer): void
  /** Once, whatever the reason was; also if it never opened. */
  closed(): void
}

export interface ClientWire {
  write(bytes: Buffer): void
  /** Sends what was written, then ends. */
  end(): void
  /** Ends at once: `closed` is called, and what was not sent is gone. */
  destroy(): void
  /** Reads nothing more, so that what comes piles up on its way, until `resume`. */
  pause(): void
  resume(): void
}

/** @param host of the client: faults lie between hosts */
export type DialWire = (host: string, to: ClientServer, end: WireEnd) => ClientWire
