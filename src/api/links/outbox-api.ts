/** What waits to cross a link: looked at without payloads, and given up if somebody says why. */
import * as z from 'zod'
import { ApiError } from '../api-error.ts'
import type { ApiPart } from '../api-server.ts'
import type { Call, MemberCalls } from '../member-calls.ts'
import { silentNode, silentOf } from '../paging.ts'

export type OutboxMessage = {
  readonly topic: string
  readonly qos: 0 | 1 | 2
  readonly retain: boolean
  readonly bytes: number
  /** Milliseconds since 1970. */
  readonly cameAtMs: number
  readonly lane: 0 | 1
  readonly state: 'flying' | 'waiting'
}

/** `LinkRuntime` satisfies it. */
export interface Outboxes {
  senderView(link: string): { readonly outbox: { readonly messages: number; readonly bytes: number } } | undefined
  /** How long the oldest has been there, milliseconds. */
  outboxAgeMs(link: string): number | undefined
  peekOutbox(link: string, limit: number): readonly OutboxMessage[] | undefined
  purgeOutbox(link: string, by: string, reason: string): Promise<number | undefined>
}

/** A purge of millions takes its turns. */
const PURGE_WAIT_MS = 30_000

const messageShape = z.object({
  topic: z.string(),
  qos: z.number().int(),
  retain: z.boolean(),
  bytes: z.number().describe('of its PUBLISH packet'),
  age_ms: z.number(),
  lane: z.number().int().describe('0: live, 1: what gathered while it could not cross'),
  state: z.enum(['flying', 'waiting']),
})
const onNode = z.object({
  messages: z.number(),
  bytes: z.number(),
  oldest_ms: z.number().nullable(),
  head: z.array(messageShape),
})
type OnNode = z.infer<typeof onNode>

const peekCall: Call<{ link: string; limit: number }, OnNode | null> = {
  name: 'links.peek_outbox',
  params: z.object({ link: z.string(), limit: z.number() }),
}
const purgeCall: Call<{ link: string; by: string; reason: string }, number> = {
  name: 'links.purge_outbox',
  params: z.object({ link: z.string(), by: z.string(), reason: z.string() }),
}

/** @param links names of the links that are configured */
export function outboxApi(
  calls: MemberCalls,
  outboxes: Outboxes,
  links: () => Iterable<string>,
  nowMs: () => number,
): ApiPart {
  calls.serve(peekCall, ({ link, limit }) => peek(outboxes, link, limit, nowMs()))
  calls.serve(purgeCall, async ({ link, by, reason }) => (await outboxes.purgeOutbox(link, by, reason)) ?? 0)
  const known = (name: string): string => {
    if ([...links()].includes(name)) return name
    throw new ApiError(404, 'NOT_FOUND', 'Cluster link not found')
  }
  const params = z.object({ name: z.string() })
  return (app) => {
    for (const path of ['/cluster/links/:name/outbox', '/cluster/links/link/:name/outbox']) {
      app.get(
        path,
        {
          schema: {
            summary: 'What waits to cross, on each node: the first of it, without payloads',
            tags: ['Links'],
            params,
            querystring: z.object({ limit: z.coerce.number().int().min(0).max(1_000).default(20) }),
            response: {
              200: z.object({
                nodes: z.array(onNode.extend({ node: z.string() })),
                silent: z.array(silentNode).optional(),
              }),
            },
          },
        },
        async ({ params: { name }, query: { limit } }) => {
          const answers = await calls.gather(peekCall, { link: known(name), limit })
          const silent = silentOf(answers)
          return {
            nodes: answers.flatMap((answer) =>
              answer.type === 'ok' && answer.result !== null ? [{ node: answer.node, ...answer.result }] : [],
            ),
            ...(silent.length > 0 ? { silent } : {}),
          }
        },
      )
      app.delete(
        path,
        {
          schema: {
            summary: 'Give up what waits to cross; what is on its way to the peer is let be',
            tags: ['Links'],
            params,
            body: z.object({ reason: z.string().trim().min(1).max(1_000).describe('for the log: why it is given up') }),
            response: {
              200: z.object({ purged: z.number().describe('messages'), silent: z.array(silentNode).optional() }),
            },
          },
        },
        async ({ params: { name }, body: { reason }, principal }) => {
          const by = principal?.name ?? 'somebody'
          const answers = await calls.gather(purgeCall, { link: known(name), by, reason }, PURGE_WAIT_MS)
          const silent = silentOf(answers)
          const purged = answers.reduce((sum, answer) => sum + (answer.type === 'ok' ? answer.result : 0), 0)
          return { purged, ...(silent.length > 0 ? { silent } : {}) }
        },
      )
    }
  }
}

function peek(outboxes: Outboxes, link: string, limit: number, nowMs: number): OnNode | null {
  const head = outboxes.peekOutbox(link, limit)
  const view = outboxes.senderView(link)
  if (head === undefined || view === undefined) return null
  return {
    messages: view.outbox.messages,
    bytes: view.outbox.bytes,
    oldest_ms: outboxes.outboxAgeMs(link) ?? null,
    head: head.map(({ cameAtMs, ...message }) => ({ ...message, age_ms: Math.max(0, nowMs - cameAtMs) })),
  }
}
