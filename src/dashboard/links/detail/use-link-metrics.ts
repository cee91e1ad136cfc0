/** The metrics of one link, live: read once, then told whenever they change. */
import { useState } from 'preact/hooks'
import type { LinkMetrics } from '../../api/link-metrics.ts'
import { useLive } from '../../live/use-live.ts'
import { useResource, type Resource } from '../../live/use-resource.ts'
import { linkApi } from '../link-api.ts'

export function useLinkMetrics(name: string): Resource<LinkMetrics> {
  const read = useResource((signal) => linkApi.read<LinkMetrics>(name, 'metrics', signal), [name])
  const [told, setTold] = useState<LinkMetrics | undefined>()
  useLive<LinkMetrics>(`links:${name}`, 'link', setTold)
  return { ...read, value: told ?? read.value }
}
