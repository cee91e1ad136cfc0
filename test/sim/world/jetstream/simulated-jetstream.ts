/**
 * What NATS with JetStream is to the nodes of one cluster: a bus, and registers, on one server or three. Servers die, freeze, are cut off
 * from each other and from nodes, and lose all that they know.
 */
import type { Register, Sender } from '../../../../src/cluster/coordination.ts'
import type { ProcessTurns } from '../process-turns.ts'
import type { SeededRandom } from '../random.ts'
import type { VirtualTime } from '../virtual-time.ts'
import type { RegisterAnswer, RegisterRequest } from './bucket.ts'
import { type ClientPorts, SimulatedNatsClient } from './nats-client.ts'
import { type BusMessage, Line, type LineOwner } from './line.ts'
import { Pipe } from './pipe.ts'
import { Replicas } from './replicas.ts'

/** A node that does not reach servers: `vanish`: nobody is told, and what is sent waits; `reset`: connections end, new ones are refused. */
export type NatsCut = {
  readonly how: 'vanish' | 'reset'
  /** Which way nothing goes; both, if left out. */
  readonly direction?: 'to_servers' | 'from_servers'
  /** All, if left out. */
  readonly servers?: readonly number[]
}

type ServerState = { isUp: boolean; isFrozen: boolean; readonly lines: Set<Line> }

const LATENCY_MS = { minMs: 0.2, maxMs: 1.5 }
/** How long a node waits for a server that says nothing. */
const DIAL_MS_MAX = 2000
/** What servers had for each other is dropped after so long (`write_deadline`). */
const ROUTE_SILENCE_MS_MAX = 10_000

export class SimulatedJetStream {
  /** How long each way over a connection takes from now on. */
  latencyMs: { readonly minMs: number; readonly maxMs: number } = LATENCY_MS
  readonly #time: VirtualTime
  readonly #random: SeededRandom
  readonly #servers: ServerState[]
  readonly #replicas: Replicas
  /** From each server to each. */
  readonly #routes: Pipe[][]
  readonly #cuts = new Set<NatsCut & { readonly node: string }>()
  readonly #splits = new Set<readonly number[]>()

