/** A promise with a deadline. */
import type { Clock, Timer } from '../clock.ts'

/** What the promise, which never rejects, comes to; `undefined` after so many milliseconds, and then `late` is called first. */
export async function within<Value>(
  clock: Clock,
  ms: number,
  promise: Promise<Value>,
  late: () => void,
): Promise<Value | undefined> {
  let timer: Timer | undefined
  const deadline = new Promise<undefined>((resolve) => {
    timer = clock.after(ms, () => {
      late()
      resolve(undefined)
    })
  })
  const result = await Promise.race([promise, deadline])
  timer?.cancel()
  return result
}
