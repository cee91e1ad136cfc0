/** Connections that are not yet a client's: each must get through PROXY header, TLS and WebSocket before its deadline. */
import type { Socket } from 'node:net'

export class Handshakes {
  /** The deadline of each, by the steady clock. One that sends a byte now and then gets no more time. */
  readonly #deadlines = new Map<Socket, number>()
  readonly #expired: (socket: Socket) => void

  constructor(expired: (socket: Socket) => void) {
    this.#expired = expired
  }

  /** The socket, one the listener has accepted, enters its next handshake. */
  enter(socket: Socket, deadlineMs: number): void {
    this.#deadlines.set(socket, deadlineMs)
  }

  /** It is through, or gone. */
  leave(socket: Socket): void {
    this.#deadlines.delete(socket)
  }

  /** Called about once a second. */
  check(steadyMs: number): void {
    for (const [socket, deadlineMs] of this.#deadlines) {
      if (steadyMs <= deadlineMs) continue
      this.#deadlines.delete(socket)
      this.#expired(socket)
    }
  }

  destroyAll(): void {
    for (const socket of this.#deadlines.keys()) socket.destroy()
    this.#deadlines.clear()
  }
}
