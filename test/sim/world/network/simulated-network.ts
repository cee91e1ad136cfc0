/**
 * TCP between the hosts of a simulation, in virtual time: connections are made and refused, bytes come in order and exactly or not at
 * all, and every way between two hosts can be slow, cut in one direction or both, or reset, and be mended again.
 */
import type { ProcessTurns } from '../process-turns.ts'
import type { SeededRandom } from '../random.ts'
import type { VirtualTime } from '../virtual-time.ts'
import { Echo, NOBODY } from './echo.ts'
import { drawLatency, type Latency, NEAR } from './latency.ts'
import { type CutKind, Host, Path } from './path.ts'
import { Pipe } from './pipe.ts'
import { SimulatedDialSocket } from './simulated-dial-socket.ts'
import { SimulatedTransport, type TransportTerms } from './simulated-transport.ts'
import type { Address } from './socket-error.ts'
import { TcpEnd } from './tcp-end.ts'

type Listening = {
  readonly process: ProcessTurns
  readonly terms: TransportTerms
  readonly accept: (transport: SimulatedTransport) => void
}

/** A SYN that nobody answers is sent again after so many milliseconds each time, then the caller hears `ETIMEDOUT` (Linux). */
const SYN_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000]
/** How long after the real one a connection is made that is made twice, and how long it is there, milliseconds. */
const ECHO_MS = { laterMax: 300, lastsMin: 1, lastsMax: 4_000 }
const FIRST_EPHEMERAL_PORT = 32_768
const EPHEMERAL_PORTS = 28_232
const plainTerms: TransportTerms = { listener: 'tcp:default', sendTimeoutMs: 15_000 }

type Dialling = {
  readonly socket: SimulatedDialSocket
  readonly process: ProcessTurns
  readonly there: Path
  readonly back: Path
  readonly port: number
}

export class SimulatedNetwork {
  /** Of new ways between hosts. */
  latency: Latency = NEAR
  /** Connections that were made. */
  connections = 0
  readonly #time: VirtualTime
  readonly #random: SeededRandom
  readonly #hosts = new Map<string, Host>()
  readonly #paths = new Map<string, Path>()
  readonly #listening = new Map<string, Listening>()
  /** By their hosts, in the order in which they were made. */
  readonly #ends = new Map<Host, Set<TcpEnd>>()
  #dials = 0

  constructor(time: VirtualTime, random: SeededRandom) {
    this.#time = time
    this.#random = random
  }

  /** A machine that can be reached, whether anything listens on it or not. Also done by `listen` and `dial`. */
  addHost(name: string): void {
    this.#host(name)
  }

