/** `GET /cluster/links/{name}/drift`: asked of the node that speaks to the peer, which knows most of it. */
import * as z from 'zod'
import { ApiError } from '../api-error.ts'
import type { ApiPart } from '../api-server.ts'
import type { Call, MemberCalls } from '../member-calls.ts'
import { silentNode, silentOf } from '../paging.ts'
import { type DriftFacts, type DriftItem, driftOf } from './drift.ts'

const driftCall: Call<{ link: string }, DriftItem[] | null> = {
  name: 'links.drift',
  params: z.object({ link: z.string() }),
}

export interface DriftPort {
  /** `undefined` for a link that this node does not have. */
  facts(link: string): DriftFacts | undefined
  /** The node that tells the peer what all want, as far as it is known. */
  speaker(link: string): string | undefined
}

const schema = {
  summary: 'What each side of a link believes of the other',
  tags: ['Links'],
  params: z.object({ name: z.string() }),
  response: {
    200: z.object({
      node: z.string().describe('that was asked'),
      data: z.array(
        z.object({
          what: z.string(),
          ours: z.unknown(),
          theirs: z.unknown().describe('`null`: not known'),
          agrees: z.boolean().nullable().describe('`null`: one side is not known'),
          note: z.string(),
        }),
      ),
      silent: z.array(silentNode).optional(),
    }),
  },
}

/** @param links names of the links that are configured */
export function driftApi(calls: MemberCalls, port: DriftPort, links: () => Iterable<string>): ApiPart {
  calls.serve(driftCall, ({ link }) => {
    const facts = port.facts(link)
    return facts === undefined ? null : driftOf(facts)
  })
  return (app) => {
    for (const path of ['/cluster/links/:name/drift', '/cluster/links/link/:name/drift'])
      app.get(path, { schema }, async ({ params: { name } }) => {
        if (![...links()].includes(name)) throw new ApiError(404, 'NOT_FOUND', 'Cluster link not found')
        const node = port.speaker(name) ?? calls.self
        const answer = await calls.at(node, driftCall, { link: name })
        const silent = silentOf([answer])
        const data = answer.type === 'ok' ? (answer.result ?? []) : []
        return { node, data, ...(silent.length > 0 ? { silent } : {}) }
      })
  }
}
