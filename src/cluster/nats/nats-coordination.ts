/** Coordination over NATS: the connection, made again for as long as it takes; bus and registers are beside it. */
import { DebugEvents, Events, type NatsConnection } from 'nats'
import type { NatsConfig } from '../../config/nats/nats-config.ts'
import type { ClusterClock } from '../cluster-clock.ts'
import type { ClusterLog } from '../cluster-log.ts'
import type { Bus, Coordination, Registers, Sender } from '../coordination.ts'
import { NatsBucket } from './nats-bucket.ts'
import { NatsBus } from './nats-bus.ts'
import { configuredServers, dial, type NatsServer, readServer, refusalWords } from './nats-dial.ts'
import { NatsRegisters } from './nats-registers.ts'
import { BusSubjects, bucketName } from './subjects.ts'

export type NatsPorts = {
  readonly self: Sender
  readonly clusterName: string
  readonly log: ClusterLog
  readonly clock: ClusterClock
  readonly random?: () => number
}

/** Between two attempts, after a round over all servers. */
const retryMsMin = 100
const retryMsMax = 1000
/** The same while we are refused: each time half as long again, as nothing but a person ends it. */
const refusedMsMax = 10_000
/** How long the first round trip over a new connection, or the last one over an old one, may take. */
const roundTripMsMax = 1500

/** Connects from its making on, and again for as long as it is not closed; what NATS refuses stands in `problem`. */
export class NatsCoordination implements Coordination {
  readonly self: Sender
  readonly #config: NatsConfig
  readonly #clusterName: string
  readonly #log: ClusterLog
  readonly #clock: ClusterClock
  readonly #random: () => number
  readonly #bus: NatsBus
  readonly #registers: NatsRegisters
  readonly #listeners = new Set<(isConnected: boolean) => void>()
  readonly #problems = new Map<'connection' | 'rights' | 'registers', string>()
  /** What the server that we were connected to last told of its cluster. */
  #discovered: readonly NatsServer[] = []
  #nc: NatsConnection | undefined
  #isConnected = false
  readonly #closing = new AbortController()
  #endPause: (() => void) | undefined
  readonly #ended: Promise<void>

