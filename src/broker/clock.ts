/** Time as the broker needs it; the simulator has one of its own. */
export type Timer = { cancel(): void }

export interface Clock {
  /** Milliseconds since 1970. */
  nowMs(): number
  /** Milliseconds for measuring how long something takes or has been: never set back or forward, unlike the wall clock. */
  steadyMs(): number
  /** Calls once after so many milliseconds, however many they are. */
  after(ms: number, call: () => void): Timer
}

/** Longest delay that one Node timer takes; beyond it, it would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** The machine's clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  // Begins at the wall clock's time when the process started.
  steadyMs: () => performance.timeOrigin + performance.now(),
  after(ms, call) {
    let left = ms
    let timer: NodeJS.Timeout
    const arm = () => {
      const step = Math.min(left, TIMER_MS_MAX)
      left -= step
      timer = setTimeout(() => (left > 0 ? arm() : call()), step)
      timer.unref()
    }
    arm()
    return { cancel: () => clearTimeout(timer) }
  },
}
