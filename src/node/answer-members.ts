/**
 * What a node answers to the other members of its cluster, whichever of them is asked, and whether or not it has an API of its own. With
 * one, `parts` are the routes to the same. Nothing of an HTTP server is loaded here.
 */
import { auditApi } from '../api/access/audit.ts'
import { AuditFile } from '../api/access/audit-file.ts'
import { alarmsApi } from '../api/alarms/alarms-api.ts'
import type { ApiPart } from '../api/api-server.ts'
import { MemberCalls } from '../api/member-calls.ts'
import { clientParts } from './api-of-clients.ts'
import { openLinks } from './api-of-links.ts'
import { openLiveAnswers } from './api-of-live.ts'
import { LoopDelay } from './loop-delay.ts'
import { membersOf } from './members-of.ts'
import type { NodeForApi } from './node-for-api.ts'

export type MemberAnswers = {
  readonly calls: MemberCalls
  /** Of the API, for a node that has one. */
  readonly parts: readonly ApiPart[]
  /** What is changed over the API of this node. */
  readonly audit: AuditFile
  /** See `LinkParts`. */
  followPauses(): Promise<void>
  /** Resolves when what was changed is on record. */
  stop(): Promise<void>
}

export function answerMembers(node: NodeForApi): MemberAnswers {
  const { config, cluster, alarms, log } = node
  const { name, data_dir } = config().node
  const calls = new MemberCalls(membersOf(name, cluster))
  const audit = new AuditFile(data_dir, log)
  const links = openLinks(node, calls)
  const loop = new LoopDelay()
  const live = openLiveAnswers(node, calls, { statuses: links.links, loop })
  const clients = clientParts(node, calls, loop)
  return {
    calls,
    parts: [...clients, ...links.parts, ...live.parts, alarmsApi(calls, alarms.watch), auditApi(calls, audit)],
    audit,
    followPauses: () => links.followPauses(),
    stop: async () => {
      live.stop()
      loop.stop()
      links.stop()
      await audit.flush()
    },
  }
}
