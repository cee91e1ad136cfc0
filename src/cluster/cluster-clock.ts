/** Time as the nodes of a cluster need it; the simulator has one of its own. */
export interface ClusterClock {
  /** Milliseconds since 1970. Never compared with that of another node. */
  nowMs(): number
  /** Milliseconds for measuring how long something takes or has been: never set back or forward. */
  steadyMs(): number
  /** Calls once after so many milliseconds. */
  after(ms: number, call: () => void): { cancel(): void }
}
