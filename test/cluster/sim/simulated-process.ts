/**
 * One process on a simulated network: it can be stopped like with SIGSTOP (its timers do not fire, what is sent to it waits), killed,
 * and its wall clock can be set. What is tested in it gets its clock and its coordination.
 */
import type { ClusterClock } from '../../../src/cluster/cluster-clock.ts'
import type { Bus, Coordination, Registers, Sender } from '../../../src/cluster/coordination.ts'
import type { SimulatedCoordination, SimulatedNetwork } from './simulated-coordination.ts'

export class SimulatedProcess implements Coordination {
  readonly self: Sender
  readonly network: SimulatedCoordination
  readonly clock: ClusterClock
  readonly bus: Bus
  readonly registers: Registers
  wallOffsetMs = 0
  #frozen = false
  #killed = false
  /** What is to be done once it runs again. */
  #lateTimers: (() => void)[] = []
  #arrived: (() => void)[] = []
  #onConnection = new Set<(isConnected: boolean) => void>()
  #isConnected = true

  constructor(network: SimulatedNetwork, clock: ClusterClock, node: string, boot: string) {
    const coordination = network.join(node, boot)
    this.network = coordination
    this.self = coordination.self
    this.clock = {
      nowMs: () => clock.nowMs() + this.wallOffsetMs,
      steadyMs: () => clock.steadyMs(),
      after: (ms, call) => this.#timer(clock, ms, call),
    }
    coordination.onConnection((isConnected) =>
      this.#arrive(() => {
        this.#isConnected = isConnected
        for (const listener of this.#onConnection) listener(isConnected)
      }),
    )
    this.bus = {
      payloadBytesMax: coordination.payloadBytesMax,
      broadcast: (channel, payload) => this.#alive() && coordination.broadcast(channel, payload),
      send: (node, channel, payload) => this.#alive() && coordination.send(node, channel, payload),
      listen: (channel, receive) =>
        coordination.listen(channel, (from, payload) => this.#arrive(() => receive(from, payload))),
    }
    this.registers = {
      read: (key) => this.#answer(coordination.read(key)),
      write: (key, value, revision) => this.#answer(coordination.write(key, value, revision)),
      remove: (key, revision) => this.#answer(coordination.remove(key, revision)),
      watch: (keyPrefix, watcher) => {
        let isStopped = false
        const stop = coordination.watch(keyPrefix, {
          changed: (register) => this.#arrive(() => !isStopped && watcher.changed(register)),
          ready: (keys) => this.#arrive(() => !isStopped && watcher.ready(keys)),
        })
        return () => {
          isStopped = true
          stop()
        }
      },
    }
  }

  get isConnected(): boolean {
    return this.#isConnected
  }

  get isFrozen(): boolean {
    return this.#frozen
  }

  onConnection(listener: (isConnected: boolean) => void): () => void {
    this.#onConnection.add(listener)
    return () => void this.#onConnection.delete(listener)
  }

  freeze(): void {
    this.#frozen = true
  }

  /** @param first what the event loop was about to do when it was stopped */
  thaw(first: 'timers' | 'sockets' = 'timers'): void {
    this.#frozen = false
    const timers = this.#lateTimers.splice(0)
    const arrived = this.#arrived.splice(0)
    for (const call of first === 'timers' ? [...timers, ...arrived] : [...arrived, ...timers]) this.#arrive(call)
  }

  kill(): void {
    this.#killed = true
    void this.network.close()
  }

  async close(): Promise<void> {
    await this.network.close()
  }

  #alive(): boolean {
    return !this.#killed
  }

  #arrive(call: () => void): void {
    if (this.#killed) return
    if (this.#frozen) this.#arrived.push(call)
    else call()
  }

  #timer(clock: ClusterClock, ms: number, call: () => void): { cancel(): void } {
    let isCancelled = false
    const fire = () => {
      if (!isCancelled && !this.#killed) call()
    }
    const timer = clock.after(ms, () => {
      if (this.#frozen) this.#lateTimers.push(fire)
      else fire()
    })
    return {
      cancel: () => {
        isCancelled = true
        timer.cancel()
      },
    }
  }

  /** Answers reach a stopped process when it runs again, and a killed one never. */
  #answer<T>(asked: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      asked.then(
        (answer) => this.#arrive(() => resolve(answer)),
        (error: unknown) => this.#arrive(() => reject(error instanceof Error ? error : new Error(String(error)))),
      )
    })
  }
}

/** Moves on in small steps, and lets everything that was promised meanwhile happen between them. */
export async function pass(clock: { advance(ms: number): void }, ms: number, stepMs = 10): Promise<void> {
  for (let left = ms; left > 0; left -= stepMs) {
    clock.advance(Math.min(stepMs, left))
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Says nothing, but remembers. */
export class RememberedLog {
  readonly lines: { readonly event: string; readonly fields: object }[] = []
  debug = (fields: object, event: string): void => void this.lines.push({ event, fields })
  info = this.debug
  warn = this.debug
  error = this.debug
  events(): string[] {
    return this.lines.map(({ event }) => event)
  }
}
