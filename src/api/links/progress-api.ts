/** How far what takes its time has come, on each node: a peer that learns what we want, a backlog, retained messages that are told. */
import * as z from 'zod'
import { ApiError } from '../api-error.ts'
import type { ApiPart } from '../api-server.ts'
import type { Call, MemberCalls } from '../member-calls.ts'
import { silentNode, silentOf } from '../paging.ts'

const pace = {
  per_second: z.number().nullable().describe('`null` as long as too little was seen of it'),
  seconds_left: z.number().nullable(),
}
const onNode = z.object({
  routes: z
    .object({ sent: z.number(), total: z.number(), ...pace })
    .nullable()
    .describe('while a peer of our own dialect learns what we want; an EMQX does not say what it has'),
  backlog: z
    .object({ messages: z.number(), bytes: z.number(), ...pace })
    .nullable()
    .describe('what gathered while it could not cross'),
  retained: z
    .object({
      sent: z.number().describe('messages, since the link was made'),
      routes: z.number().describe('of the peer, that are left'),
      topics: z.number().describe('found for them, that are left'),
      ...pace,
    })
    .nullable()
    .describe('with retained = sync, while there is something to tell'),
})
export type ProgressOnNode = z.infer<typeof onNode>

const progressCall: Call<{ link: string }, ProgressOnNode | null> = {
  name: 'links.progress',
  params: z.object({ link: z.string() }),
}

/** @param progress `null` for a link that this node does not have */
export function progressApi(
  calls: MemberCalls,
  progress: (link: string) => ProgressOnNode | null,
  links: () => Iterable<string>,
): ApiPart {
  calls.serve(progressCall, ({ link }) => progress(link))
  const schema = {
    summary: 'How far a bootstrap, a backlog, the telling of retained messages has come, on each node',
    tags: ['Links'],
    params: z.object({ name: z.string() }),
    response: {
      200: z.object({ nodes: z.array(onNode.extend({ node: z.string() })), silent: z.array(silentNode).optional() }),
    },
  }
  return (app) => {
    for (const path of ['/cluster/links/:name/progress', '/cluster/links/link/:name/progress'])
      app.get(path, { schema }, async ({ params: { name } }) => {
        if (![...links()].includes(name)) throw new ApiError(404, 'NOT_FOUND', 'Cluster link not found')
        const answers = await calls.gather(progressCall, { link: name })
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
