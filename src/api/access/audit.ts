/** Writes down who changed what: a hook behind every route of the API, and the list of what it wrote on all members. */
import type { FastifyRequest } from 'fastify'
import * as z from 'zod'
import { ApiError } from '../api-error.ts'
import type { ApiPart } from '../api-server.ts'
import type { Call, MemberCalls } from '../member-calls.ts'
import { pageFrom, pageOf, pageQuery, pageStart, silentOf } from '../paging.ts'
import { addressOf } from './access-hook.ts'
import { type AuditEntry, auditEntry, type AuditFile } from './audit-file.ts'
import { redacted } from './redact.ts'

export interface AuditLog {
  info(fields: object, event: string): void
}

export type AuditPorts = {
  readonly file: AuditFile
  /** This node. */
  readonly node: string
  readonly log: AuditLog
  readonly nowMs: () => number
}

export function auditHook({ file, node, log, nowMs }: AuditPorts): ApiPart {
  return (app) => {
    app.addHook('onResponse', async (request, reply) => {
      if (!isChange(request)) return
      const { principal, method, body } = request
      // Strangers who were not let in are not worth the room; who tried to log in is.
      if (principal === undefined && request.routeOptions.config.public !== true) return
      const kept = redacted(body)
      const entry = {
        at: new Date(nowMs()).toISOString(),
        node,
        name: principal?.name ?? nameIn(body),
        role: principal?.role ?? null,
        via: principal?.via ?? 'nobody',
        from: addressOf(request),
        method,
        path: pathOf(request),
        status: reply.statusCode,
        duration_ms: Math.round(reply.elapsedTime),
      } as const
      file.add(kept === undefined ? entry : { ...entry, body: kept })
      const { at: _, node: __, ...told } = entry
      log.info(told, 'api_change')
    })
  }
}

function isChange({ method, routeOptions: { config } }: FastifyRequest): boolean {
  if (config.audit !== undefined) return config.audit
  return !['GET', 'HEAD', 'OPTIONS'].includes(method) && config.role !== 'viewer'
}

/** Of who logs in. */
function nameIn(body: unknown): string {
  return typeof body === 'object' && body !== null && 'username' in body && typeof body.username === 'string'
    ? body.username.slice(0, 100)
    : ''
}

const PATH_MAX = 500

function pathOf({ url }: FastifyRequest): string {
  return url.split('?', 1)[0]!.slice(0, PATH_MAX)
}

type AuditQuery = {
  /** How many of the latest. */
  readonly latest: number
  readonly name?: string | undefined
  readonly search?: string | undefined
}
type AuditAnswer = {
  readonly entries: readonly AuditEntry[]
  /** All that fit. */
  readonly count: number
}

/** Entries of one node beyond which no page is given: the rest stands in its file. */
const LATEST_MAX = 5_000

const auditCall: Call<AuditQuery, AuditAnswer> = {
  name: 'audit.list',
  params: z.object({
    latest: z.int().min(1).max(LATEST_MAX),
    name: z.string().optional(),
    search: z.string().optional(),
  }),
}

export function auditApi(calls: MemberCalls, file: AuditFile): ApiPart {
  calls.serve(auditCall, (query) => latestOf(file, query))
  const schema = {
    summary: 'What was changed over the API of all nodes, the latest first',
    tags: ['Access'],
    querystring: z.object({
      ...pageQuery,
      name: z.string().max(256).optional().describe('of who changed it'),
      search: z.string().max(256).optional().describe('part of the path'),
    }),
    response: { 200: pageOf(auditEntry) },
  }
  return (app) => {
    app.get('/audit', { schema, config: { role: 'administrator' } }, async ({ query }) => {
      const latest = pageStart(query) + query.limit
      if (latest > LATEST_MAX) {
        const message = `the latest ${LATEST_MAX} changes are told here; older ones stand in audit.jsonl of each node`
        throw new ApiError(400, 'BAD_REQUEST', message)
      }
      const { name, search } = query
      const answers = await calls.gather(auditCall, {
        latest,
        ...(name === undefined ? {} : { name }),
        ...(search === undefined ? {} : { search }),
      })
      const known = answers.flatMap((answer) => (answer.type === 'ok' ? [answer.result] : []))
      const merged = known
        .flatMap(({ entries }) => entries)
        .toSorted((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0))
      const count = known.reduce((sum, { count }) => sum + count, 0)
      return pageFrom(merged.slice(pageStart(query), latest), count, query, silentOf(answers))
    })
  }
}

async function latestOf(file: AuditFile, { latest, name, search }: AuditQuery): Promise<AuditAnswer> {
  const entries: AuditEntry[] = []
  let count = 0
  for await (const entry of file.entries()) {
    if (name !== undefined && entry.name !== name) continue
    if (search !== undefined && !entry.path.includes(search)) continue
    count++
    if (entries.length < latest) entries.push(entry)
  }
  return { entries, count }
}
