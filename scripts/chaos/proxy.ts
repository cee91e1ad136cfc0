/**
 * A TCP proxy that does to connections what networks do to them. Faults come and go while connections pass; several at once
 * stand in a row, the oldest nearest to the sender.
 *
 *   who connects  --up-->  [fault] [fault]  --up-->  target
 *                 <-down-  [fault] [fault]  <-down-
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort } from '../../src/cli/demo/free-ports.ts'
import { type End, type FaultPorts, machinePorts, type Pipe, type Way } from './faults/fault.ts'
import { type FaultSettings, pipeOf, refuses } from './faults/faults.ts'

export type Target = { readonly host: string; readonly port: number }

export type FaultyProxy = {
  /** On 127.0.0.1; stays the same. */
  readonly port: number
  /** Connections that are open now. */
  readonly connections: number
  /** That came in so far from either side, whatever became of them. */
  readonly bytes: Readonly<Record<Way, number>>
  /** From now on; resolves when it is so. What it returns ends it again. */
  add(fault: FaultSettings): Promise<InstalledFault>
  /** Ends all connections and listens no more. */
  close(): Promise<void>
}

export type InstalledFault = {
  /** Resolves when whoever connects is served again. To end it twice is to end it once. */
  remove(): Promise<void>
}

export type ProxyOptions = {
  /** Asked for each connection; who connects while there is none is reset. */
  readonly target: () => Target | undefined
  readonly ports?: FaultPorts
}

/** Held in one way by faults and by the receiver's socket, beyond which no more is read. */
const HELD_BYTES_MAX = 1 << 20

/** Listens on a port that the system has free. */
export async function startProxy({ target, ports = machinePorts }: ProxyOptions): Promise<FaultyProxy> {
  const installed = new Set<FaultSettings>()
  const passing = new Set<Passing>()
  const bytes = { up: 0, down: 0 }
  const port = await freePort()

  const accept = (near: Socket): void => {
    const to = target()
    if (to === undefined) return void near.on('error', () => undefined).resetAndDestroy()
    const far = connect({ ...to, noDelay: true, allowHalfOpen: true })
    const one = new Passing(near.setNoDelay(true), far, {
      ports,
      counted: (way, count) => (bytes[way] += count),
      gone: () => passing.delete(one),
    })
    passing.add(one)
    for (const fault of installed) one.add(fault)
  }
  const door = new Door(port, accept)
  await door.open()

  return {
    port,
    get connections() {
      return passing.size
    },
    bytes,
    add: async (settings) => {
      // Two that are alike are two.
      const fault = { ...settings }
      installed.add(fault)
      const shut = refuses(fault) ? door.shut() : undefined
      for (const one of passing) one.add(fault)
      await shut
      return {
        remove: async () => {
          if (!installed.delete(fault)) return
          for (const one of passing) one.remove(fault)
          if (refuses(fault) && ![...installed].some(refuses)) await door.open()
        },
      }
    },
    close: async () => {
      const shut = door.shut()
      for (const one of passing) one.close('reset')
      await shut
    },
  }
}

/** Listens, or does not: then who connects is refused by the system itself. One change at a time. */
class Door {
  readonly #port: number
  readonly #accept: (near: Socket) => void
  #server: Server | undefined
  #changing: Promise<void> = Promise.resolve()

  constructor(port: number, accept: (near: Socket) => void) {
    this.#port = port
    this.#accept = accept
  }

  open(): Promise<void> {
    return this.#change(async () => {
      if (this.#server !== undefined) return
      const server = createServer({ allowHalfOpen: true }, this.#accept)
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(this.#port, '127.0.0.1', resolve)
      })
      this.#server = server
    })
  }

  /** Whoever is there stays. The port is free at once; the server's own end waits for its connections, and nobody for it. */
  shut(): Promise<void> {
    return this.#change(() => {
      this.#server?.close()
      this.#server = undefined
    })
  }

  #change(act: () => Promise<void> | void): Promise<void> {
    const done = this.#changing.then(act)
    this.#changing = done.catch(() => undefined)
    return done
  }
}

