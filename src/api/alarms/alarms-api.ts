/** `GET /alarms`, `DELETE /alarms`: what is wrong, and what was, on all nodes. */
import * as z from 'zod'
import type { ApiPart } from '../api-server.ts'
import type { Call, MemberCalls } from '../member-calls.ts'
import { pageOf, pageQuery, paginate, silentOf } from '../paging.ts'

/** An alarm of one node. */
export interface AlarmFact {
  readonly kind: string
  readonly name: string
  readonly link?: string
  readonly reason: string
  readonly message: string
  /** Milliseconds since 1970; the second one `undefined` while it is active. */
  readonly activatedAtMs: number
  readonly deactivatedAtMs: number | undefined
  readonly durationMs: number
  readonly details: Readonly<Record<string, string>>
}

/** The alarms of this node; `AlarmWatch` is one. */
export interface Alarms {
  active(): readonly AlarmFact[]
  past(): readonly AlarmFact[]
  forgetPast(): void
}

const alarmShape = z.object({
  name: z.string(),
  kind: z.string().describe('what is wrong, as a word for programs'),
  node: z.string(),
  link: z.string().optional(),
  reason: z.string().describe('why, in words'),
  message: z.string(),
  activated: z.boolean(),
  activated_at: z.iso.datetime(),
  deactivated_at: z.iso.datetime().optional(),
  duration_ms: z.number(),
  activate_at: z.iso.datetime().describe("EMQX's name for activated_at"),
  deactivate_at: z.iso.datetime().optional().describe("EMQX's name for deactivated_at"),
  duration: z.number().describe("EMQX's name for duration_ms"),
  details: z.record(z.string(), z.string()),
})
export type AlarmEntry = z.infer<typeof alarmShape>

const listCall: Call<{ readonly activated: boolean }, AlarmEntry[]> = {
  name: 'alarms.list',
  params: z.object({ activated: z.boolean() }),
}
const clearCall: Call<Record<string, never>, true> = { name: 'alarms.clear', params: z.object({}).strict() }

const query = z.object({
  ...pageQuery,
  activated: z
    .enum(['true', 'false'])
    .default('true')
    .describe('true: those that are active; false: those that are over'),
})

/** What is the matter on this node and on all others. */
export function alarmsApi(calls: MemberCalls, alarms: Alarms): ApiPart {
  calls.serve(listCall, ({ activated }) =>
    (activated ? alarms.active() : alarms.past()).map((alarm) => entryOf(calls.self, alarm)),
  )
  calls.serve(clearCall, () => {
    alarms.forgetPast()
    return true
  })
  return (app) => {
    const list = {
      summary: 'Alarms of all nodes, the latest first',
      tags: ['Alarms'],
      querystring: query,
      response: { 200: pageOf(alarmShape) },
    }
    app.get('/alarms', { schema: list }, async ({ query: asked }) => {
      const answers = await calls.gather(listCall, { activated: asked.activated === 'true' })
      const all = answers.flatMap((answer) => (answer.type === 'ok' ? answer.result : []))
      return paginate(all.toSorted(latestFirst), asked, silentOf(answers))
    })
    const clear = { summary: 'Forget the alarms that are over', tags: ['Alarms'], response: { 204: z.null() } }
    app.delete('/alarms', { schema: clear }, async (_request, reply) => {
      await calls.gather(clearCall, {})
      return reply.status(204).send(null)
    })
  }
}

function latestFirst(one: AlarmEntry, other: AlarmEntry): number {
  return timeOf(other).localeCompare(timeOf(one))
}

function timeOf({ deactivated_at, activated_at }: AlarmEntry): string {
  return deactivated_at ?? activated_at
}

/** As the API shows it. */
export function entryOf(node: string, alarm: AlarmFact): AlarmEntry {
  const { kind, name, link, reason, message, activatedAtMs, deactivatedAtMs, durationMs, details } = alarm
  const activatedAt = new Date(activatedAtMs).toISOString()
  const deactivatedAt = deactivatedAtMs === undefined ? undefined : new Date(deactivatedAtMs).toISOString()
  return {
    name,
    kind,
    node,
    ...(link === undefined ? {} : { link }),
    reason,
    message,
    activated: deactivatedAtMs === undefined,
    activated_at: activatedAt,
    ...(deactivatedAt === undefined ? {} : { deactivated_at: deactivatedAt, deactivate_at: deactivatedAt }),
    duration_ms: durationMs,
    activate_at: activatedAt,
    duration: durationMs,
    details,
  }
}
