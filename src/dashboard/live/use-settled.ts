/** What is typed, once no key was hit for a moment: so that the node is not asked at each letter. */
import { useEffect, useState } from 'preact/hooks'

const PAUSE_MS = 250

export function useSettled(text: string): string {
  const [settled, setSettled] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), PAUSE_MS)
    return () => clearTimeout(timer)
  }, [text])
  return settled
}
