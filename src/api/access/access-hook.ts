/** What stands in front of every route of the API: who asks, and whether they may. */
import type { FastifyRequest } from 'fastify'
import { ApiError } from '../api-error.ts'
import type { ApiPart } from '../api-server.ts'
import type { Principal, Role } from './principal.ts'

/** One way of saying who one is. */
export interface Credentials {
  /** `undefined` if this kind of header is another's. Rejects with `ApiError` if the header is ours and no good. */
  identify(authorization: string, from: string): Principal | undefined | Promise<Principal | undefined>
}

/** @param kinds asked in this order */
export function accessHook(kinds: readonly Credentials[]): ApiPart {
  return (app) => {
    app.decorateRequest('principal', undefined)
    app.addHook('onRequest', async (request) => {
      const { config } = request.routeOptions
      if (config.public === true) return
      request.principal = await whoAsks(request, kinds)
      if (config.people === true && request.principal.via === 'api_key')
        throw new ApiError(403, 'API_KEY_NOT_ALLOW', 'no API key may do this: log in, and send the token as Bearer')
      if (!mayAs(request.principal.role, config.role ?? roleFor(request.method)))
        throw new ApiError(403, 'UNAUTHORIZED_ROLE', 'a viewer may look, not change: this takes an administrator')
    })
  }
}

/** Rejects with `ApiError` if that is not said, or not believed. */
export async function whoAsks(request: FastifyRequest, kinds: readonly Credentials[]): Promise<Principal> {
  const { authorization } = request.headers
  if (authorization !== undefined)
    for (const kind of kinds) {
      const principal = await kind.identify(authorization, addressOf(request))
      if (principal !== undefined) return principal
    }
  throw new ApiError(401, 'AUTHORIZATION_HEADER_ERROR', 'Support authorization: basic/bearer')
}

function roleFor(method: string): Role {
  return method === 'GET' || method === 'HEAD' ? 'viewer' : 'administrator'
}

function mayAs(role: Role, wanted: Role): boolean {
  return role === 'administrator' || wanted === 'viewer'
}

/** The address of who asks; of one with IPv4 that came to a listener for both as it is. */
export function addressOf({ ip }: Pick<FastifyRequest, 'ip'>): string {
  return ip.replace(/^::ffff:(?=\d+\.)/i, '')
}

/** What follows `Bearer ` or `Basic `, or `undefined` if the header is of another kind. */
export function credentialOf(scheme: 'Basic' | 'Bearer', authorization: string): string | undefined {
  const match = /^([A-Za-z]+) +(\S+) *$/.exec(authorization)
  return match?.[1]?.toLowerCase() === scheme.toLowerCase() ? match[2] : undefined
}
