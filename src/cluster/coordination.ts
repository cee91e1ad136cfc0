/**
 * What the nodes of a cluster coordinate through: messages that may get lost, and registers that are changed by compare and set.
 * NATS gives both (`nats/`), and the simulator has its own. Everything else about a cluster is built on this and knows neither. A node
 * alone has none: it makes do without a cluster.
 */

/** One process of a node. A node that starts anew is another sender. */
export type Sender = {
  /** `node.name`. */
  readonly node: string
  /** Different for each process. */
  readonly boot: string
}

/** What a message is about; each has listeners of its own, and order among its messages alone. */
export type Channel = 'members' | 'requests' | 'maps' | 'lanes'

/** Messages: at most once, in order per sender and channel, gone for who is away. */
export interface Bus {
  /** A message longer than this throws, bytes. */
  readonly payloadBytesMax: number
  /** To every other node that listens. Dropped while not connected. The payload is the bus's from now on. */
  broadcast(channel: Channel, payload: Uint8Array): void
  /** To one node, whichever process runs under that name. Dropped while not connected. */
  send(node: string, channel: Channel, payload: Uint8Array): void
  /** Called for each message of others; the payload is the listener's. What it throws is logged. Returns how to stop it. */
  listen(channel: Channel, receive: (from: Sender, payload: Uint8Array) => void): () => void
}

export type Register = {
  readonly key: string
  /** `undefined` once it was deleted. */
  readonly value: Uint8Array | undefined
  /** Grows with each change; 0 for one that was never written. */
  readonly revision: number
}

export type WriteResult = { readonly type: 'written'; readonly revision: number } | { readonly type: 'conflict' }

/**
 * Few and small values that all nodes see alike. Each method rejects with `ClusterError` `COORDINATION_LOST` if no answer comes in
 * time; then the write may have happened or not.
 */
export interface Registers {
  /** Any text is a key. */
  read(key: string): Promise<Register>
  /** Writes if the register still has this revision (0: if it was never written, or is deleted). */
  write(key: string, value: Uint8Array, revision: number): Promise<WriteResult>
  /** Deletes if the register still has this revision. */
  remove(key: string, revision: number): Promise<WriteResult>
  /**
   * Tells of each register whose key begins so: first as they are, then `ready`, then each change (but for one that the next
   * change of the same register has overtaken), for as long as it is not stopped; after a connection was lost, or all state was
   * deleted, it begins again, `ready` included. Returns how to stop it.
   */
  watch(keyPrefix: string, watcher: RegisterWatcher): () => void
}

export interface RegisterWatcher {
  changed(register: Register): void
  /** All that there is was told; what was not told since the last beginning does not exist. */
  ready(keys: ReadonlySet<string>): void
}

export interface Coordination {
  readonly self: Sender
  readonly bus: Bus
  readonly registers: Registers
  readonly isConnected: boolean
  /** Called when the connection comes and goes. Returns how to stop it. */
  onConnection(listener: (isConnected: boolean) => void): () => void
  /** Sends what was given to the bus, then closes. */
  close(): Promise<void>
}
