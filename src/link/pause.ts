/** Forwarding that somebody has paused: what is for the peer waits in the outbox, within its limits, until somebody lets it go on. */

export type Pause = {
  /** User name or name of an API key. */
  readonly by: string
  /** Milliseconds since 1970. */
  readonly atMs: number
}

/** For the status of the link. */
export function pauseReason({ by, atMs }: Pause): string {
  return `forwarding is paused by ${by} since ${new Date(atMs).toISOString()}`
}

/** How long what other nodes hold back may take to be known here, milliseconds: later it may be another link of the same name. */
const AWAITED_MS = 30_000

/** Pauses of links that are not here yet, as other nodes know them. */
export class AwaitedPauses {
  readonly #steadyMs: () => number
  #byPeer = new Map<string, Pause>()
  #untilMs = 0

  constructor(steadyMs: () => number) {
    this.#steadyMs = steadyMs
  }

  /** In place of all that were awaited before. */
  await(byPeer: Map<string, Pause>): void {
    this.#byPeer = byPeer
    this.#untilMs = this.#steadyMs() + AWAITED_MS
  }

  /** That of a link which is here now, or of which somebody has said something else. */
  take(peer: string): Pause | undefined {
    const pause = this.#byPeer.get(peer)
    this.#byPeer.delete(peer)
    return this.#steadyMs() < this.#untilMs ? pause : undefined
  }
}
