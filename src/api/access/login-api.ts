/** Logging in to the dashboard, out again, and who one is. */
import * as z from 'zod'
import type { ApiPart } from '../api-server.ts'
import { addressOf } from './access-hook.ts'
import type { Login, Logins } from './logins.ts'
import { type Principal, roles } from './principal.ts'

const loggedIn = z.object({
  token: z.string(),
  role: z.enum(roles),
  username: z.string(),
  version: z.string(),
  expires_at: z.iso.datetime(),
})

const me = z.object({
  name: z.string(),
  role: z.enum(roles),
  via: z.enum(['api_key', 'login', 'local']),
})

const tags = ['Access']
const nothing = z.null().describe('nothing')

/** @param version of the product */
export function loginApi(logins: Logins, version: string): ApiPart {
  const told = ({ token, expiresAtMs, user: { username, role } }: Login): z.infer<typeof loggedIn> => {
    return { token, role, username, version, expires_at: new Date(expiresAtMs).toISOString() }
  }
  return (app) => {
    const login = {
      summary: 'Log in with user name and password',
      tags,
      body: z.object({ username: z.string().max(256), password: z.string().max(1024) }),
      response: { 200: loggedIn },
    }
    app.post('/login', { schema: login, config: { public: true } }, async ({ body, ip }) => {
      return told(await logins.login(body.username, body.password, addressOf({ ip })))
    })

    const renew = { summary: 'Go on with a login before its token expires', tags, response: { 200: loggedIn } }
    app.post('/login/renew', { schema: renew, config: { role: 'viewer', people: true } }, async ({ headers }) => {
      return told(await logins.renew(headers.authorization ?? ''))
    })

    const logout = { summary: 'End this login', tags, response: { 204: nothing } }
    app.post(
      '/logout',
      { schema: logout, config: { role: 'viewer', people: true, audit: true } },
      async (request, reply) => {
        if (request.principal?.via === 'login') await logins.logout(request.headers.authorization ?? '')
        return reply.status(204).send(null)
      },
    )

    app.get('/me', { schema: { summary: 'Who I am', tags, response: { 200: me } } }, ({ principal }) => {
      // The hook lets nobody else through.
      const { name, role, via } = principal as Principal
      return { name, role, via }
    })
  }
}
