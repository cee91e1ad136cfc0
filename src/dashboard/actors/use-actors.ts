/** The actors of all nodes, live: each transition is told; what comes and goes is read anew. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { request } from '../api/request.ts'
import type { SilentNode } from '../controls/paged.tsx'
import { openings } from '../live/live-stream.ts'
import { useLive } from '../live/use-live.ts'
import { useResource } from '../live/use-resource.ts'
import { withTransitions, type ActorNews, type NodeActors } from './actor-tree.ts'

type Answer = { readonly nodes: readonly NodeActors[]; readonly silent?: readonly SilentNode[] }

export type Actors = {
  readonly nodes: readonly NodeActors[] | undefined
  readonly silent: readonly SilentNode[] | undefined
  readonly fault: string
  readonly reload: () => void
}

/** A node that starts has many that come at once. */
const REREAD_MS = 1_500

/** @param onNews is told the transitions, too */
export function useActors(onNews: (news: readonly ActorNews[]) => void): Actors {
  const { value, fault, reload } = useResource(
    (signal) => request<Answer>('GET', 'actors', { signal }),
    [],
    openings.value,
  )
  const [nodes, setNodes] = useState<readonly NodeActors[] | undefined>()
  const [silent, setSilent] = useState<readonly SilentNode[] | undefined>()
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  useEffect(() => {
    if (value === undefined) return
    setNodes(value.nodes)
    setSilent(value.silent)
  }, [value])
  useEffect(() => () => clearTimeout(timer.current), [])
  useLive<readonly ActorNews[]>('actors', 'actors', (news) => {
    onNews(news)
    if (nodes === undefined) return
    const next = withTransitions(nodes, news)
    setNodes(next.nodes)
    if (!next.isStale || timer.current !== undefined) return
    timer.current = setTimeout(() => {
      timer.current = undefined
      reload()
    }, REREAD_MS)
  })
  return { nodes, silent, fault, reload }
}
