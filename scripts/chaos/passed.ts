/** Real time, which is what chaos happens in. */

/** Resolves when so much of it has passed, or sooner if somebody says so. */
export function passed(ms: number, sooner?: AbortSignal): Promise<void> {
  if (sooner?.aborted === true) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      sooner?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, Math.max(0, ms))
    sooner?.addEventListener('abort', done)
  })
}
