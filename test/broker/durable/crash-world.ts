/**
 * A broker and its clients in one process without sockets: bytes travel, turns end and commits reach the disk when the
 * test says so, and the process may crash between any two of these steps.
 */
import assert from 'node:assert/strict'
import { Broker } from '../../../src/broker/broker.ts'
import { Connection, type Hub } from '../../../src/broker/connection/connection.ts'
import type { Transport } from '../../../src/broker/connection/transport.ts'
import { ManualClock } from '../manual-clock.ts'
import { mqttDefaults } from '../test-broker.ts'
import { MemoryStore } from './memory-store.ts'
import type { CrashClient, Wire } from './crash-client.ts'

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** One life of the process. */
class Life {
  readonly broker: Broker
  readonly clock: ManualClock
  readonly hub: Hub
  deferred: (() => void)[] = []
  isOver = false

  constructor(clock: ManualClock, store: MemoryStore, errors: string[]) {
    this.clock = clock
    this.broker = new Broker({
      mqtt: { ...mqttDefaults, max_mqueue_len: 10_000, max_inflight: 4 },
      clock,
      random: () => 0.5,
      log: { ...silent, error: (fields, event) => void errors.push(`${event} ${JSON.stringify(fields)}`) },
      defer: (call) => void this.deferred.push(call),
    })
    this.broker.open(store)
    this.hub = {
      broker: this.broker,
      flushLater: (connection) => void this.deferred.push(() => connection.flush()),
      nextTurn: (connection) => void this.deferred.push(() => connection.proceed()),
      closed: () => undefined,
    }
  }

  /** Ends the turn of the event loop. */
  turn(): void {
    const { deferred } = this
    this.deferred = []
    if (!this.isOver) for (const call of deferred) call()
  }
}

/** The two ends of a connection, with what is under way in each direction. */
class Pipe implements Transport, Wire {
  readonly remoteAddress = '127.0.0.1:1'
  readonly peerHost = '127.0.0.1'
  readonly peerPort = 1
  readonly localPort = 1883
  readonly listener = 'tcp:default'
  readonly certificate = undefined
  readonly sendTimeoutMs = 15_000
  readonly writableLength = 0
  isOpen = true
  #connection: Connection | undefined
  toServer: Buffer[] = []
  toClient: Buffer[] = []

  attach(connection: Connection): void {
    this.#connection = connection
  }

  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}

  write(bytes: Buffer, done?: () => void): boolean {
    this.toClient.push(Buffer.from(bytes))
    done?.()
    return true
  }

  end(): void {
    this.isOpen = false
  }

  destroy(): void {
    this.isOpen = false
  }

  deliverToServer(): void {
    const bytes = Buffer.concat(this.toServer.splice(0))
    if (this.isOpen && bytes.length > 0) this.#connection!.receive(bytes)
  }

  /** The client cuts it. */
  cut(): void {
    this.isOpen = false
    this.#connection!.disconnected()
  }
}

export class CrashWorld {
  readonly clock = new ManualClock()
  readonly errors: string[] = []
  store = new MemoryStore(false)
  #life: Life
  readonly clients: readonly CrashClient[]

  constructor(clients: readonly CrashClient[]) {
    this.#life = new Life(this.clock, this.store, this.errors)
    this.clients = clients
  }

  connect(client: CrashClient): void {
    client.lost()
    const wire = new Pipe()
    wire.attach(new Connection(this.#life.hub, wire))
    client.connect(wire)
  }

  turn(): void {
    this.#life.turn()
  }

  /** The process is gone, and another one starts with what was on disk. */
  crash(): void {
    this.#life.isOver = true
    this.#life.broker.journal.close()
    this.#life.broker.sessions.close()
    for (const client of this.clients) client.lost()
    this.store = this.store.afterCrash()
    this.#life = new Life(this.clock, this.store, this.errors)
  }

  /** Everything goes well until nothing is left to be done. */
  async quiet(): Promise<void> {
    this.store.failure = undefined
    this.store.isPrompt = true
    let stillRounds = 0
    for (let round = 0; stillRounds < 6; round++) {
      assert(round < 10_000, 'it never comes to rest')
      while (this.store.pending.length > 0) this.store.settle()
      let moved = this.#life.deferred.length > 0
      for (const client of this.clients) {
        if (!client.isConnected) this.connect(client)
        moved = client.move() || moved
      }
      this.turn()
      await Promise.resolve()
      // Long enough for the next attempt to write, too.
      this.clock.advance(1000)
      stillRounds = moved ? 0 : stillRounds + 1
    }
  }
}
