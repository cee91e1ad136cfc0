/** Time as links need it; tests and the simulator have one of their own. */

export interface LinkClock {
  /** Milliseconds since 1970. */
  nowMs(): number
  /** Milliseconds for measuring how long something takes or has been: never set back or forward, unlike the wall clock. */
  steadyMs(): number
  /** Calls once after so many milliseconds, however many they are. */
  after(ms: number, call: () => void): { cancel(): void }
}
