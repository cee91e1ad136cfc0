/** A broker with sockets that are made up: some clients that do as an input says, and two well-behaved ones who talk to each other. */
import assert from 'node:assert/strict'
import { generate } from 'mqtt-packet'
import { Broker } from '../../src/broker/broker.ts'
import { Connection, type Hub } from '../../src/broker/connection/connection.ts'
import type { Transport } from '../../src/broker/connection/transport.ts'
import { ManualClock } from '../broker/manual-clock.ts'
import { mqttDefaults } from '../broker/test-broker.ts'
import { Random } from './random.ts'

/** Small, so that inputs reach it. */
const OUTBOUND_BYTES_MAX = 1_048_576
/** Long and odd enough for no input to name it. */
const TOPIC = 'good/neighbours/5b0c7f'

export class BrokerWorld implements Hub {
  readonly broker: Broker
  readonly #clock = new ManualClock()
  readonly #sockets: FakeSocket[]
  readonly #speaker: FakeSocket
  readonly #listener: FakeSocket
  readonly #toFlush = new Set<Connection>()
  readonly #toProceed: Connection[] = []
  readonly #open = new Map<Connection, FakeSocket>()
  /** What only a defect brings about, as the log has it. */
  readonly #faults: string[] = []
  readonly #spoken: string[] = []

  constructor(packetBytesMax: number, clients: number) {
    const random = new Random(1)
    const fault = (fields: object, event: string): void => void this.#faults.push(`${event}: ${words(fields)}`)
    this.broker = new Broker({
      mqtt: { ...mqttDefaults, max_packet_size: packetBytesMax, max_outbound_bytes: OUTBOUND_BYTES_MAX },
      clock: this.#clock,
      random: () => random.fraction(),
      log: { debug: silent, info: silent, warn: silent, error: fault },
    })
    this.#speaker = this.#connected('good-speaker-5b0c7f')
    this.#listener = this.#connected('good-listener-5b0c7f')
    this.#listener.connection.receive(
      generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: TOPIC, qos: 0 }] }, { protocolVersion: 5 }),
    )
    this.endTurn()
    this.#listener.take()
    this.#sockets = Array.from({ length: clients }, (_, at) => this.#connect(`10.0.0.${at}`))
  }

  /** One read of the client's socket; a client that was disconnected comes again. */
  receive(client: number, chunk: Buffer): void {
    this.#socketOf(client).connection.receive(chunk)
  }

  /** Whether the client's connection stands: otherwise what it says next is said over a new one. */
  isOpen(client: number): boolean {
    return this.#open.has(this.#sockets[client]!.connection)
  }

  socket(client: number, event: 'gone' | 'deaf' | 'hears'): void {
    const socket = this.#socketOf(client)
    if (event === 'gone') socket.connection.disconnected()
    else if (event === 'deaf') socket.isDeaf = true
    else socket.hear()
  }

  /** The clock goes on; every second each connection is asked about its deadlines. */
  wait(ms: number): void {
    for (let left = ms; left > 0; left -= 1000) {
      this.#clock.advance(Math.min(left, 1000))
      // As long as nothing happens, one look is as good as many.
      if (left > 60_000) this.#clock.advance(left - 60_000)
      if (left > 60_000) left = 60_000
      for (const connection of this.#open.keys()) connection.checkDeadlines(this.#clock.steadyMs())
      this.endTurn()
    }
  }

  /** All that was gathered is written, and sockets that were ended are gone. */
  endTurn(): void {
    while (this.#toFlush.size > 0) {
      const connections = [...this.#toFlush]
      this.#toFlush.clear()
      for (const connection of connections) connection.flush()
    }
    for (const socket of this.#open.values()) if (socket.isEnded) socket.connection.disconnected()
  }

  /** Gives one connection its next turn. Returns false when none waits for one. */
  proceed(): boolean {
    const connection = this.#toProceed.shift()
    connection?.proceed()
    return connection !== undefined
  }

  /** The good neighbour says something. */
  speak(): void {
    const payload = `message ${this.#spoken.length}`
    this.#spoken.push(payload)
    const packet = { cmd: 'publish', topic: TOPIC, payload, qos: 0, dup: false, retain: false } as const
    this.#speaker.connection.receive(generate(packet, { protocolVersion: 5 }))
    this.endTurn()
  }

  /** What each client of the input was sent. */
  writtenTo(): Buffer[] {
    return this.#sockets.map((socket) => Buffer.concat(socket.written))
  }

  account() {
    return {
      spoken: this.#spoken,
      heard: [this.#listener.take()],
      faults: this.#faults,
      sessions: this.broker.sessions.count,
      filters: [...this.broker.interest()].length,
    }
  }

  // ---- Hub

  flushLater(connection: Connection): void {
    this.#toFlush.add(connection)
  }

  nextTurn(connection: Connection): void {
    this.#toProceed.push(connection)
  }

  closed(connection: Connection): void {
    this.#open.delete(connection)
  }

  #socketOf(client: number): FakeSocket {
    const socket = this.#sockets[client]!
    if (this.#open.has(socket.connection)) return socket
    const again = this.#connect(socket.peerHost)
    again.written.push(...socket.written)
    this.#sockets[client] = again
    return again
  }

  #connect(peerHost: string): FakeSocket {
    const socket = new FakeSocket(this, peerHost)
    this.#open.set(socket.connection, socket)
    return socket
  }

  #connected(clientId: string): FakeSocket {
    const socket = this.#connect('10.0.1.1')
    socket.connection.receive(
      generate(
        { cmd: 'connect', clientId, protocolId: 'MQTT', protocolVersion: 5, clean: true, keepalive: 0 },
        { protocolVersion: 5 },
      ),
    )
    this.endTurn()
    assert.equal(socket.take()[0], 0x20)
    return socket
  }
}

const silent = (): void => undefined

class FakeSocket implements Transport {
  readonly connection: Connection
  readonly written: Buffer[] = []
  readonly peerHost: string
  readonly peerPort = 1
  readonly localPort = 1883
  readonly remoteAddress: string
  readonly listener = 'tcp:default'
  readonly certificate = undefined
  readonly sendTimeoutMs = 15_000
  isDeaf = false
  isEnded = false
  writableLength = 0
  #done: (() => void)[] = []

  constructor(hub: Hub, peerHost: string) {
    this.peerHost = peerHost
    this.remoteAddress = `${peerHost}:1`
    this.connection = new Connection(hub, this)
  }

  write(bytes: Buffer, done?: () => void): boolean {
    // What it holds may be changed by nobody until it is written; a copy would show it if it were.
    this.written.push(bytes)
    if (done !== undefined) this.#done.push(done)
    if (this.isDeaf) this.writableLength += bytes.length
    else this.hear()
    return true
  }

  /** Takes all that waits. */
  hear(): void {
    this.isDeaf = false
    this.writableLength = 0
    for (const done of this.#done.splice(0)) done()
  }

  /** What was written since it was last asked. */
  take(): Buffer {
    return Buffer.concat(this.written.splice(0))
  }

  end(): void {
    this.isEnded = true
  }

  destroy(): void {
    this.isEnded = true
  }

  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}
}

function words(fields: object): string {
  const error = 'err' in fields ? fields.err : undefined
  return error instanceof Error ? (error.stack ?? error.message) : JSON.stringify(fields)
}
