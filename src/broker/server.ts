/** The broker's listeners and open connections: sockets at one end, `Connection` at the other. */
import { type ListenerConfig, listenerId } from '../config/listeners/listener-config.ts'
import type { CertificateFile } from '../config/listeners/tls-material.ts'
import { reasonCode } from '../packets/reason-code.ts'
import type { Broker } from './broker.ts'
import type { Timer } from './clock.ts'
import { Connection, type Hub } from './connection/connection.ts'
import { ClientReader } from './listeners/client-reader.ts'
import { Listener, ListenerLoad, type ListenerPorts } from './listeners/listener.ts'
import type { ListenerRates } from './listeners/listener-rates.ts'
import type { RefusalReason } from './listeners/refusals.ts'
import type { ServerTransport } from './listeners/server-transport.ts'

export { ListenerError } from './listeners/listener.ts'

const DEADLINE_CHECK_MS = 1_000
const SWEEP_MS = 60_000
/** The longest that an end waits for the disk and for other nodes. */
const DEBT_MS_MAX = 2_000

export type ListenerStatus = {
  /** By type and name: `tcp:default`. */
  readonly id: string
  /** `host:port` as it really listens; `undefined` for one that is stopped and has connections left. */
  readonly bind: string | undefined
  /** Sockets that are open, those included that have not become a client yet. */
  readonly connections: number
  /** Since the node started: sockets let in, and those that were turned away, then or in a handshake. */
  readonly accepted: number
  readonly refused: Readonly<Partial<Record<RefusalReason, number>>>
}

/** Resolves once it listens. Rejects with `ListenerError`. */
export type StartListener = (
  name: string,
  config: ListenerConfig,
  ports: ListenerPorts,
) => Promise<Pick<Listener, 'address' | 'certificates' | 'reconfigure' | 'check' | 'stop'>>

/** On a socket. */
export const startListener: StartListener = (name, config, ports) => Listener.start(name, config, ports)

type Listening = Awaited<ReturnType<StartListener>>

export class Server implements Hub {
  readonly broker: Broker
  readonly #startListener: StartListener
  readonly #listeners = new Map<string, Listening>()
  /** By the listener's id; a listener that is started anew goes on counting. */
  readonly #loads = new Map<string, ListenerLoad>()
  readonly #connections = new Map<Connection, ClientReader>()
  #toFlush: Connection[] = []
  #deadlines: Timer | undefined
  #sweptAtMs: number

  /** @param start on sockets, if nothing else is given */
  constructor(broker: Broker, start: StartListener = startListener) {
    this.broker = broker
    this.#startListener = start
    this.#sweptAtMs = broker.clock.steadyMs()
    this.#checkDeadlines()
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Starts a listener. Resolves to `host:port` as it really listens; rejects with `ListenerError`. */
  async listen(name: string, config: ListenerConfig): Promise<string> {
    const id = listenerId(config.type, name)
    const load = this.#loads.get(id) ?? new ListenerLoad(id, this.broker)
    const ports = {
      broker: this.broker,
      load,
      arrived: (transport: ServerTransport, terms: ListenerConfig, rates: ListenerRates) =>
        this.#arrived(transport, terms, rates),
    }
    const listener = await this.#startListener(name, config, ports)
    this.#loads.set(id, load)
    this.#listeners.set(id, listener)
    return listener.address
  }

  /**
   * Gives a listener that listens other options, for new connections; no connection ends. Returns false, and changes nothing,
   * if it must be stopped and started anew for them. Throws `ListenerError`, and changes nothing, if they are no good.
   */
  reconfigure(name: string, config: ListenerConfig): boolean {
    return this.#listeners.get(listenerId(config.type, name))?.reconfigure(config) ?? false
  }

  /** Accepts no more connections on this listener (`tcp:default`); those that are open stay. */
  unlisten(id: string): void {
    this.#listeners.get(id)?.stop()
    this.#listeners.delete(id)
  }

  /** Every listener that listens or has listened. */
  listeners(): readonly ListenerStatus[] {
    return [...this.#loads].map(([id, { open, accepted, refusals }]) => {
      return { id, bind: this.#listeners.get(id)?.address, connections: open, accepted, refused: refusals.total }
    })
  }

  /** What listeners use now, of each file the certificate that expires first: for metrics. */
  certificates(): readonly (CertificateFile & { readonly listener: string })[] {
    return [...this.#listeners].flatMap(([id, { certificates }]) =>
      certificates.map((certificate) => ({ listener: id, ...certificate })),
    )
  }

  /** Takes nothing more, answers for what was taken, says goodbye to every client, lets what is gathered be sent, and closes. */
  async close(): Promise<void> {
    this.#deadlines?.cancel()
    for (const id of this.#listeners.keys()) this.unlisten(id)
    await this.#payDebts()
    const readers = [...this.#connections.values()]
    for (const connection of this.#connections.keys())
      connection.disconnect(reasonCode.serverShuttingDown, 'the node is shutting down')
    await Promise.all(readers.map(({ transport }) => new Promise<void>((resolve) => transport.onceClosed(resolve))))
    this.broker.sessions.close()
    this.broker.handovers.close()
  }

  /**
   * Acknowledgements that wait for the disk or for other nodes go out. What was taken and is never acknowledged comes again, and whoever
   * gets it then, the next process here or another node, can't know that it was taken.
   */
  async #payDebts(): Promise<void> {
    for (const { inbox } of this.#connections.keys()) inbox.close()
    const owing = [...this.#connections].flatMap(([{ client }, { transport }]) =>
      client === undefined || client.promises.isEmpty ? [] : [{ client, transport }],
    )
    const paid = owing.map(
      ({ client, transport }) =>
        new Promise<void>((resolve) => {
          client.promises.call(resolve, 0, 0)
          transport.onceClosed(resolve)
        }),
    )
    if (paid.length === 0) return
    let timer: Timer | undefined
    const isLate = new Promise<void>((resolve) => {
      timer = this.broker.clock.after(DEBT_MS_MAX, resolve)
    })
    await Promise.race([Promise.all(paid), isLate])
    timer?.cancel()
  }

  // ---- Hub

  flushLater(connection: Connection): void {
    if (this.#toFlush.length === 0) setImmediate(this.#flush)
    this.#toFlush.push(connection)
  }

  nextTurn(connection: Connection): void {
    setImmediate(() => this.#connections.get(connection)?.proceed())
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
        this.#connections.get(connection)?.transport.destroy()
      }
    }
  }

  #arrived(transport: ServerTransport, config: ListenerConfig, rates: ListenerRates): void {
    const connection = new Connection(this, transport)
    const reader = new ClientReader(connection, transport, config, rates, this.broker)
    this.#connections.set(connection, reader)
    transport.open(reader)
  }

  #checkDeadlines(): void {
    this.#deadlines = this.broker.clock.after(DEADLINE_CHECK_MS, () => {
      const steadyMs = this.broker.clock.steadyMs()
      for (const listener of this.#listeners.values()) listener.check(steadyMs)
      for (const reader of this.#connections.values()) reader.checkDeadlines(steadyMs)
      if (steadyMs - this.#sweptAtMs >= SWEEP_MS) {
        this.#sweptAtMs = steadyMs
        this.broker.sweep()
      }
      this.#checkDeadlines()
    })
  }
}
