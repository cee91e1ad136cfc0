/**
 * Why does nothing cross? What the doctor found, of a link that runs and of one that is not saved yet. It changes nothing; but who has a
 * link examined that is not saved says to which server its secrets go, so that it takes whoever may change links.
 */
import * as z from 'zod'
import type { LinkConfig } from '../../config/config.ts'
import type { DoctorQuestion, NodesAnswer } from '../../link/doctor/doctor.ts'
import type { DoctorReport } from '../../link/doctor/finding.ts'
import type { LinkOnNode } from '../../link/doctor/link-on-node.ts'
import { ApiError } from '../api-error.ts'
import type { ApiPart } from '../api-server.ts'
import type { Call, MemberCalls } from '../member-calls.ts'
import { nameIn, readLink } from './link-body.ts'
import { linkBody } from './link-shape.ts'

export interface DoctorPort {
  /** Name of the local cluster. */
  readonly cluster: string
  links(): readonly LinkConfig[]
  /** What this node knows of it; `undefined` if it does not have the link. */
  onNode(link: string, topic: string | undefined): Promise<LinkOnNode | undefined>
  /** @param nodes asks all nodes of the cluster. Never rejects. */
  examine(
    question: DoctorQuestion,
    nodes: (link: string, topic: string | undefined) => Promise<NodesAnswer>,
  ): Promise<DoctorReport & { readonly speaker?: string }>
}

const onNodeCall: Call<{ link: string; topic?: string | undefined }, LinkOnNode | null> = {
  name: 'links.doctor',
  params: z.object({ link: z.string(), topic: z.string().optional() }),
}

/** Each opens connections and keeps somebody waiting. */
const EXAMINATIONS_MAX = 8

const report = z.object({
  ok: z.boolean().describe('nothing is broken; there may be warnings'),
  node: z.string().describe('that was asked, and from which it was tried'),
  speaker: z
    .string()
    .optional()
    .describe('the node that tells the peer what all of the cluster want, if it is another one'),
  steps: z.array(
    z.object({
      step: z.string().describe('a fixed word'),
      title: z.string(),
      status: z.enum(['ok', 'failed', 'warning', 'skipped']),
      detail: z.string().describe('what was found, in a sentence'),
      remedy: z.string().optional().describe('what to change: key, value, and on which side'),
      ms: z.number(),
    }),
  ),
})
const error = z.looseObject({ code: z.string(), message: z.string() })
const tags = ['Links']

export function doctorApi(calls: MemberCalls, port: DoctorPort): ApiPart {
  let running = 0
  calls.serve(onNodeCall, async ({ link, topic }) => (await port.onNode(link, topic)) ?? null)

  const nodes = async (link: string, topic: string | undefined): Promise<NodesAnswer> => {
    const answers = await calls.gather(onNodeCall, { link, ...(topic === undefined ? {} : { topic }) })
    return {
      nodes: answers.flatMap((answer) => (answer.type === 'ok' && answer.result !== null ? [answer.result] : [])),
      silent: answers.flatMap((answer) =>
        answer.type === 'failed'
          ? [{ node: answer.node, reason: answer.reason }]
          : answer.result === null
            ? [{ node: answer.node, reason: 'it does not have the link yet' }]
            : [],
      ),
    }
  }

  const examine = async (question: DoctorQuestion): Promise<z.infer<typeof report>> => {
    if (running >= EXAMINATIONS_MAX)
      throw new ApiError(
        429,
        'TOO_MANY_REQUESTS',
        `${EXAMINATIONS_MAX} links are being examined: ask again in a few seconds`,
      )
    running += 1
    try {
      const { ok, speaker, steps } = await port.examine(question, nodes)
      const other = speaker === undefined || speaker === calls.self ? {} : { speaker }
      return { ok, node: calls.self, ...other, steps: [...steps] }
    } finally {
      running -= 1
    }
  }

  return (app) => {
    app.post(
      '/cluster/links/doctor',
      {
        schema: {
          summary:
            'Try a link that is not saved: what can be known without it running; `******` is the secret that is kept of the link of this name',
          tags,
          body: linkBody,
          response: { 200: report, 400: error, 429: error },
        },
      },
      ({ body }) => {
        const kept = port.links().find(({ name }) => name === nameIn(body))
        return examine({ link: readLink(port.cluster, body, kept), isSaved: false })
      },
    )
    for (const path of ['/cluster/links/:name/doctor', '/cluster/links/link/:name/doctor'])
      app.post(
        path,
        {
          config: { role: 'viewer' },
          schema: {
            summary:
              'Why does nothing cross? Goes through all that a link needs, and stops at what is broken, with what to change',
            tags,
            params: z.object({ name: z.string() }),
            body: z
              .strictObject({
                topic: z.string().min(1).max(65_535).optional().describe('whether a message of this topic would cross'),
              })
              .nullish(),
            response: { 200: report, 404: error, 429: error },
          },
        },
        ({ params: { name }, body }) => {
          const link = port.links().find((one) => one.name === name)
          if (link === undefined) throw new ApiError(404, 'NOT_FOUND', 'Cluster link not found')
          return examine({ link, isSaved: true, topic: body?.topic })
        },
      )
  }
}
