/** The actors of each node: where they stand, and what they went through lately. */
import * as z from 'zod'
import { ApiError } from '../api-error.ts'
import type { ApiPart } from '../api-server.ts'
import type { Call, MemberCalls } from '../member-calls.ts'
import { silentNode, silentOf } from '../paging.ts'

/** `TransitionHistory` satisfies it. */
export interface ActorHistory {
  actors(): readonly {
    readonly id: string
    readonly parent: string | undefined
    readonly state: string
    readonly sinceMs: number
    readonly restarts: number
  }[]
  of(id: string): readonly {
    readonly atMs: number
    readonly event: string
    readonly from: string
    readonly to: string
    readonly reason?: string
  }[]
}

/** Those beyond are left out, and it is said. */
const ACTORS_MAX = 10_000

const actor = z.object({
  id: z.string(),
  parent: z.string().nullable(),
  state: z.string(),
  since_at: z.string(),
  restarts: z.number(),
})
const transition = z.object({
  at: z.string(),
  event: z.string(),
  from: z.string(),
  to: z.string(),
  reason: z.string().optional(),
})
const list = z.object({ actors: z.array(actor), truncated: z.boolean() })

const listCall: Call<object, z.infer<typeof list>> = { name: 'actors.list', params: z.object({}) }
const historyCall: Call<{ id: string }, z.infer<typeof transition>[]> = {
  name: 'actors.history',
  params: z.object({ id: z.string() }),
}

export function actorsApi(calls: MemberCalls, history: ActorHistory): ApiPart {
  calls.serve(listCall, () => {
    const all = history.actors()
    const actors = all.slice(0, ACTORS_MAX).map(({ id, parent, state, sinceMs, restarts }) => {
      return { id, parent: parent ?? null, state, since_at: new Date(sinceMs).toISOString(), restarts }
    })
    return { actors, truncated: all.length > ACTORS_MAX }
  })
  calls.serve(historyCall, ({ id }) =>
    history.of(id).map(({ atMs, event, from, to, reason }) => {
      const at = new Date(atMs).toISOString()
      return { at, event, from, to, ...(reason === undefined ? {} : { reason }) }
    }),
  )
  const node = z.string().optional().describe('one node; left out: all')
  const nodesOf = (wanted: string | undefined): readonly string[] => {
    if (wanted === undefined) return calls.nodes
    if (calls.nodes.includes(wanted)) return [wanted]
    throw new ApiError(404, 'NOT_FOUND', `there is no node ${wanted}`)
  }
  return (app) => {
    app.get(
      '/actors',
      {
        schema: {
          summary: 'The actors of each node, each after its parent',
          tags: ['Nodes'],
          querystring: z.object({ node }),
          response: {
            200: z.object({
              nodes: z.array(list.extend({ node: z.string() })),
              silent: z.array(silentNode).optional(),
            }),
          },
        },
      },
      async ({ query }) => {
        const answers = await Promise.all(nodesOf(query.node).map((one) => calls.at(one, listCall, {})))
        const silent = silentOf(answers)
        return {
          nodes: answers.flatMap((answer) => (answer.type === 'ok' ? [{ node: answer.node, ...answer.result }] : [])),
          ...(silent.length > 0 ? { silent } : {}),
        }
      },
    )
    app.get(
      '/actors/:id/history',
      {
        schema: {
          summary: 'The last transitions of an actor, on each node, oldest first',
          tags: ['Nodes'],
          params: z.object({ id: z.string().describe('with its slashes as %2F') }),
          querystring: z.object({ node }),
          response: {
            200: z.object({
              nodes: z.array(z.object({ node: z.string(), transitions: z.array(transition) })),
              silent: z.array(silentNode).optional(),
            }),
          },
        },
      },
      async ({ params: { id }, query }) => {
        const answers = await Promise.all(nodesOf(query.node).map((one) => calls.at(one, historyCall, { id })))
        const silent = silentOf(answers)
        const nodes = answers.flatMap((answer) =>
          answer.type === 'ok' && answer.result.length > 0 ? [{ node: answer.node, transitions: answer.result }] : [],
        )
        if (nodes.length === 0 && silent.length === 0) throw new ApiError(404, 'NOT_FOUND', `there is no actor ${id}`)
        return { nodes, ...(silent.length > 0 ? { silent } : {}) }
      },
    )
  }
}
