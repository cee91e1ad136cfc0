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
