/** What nodes say of their links, as it changes. */
import type { LinkState } from '../report/scenario-result.ts'
import { passed } from '../passed.ts'
import type { ChaosNode } from './chaos-node.ts'

export type LinkWatch = {
  readonly states: readonly LinkState[]
  stop(): Promise<void>
}

const LOOK_EVERY_MS = 200

/** Asks each node anew when it has answered. */
export function watchLinks(nodes: readonly ChaosNode[]): LinkWatch {
  const states: LinkState[] = []
  const over = new AbortController()
  const watch = async (node: ChaosNode): Promise<void> => {
    const known = new Map<string, string>()
    while (!over.signal.aborted) {
      const atMs = performance.now()
      const links = await node.links()
      const rows =
        links?.map(({ peer, status, reasons }) => ({ peer, status, reasons })) ??
        [...known.keys()].map((peer) => ({ peer, status: 'unreachable', reasons: [] }))
      for (const { peer, status, reasons } of rows) {
        const now = JSON.stringify([status, reasons])
        if (known.get(peer) === now) continue
        known.set(peer, now)
        states.push({ atMs, node: node.name, link: peer, status, ...(reasons.length === 0 ? {} : { reasons }) })
      }
      await passed(LOOK_EVERY_MS, over.signal)
    }
  }
  const watching = Promise.all(nodes.map(watch))
  return {
    states,
    stop: async () => {
      over.abort()
      await watching
    },
  }
}
