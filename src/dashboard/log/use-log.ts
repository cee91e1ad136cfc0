/** The log as it goes on: the last lines there are, then each that comes. */
import { useCallback, useEffect, useState } from 'preact/hooks'
import { request, wordsOfFault } from '../api/request.ts'
import type { SilentNode } from '../controls/paged.tsx'
import { openings } from '../live/live-stream.ts'
import { useLive } from '../live/use-live.ts'
import { joined, linesOf, type KeptLine, type LogLine, type LogNews } from './log-lines.ts'

/** What is logged while the stream opens is in neither the first answer nor the stream: so it is asked for once more. */
const AGAIN_MS = 2_000

export type Log = {
  /** Oldest first; `undefined` until they were read. */
  readonly lines: readonly KeptLine[] | undefined
  readonly silent: readonly SilentNode[]
  readonly fault: string
  readonly reload: () => void
}

export function useLog(): Log {
  const [lines, setLines] = useState<readonly KeptLine[] | undefined>()
  const [silent, setSilent] = useState<readonly SilentNode[]>([])
  const [fault, setFault] = useState('')
  const opening = openings.value
  const read = useCallback(async (signal?: AbortSignal): Promise<void> => {
    type Answer = { readonly data: readonly LogLine[]; readonly silent?: readonly SilentNode[] }
    try {
      const { data, silent = [] } = await request<Answer>(
        'GET',
        'log?limit=1000',
        signal === undefined ? {} : { signal },
      )
      setLines((known = []) => joined(known, data))
      setSilent(silent)
      setFault('')
    } catch (error) {
      if (signal?.aborted !== true) setFault(wordsOfFault(error))
    }
  }, [])
  useEffect(() => {
    const abort = new AbortController()
    void read(abort.signal)
    const timer = setTimeout(() => void read(abort.signal), AGAIN_MS)
    return () => {
      clearTimeout(timer)
      abort.abort()
    }
  }, [opening, read])
  useLive<readonly LogNews[]>('log', 'log', (news) =>
    setLines((known = []) => joined(known, linesOf(news, new Date().toISOString()))),
  )
  return { lines, silent, fault, reload: () => void read() }
}
