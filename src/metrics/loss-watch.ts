/** No message is lost without a trace: every few seconds the log says what was given up since, where and why. */

/** Messages given up so far, by reason; only ever grows, but for a reset. */
export type LossCounts = Readonly<Record<string, number>>

export type LossWatchPorts = {
  readonly clock: { after(ms: number, call: () => void): { cancel(): void } }
  readonly log: { warn(fields: object, event: string): void }
  /** The counts of each place that can lose messages, as they are now. */
  readonly read: () => ReadonlyMap<string, LossCounts>
}

const LOOK_MS = 10_000

export class LossWatch {
  readonly #ports: LossWatchPorts
  #known: ReadonlyMap<string, LossCounts> = new Map()
  #timer: { cancel(): void } | undefined

  constructor(ports: LossWatchPorts) {
    this.#ports = ports
  }

  start(): void {
    this.#timer = this.#ports.clock.after(LOOK_MS, () => {
      this.look()
      this.start()
    })
  }

  /** Looks a last time, then no more. */
  stop(): void {
    this.#timer?.cancel()
    this.look()
  }

  look(): void {
    const now = new Map([...this.#ports.read()].map(([where, counts]) => [where, { ...counts }]))
    for (const [where, counts] of now) {
      const lost = lostSince(this.#known.get(where) ?? {}, counts)
      if (Object.keys(lost).length > 0) this.#ports.log.warn({ where, lost }, 'messages_lost')
    }
    this.#known = now
  }
}

/** What was lost between two counts, by reason; a count that was reset meanwhile counts from zero. */
export function lostSince(before: LossCounts, after: LossCounts): LossCounts {
  const grown = Object.entries(after).map(([reason, count]) => {
    const known = before[reason] ?? 0
    return [reason, count < known ? count : count - known] as const
  })
  return Object.fromEntries(grown.filter(([, count]) => count > 0))
}
