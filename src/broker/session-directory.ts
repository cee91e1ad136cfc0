/** What the broker of one node needs to know of sessions on the other nodes of its cluster. Alone there is none. */

export type Successor = {
  /** The client begins anew: the session is to end, and nothing is handed over. */
  readonly cleanStart: boolean
  /** Who the client is now. Of a session that was somebody else's nothing is handed over. */
  readonly username: string | undefined
}

/** `refused`: its client has come back there meanwhile. `late`: what came for the session after it was handed out. */
export type Confirmation =
  | { readonly type: 'confirmed'; readonly late: Buffer | undefined }
  | { readonly type: 'refused'; readonly words: string }

/** What other nodes ask of the broker, once it has joined. */
export interface SessionHost {
  /** Closes the connection of this client and hands out its session, which stays until it is confirmed; `undefined` if there is none. */
  release(node: string, clientId: string, successor: Successor): Promise<Buffer | undefined>
  /** What was handed out is safe at that node. */
  confirmed(node: string, clientId: string): Confirmation
  /** What still came for a session that is here now. Resolves when it is as safe as it was; rejects if the session is not here. */
  late(clientId: string, bytes: Buffer): Promise<void>
  /** Another node has a newer session of this client. */
  superseded(clientId: string, node: string): void
}

export interface SessionDirectory {
  /** From now on this broker answers for the sessions that it tells of. */
  attach(host: SessionHost): void
  /** Another node that has a session or a connection of this client, which is newer than any that we have. */
  ownerOf(clientId: string): string | undefined
  /**
   * Asks that node for the session: it closes its connection and hands out what it has, but keeps it until it is confirmed, or
   * claimed here. `undefined` if nothing is left to hand out. Rejects if no answer comes in time.
   */
  take(node: string, clientId: string, successor: Successor): Promise<Buffer | undefined>
  /** What was handed out is safe here: the other node forgets it. Rejects if no answer comes in time. */
  confirm(node: string, clientId: string): Promise<Confirmation>
  /** Hands on what still came for a session that the other node has now. Rejects if it did not take it. */
  forward(node: string, clientId: string, late: Buffer): Promise<void>
  /**
   * A client has connected here, or its session was found in the store.
   * @param sinceMs when that was, if not now: milliseconds since 1970
   */
  present(clientId: string, sinceMs?: number): void
  /** The session is over. */
  absent(clientId: string): void
}
