/** Something read from the API by a component: again when its keys change, when it is asked to, and when the node is back. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { wordsOfFault } from '../api/request.ts'
import { comebacks } from './live-stream.ts'

export type Resource<Value> = {
  /** Stays while it is read again. */
  readonly value: Value | undefined
  /** Why the last read failed, in words. */
  readonly fault: string
  readonly loading: boolean
  readonly reload: () => void
}

/**
 * @param keys what `load` depends on: a change empties the value
 * @param news another one whenever there is something new: the value stays until that is read
 */
export function useResource<Value>(
  load: (signal: AbortSignal) => Promise<Value>,
  keys: readonly (string | number | boolean)[],
  news = 0,
): Resource<Value> {
  const key = keys.join('\n')
  const [read, setRead] = useState<{ key: string; value?: Value; fault: string; loading: boolean }>({
    key,
    fault: '',
    loading: true,
  })
  const [turn, setTurn] = useState(0)
  const loader = useRef(load)
  loader.current = load
  const comeback = comebacks.value

  useEffect(() => {
    const abort = new AbortController()
    setRead((was) => (was.key === key ? { ...was, loading: true } : { key, fault: '', loading: true }))
    loader.current(abort.signal).then(
      (value) => {
        if (!abort.signal.aborted) setRead({ key, value, fault: '', loading: false })
      },
      (error: unknown) => {
        if (!abort.signal.aborted) setRead((was) => ({ ...was, fault: wordsOfFault(error), loading: false }))
      },
    )
    return () => abort.abort()
  }, [key, turn, news, comeback])

  const reload = useCallback(() => setTurn((turn) => turn + 1), [])
  const isThis = read.key === key
  return { value: isThis ? read.value : undefined, fault: isThis ? read.fault : '', loading: read.loading, reload }
}
