/** Looks again and again until something holds. Rejects after `withinMs`, and names it. */
export function until(
  what: string,
  holds: () => boolean,
  { withinMs, everyMs }: { readonly withinMs: number; readonly everyMs: number },
): Promise<void> {
  const startedMs = performance.now()
  return new Promise((resolve, reject) => {
    const look = (): void => {
      if (holds()) resolve()
      else if (performance.now() - startedMs > withinMs) reject(new Error(`not within ${withinMs / 1000} s: ${what}`))
      else setTimeout(look, everyMs)
    }
    look()
  })
}
