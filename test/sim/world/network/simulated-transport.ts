/** The side of a connection that was dialled, as the broker has it. No stream of Node lies between: a simulation reads nothing else as often. */
import {
  LINGER_MS,
  type ServerTransport,
  type TransportReader,
} from '../../../../src/broker/listeners/server-transport.ts'
import type { Cancellable } from '../virtual-time.ts'
import type { Address } from './socket-error.ts'
import type { EndOwner, TcpEnd } from './tcp-end.ts'

export type TransportTerms = {
  /** By type and name. */
  readonly listener: string
  readonly sendTimeoutMs: number
}

/** Calls in a turn of the process's own. */
export type AfterMs = (ms: number, call: () => void) => Cancellable

export class SimulatedTransport implements ServerTransport, EndOwner {
  readonly peerHost: string
  readonly peerPort: number
  readonly localPort: number
  readonly listener: string
  readonly certificate = undefined
  readonly sendTimeoutMs: number
  bytesRead = 0
  bytesWritten = 0
  readonly #end: TcpEnd
  readonly #after: AfterMs
  readonly #accepted: (transport: SimulatedTransport) => void
  #reader: TransportReader | undefined
  #onceClosed: (() => void)[] = []
  #isPaused = false
  #isThrottled = false
  #isEnding = false
  #hasSentEnd = false
  #hasSeenEnd = false
  #isDestroyed = false
  #isClosed = false
  #linger: Cancellable | undefined

  /** @param accepted the connection is there */
  constructor(
    end: TcpEnd,
    peer: Address,
    terms: TransportTerms,
    after: AfterMs,
    accepted: (transport: SimulatedTransport) => void,
  ) {
    this.#end = end
    this.peerHost = peer.host
    this.peerPort = peer.port
    this.localPort = end.port
    this.listener = terms.listener
    this.sendTimeoutMs = terms.sendTimeoutMs
    this.#after = after
    this.#accepted = accepted
  }

  get remoteAddress(): string {
    return `${this.peerHost}:${this.peerPort}`
  }

  get writableLength(): number {
    return this.#end.waitingBytes
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  // ---- from the network, in turns of the process

  established(): void {
    this.#accepted(this)
  }

  received(chunk: Buffer): void {
    this.bytesRead += chunk.length
    // What comes after we have ended is nobody's.
    if (!this.#isEnding) this.#reader?.read(chunk)
  }

  ended(): void {
    this.#hasSeenEnd = true
    if (!this.#isEnding) this.#reader?.ended()
    // As a socket that may not be half open: what was written is still sent.
    this.#shutdown()
    this.#closeIfDone()
  }

  broken(): void {
    this.destroy()
  }

  // ---- from the broker

  open(reader: TransportReader): void {
    this.#reader = reader
    this.#end.setReading(true)
  }

  onceClosed(call: () => void): void {
    if (this.#isClosed) call()
    else this.#onceClosed.push(call)
  }

  isIdle(): boolean {
    return false
  }

  pause(): void {
    this.#isPaused = true
    this.#setReading()
  }

  resume(): void {
    this.#isPaused = false
    this.#setReading()
  }

  throttle(): void {
    this.#isThrottled = true
    this.#setReading()
  }

  unthrottle(): void {
    this.#isThrottled = false
    this.#setReading()
  }

  cork(): void {
    // What is written in one event goes as one anyway.
  }

  uncork(): void {
    // See `cork`.
  }

  write(bytes: Buffer, done?: () => void): boolean {
    if (this.#isDestroyed || this.#isEnding) return false
    this.bytesWritten += bytes.length
    const isTaken = this.#end.write(bytes, done)
    if (isTaken && done !== undefined) process.nextTick(done)
    return isTaken
  }

  end(): void {
    if (this.#isEnding || this.#isDestroyed) return
    this.#isEnding = true
    this.#shutdown()
    // A client that does not read would keep the socket for ever.
    this.#linger = this.#after(LINGER_MS, () => this.destroy())
    // What it still sends must be read for its end to be seen.
    this.#end.setReading(true)
    this.#closeIfDone()
  }

  destroy(): void {
    if (this.#isDestroyed) return
    this.#isDestroyed = true
    this.#end.close()
    this.#linger?.cancel()
    this.#after(0, () => this.#closed())
  }

  #setReading(): void {
    if (this.#reader !== undefined && !this.#isEnding) this.#end.setReading(!this.#isPaused && !this.#isThrottled)
  }

  #shutdown(): void {
    this.#end.shutdown(() => {
      this.#hasSentEnd = true
      this.#closeIfDone()
    })
  }

  #closeIfDone(): void {
    if (this.#hasSentEnd && this.#hasSeenEnd) this.destroy()
  }

  #closed(): void {
    this.#isClosed = true
    this.#reader?.closed()
    for (const call of this.#onceClosed.splice(0)) call()
  }
}