  constructor(config: NatsConfig, { self, clusterName, log, clock, random = Math.random }: NatsPorts) {
    this.self = self
    this.#config = config
    this.#clusterName = clusterName
    this.#log = log
    this.#clock = clock
    this.#random = random
    const bucket = new NatsBucket({
      name: bucketName(config.prefix, clusterName),
      replicas: config.replicas,
      random,
      log,
    })
    const subjects = new BusSubjects(config.prefix, clusterName, self)
    this.#bus = new NatsBus(subjects, log)
    const refused = (words: string | undefined): void => this.#setProblem('registers', words)
    this.#registers = new NatsRegisters({
      bucket,
      changesSubject: subjects.registerChanges,
      clock,
      random,
      log,
      refused,
    })
    this.#ended = this.#run()
  }

  get bus(): Bus {
    return this.#bus
  }

  get registers(): Registers {
    return this.#registers
  }

  get isConnected(): boolean {
    return this.#isConnected
  }

  /** What NATS refuses us until somebody changes something, in words that name the key of the configuration. */
  get problem(): string | undefined {
    return [...this.#problems.values()][0]
  }

  onConnection(listener: (isConnected: boolean) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#endPause?.()
    const nc = this.#nc
    if (nc !== undefined && !nc.isClosed()) {
      this.#setConnected(false)
      this.#registers.detach()
      // What was given to the bus is still to go; nothing may be added, and a server that is gone is not waited for.
      await this.#roundTrip(nc)
      this.#bus.detach()
      await nc.close()
    }
    await this.#ended
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    // In a turn of its own: a timeout counts from when its turn began, and this one may have read a large store before.
    await new Promise(setImmediate)
    let failures = 0
    while (!this.#closing.signal.aborted) {
      const failure = await this.#round()
      if (this.#closing.signal.aborted) return
      if (failure === undefined) failures = 0
      else {
        const fields = { servers: this.#config.servers, error: failure }
        this.#log[failures === 0 ? 'warn' : 'debug'](fields, 'coordination_unreachable')
        failures++
      }
      await this.#pause(retryMsMin + this.#random() * this.#retrySpanMs(failures))
    }
  }

  #retrySpanMs(failures: number): number {
    if (failures === 0) return retryMsMin
    const span = retryMsMax - retryMsMin
    return this.#problems.has('connection') ? Math.min(refusedMsMax, span * 1.5 ** (failures - 1)) : span
  }

  /** Tries the servers one after the other, in any order; `undefined` after a connection that has worked. */
  async #round(): Promise<string | undefined> {
    let failure = 'no server'
    const clientName = `isthmus ${this.#clusterName} ${this.self.node}`
    for (const server of shuffled(this.#servers(), this.#random)) {
      if (this.#closing.signal.aborted) return undefined
      try {
        const nc = await dial(this.#config, server, { clientName, signal: this.#closing.signal })
        if (await this.#serve(nc, server)) return undefined
      } catch (error) {
        const where = `${server.host}:${server.port}`
        failure = `${where}: ${error instanceof Error ? error.message : String(error)}`
        const words = refusalWords(error, this.#config, where)
        if (words !== undefined) this.#setProblem('connection', words)
      }
    }
    return failure
  }

  #servers(): readonly NatsServer[] {
    const servers = new Map<string, NatsServer>()
    for (const server of [...this.#discovered, ...configuredServers(this.#config)])
      servers.set(`${server.host}:${server.port}`, server)
    return [...servers.values()]
  }

  /** From the first round trip to the end of a connection. False if it never was one. */
  async #serve(nc: NatsConnection, server: NatsServer): Promise<boolean> {
    this.#nc = nc
    void this.#follow(nc, server)
    this.#problems.delete('rights')
    try {
      this.#bus.attach(nc)
      if (!(await this.#roundTrip(nc)) || this.#closing.signal.aborted) return false
      this.#open(nc, server)
      const reason = await nc.closed()
      if (!this.#closing.signal.aborted) this.#log.warn({ error: reason?.message ?? 'closed' }, 'coordination_lost')
      return true
    } finally {
      await nc.close()
      this.#nc = undefined
      this.#bus.detach()
      this.#registers.detach()
      this.#setConnected(false)
    }
  }

  #open(nc: NatsConnection, server: NatsServer): void {
    this.#discover(nc, server)
    this.#setProblem('connection', undefined)
    this.#log.info({ server: `${server.host}:${server.port}` }, 'coordination_connected')
    this.#bus.open()
    this.#registers.attach(nc)
    this.#setConnected(true)
  }

  #discover({ info }: NatsConnection, { name }: NatsServer): void {
    // A connection that has ended knows nothing any more.
    if (info !== undefined) this.#discovered = (info.connect_urls ?? []).map((url) => readServer(url, name))
  }

  /** What nats.js says of a connection on its way. Ends with it. */
  async #follow(nc: NatsConnection, server: NatsServer): Promise<void> {
    try {
      for await (const status of nc.status()) {
        // nats.js 2.29 wants to send the rest before it gives up a server that is silent, and that may never end.
        if (status.type === DebugEvents.StaleConnection) await nc.close()
        // Servers came to the NATS cluster, or went.
        if (status.type === Events.Update) this.#discover(nc, server)
        if (status.permissionContext === undefined) continue
        const { operation, subject } = status.permissionContext
        this.#setProblem('rights', `cluster.nats: our user may not ${verbs[operation] ?? operation} ${subject}`)
      }
    } catch (error) {
      this.#log.debug({ error: String(error) }, 'coordination_status_ended')
    }
  }

  #setProblem(kind: 'connection' | 'rights' | 'registers', words: string | undefined): void {
    const known = this.#problems.get(kind)
    if (known === words) return
    if (words === undefined) {
      this.#problems.delete(kind)
      this.#log.info({ problem: known }, 'coordination_no_longer_refused')
      return
    }
    this.#problems.set(kind, words)
    // Several servers refuse in turn, and a right that is missing is missed with each message: the first is told aloud.
    this.#log[known === undefined ? 'error' : 'debug']({ problem: words }, 'coordination_refused')
  }

  #setConnected(isConnected: boolean): void {
    if (this.#isConnected === isConnected) return
    this.#isConnected = isConnected
    for (const listener of this.#listeners) {
      try {
        listener(isConnected)
      } catch (error) {
        this.#log.error({ error }, 'coordination_listener_failed')
      }
    }
  }

  /** Whether the server answers in time. Never rejects. */
  #roundTrip(nc: NatsConnection): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(roundTripMsMax, () => resolve(false))
      const settle = (isDone: boolean) => (): void => {
        timer.cancel()
        resolve(isDone)
      }
      nc.flush().then(settle(true), settle(false))
      // nats.js forgets a flush when the connection goes.
      nc.closed().then(settle(false), settle(false))
    })
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(ms, resolve)
      this.#endPause = () => {
        timer.cancel()
        resolve()
      }
    })
  }
}

const verbs: Readonly<Record<string, string>> = { publish: 'publish to', subscription: 'subscribe to' }

function shuffled<Item>(items: readonly Item[], random: () => number): readonly Item[] {
  return items
    .map((item) => ({ item, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
