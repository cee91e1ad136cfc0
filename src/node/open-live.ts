/** Ties the live view to a node whose API serves it. */
import type { ApiPart } from '../api/api-server.ts'
import { liveApi } from '../api/live/live-api.ts'
import { LiveHub, type LivePorts } from '../api/live/live-hub.ts'
import type { MemberCalls } from '../api/member-calls.ts'
import type { NodeForApi } from './node-for-api.ts'
import type { OpenAccess } from './open-access.ts'

/** What a GET of this path would answer whoever may look; `undefined` for what is not there. */
export type GetAnswer = (path: string) => Promise<object | undefined>

/** @param access who may look */
export function openLive(
  { clock, config }: Pick<NodeForApi, 'clock' | 'config'>,
  calls: MemberCalls,
  { credentials, onChange: onAccess }: Pick<OpenAccess, 'credentials' | 'onChange'>,
  get: GetAnswer,
): ApiPart {
  const hub = new LiveHub({ calls, clock, subjects: subjectsOf(get) })
  const links = (): string[] => config().cluster.links.map(({ name }) => name)
  return liveApi({ hub, clock, links, credentials, onAccess })
}

function subjectsOf(get: GetAnswer): LivePorts['subjects'] {
  return {
    nodes: () => get('/nodes'),
    alarms: async () => {
      const page = await get('/alarms?activated=true&limit=1000')
      return page !== undefined && 'data' in page && Array.isArray(page.data) ? page.data : undefined
    },
    link: (name) => get(`/cluster/links/${encodeURIComponent(name)}/metrics`),
  }
}
