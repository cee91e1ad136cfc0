/** API keys, in EMQX's shapes: for scripts, by basic authentication. A secret is told once, when its key is made. */
import { randomBytes } from 'node:crypto'
import * as z from 'zod'
import { ApiError } from '../api-error.ts'
import type { ApiPart } from '../api-server.ts'
import type { KeyRecord } from './access-record.ts'
import type { Accounts } from './accounts.ts'
import { roles } from './principal.ts'

const expiresAt = z
  .union([z.literal('infinity'), z.iso.datetime({ offset: true })])
  .describe('when it ends; `infinity` for never')

const key = z.object({
  name: z.string(),
  api_key: z.string(),
  role: z.enum(roles),
  enable: z.boolean(),
  expired_at: expiresAt,
  expired: z.boolean(),
  desc: z.string(),
  created_at: z.iso.datetime(),
})
const withSecret = key.extend({ api_secret: z.string().describe('told here and never again') })

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,255}$/, { error: 'expected a name of letters, digits, `.`, `_` and `-`' })
const fields = {
  desc: z.string().max(500).optional(),
  enable: z.boolean().optional(),
  expired_at: expiresAt.optional(),
  role: z.enum(roles).optional(),
}
const params = z.object({ name: z.string().max(512) })
const tags = ['Access']
const nothing = z.null().describe('nothing')
/** Who manages keys is a person: one that leaked must not make others. */
const config = { people: true, role: 'administrator' } as const

export function keysApi(accounts: Accounts, nowMs: () => number): ApiPart {
  const told = (record: KeyRecord): z.infer<typeof key> => ({
    name: record.name,
    api_key: record.key,
    role: record.role,
    enable: record.enable,
    expired_at: record.expiresAtMs === null ? 'infinity' : new Date(record.expiresAtMs).toISOString(),
    expired: record.expiresAtMs !== null && nowMs() >= record.expiresAtMs,
    desc: record.description,
    created_at: new Date(record.createdAtMs).toISOString(),
  })
  return (app) => {
    const list = { summary: 'API keys', tags, response: { 200: z.array(key) } }
    app.get('/api_key', { schema: list, config }, () => accounts.keys.map(told))

    const get = { summary: 'One API key', tags, params, response: { 200: key } }
    app.get('/api_key/:name', { schema: get, config }, ({ params }) => {
      const record = accounts.keys.find((one) => one.name === params.name)
      if (record === undefined) throw new ApiError(404, 'NOT_FOUND', 'API key not found')
      return told(record)
    })

    const create = {
      summary: 'Make an API key; the answer holds its secret, which is never told again',
      tags,
      body: z.strictObject({ name, ...fields }),
      response: { 200: withSecret },
    }
    app.post('/api_key', { schema: create, config }, async ({ body }) => {
      const { desc = '', enable = true, expired_at = 'infinity', role = 'administrator' } = body
      const secret = randomBytes(32).toString('base64url')
      const record = await accounts.addKey({
        name: body.name,
        key: randomBytes(8).toString('hex'),
        secret,
        role,
        enable,
        expiresAtMs: msOf(expired_at),
        description: desc,
      })
      return { ...told(record), api_secret: secret }
    })

    const update = {
      summary: 'Change an API key; what is left out stays',
      tags,
      params,
      body: z.strictObject(fields),
      response: { 200: key },
    }
    app.put('/api_key/:name', { schema: update, config }, async ({ params, body }) => {
      const { desc, enable, expired_at, role } = body
      const record = await accounts.changeKey(params.name, {
        ...(desc === undefined ? {} : { description: desc }),
        ...(enable === undefined ? {} : { enable }),
        ...(expired_at === undefined ? {} : { expiresAtMs: msOf(expired_at) }),
        ...(role === undefined ? {} : { role }),
      })
      return told(record)
    })

    const remove = { summary: 'Delete an API key', tags, params, response: { 204: nothing } }
    app.delete('/api_key/:name', { schema: remove, config }, async ({ params }, reply) => {
      await accounts.removeKey(params.name)
      return reply.status(204).send(null)
    })
  }
}

function msOf(expiredAt: string): number | null {
  return expiredAt === 'infinity' ? null : Date.parse(expiredAt)
}
