/** One status out of those that the nodes of a cluster have of a link, in our words and in EMQX's. */

export type StatusOnNode = { readonly node: string; readonly status: string; readonly reasons: readonly string[] }

export type MergedStatus = {
  readonly status: string
  readonly reasons: readonly string[]
  readonly emqx_status: string
}

/** @param nodes at least one */
export function mergedStatus(nodes: readonly StatusOnNode[]): MergedStatus {
  const words = new Set(nodes.map(({ status }) => status))
  const emqxWords = new Set(nodes.map(({ status }) => emqxStatusOf(status)))
  const [word = 'inconsistent'] = words
  const [emqxWord = 'inconsistent'] = emqxWords
  return {
    status: words.size === 1 ? word : 'inconsistent',
    reasons: mergedReasons(nodes),
    emqx_status: emqxWords.size === 1 ? emqxWord : 'inconsistent',
  }
}

/** EMQX knows whether a link's connections are up. */
function emqxStatusOf(status: string): string {
  if (status === 'running' || status === 'degraded' || status === 'bootstrapping') return 'connected'
  return status === 'connecting' ? 'connecting' : 'disconnected'
}

/** What is so on all of several nodes is said once; else it is said where. */
function mergedReasons(nodes: readonly StatusOnNode[]): string[] {
  const on = new Map<string, string[]>()
  for (const { node, reasons } of nodes) for (const reason of reasons) on.set(reason, [...(on.get(reason) ?? []), node])
  return [...on].map(([reason, where]) => (where.length === nodes.length ? reason : `${where.join(', ')}: ${reason}`))
}
