/** The lanes of a link on each node: what we send and how far it is confirmed, and how far what the peer sends was taken. */
import * as z from 'zod'
import { ApiError } from '../api-error.ts'
import type { ApiPart } from '../api-server.ts'
import type { Call, MemberCalls } from '../member-calls.ts'
import { silentNode, silentOf } from '../paging.ts'

const lanes = z.object({
  out: z.array(
    z.object({
      lane: z.number().int().describe('0: live, 1: what gathered while it could not cross'),
      epoch: z.number(),
      sequence: z.number().describe('number of the last batch that was closed: that of its last message'),
      unacknowledged: z.number().describe('messages that were sent and may have to be sent again'),
      waiting: z.number().describe('messages that were not sent yet'),
    }),
  ),
  in: z
    .array(
      z.object({
        from: z.string().describe('node of the peer'),
        epoch: z.number(),
        lane: z.number().int(),
        sequence: z.number().describe('all batches up to this one were taken, or never come'),
        is_sure: z.boolean().describe('whether no other node of ours can have taken more of it'),
      }),
    )
    .describe('empty for a peer that speaks EMQX’s dialect, which numbers nothing'),
})
export type LanesOnNode = z.infer<typeof lanes>

const lanesCall: Call<{ link: string }, LanesOnNode | null> = {
  name: 'links.lanes',
  params: z.object({ link: z.string() }),
}

/** @param lanesOf `null` for a link that this node does not have */
export function lanesApi(
  calls: MemberCalls,
  lanesOf: (link: string) => LanesOnNode | null,
  links: () => Iterable<string>,
): ApiPart {
  calls.serve(lanesCall, ({ link }) => lanesOf(link))
  const schema = {
    summary: 'The lanes of a link on each node',
    tags: ['Links'],
    params: z.object({ name: z.string() }),
    response: {
      200: z.object({ nodes: z.array(lanes.extend({ node: z.string() })), silent: z.array(silentNode).optional() }),
    },
  }
  return (app) => {
    for (const path of ['/cluster/links/:name/lanes', '/cluster/links/link/:name/lanes'])
      app.get(path, { schema }, async ({ params: { name } }) => {
        if (![...links()].includes(name)) throw new ApiError(404, 'NOT_FOUND', 'Cluster link not found')
        const answers = await calls.gather(lanesCall, { link: name })
        const silent = silentOf(answers)
        return {
          nodes: answers.flatMap((answer) =>
            answer.type === 'ok' && answer.result !== null ? [{ node: answer.node, ...answer.result }] : [],
          ),
          ...(silent.length > 0 ? { silent } : {}),
        }
      })
  }
}
