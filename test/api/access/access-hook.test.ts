import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as z from 'zod'
import { accessHook } from '../../../src/api/access/access-hook.ts'
import type { Principal } from '../../../src/api/access/principal.ts'
import { type ApiPart, createApiServer } from '../../../src/api/api-server.ts'

const log = { warn() {}, error() {} }
const named = (name: string, role: Principal['role']): Principal => ({ name, role, via: 'login' })
const people = new Map([
  ['Bearer ann', named('ann', 'administrator')],
  ['Bearer vic', named('vic', 'viewer')],
])

const answer = (request: { principal: Principal | undefined }): string => request.principal?.name ?? 'nobody'

const routes: ApiPart = (app) => {
  const schema = { response: { 200: z.string() } }
  app.get('/things', { schema }, answer)
  app.put('/things', { schema }, answer)
  app.post('/try', { schema, config: { role: 'viewer' } }, answer)
  app.get('/secrets', { schema, config: { role: 'administrator' } }, answer)
  app.get('/open', { schema, config: { public: true } }, answer)
}

const server = createApiServer({
  guard: accessHook([{ identify: (authorization) => people.get(authorization) }]),
  parts: [routes],
  roots: [],
  log,
})

for (const [when, method, url, who, status] of [
  ['nobody says who he is', 'GET', '/things', undefined, 401],
  ['a stranger looks', 'GET', '/things', 'Bearer eve', 401],
  ['a viewer looks', 'GET', '/things', 'Bearer vic', 200],
  ['a viewer asks only for the head', 'HEAD', '/things', 'Bearer vic', 200],
  ['a viewer changes', 'PUT', '/things', 'Bearer vic', 403],
  ['an administrator changes', 'PUT', '/things', 'Bearer ann', 200],
  ['a viewer posts where that changes nothing', 'POST', '/try', 'Bearer vic', 200],
  ['a viewer looks where only administrators may', 'GET', '/secrets', 'Bearer vic', 403],
  ['nobody asks what is public', 'GET', '/open', undefined, 200],
] as const)
  test(`${when}: ${status}`, async () => {
    const headers = who === undefined ? {} : { authorization: who }
    const answer = await (await server).inject({ method, url: `/api/v5${url}`, headers })
    assert.equal(answer.statusCode, status)
    if (status === 401) assert.equal(answer.json<{ code: string }>().code, 'AUTHORIZATION_HEADER_ERROR')
    if (status === 403) assert.equal(answer.json<{ code: string }>().code, 'UNAUTHORIZED_ROLE')
  })
