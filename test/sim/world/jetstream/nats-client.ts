/** The coordination of one process over simulated NATS: connects for as long as it takes, as the product's own does over a real one. */
import { ClusterError } from '../../../../src/cluster/cluster-error.ts'
import type { ClusterLog } from '../../../../src/cluster/cluster-log.ts'
import type {
  Bus,
  Channel,
  Coordination,
  Register,
  Registers,
  RegisterWatcher,
  Sender,
  WriteResult,
} from '../../../../src/cluster/coordination.ts'
import type { ProcessTurns } from '../process-turns.ts'
import type { SeededRandom } from '../random.ts'
import type { VirtualTime } from '../virtual-time.ts'
import type { RegisterAnswer, RegisterRequest } from './bucket.ts'
import type { BusMessage, Line, LineOwner } from './line.ts'
import { ownRegister, RegisterReader } from './register-reader.ts'
import type { SimulatedJetStream } from './simulated-jetstream.ts'

/** What the machine gives it; left out, its timers are the world's, and what listeners throw ends the simulation. */
export type ClientPorts = {
  readonly clock?: { after(ms: number, call: () => void): { cancel(): void } }
  readonly log?: ClusterLog
  /** Those that it is told of; of the others it learns from these. All, if left out. */
  readonly servers?: readonly number[]
}

type Ports = ClientPorts & { readonly time: VirtualTime; readonly random: SeededRandom }

type Receive = (from: Sender, payload: Uint8Array) => void

/** Those who listen to a channel, and since when servers know it. */
type Listening = { readonly listeners: Set<Receive>; readonly sinceMs: number }

/** For one operation, however many requests it takes. */
const DEADLINE_MS = 2000
const ROUND_TRIP_MS_MAX = 1500
const RETRY_MS_MIN = 100
const RETRY_MS_MAX = 1000
/** A server that says nothing is asked each second, and given up when three questions had no answer. */
const SILENCE_MS = { minMs: 3000, maxMs: 4000 }
const REGISTERS_CHANNEL = 'registers'

export class SimulatedNatsClient implements Coordination, Bus, Registers, LineOwner {
  readonly self: Sender
  readonly process: ProcessTurns
  readonly payloadBytesMax = 1_048_576
  readonly #servers: SimulatedJetStream
  readonly #ports: Ports
  readonly #reader: RegisterReader
  readonly #channels = new Map<string, Listening>()
  readonly #connectionListeners = new Set<(isConnected: boolean) => void>()
  /** Who waits for an answer, to be told that none comes. */
  readonly #asking = new Set<() => void>()
  #knownServers: readonly number[]
  #line: Line | undefined
  #isConnected = false
  #isClosing = false
  #silence: { cancel(): void } | undefined

