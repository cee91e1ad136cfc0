/**
 * A network of nodes in one process, on a clock of its own: messages take time, get lost where it is cut, and all state can be
 * deleted at once. What NATS is to a real cluster.
 */
import type {
  Bus,
  Channel,
  Coordination,
  Register,
  Registers,
  RegisterWatcher,
  Sender,
  WriteResult,
} from '../../../src/cluster/coordination.ts'
import { ClusterError } from '../../../src/cluster/cluster-error.ts'

type Timers = { after(ms: number, call: () => void): { cancel(): void } }

type Listener = { readonly channel: Channel; readonly receive: (from: Sender, payload: Uint8Array) => void }

type Watch = { readonly keyPrefix: string; readonly watcher: RegisterWatcher; readonly of: SimulatedCoordination }

const LATENCY_MS = 1
/** After so long a question to registers that do not answer is given up. */
const ANSWER_MS_MAX = 2_000

export class SimulatedNetwork {
  readonly timers: Timers
  readonly nodes = new Set<SimulatedCoordination>()
  readonly registers = new Map<string, Register>()
  readonly watches = new Set<Watch>()
  /** Chooses which messages get lost though nothing is cut; none, if left out. */
  loses: (from: Sender, to: Sender, channel: Channel) => boolean = () => false
  /** Whether registers answer; without them the bus still works, as while the servers of a NATS cluster elect a leader. */
  #hasRegisters = true
  #revision = 0

  constructor(timers: Timers) {
    this.timers = timers
  }

  /** A process that has just connected. */
  join(node: string, boot: string): SimulatedCoordination {
    const coordination = new SimulatedCoordination(this, { node, boot })
    this.nodes.add(coordination)
    return coordination
  }

  /** All registers are gone at once, as when JetStream's directory is deleted. */
  wipe(): void {
    this.registers.clear()
    for (const watch of this.watches) this.beginWatch(watch)
  }

  get hasRegisters(): boolean {
    return this.#hasRegisters
  }

  /** What is asked from now on is lost, and nobody is told of changes. */
  silenceRegisters(): void {
    this.#hasRegisters = false
  }

  /** Watches begin again. */
  answerAgain(): void {
    this.#hasRegisters = true
    for (const watch of this.watches) this.beginWatch(watch)
  }

  /** `undefined` deletes. */
  put(key: string, value: Uint8Array | undefined): number {
    const register = { key, value, revision: ++this.#revision }
    this.registers.set(key, register)
    for (const watch of this.watches) {
      if (watch.of.isConnected && key.startsWith(watch.keyPrefix))
        this.later(watch.of, () => this.watches.has(watch) && watch.watcher.changed(register))
    }
    return register.revision
  }

  beginWatch(watch: Watch): void {
    const found = [...this.registers.values()].filter(
      ({ key, value }) => value !== undefined && key.startsWith(watch.keyPrefix),
    )
    if (!this.#hasRegisters) return
    this.later(watch.of, () => {
      if (!this.watches.has(watch)) return
      for (const register of found) watch.watcher.changed(register)
      watch.watcher.ready(new Set(found.map(({ key }) => key)))
    })
  }

  /** Calls after the latency, if the node is still reached then. */
  later(to: SimulatedCoordination, call: () => void): void {
    this.timers.after(LATENCY_MS, () => {
      if (to.isConnected) call()
    })
  }
}

export class SimulatedCoordination implements Coordination, Bus, Registers {
  readonly self: Sender
  readonly payloadBytesMax = 1_048_576
  readonly #network: SimulatedNetwork
  readonly #listeners = new Set<Listener>()
  readonly #connectionListeners = new Set<(isConnected: boolean) => void>()
  #isConnected = true

  constructor(network: SimulatedNetwork, self: Sender) {
    this.#network = network
    this.self = self
  }

  get bus(): Bus {
    return this
  }

  get registers(): Registers {
    return this
  }

  get isConnected(): boolean {
    return this.#isConnected
  }

  onConnection(listener: (isConnected: boolean) => void): () => void {
    this.#connectionListeners.add(listener)
    return () => void this.#connectionListeners.delete(listener)
  }

  /** The node does not reach the others any more, nor they it. */
  cut(): void {
    this.#connect(false)
  }

  heal(): void {
    this.#connect(true)
    for (const watch of this.#network.watches) if (watch.of === this) this.#network.beginWatch(watch)
  }

  #connect(isConnected: boolean): void {
    if (this.#isConnected === isConnected) return
    this.#isConnected = isConnected
    for (const listener of this.#connectionListeners) listener(isConnected)
  }

  broadcast(channel: Channel, payload: Uint8Array): void {
    this.#mustFit(payload)
    for (const other of this.#network.nodes) if (other !== this) this.#pass(other, channel, payload)
  }

  send(node: string, channel: Channel, payload: Uint8Array): void {
    this.#mustFit(payload)
    for (const other of this.#network.nodes)
      if (other !== this && other.self.node === node) this.#pass(other, channel, payload)
  }

  #mustFit(payload: Uint8Array): void {
    if (payload.length > this.payloadBytesMax) throw new RangeError(`a message of ${payload.length} bytes`)
  }

  #pass(to: SimulatedCoordination, channel: Channel, payload: Uint8Array): void {
    if (!this.#isConnected || !to.isConnected || this.#network.loses(this.self, to.self, channel)) return
    const copy = Buffer.from(payload)
    this.#network.later(to, () => {
      for (const listener of to.#listeners) if (listener.channel === channel) listener.receive(this.self, copy)
    })
  }

  listen(channel: Channel, receive: Listener['receive']): () => void {
    const listener = { channel, receive }
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  read(key: string): Promise<Register> {
    return this.#ask(() => this.#network.registers.get(key) ?? { key, value: undefined, revision: 0 })
  }

  write(key: string, value: Uint8Array, revision: number): Promise<WriteResult> {
    return this.#set(key, Buffer.from(value), revision)
  }

  remove(key: string, revision: number): Promise<WriteResult> {
    return this.#set(key, undefined, revision)
  }

  #set(key: string, value: Uint8Array | undefined, revision: number): Promise<WriteResult> {
    return this.#ask(() => {
      const known = this.#network.registers.get(key)
      const isFree = known?.value === undefined
      if (revision === 0 ? !isFree : known?.revision !== revision) return { type: 'conflict' }
      return { type: 'written', revision: this.#network.put(key, value) }
    })
  }

  watch(keyPrefix: string, watcher: RegisterWatcher): () => void {
    const watch = { keyPrefix, watcher, of: this }
    this.#network.watches.add(watch)
    this.#network.beginWatch(watch)
    return () => void this.#network.watches.delete(watch)
  }

  #ask<T>(answer: () => T): Promise<T> {
    const { timers, hasRegisters } = this.#network
    return new Promise((resolve, reject) => {
      const lost = (why: string): void => reject(new ClusterError('COORDINATION_LOST', why))
      if (this.#isConnected && !hasRegisters)
        timers.after(ANSWER_MS_MAX, () => lost('the simulated registers do not answer'))
      else
        timers.after(LATENCY_MS, () => {
          if (this.#isConnected) resolve(answer())
          else lost('the simulated network is cut')
        })
    })
  }

  async close(): Promise<void> {
    this.#connect(false)
    this.#network.nodes.delete(this)
    for (const watch of this.#network.watches) if (watch.of === this) this.#network.watches.delete(watch)
  }
}
