/** `GET /cluster/links/{name}/drift`: asked of the node that speaks to the peer, which knows most of it. */
import * as z from 'zod'
import { ApiError } from '../api-error.ts'
import type { ApiPart } from '../api-server.ts'
import type { Call, MemberCalls } from '../member-calls.ts'
import { silentNode, silentOf } from '../paging.ts'
import { type DriftFacts, type DriftItem, driftOf, isOurLike, type PeerAccount } from './drift.ts'

/** With the node of the peer that answered, if one did. */
type Drift = { readonly items: readonly DriftItem[]; readonly peer_node?: string }

/** Longer than the peer may take for its answer, milliseconds. */
const DRIFT_WAIT_MS = 7_000

const driftCall: Call<{ link: string }, Drift | null> = {
  name: 'links.drift',
  params: z.object({ link: z.string() }),
}

export interface DriftPort {
  /** `undefined` for a link that this node does not have. */
  facts(link: string): DriftFacts | undefined
  /** The node that tells the peer what all want, as far as it is known. */
  speaker(link: string): string | undefined
}

/** What a peer of our kind says of its link to us; `undefined` if it does not within five seconds. Never rejects. */
export type AskPeer = (link: string) => Promise<PeerAccount | undefined>

const schema = {
  summary: 'What each side of a link believes of the other',
  tags: ['Links'],
  params: z.object({ name: z.string() }),
  response: {
    200: z.object({
      node: z.string().describe('that was asked'),
      peer_node: z.string().optional().describe('of the peer, that answered; left out if none did, as no EMQX does'),
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
export function driftApi(
  calls: MemberCalls,
  port: DriftPort,
  links: () => Iterable<string>,
  askPeer: AskPeer,
): ApiPart {
  calls.serve(driftCall, async ({ link }) => {
    const before = port.facts(link)
    const account = before !== undefined && isOurLike(before) ? await askPeer(link) : undefined
    // What was counted meanwhile is in both accounts, then.
    const facts = port.facts(link)
    if (facts === undefined) return null
    return { items: driftOf(facts, account), ...(account === undefined ? {} : { peer_node: account.node }) }
  })
  return (app) => {
    for (const path of ['/cluster/links/:name/drift', '/cluster/links/link/:name/drift'])
      app.get(path, { schema }, async ({ params: { name } }) => {
        if (![...links()].includes(name)) throw new ApiError(404, 'NOT_FOUND', 'Cluster link not found')
        const node = port.speaker(name) ?? calls.self
        const answer = await calls.at(node, driftCall, { link: name }, DRIFT_WAIT_MS)
        const silent = silentOf([answer])
        const { items, ...told } = (answer.type === 'ok' ? answer.result : null) ?? { items: [] }
        return { node, ...told, data: [...items], ...(silent.length > 0 ? { silent } : {}) }
      })
  }
}
