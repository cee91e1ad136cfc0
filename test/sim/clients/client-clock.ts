/** `VirtualTime` is one. */
export interface ClientClock {
  readonly nowMs: number
  after(ms: number, call: () => void): { cancel(): void }
}

/** `SeededRandom` is one. */
export interface ClientRandom {
  /** From 0 to below 1. */
  next(): number
}
