/** What enters a simulated process goes through its turns: a process that is stopped takes it later, one that is dead never. */
export interface ProcessTurns {
  readonly isDead: boolean
  /** Calls within the process: at once, or when it is let go on, or never. */
  turn(call: () => void): void
}