  constructor(servers: SimulatedJetStream, self: Sender, process: ProcessTurns, ports: Ports) {
    this.#servers = servers
    this.self = self
    this.process = process
    this.#ports = ports
    this.#knownServers = ports.servers ?? servers.allServers
    this.#reader = new RegisterReader({
      ask: (request) => this.#request(request, this.#deadline()),
      look: (known) => (this.#line === undefined ? 'same' : servers.look(this.#line, known)),
      after: (ms, call) => this.#after(ms, call),
      random: () => ports.random.next(),
      tell: (call) => this.#tell('register_watcher_failed', call),
    })
    this.#after(0, () => this.#dialRound())
  }

  get node(): string {
    return this.self.node
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

  /** What was given to the bus is sent first, if the server takes it in time. */
  async close(): Promise<void> {
    this.#isClosing = true
    const line = this.#line
    if (line === undefined || !this.#isConnected) return
    this.#reader.detach()
    this.#setConnected(false)
    await new Promise<void>((resolve) => {
      const late = this.#after(ROUND_TRIP_MS_MAX, resolve)
      this.#servers.roundTrip(line, () => {
        late.cancel()
        resolve()
      })
    })
    this.#endLine(line)
  }

  #dialRound(): void {
    const servers = this.#knownServers.map((server) => ({ server, at: this.#ports.random.next() }))
    this.#dial(servers.toSorted((a, b) => a.at - b.at).map(({ server }) => server))
  }

  /** One after the other. */
  #dial([first, ...rest]: readonly number[]): void {
    if (this.#isClosing) return
    if (first === undefined) return this.#dialAgain(RETRY_MS_MAX)
    this.#servers.dial(this, first, (line) => {
      if (line === undefined) this.#dial(rest)
      else if (this.#isClosing) this.#servers.close(line)
      else this.#open(line)
    })
  }

  #dialAgain(msMax: number): void {
    const { random } = this.#ports
    this.#after(random.between(RETRY_MS_MIN, msMax), () => this.#dialRound())
  }

  #open(line: Line): void {
    this.#line = line
    this.#knownServers = this.#servers.allServers
    this.#ports.log?.info({ server: String(line.server) }, 'coordination_connected')
    this.#reader.attach()
    this.#setConnected(true)
  }

  lineEnded(line: Line): void {
    if (line !== this.#line) return
    this.#ports.log?.warn({ error: 'closed' }, 'coordination_lost')
    this.#endLine(line)
    if (!this.#isClosing) this.#dialAgain(2 * RETRY_MS_MIN)
  }

  lineSilent(line: Line, isSilent: boolean): void {
    if (line !== this.#line) return
    this.#silence?.cancel()
    this.#silence = undefined
    if (!isSilent) return
    const { random } = this.#ports
    this.#silence = this.#after(random.between(SILENCE_MS.minMs, SILENCE_MS.maxMs), () => this.lineEnded(line))
  }

  #endLine(line: Line): void {
    if (this.#line !== line) return
    this.#line = undefined
    this.#silence?.cancel()
    this.#servers.close(line)
    for (const giveUp of this.#asking) giveUp()
    this.#reader.detach()
    this.#setConnected(false)
  }

  #setConnected(isConnected: boolean): void {
    if (this.#isConnected === isConnected) return
    this.#isConnected = isConnected
    for (const listener of this.#connectionListeners)
      this.#tell('coordination_listener_failed', () => listener(isConnected))
  }

  broadcast(channel: Channel, payload: Uint8Array): void {
    this.#publish(undefined, channel, payload)
  }

  send(node: string, channel: Channel, payload: Uint8Array): void {
    this.#publish(node, channel, payload)
  }

  #publish(to: string | undefined, channel: string, payload: Uint8Array): void {
    if (payload.length > this.payloadBytesMax) throw new RangeError(`a message of ${payload.length} bytes`)
    const line = this.#line
    if (line === undefined || (this.#isClosing && !this.#isConnected)) return
    const { node: fromNode, boot: fromBoot } = this.self
    this.#servers.publish(line, { fromNode, fromBoot, to, channel, payload, passedMs: 0 })
  }

  listen(channel: Channel, receive: Receive): () => void {
    // Servers hear of the first who listens, and that takes its time.
    const sinceMs = this.#line === undefined ? 0 : this.#ports.time.nowMs + this.#servers.latencyMs.minMs
    const listening = this.#channels.get(channel) ?? { listeners: new Set(), sinceMs }
    this.#channels.set(channel, listening)
    const listener: Receive = (from, payload) => receive(from, payload)
    listening.listeners.add(listener)
    return () => {
      listening.listeners.delete(listener)
      if (listening.listeners.size === 0 && this.#channels.get(channel) === listening) this.#channels.delete(channel)
    }
  }

  received({ fromNode, fromBoot, channel, payload, passedMs }: BusMessage): void {
    if (channel === REGISTERS_CHANNEL) return this.#reader.hear(Number(Buffer.from(payload).toString()))
    const listening = this.#channels.get(channel)
    if (listening === undefined || passedMs < listening.sinceMs) return
    const from = { node: fromNode, boot: fromBoot }
    for (const receive of listening.listeners)
      this.#tell('bus_listener_failed', () => receive(from, Buffer.from(payload)))
  }

  async read(key: string): Promise<Register> {
    return this.#read(key, this.#deadline())
  }

  async write(key: string, value: Uint8Array, revision: number): Promise<WriteResult> {
    return this.#set(key, Buffer.from(value), revision)
  }

  async remove(key: string, revision: number): Promise<WriteResult> {
    return this.#set(key, undefined, revision)
  }

  watch(keyPrefix: string, watcher: RegisterWatcher): () => void {
    return this.#reader.watch(keyPrefix, watcher)
  }

  async #read(key: string, untilMs: number): Promise<Register> {
    const answer = await this.#answered({ type: 'last', key }, untilMs)
    if (answer.type !== 'last') throw lost(key)
    return ownRegister(answer.register)
  }

  /** A deletion is a message, too: what was deleted is written on its revision, and 0 stands for it. */
  async #set(key: string, value: Uint8Array | undefined, revision: number): Promise<WriteResult> {
    const untilMs = this.#deadline()
    const result = await this.#put(key, value, revision, untilMs)
    if (result.type === 'written' || revision !== 0) return result
    const known = await this.#read(key, untilMs)
    return known.value === undefined ? this.#put(key, value, known.revision, untilMs) : result
  }

  async #put(key: string, value: Uint8Array | undefined, revision: number, untilMs: number): Promise<WriteResult> {
    const answer = await this.#answered({ type: 'put', key, value, revision }, untilMs)
    if (answer.type !== 'put') throw lost(key)
    if (answer.result.type === 'written') {
      this.#reader.hear(answer.result.revision)
      this.#publish(undefined, REGISTERS_CHANNEL, Buffer.from(String(answer.result.revision)))
    }
    return answer.result
  }

  /** A bucket that is not there is made, once. */
  async #answered(request: RegisterRequest, untilMs: number): Promise<RegisterAnswer> {
    const answer = await this.#request(request, untilMs)
    if (answer.type !== 'no_bucket') return answer
    await this.#request({ type: 'ensure' }, untilMs)
    // What was watched is gone with the bucket.
    this.#reader.beginAgain()
    return this.#request(request, untilMs)
  }

  /** Rejects with `ClusterError` if no answer comes in time. */
  #request(request: RegisterRequest, untilMs: number): Promise<RegisterAnswer> {
    const line = this.#line
    const leftMs = untilMs - this.#ports.time.nowMs
    const what = 'key' in request ? request.key : request.type
    if (line === undefined || this.#isClosing || leftMs <= 0) return Promise.reject(lost(what))
    return new Promise((resolve, reject) => {
      const settle = (call: () => void): void => {
        if (!this.#asking.delete(giveUp)) return
        late.cancel()
        call()
      }
      const giveUp = (): void => settle(() => reject(lost(what)))
      const late = this.#after(leftMs, giveUp)
      this.#asking.add(giveUp)
      this.#servers.ask(line, request, (answer) => settle(() => resolve(answer)))
    })
  }

  #deadline(): number {
    return this.#ports.time.nowMs + DEADLINE_MS
  }

  #after(ms: number, call: () => void): { cancel(): void } {
    const { clock, time } = this.#ports
    return clock?.after(ms, call) ?? time.after(ms, () => this.process.turn(call))
  }

  /** What a listener throws is logged, and the others are told all the same. */
  #tell(event: string, call: () => void): void {
    const { log } = this.#ports
    if (log === undefined) return call()
    try {
      call()
    } catch (error) {
      log.error({ error }, event)
    }
  }
}

function lost(what: string): ClusterError {
  return new ClusterError('COORDINATION_LOST', `NATS did not answer for ${what}`)
}
