/** The nodes of the cluster, live, and what they did in the last hour. */
import { useState } from 'preact/hooks'
import type { ClusterNode, NodeHistory, RunningNode } from '../api/cluster-node.ts'
import { request } from '../api/request.ts'
import { useLive } from '../live/use-live.ts'
import { usePolled } from '../live/use-polled.ts'
import { useResource, type Resource } from '../live/use-resource.ts'

/** The node takes a sample each ten seconds. */
const SAMPLE_MS = 10_000

export function useNodes(): Resource<readonly ClusterNode[]> {
  const read = useResource((signal) => request<readonly ClusterNode[]>('GET', 'nodes', { signal }), [])
  const [told, setTold] = useState<readonly ClusterNode[] | undefined>()
  useLive<readonly ClusterNode[]>('nodes', 'nodes', setTold)
  return { ...read, value: told ?? read.value }
}

export function useNodeHistory(): Resource<NodeHistory> {
  return usePolled((signal) => request<NodeHistory>('GET', 'history?seconds=3600', { signal }), [], SAMPLE_MS)
}

export const isRunning = (node: ClusterNode): node is RunningNode => node.node_status === 'running'
