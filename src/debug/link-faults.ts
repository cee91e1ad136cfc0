/**
 * Faults on the connections of links, for those who want to see what a node makes of them: cut, paused, slow. Stands between the links
 * and what opens their connections, only where the configuration allows faults.
 */
import type {
  ConnectionListener,
  ConnectionOptions,
  LinkConnection,
  OpenConnection,
  OutgoingPublish,
} from '../link/connection.ts'
import { socketFailure } from '../link/link-failure.ts'

type FaultClock = {
  steadyMs(): number
  after(ms: number, call: () => void): { cancel(): void }
}

/** What holds for all connections of a link, those that come later, too. */
type Line = { delayMs: number; pausedUntilMs: number; readonly connections: Set<FaultyConnection> }

export class LinkFaults {
  readonly #open: OpenConnection
  readonly #clock: FaultClock
  readonly #lines = new Map<string, Line>()

  constructor(open: OpenConnection, clock: FaultClock) {
    this.#open = open
    this.#clock = clock
  }

  /** In place of what really opens connections. */
  readonly open: OpenConnection = (options, listener) => {
    const line = this.#line(options.link ?? '')
    return new FaultyConnection({ open: this.#open, clock: this.#clock, line }, options, listener)
  }

  /** Returns how many connections there were. */
  cut(link: string): number {
    const connections = [...this.#line(link).connections]
    for (const connection of connections) connection.cut()
    return connections.length
  }

  /** Holds for connections that come later, too; so does a delay. */
  pause(link: string, ms: number): undefined {
    const line = this.#line(link)
    line.pausedUntilMs = this.#clock.steadyMs() + ms
    for (const connection of line.connections) connection.release()
  }

  delay(link: string, ms: number): undefined {
    this.#line(link).delayMs = ms
  }

  #line(link: string): Line {
    const known = this.#lines.get(link)
    if (known !== undefined) return known
    const line: Line = { delayMs: 0, pausedUntilMs: Number.NEGATIVE_INFINITY, connections: new Set() }
    this.#lines.set(link, line)
    return line
  }
}

type FaultyPorts = { readonly open: OpenConnection; readonly clock: FaultClock; readonly line: Line }

class FaultyConnection implements LinkConnection {
  readonly #ports: FaultyPorts
  readonly #inner: LinkConnection
  readonly #listener: ConnectionListener
  /** What comes and goes and is held back, in its order. */
  readonly #held: { readonly dueMs: number; readonly pass: () => void }[] = []
  #timer: { cancel(): void } | undefined

  constructor(ports: FaultyPorts, options: ConnectionOptions, listener: ConnectionListener) {
    this.#ports = ports
    this.#listener = listener
    ports.line.connections.add(this)
    this.#inner = ports.open(options, {
      up: (limits, greeting) => this.#pass(() => listener.up(limits, greeting)),
      down: (failure) => {
        this.#forget()
        listener.down(failure)
      },
      message: (topic, payload, correlationData) =>
        this.#pass(() => listener.message?.(topic, payload, correlationData)),
      drained: () => this.#pass(() => listener.drained?.()),
    })
  }

  /** While the line is paused nothing more is taken: what is held back stays little. */
  get writable(): boolean {
    return this.#inner.writable && !this.#isPaused
  }

  publish(publish: OutgoingPublish, answered?: (reasonCode: number) => void): void {
    const later = answered === undefined ? undefined : (code: number) => this.#pass(() => answered(code))
    this.#pass(() => this.#inner.publish(publish, later))
  }

  subscribe(topicFilter: string, answered: (reasonCode: number) => void): void {
    this.#pass(() => this.#inner.subscribe(topicFilter, (code) => this.#pass(() => answered(code))))
  }

  ping(answered: () => void): void {
    this.#pass(() => this.#inner.ping(() => this.#pass(answered)))
  }

  close(): void {
    this.#forget()
    this.#inner.close()
  }

  cut(): void {
    this.close()
    this.#listener.down(socketFailure(new Error('cut by fault.cut')))
  }

  /** The line is in another state now: what is due goes. */
  release(): void {
    const { clock, line } = this.#ports
    while (!this.#isPaused && this.#held.length > 0 && this.#held[0]!.dueMs <= clock.steadyMs()) {
      this.#held.shift()?.pass()
    }
    this.#arm(line.pausedUntilMs)
  }

  get #isPaused(): boolean {
    return this.#ports.clock.steadyMs() < this.#ports.line.pausedUntilMs
  }

  #pass(pass: () => void): void {
    const { clock, line } = this.#ports
    if (this.#held.length === 0 && line.delayMs === 0 && !this.#isPaused) return pass()
    this.#held.push({ dueMs: clock.steadyMs() + line.delayMs, pass })
    if (this.#timer === undefined) this.#arm(line.pausedUntilMs)
  }

  /** Also when nothing is held back: whoever found the line not writable waits to be told. */
  #arm(pausedUntilMs: number): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (!this.#ports.line.connections.has(this)) return
    const { clock } = this.#ports
    const nowMs = clock.steadyMs()
    const dueMs = Math.max(this.#held[0]?.dueMs ?? Number.NEGATIVE_INFINITY, pausedUntilMs)
    if (dueMs <= nowMs && this.#held.length === 0) return
    this.#timer = clock.after(Math.max(0, dueMs - nowMs), () => {
      this.release()
      if (this.writable) this.#listener.drained?.()
    })
  }

  #forget(): void {
    this.#ports.line.connections.delete(this)
    this.#timer?.cancel()
    this.#timer = undefined
    this.#held.length = 0
  }
}
