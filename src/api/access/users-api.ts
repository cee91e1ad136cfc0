/** Users of the dashboard, in EMQX's shapes. */
import * as z from 'zod'
import { USER_NAME, USER_NAME_EXPECTED } from '../../config/dashboard/dashboard-schema.ts'
import { ApiError } from '../api-error.ts'
import type { ApiPart } from '../api-server.ts'
import { addressOf } from './access-hook.ts'
import type { UserRecord } from './access-record.ts'
import type { Accounts } from './accounts.ts'
import type { Logins } from './logins.ts'
import { type Principal, roles } from './principal.ts'

const user = z.object({
  username: z.string(),
  description: z.string(),
  role: z.enum(roles),
  backend: z.literal('local'),
})

/** As in EMQX. */
const PASSWORD_EXPECTED =
  'expected 8 to 64 characters, with two at least of letters, digits and other characters, none but visible ASCII'

const newPassword = z
  .string()
  .regex(/^[\x21-\x7E]{8,64}$/, { error: PASSWORD_EXPECTED })
  .refine((text) => [/[A-Za-z]/, /\d/, /[^A-Za-z\d]/].filter((kind) => kind.test(text)).length >= 2, {
    error: PASSWORD_EXPECTED,
  })

const username = z.string().regex(USER_NAME, { error: `expected ${USER_NAME_EXPECTED}` })
const description = z.string().max(500).default('')
const params = z.object({ username: z.string().max(256) })
const tags = ['Access']
const nothing = z.null().describe('nothing')
/** Who manages people is one: a key that leaked must not make others. */
const people = { people: true, role: 'administrator' } as const

const told = ({ username, description, role }: UserRecord): z.infer<typeof user> => {
  return { username, description, role, backend: 'local' }
}

export function usersApi(accounts: Accounts, logins: Logins): ApiPart {
  return (app) => {
    const list = { summary: 'Users of the dashboard', tags, response: { 200: z.array(user) } }
    app.get('/users', { schema: list, config: people }, () => accounts.users.map(told))

    const create = {
      summary: 'Make a user of the dashboard',
      tags,
      body: z.strictObject({ username, password: newPassword, description, role: z.enum(roles).default('viewer') }),
      response: { 200: user },
    }
    app.post('/users', { schema: create, config: people }, async ({ body }) => told(await accounts.addUser(body)))

    const update = {
      summary: 'Change role and description of a user',
      tags,
      params,
      body: z.strictObject({ description, role: z.enum(roles) }),
      response: { 200: user },
    }
    app.put('/users/:username', { schema: update, config: people }, async ({ params, body }) => {
      return told(await accounts.changeUser(params.username, body))
    })

    const remove = { summary: 'Delete a user; all logins of it end', tags, params, response: { 204: nothing } }
    app.delete('/users/:username', { schema: remove, config: people }, async ({ params, principal }, reply) => {
      if (isSelf(principal, params.username)) throw new ApiError(400, 'BAD_REQUEST', 'nobody deletes the user he is')
      await accounts.removeUser(params.username)
      return reply.status(204).send(null)
    })

    changePasswordApi(app, accounts, logins)
  }
}

function changePasswordApi(app: Parameters<ApiPart>[0], accounts: Accounts, logins: Logins): void {
  const schema = {
    summary: 'Change a password: one’s own, or as an administrator that of another; all logins of that user end',
    tags,
    params,
    body: z.strictObject({
      old_pwd: z
        .string()
        .max(1024)
        .optional()
        .describe('one’s own; not needed for that of another, nor with the local token'),
      new_pwd: newPassword,
    }),
    response: { 204: nothing },
  }
  const config = { role: 'viewer', people: true, audit: true } as const
  app.post('/users/:username/change_pwd', { schema, config }, async (request, reply) => {
    const { body, principal } = request
    const { username } = request.params
    if (isSelf(principal, username)) {
      if (body.old_pwd === undefined || !(await logins.isPassword(username, body.old_pwd, addressOf(request))))
        throw new ApiError(400, 'ERROR_PWD_NOT_MATCH', 'the old password is wrong')
    } else if (principal?.role !== 'administrator')
      throw new ApiError(403, 'UNAUTHORIZED_ROLE', 'a viewer changes no password but his own')
    await accounts.changePassword(username, body.new_pwd)
    return reply.status(204).send(null)
  })
}

function isSelf(principal: Principal | undefined, username: string): boolean {
  return principal?.via === 'login' && principal.name === username
}
