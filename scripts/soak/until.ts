/** Looks again and again until nothing is lacking. Rejects after `withinMs` with what is. */
export function until(
  lacking: () => readonly string[],
  { withinMs, everyMs }: { readonly withinMs: number; readonly everyMs: number },
): Promise<void> {
  const startedMs = performance.now()
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const now = lacking()
      if (now.length === 0) resolve()
      else if (performance.now() - startedMs > withinMs)
        reject(new Error(`after ${withinMs / 1000} s: ${now.join('; ')}`))
      else setTimeout(look, everyMs)
    }
    look()
  })
}
