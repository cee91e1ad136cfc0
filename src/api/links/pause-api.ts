/**
 * Holding back what is for a peer, on all nodes at once. It is an operator's act on what runs, not a setting: it ends with the last node
 * that knows of it. A node that starts, or joins, learns it from the others.
 */
import * as z from 'zod'
import { ApiError } from '../api-error.ts'
import type { ApiPart } from '../api-server.ts'
import type { Call, MemberCalls } from '../member-calls.ts'

export type Pause = { readonly by: string; readonly atMs: number }

/** `LinkRuntime` satisfies it. */
export interface PausedLinks {
  statuses(): ReadonlyMap<string, unknown>
  pauseOf(link: string): Pause | undefined
  /** @returns false if there is no such link */
  setPause(link: string, pause: Pause | undefined): boolean
}

export type PauseApiPorts = {
  readonly calls: MemberCalls
  readonly links: PausedLinks
  readonly nowMs: () => number
  /** How the link is on each node now, as `GET /cluster/links/{name}` says it. */
  readonly nodeStatus: (link: string) => Promise<readonly object[]>
}

const setCall: Call<{ link: string; pause: Pause | null }, boolean> = {
  name: 'links.set_pause',
  params: z.object({ link: z.string(), pause: z.object({ by: z.string(), atMs: z.number() }).nullable() }),
}
const listCall: Call<object, Record<string, Pause>> = { name: 'links.pauses', params: z.object({}) }

const nodeStatusShape = z.looseObject({
  node: z.string(),
  paused: z.boolean().optional(),
  error: z.string().optional(),
})
const answerShape = z.object({ name: z.string(), node_status: z.array(nodeStatusShape) })

export function pauseApi({ calls, links, nowMs, nodeStatus }: PauseApiPorts): ApiPart {
  calls.serve(setCall, ({ link, pause }) => links.setPause(link, pause ?? undefined))
  calls.serve(listCall, () => pausesOf(links))
  const acts = [
    {
      act: 'pause',
      summary: 'Hold back what is for the peer, on all nodes: it waits in the outbox, within its limits',
    },
    { act: 'resume', summary: 'Let what is for the peer go on, on all nodes' },
  ] as const
  return (app) => {
    for (const prefix of ['/cluster/links/:name', '/cluster/links/link/:name'])
      for (const { act, summary } of acts)
        app.post(
          `${prefix}/${act}`,
          {
            schema: {
              summary,
              tags: ['Links'],
              params: z.object({ name: z.string() }),
              response: { 200: answerShape },
            },
          },
          async ({ params: { name }, principal }) => {
            if (!links.statuses().has(name)) throw new ApiError(404, 'NOT_FOUND', 'Cluster link not found')
            const known = links.pauseOf(name)
            const pause = act === 'pause' ? (known ?? { by: principal?.name ?? 'somebody', atMs: nowMs() }) : null
            const answers = await calls.gather(setCall, { link: name, pause })
            const failed = new Map(
              answers.flatMap((answer) => (answer.type === 'failed' ? [[answer.node, answer.reason]] : [])),
            )
            const statuses = z.array(nodeStatusShape).parse(await nodeStatus(name))
            return {
              name,
              node_status: statuses.map((status) => {
                const error = failed.get(status.node)
                return error === undefined ? status : { ...status, error }
              }),
            }
          },
        )
  }
}

/** What the other nodes hold back, by link. Resolves in at most `MEMBER_WAIT_MS`; never rejects. */
export async function pausesOfOthers(calls: MemberCalls): Promise<ReadonlyMap<string, Pause>> {
  const others = calls.nodes.filter((node) => node !== calls.self)
  const answers = await Promise.all(others.map((node) => calls.at(node, listCall, {})))
  return new Map(answers.flatMap((answer) => (answer.type === 'ok' ? Object.entries(answer.result) : [])))
}

function pausesOf(links: PausedLinks): Record<string, Pause> {
  const pauses: Record<string, Pause> = {}
  for (const link of links.statuses().keys()) {
    const pause = links.pauseOf(link)
    if (pause !== undefined) pauses[link] = pause
  }
  return pauses
}