  constructor(time: VirtualTime, random: SeededRandom, serverCount: 1 | 3 = 1) {
    this.#time = time
    this.#random = random
    const servers = Array.from({ length: serverCount }, (_, server) => server)
    this.#servers = servers.map(() => ({ isUp: true, isFrozen: false, lines: new Set() }))
    const ports = { time, random, latencyMs: () => this.#latencyMs() }
    this.#routes = servers.map(() => servers.map(() => new Pipe({ ...ports, silenceMsMax: ROUTE_SILENCE_MS_MAX })))
    this.#replicas = new Replicas({
      ...ports,
      serverCount,
      isUp: (server) => this.#state(server).isUp,
      reaches: (server, other) => !this.#isRouteSilent(server, other),
    })
  }

  get allServers(): readonly number[] {
    return [...this.#servers.keys()]
  }

  /** Connects from now on, and again for as long as it is not closed. */
  connect(self: Sender, process: ProcessTurns, ports: ClientPorts = {}): SimulatedNatsClient {
    return new SimulatedNatsClient(this, self, process, {
      time: this.#time,
      random: this.#random.fork(`${self.node} ${self.boot}`),
      ...ports,
    })
  }

  /** What is in the registers now, for who judges. */
  registers(): ReadonlyMap<string, Register> {
    const found = new Map<string, Register>()
    for (const register of this.#replicas.bucket?.registers() ?? [])
      if (register.value !== undefined) found.set(register.key, register)
    return found
  }

  /** Between a node and servers. Returns how to mend it. */
  cut(node: string, cut: NatsCut): () => void {
    const made = { ...cut, node }
    this.#cuts.add(made)
    this.#refresh()
    return () => {
      if (this.#cuts.delete(made)) this.#refresh()
    }
  }

  /** These servers and the others do not reach each other. Returns how to mend it. */
  split(apart: readonly number[]): () => void {
    const split = [...apart]
    this.#splits.add(split)
    this.#refresh()
    return () => {
      if (this.#splits.delete(split)) this.#refresh()
    }
  }

  /** As by SIGKILL; what it knows is on its disk. */
  kill(server: number): void {
    const state = this.#state(server)
    if (!state.isUp) return
    state.isUp = false
    state.isFrozen = false
    for (const line of state.lines) line.reset('server')
    state.lines.clear()
    for (const other of this.#servers.keys()) {
      this.#routes[server]![other]!.reset('soon')
      this.#routes[other]![server]!.reset('at_once')
    }
    this.#replicas.serverEnded(server)
    this.#refresh()
  }

  /** A server that was killed runs again. */
  start(server: number): void {
    const state = this.#state(server)
    if (state.isUp) return
    state.isUp = true
    for (const other of this.#servers.keys()) {
      this.#routes[server]![other] = this.#makeRoute()
      this.#routes[other]![server] = this.#makeRoute()
    }
    this.#refresh()
  }

  /** As by SIGSTOP. */
  freeze(server: number): void {
    this.#state(server).isFrozen = true
    this.#refresh()
  }

  thaw(server: number): void {
    this.#state(server).isFrozen = false
    this.#refresh()
  }

  /** The bucket is deleted, with all registers, while servers go on or are away. */
  wipe(): void {
    this.#replicas.wipe()
  }

  /** All faults are over. */
  heal(): void {
    this.latencyMs = LATENCY_MS
    this.#cuts.clear()
    this.#splits.clear()
    for (const [server, state] of this.#servers.entries()) {
      state.isFrozen = false
      this.start(server)
    }
    this.#refresh()
  }

  /** An attempt to connect, with its first round trip. `undefined`, in a turn of the process, if it failed. */
  dial(owner: LineOwner, server: number, over: (line: Line | undefined) => void): void {
    const answerMs = this.#latencyMs() + this.#latencyMs()
    const answerAt = (ms: number, line: () => Line | undefined): void =>
      void this.#time.after(ms, () => owner.process.turn(() => over(line())))
    const isSilent = (): boolean =>
      this.#isSilent(owner.node, server, 'to_servers') || this.#isSilent(owner.node, server, 'from_servers')
    if (this.#isRefused(owner.node, server) && !isSilent()) return answerAt(answerMs, () => undefined)
    this.#time.after(2 * answerMs, () => {
      if (isSilent()) answerAt(DIAL_MS_MAX - 2 * answerMs, () => undefined)
      else answerAt(0, () => (this.#isRefused(owner.node, server) ? undefined : this.#open(owner, server)))
    })
  }

  #open(owner: LineOwner, server: number): Line {
    const line = new Line(owner, server, { time: this.#time, random: this.#random, latencyMs: () => this.#latencyMs() })
    const { lines } = this.#state(server)
    // Those of processes that are no more: what they had sent has come.
    for (const old of lines) if (old.owner.process.isDead && old.up.isFlowing) lines.delete(old)
    lines.add(line)
    const { node } = owner
    line.setSilent(this.#isSilent(node, server, 'to_servers'), this.#isSilent(node, server, 'from_servers'))
    line.knownElsewhereMs = this.#time.nowMs + this.#latencyMs()
    return line
  }

  /** The server's end goes when it hears that the node's is gone. */
  close(line: Line): void {
    line.up.send(() => this.#state(line.server).lines.delete(line))
    line.letGo()
  }

  publish(line: Line, message: BusMessage): void {
    line.up.send(() => this.#pass(line, message), message.payload.length)
  }

  /** There may be no answer. */
  ask(line: Line, request: RegisterRequest, answer: (answer: RegisterAnswer) => void): void {
    const { server } = line
    const answerBack = (answered: RegisterAnswer): void =>
      line.down.send(() => line.owner.process.turn(() => answer(answered)))
    line.up.send(() => {
      const leader = this.#replicas.leaderFor(server)
      if (leader === undefined) return
      if (leader === server) return this.#replicas.ask(server, request, answerBack)
      this.#routes[server]![leader]!.send(() =>
        this.#replicas.ask(leader, request, (answered) =>
          this.#routes[leader]![server]!.send(() => answerBack(answered)),
        ),
      )
    })
  }

  /** To the server and back. */
  roundTrip(line: Line, over: () => void): void {
    line.up.send(() => line.down.send(() => line.owner.process.turn(over)))
  }

  /** What a node would find that looked now: `more` than this, or another bucket. What can't be seen is as it was. */
  look(line: Line, known: { readonly created: number; readonly sequence: number }): 'same' | 'more' | 'other' {
    if (!line.up.isFlowing || !line.down.isFlowing) return 'same'
    const bucket = this.#replicas.seenFrom(line.server)
    if (bucket === undefined) return this.#replicas.bucket === undefined ? 'other' : 'same'
    if (bucket.created !== known.created || bucket.lastSequence < known.sequence) return 'other'
    return bucket.lastSequence > Math.max(known.sequence, bucket.created - 1) ? 'more' : 'same'
  }

  #pass(from: Line, message: BusMessage): void {
    message.passedMs = this.#time.nowMs
    this.#deliver(from.server, message, from)
    for (const [server, { isUp, lines }] of this.#servers.entries()) {
      if (server === from.server || !isUp) continue
      const isWanted = [...lines].some((line) => isFor(line, message) && line.knownElsewhereMs <= this.#time.nowMs)
      if (isWanted) this.#routes[from.server]![server]!.send(() => this.#deliver(server, message, from))
    }
  }

  #deliver(server: number, message: BusMessage, from: Line): void {
    for (const line of this.#state(server).lines) {
      if (line === from || !isFor(line, message)) continue
      line.down.send(() => {
        const { owner } = line
        owner.process.turn(() => line.isHeld && owner.received(message))
      }, message.payload.length)
    }
  }

  #refresh(): void {
    for (const [server, { lines }] of this.#servers.entries()) {
      for (const [other, route] of this.#routes[server]!.entries())
        if (other !== server) route.setSilent(this.#isRouteSilent(server, other))
      for (const line of lines) {
        const { node } = line.owner
        line.setSilent(this.#isSilent(node, server, 'to_servers'), this.#isSilent(node, server, 'from_servers'))
        if (!this.#isRefused(node, server)) continue
        lines.delete(line)
        line.reset('network')
      }
    }
    this.#replicas.reconsider()
  }

  #isRouteSilent(server: number, other: number): boolean {
    if (this.#state(server).isFrozen || this.#state(other).isFrozen) return true
    return [...this.#splits].some((apart) => apart.includes(server) !== apart.includes(other))
  }

  #isSilent(node: string, server: number, direction: 'to_servers' | 'from_servers'): boolean {
    if (this.#state(server).isFrozen) return true
    return this.#cutsOf(node, server).some((cut) => cut.how === 'vanish' && (cut.direction ?? direction) === direction)
  }

  #isRefused(node: string, server: number): boolean {
    return !this.#state(server).isUp || this.#cutsOf(node, server).some(({ how }) => how === 'reset')
  }

  #cutsOf(node: string, server: number): NatsCut[] {
    return [...this.#cuts].filter((cut) => cut.node === node && (cut.servers?.includes(server) ?? true))
  }

  #makeRoute(): Pipe {
    return new Pipe({
      time: this.#time,
      random: this.#random,
      latencyMs: () => this.#latencyMs(),
      silenceMsMax: ROUTE_SILENCE_MS_MAX,
    })
  }

  #latencyMs(): number {
    return this.#random.between(this.latencyMs.minMs, this.latencyMs.maxMs)
  }

  #state(server: number): ServerState {
    const state = this.#servers[server]
    if (state === undefined) throw new RangeError(`there is no server ${server}`)
    return state
  }
}

function isFor({ owner }: Line, { to }: BusMessage): boolean {
  return !owner.process.isDead && (to === undefined || to === owner.node)
}