  /** The side of a server. Returns how to stop: who is connected stays. Throws if the port is taken. */
  listen(
    host: string,
    port: number,
    process: ProcessTurns,
    accept: (transport: SimulatedTransport) => void,
    terms: TransportTerms = plainTerms,
  ): () => void {
    this.hostReturned(host)
    const key = `${host}:${port}`
    const before = this.#listening.get(key)
    if (before !== undefined && !before.process.isDead) throw new Error(`listen EADDRINUSE: ${key}`)
    const listening = { process, terms, accept }
    this.#listening.set(key, listening)
    return () => {
      if (this.#listening.get(key) === listening) this.#listening.delete(key)
    }
  }

  /** Begins to connect and returns at once. */
  dial(host: string, process: ProcessTurns, to: Address): SimulatedDialSocket {
    if (!process.isDead) this.hostReturned(host)
    const soon = (call: () => void) => void this.#time.after(0, () => process.turn(call))
    const socket = new SimulatedDialSocket(to, soon)
    const there = this.#hosts.get(to.host)
    if (there === undefined) soon(() => socket.refused('ENOTFOUND'))
    else {
      const port = this.#nextPort()
      this.#sendSyn(
        { socket, process, there: this.#path(host, to.host), back: this.#path(to.host, host), port },
        to.port,
      )
    }
    return socket
  }

  // ---- faults, and their ends

  /** For what is sent from now on in this direction. */
  setLatency(from: string, to: string, latency: Latency): void {
    this.#path(from, to).latency = latency
  }

  /**
   * In this direction only. `vanish`: nothing arrives, and nobody is told; what was lost is sent again after the end. `reset`: connections
   * break, and new ones are refused. Returns what takes it away again.
   */
  cut(from: string, to: string, kind: CutKind): () => void {
    const path = this.#path(from, to)
    path.cut(kind)
    if (kind === 'reset') this.resetAll(from, to)
    let isCut = true
    return () => {
      if (!isCut) return
      isCut = false
      path.mend(kind)
      this.#mended(path)
    }
  }

  /** Whatever is dialled in this direction is made twice: a CONNECT arrives a second time, before the real one or after it. Returns the end of that. */
  echo(from: string, to: string): () => void {
    const path = this.#path(from, to)
    path.echoes += 1
    let isOn = true
    return () => {
      if (isOn) path.echoes -= 1
      isOn = false
    }
  }

  /** Breaks what is connected between the two, whoever dialled: a part of what is under way still arrives, up to any byte. */
  resetAll(from: string, to: string): void {
    for (const path of [this.#path(from, to), this.#path(to, from)]) for (const pipe of path.pipes) pipe.cutOff()
  }

  /** The process on it has died: its kernel closes what it had open, and sends what it had taken. */
  processEnded(host: string): void {
    this.#stopListening(host)
    for (const end of this.#endsOf(host)) end.close()
  }

  /** Without power: nobody is told of anything until it is back. */
  hostVanished(host: string): void {
    this.#stopListening(host)
    this.#host(host).isDown = true
    for (const end of this.#endsOf(host)) end.vanish()
  }

  /** What is sent to it is heard again. Also done by the first `listen` or `dial` of a process on it. */
  hostReturned(name: string): void {
    const host = this.#host(name)
    if (!host.isDown) return
    host.isDown = false
    for (const path of this.#paths.values()) if (path.to === host) this.#mended(path)
  }

  // ---- how a connection is made

  #sendSyn(dialling: Dialling, port: number, attempt = 0): void {
    const { socket, process, there } = dialling
    if (socket.destroyed || process.isDead) return
    const waitMs = SYN_MS[attempt]
    if (waitMs === undefined) return process.turn(() => socket.refused('ETIMEDOUT'))
    const again = this.#time.after(waitMs, () => this.#sendSyn(dialling, port, attempt + 1))
    if (there.isSilent) return
    this.#time.after(this.#latencyOf(there), () => this.#synArrived(dialling, port, () => again.cancel()))
  }

  #synArrived(dialling: Dialling, port: number, answered: () => void): void {
    const { socket, process, there, back } = dialling
    if (there.isSilent || back.isSilent) return
    const listening = this.#listeningAt(there.to, port)
    this.#time.after(this.#latencyOf(back), () => {
      if (back.isSilent || process.isDead) return
      answered()
      if (socket.destroyed || !socket.connecting) return
      if (listening === undefined || there.isRejecting || back.isRejecting)
        return process.turn(() => socket.refused('ECONNREFUSED'))
      this.#connect(dialling, port, listening)
    })
  }

  #connect(dialling: Dialling, port: number, listening: Listening): void {
    const { socket, process, there } = dialling
    const near = this.#join(dialling, port, listening)
    if (there.echoes > 0) near.firstWords = (bytes) => this.#echo(dialling, port, Buffer.from(bytes))
    process.turn(() => socket.connected(near))
  }

  #echo({ there, back }: Dialling, port: number, bytes: Buffer): void {
    this.#time.after(this.#random.between(0, ECHO_MS.laterMax), () => {
      const listening = this.#listeningAt(there.to, port)
      if (listening === undefined || there.isSilent || back.isSilent) return
      const echo = new Echo(this.#join({ process: NOBODY, there, back, port: this.#nextPort() }, port, listening))
      echo.say(bytes)
      this.#time.after(this.#random.between(ECHO_MS.lastsMin, ECHO_MS.lastsMax), () => echo.end())
    })
  }

  /** Returns the end of the side that dialled, which is connected; the other one hears of it a little later. */
  #join(
    { process, there, back, port: dialPort }: Omit<Dialling, 'socket'>,
    port: number,
    listening: Listening,
  ): TcpEnd {
    this.connections += 1
    const near = this.#end({ host: there.from, port: dialPort }, process)
    const far = this.#end({ host: there.to, port }, listening.process)
    near.out = far.in = new Pipe(near, far, [there, back], this.#time, this.#random)
    far.out = near.in = new Pipe(far, near, [back, there], this.#time, this.#random)
    const after = (ms: number, call: () => void) => this.#time.after(ms, () => listening.process.turn(call))
    const isListening = () => this.#listeningAt(there.to, port) === listening
    const peer = { host: there.from.name, port: dialPort }
    far.owner = new SimulatedTransport(far, peer, listening.terms, after, (transport) => {
      if (isListening()) listening.accept(transport)
      else transport.destroy()
    })
    // Its process is gone since it heard of us: the next that it is sent is answered with a reset.
    if (!isListening()) far.vanish()
    near.out.sendEstablished()
    return near
  }

  #nextPort(): number {
    return FIRST_EPHEMERAL_PORT + (this.#dials++ % EPHEMERAL_PORTS)
  }

  #end(at: { readonly host: Host; readonly port: number }, process: ProcessTurns): TcpEnd {
    const end = new TcpEnd(at, process, this.#time, (gone) => this.#retired(gone))
    this.#endsAt(at.host).add(end)
    return end
  }

  #retired(end: TcpEnd): void {
    this.#endsAt(end.host).delete(end)
    if (!end.out.receiver.isGone) return
    end.out.close()
    end.in.close()
  }

  #listeningAt(host: Host, port: number): Listening | undefined {
    const listening = this.#listening.get(`${host.name}:${port}`)
    return listening?.process.isDead === true ? undefined : listening
  }

  #stopListening(host: string): void {
    for (const key of this.#listening.keys()) if (key.startsWith(`${host}:`)) this.#listening.delete(key)
  }

  /** Those that this path carries, and those whose acknowledgements come back on it. */
  #mended(path: Path): void {
    for (const pipe of path.pipes) pipe.mended()
    for (const pipe of this.#path(path.to.name, path.from.name).pipes) pipe.mended()
  }

  #latencyOf(path: Path): number {
    return drawLatency(path.latency, this.#random)
  }

  #host(name: string): Host {
    let host = this.#hosts.get(name)
    if (host === undefined) this.#hosts.set(name, (host = new Host(name)))
    return host
  }

  #path(from: string, to: string): Path {
    const key = `${from} ${to}`
    let path = this.#paths.get(key)
    if (path === undefined) {
      this.#paths.set(key, (path = new Path(this.#host(from), this.#host(to))))
      path.latency = this.latency
    }
    return path
  }

  #endsAt(host: Host): Set<TcpEnd> {
    let ends = this.#ends.get(host)
    if (ends === undefined) this.#ends.set(host, (ends = new Set()))
    return ends
  }

  #endsOf(host: string): TcpEnd[] {
    return [...this.#endsAt(this.#host(host))]
  }
}
