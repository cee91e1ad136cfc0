/** Ties the doctor to a node. */
import { createHash } from 'node:crypto'
import { doctorApi } from '../api/links/doctor-api.ts'
import { driftOf } from '../api/links/drift.ts'
import type { ApiPart } from '../api/api-server.ts'
import type { MemberCalls } from '../api/member-calls.ts'
import type { Clock } from '../broker/clock.ts'
import { openConnection } from '../link/connection.ts'
import { examineLink } from '../link/doctor/doctor.ts'
import { linkOnNode, type NodeForDoctor } from './link-on-node.ts'
import { driftPort } from './link-views.ts'

export function openDoctor(parts: NodeForDoctor & { readonly clock: Clock }, calls: MemberCalls): ApiPart {
  const { config, links, gate, clock } = parts
  const { node, cluster } = config()
  const drift = driftPort(config, links, gate)
  let visits = 0
  return doctorApi(calls, {
    cluster: cluster.name,
    links: () => config().cluster.links,
    onNode: (link, topic) => linkOnNode(parts, link, topic),
    examine: (question, nodes) =>
      examineLink(question, {
        clock,
        // Not as the links' own are opened: faults that were put on those are to be found from outside.
        open: openConnection,
        // As links do.
        caller: { cluster: cluster.name, actor: cluster.nats === undefined ? node.name : cluster.name },
        node: node.name,
        clientIdOf: ({ clientid }) => {
          visits += 1
          return `${clientid}:${links.slot ?? nodeHash(node.name)}:doctor:${visits}`
        },
        nodes,
        probe: (link, deadlineMs) => links.probeNow(link, deadlineMs),
        differences: async (link) => {
          const facts = drift.facts(link)
          return facts === undefined ? [] : driftOf(facts).filter(({ agrees }) => agrees === false)
        },
        links: () => config().cluster.links.filter(({ enable }) => enable),
      }),
  })
}

/** As in the other ClientIDs of a node alone, whose cluster gives it no number. */
export function nodeHash(name: string): string {
  return createHash('sha1').update(name).digest('hex').slice(0, 8)
}
