/** A client that connects again whatever ends its connection, for as long as it lives. */
import type { IConnackPacket, Packet } from 'mqtt-packet'
import { type Account, Connection } from './connection.ts'
import type { Connection as ConnectionRecord } from './observed.ts'

export type ClientHandlers = {
  onConnected(connack: IConnackPacket): void
  onPacket(packet: Packet): void
  onDisconnected(): void
}

const RECONNECT_MS = 100

export class KeptClient {
  readonly records: ConnectionRecord[] = []
  /** Why it is not connected; for whoever waits for it. */
  trouble = 'not connected yet'
  readonly #account: Account
  readonly #handlers: ClientHandlers
  #url: string
  #connection: Connection | undefined
  #isConnected = false
  #hasEnded = false
  #later: NodeJS.Timeout | undefined
  #whenGone: (() => void) | undefined

  constructor(url: string, account: Account, handlers: ClientHandlers) {
    this.#url = url
    this.#account = account
    this.#handlers = handlers
  }

  get isConnected(): boolean {
    return this.#isConnected
  }

  get isCrowded(): boolean {
    return this.#connection?.isCrowded === true
  }

  start(): void {
    if (this.#hasEnded) return
    this.#connection = new Connection(this.#url, this.#account, {
      onConnected: (connack) => this.#connected(connack),
      onPacket: (packet) => this.#handlers.onPacket(packet),
      onEnd: (reason) => this.#ended(reason),
    })
  }

  /** From now on there. */
  moved(url: string): void {
    this.#url = url
    clearTimeout(this.#later)
    if (this.#connection === undefined) this.start()
    else this.#connection.end('the node moved')
  }

  send(packet: Packet): void {
    if (this.#isConnected) this.#connection!.send(packet)
  }

  /** Breaks off this connection; another follows. */
  restart(reason: string): void {
    this.#connection?.end(reason)
  }

  /** Resolves when its last connection is gone. */
  end(): Promise<void> {
    this.#hasEnded = true
    clearTimeout(this.#later)
    if (this.#connection === undefined) return Promise.resolve()
    this.#connection.close()
    return new Promise((resolve) => {
      this.#whenGone = resolve
    })
  }

  #connected(connack: IConnackPacket): void {
    this.#isConnected = true
    this.records.push({ fromMs: performance.now(), isSessionPresent: connack.sessionPresent })
    this.#handlers.onConnected(connack)
  }

  #ended(reason: string): void {
    this.trouble = reason
    this.#connection = undefined
    if (this.#isConnected) {
      this.#isConnected = false
      const last = this.records.at(-1)!
      // What the end of the run closes stood to the end.
      if (!this.#hasEnded) this.records[this.records.length - 1] = { ...last, toMs: performance.now() }
      this.#handlers.onDisconnected()
    }
    if (this.#hasEnded) this.#whenGone?.()
    else this.#later = setTimeout(() => this.start(), RECONNECT_MS)
  }
}