type PassingPorts = {
  readonly ports: FaultPorts
  readonly counted: (way: Way, bytes: number) => void
  readonly gone: () => void
}

/** A connection that passes: two ways, each with its row of faults. */
class Passing {
  readonly #ways: Readonly<Record<Way, OneWay>>
  readonly #sockets: readonly [Socket, Socket]
  readonly #ports: FaultPorts
  readonly #gone: () => void

  constructor(near: Socket, far: Socket, { ports, counted, gone }: PassingPorts) {
    const close = (how: End): void => this.close(how)
    this.#sockets = [near, far]
    this.#ports = ports
    this.#gone = gone
    this.#ways = {
      up: new OneWay(near, far, close, (count) => counted('up', count)),
      down: new OneWay(far, near, close, (count) => counted('down', count)),
    }
    for (const socket of this.#sockets)
      socket.on('close', () => {
        if (near.destroyed && far.destroyed) gone()
      })
  }

  add(fault: FaultSettings): void {
    for (const way of ['up', 'down'] as const) this.#ways[way].add(fault, way, this.#ports)
  }

  remove(fault: FaultSettings): void {
    for (const way of ['up', 'down'] as const) this.#ways[way].remove(fault)
  }

  close(how: End): void {
    this.#gone()
    for (const socket of this.#sockets) {
      if (how === 'reset') socket.resetAndDestroy()
      else socket.destroy()
    }
  }
}

type Stage = { readonly fault: FaultSettings; readonly pipe: Pipe }

class OneWay {
  readonly #from: Socket
  readonly #to: Socket
  readonly #close: (how: End) => void
  #stages: readonly Stage[] = []
  #hasEnded = false

  constructor(from: Socket, to: Socket, close: (how: End) => void, counted: (bytes: number) => void) {
    this.#from = from
    this.#to = to
    this.#close = close
    from.on('data', (chunk: Buffer) => {
      counted(chunk.length)
      this.#takeAt(0, chunk)
      this.#adjust()
    })
    from.on('end', () => this.#endOnce('fin'))
    // Tells what `close` tells.
    from.on('error', () => undefined)
    from.on('close', () => this.#endOnce('reset'))
    to.on('drain', () => this.#adjust())
  }

  add(fault: FaultSettings, way: Way, ports: FaultPorts): void {
    // The place of a pipe in the row changes when others go.
    const after = (): number => this.#stages.findIndex((stage) => stage.fault === fault) + 1
    const outlet = {
      send: (chunk: Buffer) => {
        this.#takeAt(after(), chunk)
        this.#adjust()
      },
      end: (how: End) => this.#endAt(after(), how),
      close: this.#close,
    }
    const pipe = pipeOf(fault, way, outlet, ports)
    if (pipe !== undefined) this.#stages = [...this.#stages, { fault, pipe }]
  }

  remove(fault: FaultSettings): void {
    this.#stages.find((stage) => stage.fault === fault)?.pipe.release()
    this.#stages = this.#stages.filter((stage) => stage.fault !== fault)
    this.#adjust()
  }

  #takeAt(place: number, chunk: Buffer): void {
    const stage = this.#stages[place]
    if (stage !== undefined) stage.pipe.take(chunk)
    else if (this.#to.writable) this.#to.write(chunk)
  }

  #endOnce(how: End): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#endAt(0, how)
  }

  #endAt(place: number, how: End): void {
    const stage = this.#stages[place]
    if (stage !== undefined) stage.pipe.end(how)
    else if (how === 'fin') this.#to.end()
    else this.#to.resetAndDestroy()
  }

  /** Reads on, or waits until what is held has gone on. */
  #adjust(): void {
    const heldBytes = this.#stages.reduce((sum, { pipe }) => sum + pipe.heldBytes, this.#to.writableLength)
    if (heldBytes > HELD_BYTES_MAX) this.#from.pause()
    else if (this.#from.isPaused()) this.#from.resume()
  }
}
