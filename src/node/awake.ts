const AWAKE_MS = 60_000

/** The clock's timers let a process end that has nothing else to do, such as one that waits for NATS and does not listen yet. */
export async function awake<T>(work: Promise<T>): Promise<T> {
  const timer = setInterval(() => undefined, AWAKE_MS)
  try {
    return await work
  } finally {
    clearInterval(timer)
  }
}
