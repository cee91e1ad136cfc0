/** The time, for words such as "3 s ago": goes on by itself. */
import { useEffect, useState } from 'preact/hooks'

/** Milliseconds since 1970; a new one each second. */
export function useNow(): number {
  const [nowMs, setNowMs] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), 1_000)
    return () => clearInterval(timer)
  }, [])
  return nowMs
}
