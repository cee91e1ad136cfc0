/** Whether there is room for columns. The style breaks at the same width. */
import { useEffect, useState } from 'preact/hooks'

const query = matchMedia('(max-width: 860px)')

export function useNarrow(): boolean {
  const [narrow, setNarrow] = useState(query.matches)
  useEffect(() => {
    const follow = (): void => setNarrow(query.matches)
    query.addEventListener('change', follow)
    return () => query.removeEventListener('change', follow)
  }, [])
  return narrow
}
