/** The last lines of the log of each node, and how much its parts say. */
import * as z from 'zod'
import { logComponents, type LogComponent, type LogLevel } from '../../config/log-config.ts'
import { ApiError } from '../api-error.ts'
import type { ApiPart } from '../api-server.ts'
import type { Call, MemberCalls, NodeAnswer } from '../member-calls.ts'
import { silentNode, silentOf } from '../paging.ts'

const LINES_MAX = 1_000

export interface NodeLog {
  last(limit: number): readonly object[]
  /** Whether the log has a level that can be changed. */
  readonly hasLevel: boolean
  level: string
  readonly levels: Readonly<Record<string, string>>
  setLevel(component: LogComponent, level: LogLevel | undefined): void
}

const levelShape = z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
const levelsShape = z.object({ level: z.string(), levels: z.record(z.string(), z.string()).describe('by part') })
type Levels = z.infer<typeof levelsShape>

const change = z.object({
  level: levelShape.nullable().describe('`null`, of one part: as all else'),
  component: z
    .enum(logComponents)
    .optional()
    .describe('one part of each node; left out: all that have no level of their own'),
})

const linesCall: Call<{ limit: number }, readonly object[]> = {
  name: 'log.lines',
  params: z.object({ limit: z.number() }),
}
const levelsCall: Call<object, Levels> = { name: 'log.levels', params: z.object({}) }
const changeCall: Call<z.infer<typeof change>, Levels> = { name: 'log.change', params: change }

const line = z.looseObject({
  node: z.string(),
  at: z.string(),
  level: z.string(),
  component: z.string(),
  event: z.string(),
})
const onNodes = z.object({
  nodes: z.array(levelsShape.extend({ node: z.string() })),
  silent: z.array(silentNode).optional(),
})

export function logApi(calls: MemberCalls, log: NodeLog): ApiPart {
  const levels = (): Levels => ({ level: log.level, levels: { ...log.levels } })
  calls.serve(linesCall, ({ limit }) => log.last(limit))
  calls.serve(levelsCall, levels)
  calls.serve(changeCall, ({ level, component }) => {
    if (!log.hasLevel && component === undefined) throw new Error('the log of this node has no level of its own')
    if (component !== undefined) log.setLevel(component, level ?? undefined)
    else if (level !== null) log.level = level
    return levels()
  })
  return (app) => {
    app.get(
      '/log',
      {
        schema: {
          summary: 'The last lines of the log, of all nodes or of one; newest last',
          tags: ['Nodes'],
          querystring: z.object({
            node: z.string().optional(),
            limit: z.coerce.number().int().min(1).max(LINES_MAX).default(100),
          }),
          response: { 200: z.object({ data: z.array(line), silent: z.array(silentNode).optional() }) },
        },
      },
      async ({ query: { node, limit } }) => {
        const answers = await asked(calls, linesCall, { limit }, node)
        const lines = answers.flatMap((answer) =>
          answer.type === 'ok' ? answer.result.map((one) => line.parse({ node: answer.node, ...one })) : [],
        )
        const data = lines.toSorted((one, other) => (one.at < other.at ? -1 : 1)).slice(-limit)
        return { data, ...silentIn(answers) }
      },
    )
    const schema = { tags: ['Nodes'], response: { 200: onNodes } }
    app.get('/log/level', { schema: { ...schema, summary: 'How much the parts of each node log' } }, async () =>
      levelsOf(await calls.gather(levelsCall, {})),
    )
    app.put(
      '/log/level',
      {
        schema: {
          ...schema,
          summary: 'Let all nodes, or one part of each, log more or less: until they read their file again, or end',
          body: change,
        },
      },
      async ({ body }) => {
        if (body.level === null && body.component === undefined)
          throw new ApiError(400, 'BAD_REQUEST', 'level: null is for one component')
        return levelsOf(await calls.gather(changeCall, body))
      },
    )
  }
}

async function asked<Params, Result>(
  calls: MemberCalls,
  call: Call<Params, Result>,
  params: Params,
  node: string | undefined,
): Promise<readonly NodeAnswer<Result>[]> {
  if (node === undefined) return calls.gather(call, params)
  if (!calls.nodes.includes(node)) throw new ApiError(404, 'NOT_FOUND', `there is no node ${node}`)
  return [await calls.at(node, call, params)]
}

function levelsOf(answers: readonly NodeAnswer<Levels>[]): z.infer<typeof onNodes> {
  return {
    nodes: answers.flatMap((answer) => (answer.type === 'ok' ? [{ node: answer.node, ...answer.result }] : [])),
    ...silentIn(answers),
  }
}

function silentIn<Result>(answers: readonly NodeAnswer<Result>[]): { silent?: z.infer<typeof silentNode>[] } {
  const silent = silentOf(answers)
  return silent.length > 0 ? { silent } : {}
}
