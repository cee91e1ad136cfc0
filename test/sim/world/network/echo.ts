/**
 * A connection that the network makes twice: what the side that dialled said first is said again on another one, which lives for a while
 * beside the real one. So a CONNECT arrives twice, in either order.
 */
import type { ProcessTurns } from '../process-turns.ts'
import type { EndOwner, TcpEnd } from './tcp-end.ts'

/** It is nobody's: it goes on while everybody else stands still. */
export const NOBODY: ProcessTurns = { isDead: false, turn: (call) => call() }

export class Echo implements EndOwner {
  readonly #end: TcpEnd

  /** @param end of the second connection, on the host that dialled */
  constructor(end: TcpEnd) {
    this.#end = end
    end.owner = this
    end.setReading(true)
  }

  say(bytes: Buffer): void {
    this.#end.write(bytes)
  }

  end(): void {
    this.#end.close()
  }

  established(): void {
    // The side that dialled knows already.
  }

  received(): void {
    // Nobody waits for an answer.
  }

  ended(): void {
    this.#end.close()
  }

  broken(): void {
    // Nobody is there to hear of it.
  }
}
