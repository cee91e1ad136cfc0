/** Something that the node does not tell by itself: read again and again as long as somebody looks. */
import { useEffect, useRef } from 'preact/hooks'
import { useResource, type Resource } from './use-resource.ts'

export function usePolled<Value>(
  load: (signal: AbortSignal) => Promise<Value>,
  keys: readonly (string | number | boolean)[],
  everyMs: number,
): Resource<Value> {
  const resource = useResource(load, keys)
  const current = useRef(resource)
  current.current = resource
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden && !current.current.loading) current.current.reload()
    }, everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return resource
}
