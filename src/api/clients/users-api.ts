/**
 * Users of the built-in database, in EMQX's shapes; the same on all members of the cluster. Who is connected stays connected when its
 * user is changed or deleted, as in EMQX: the next login is judged anew.
 */
import * as z from 'zod'
import { BUILT_IN_ID } from '../../broker/access/authentication/built-in.ts'
import type { HashedPassword } from '../../broker/access/authentication/password-hash.ts'
import type { User, UserTable } from '../../broker/access/authentication/user-table.ts'
import { ClusterError } from '../../cluster/cluster-error.ts'
import { ApiError } from '../api-error.ts'
import type { ApiPart } from '../api-server.ts'
import { sliceOf } from '../merged-list.ts'
import { pageFrom, pageOf, pageQuery, pageStart } from '../paging.ts'

/** What is kept under a user's name. */
export type KeptUser = Omit<User, 'user_id'>

export interface UsersPort {
  /** Those that hold on this node. */
  readonly table: Pick<UserTable, 'get' | 'all' | 'size'>
  /** As the authenticator keeps passwords; `undefined` if the configuration has none of users of our own. */
  readonly hash: ((password: Buffer) => Promise<HashedPassword>) | undefined
  /** Changes a user on all members; `null` deletes it. Rejects with `ClusterError`, or with what `decide` throws. */
  change(userId: string, decide: (user: KeptUser | undefined) => KeptUser | null): Promise<void>
}

const userId = z.string().min(1).max(512)
const password = z.string().min(1).max(1_024)
const authenticator = z.string().describe(BUILT_IN_ID)

const user = z.object({ user_id: z.string(), is_superuser: z.boolean() })
const newUser = z.strictObject({ user_id: userId, password, is_superuser: z.boolean().default(false) })
const userChange = z.strictObject({ password: password.optional(), is_superuser: z.boolean().optional() })

const tags = ['Authentication']
const path = '/authentication/:authenticator/users'
const ofAuthenticator = z.object({ authenticator })
const ofUser = z.object({ authenticator, user_id: z.string() })

export function usersApi(port: UsersPort): ApiPart {
  return (app) => {
    app.get(
      path,
      {
        schema: {
          summary: 'Users of the built-in database',
          tags,
          params: ofAuthenticator,
          querystring: z.object({
            ...pageQuery,
            like_user_id: z.string().optional().describe('a part of the name'),
            is_superuser: z.stringbool().optional(),
          }),
          response: { 200: pageOf(user) },
        },
      },
      async ({ params, query: { page, limit, like_user_id, is_superuser } }) => {
        hashOf(port, params.authenticator)
        const query = { page, limit }
        const isAny = like_user_id === undefined && is_superuser === undefined
        const wanted = (one: User): boolean =>
          (like_user_id === undefined || one.user_id.includes(like_user_id)) &&
          (is_superuser === undefined || one.is_superuser === is_superuser)
        const { count, entries } = await sliceOf(
          port.table.all(),
          { start: pageStart(query), limit },
          {
            matches: isAny ? undefined : wanted,
            total: port.table.size,
            show: shown,
          },
        )
        return pageFrom(entries, count, query)
      },
    )
    app.post(
      path,
      {
        schema: { summary: 'A new user', tags, params: ofAuthenticator, body: newUser, response: { 201: user } },
      },
      async ({ params, body }, reply) => {
        const { user_id, is_superuser } = body
        const kept = { is_superuser, ...(await hashed(hashOf(port, params.authenticator), body.password)) }
        await change(port, user_id, (before) => {
          if (before !== undefined) throw new ApiError(409, 'ALREADY_EXISTS', `User already exists: ${user_id}`)
          return kept
        })
        return reply.status(201).send({ user_id, is_superuser })
      },
    )
    app.get(
      `${path}/:user_id`,
      { schema: { summary: 'One user', tags, params: ofUser, response: { 200: user } } },
      ({ params }) => {
        hashOf(port, params.authenticator)
        const found = port.table.get(params.user_id)
        if (found === undefined) throw notFound(params.user_id)
        return shown(found)
      },
    )
    app.put(
      `${path}/:user_id`,
      {
        schema: {
          summary: 'Another password, or other rights; what is left out stays',
          tags,
          params: ofUser,
          body: userChange,
          response: { 200: user },
        },
      },
      async ({ params: { authenticator: id, user_id }, body }) => {
        const hash = hashOf(port, id)
        const fresh = body.password === undefined ? {} : await hashed(hash, body.password)
        let isSuperuser = false
        await change(port, user_id, (before) => {
          if (before === undefined) throw notFound(user_id)
          isSuperuser = body.is_superuser ?? before.is_superuser
          return { ...before, ...fresh, is_superuser: isSuperuser }
        })
        return { user_id, is_superuser: isSuperuser }
      },
    )
    app.delete(
      `${path}/:user_id`,
      { schema: { summary: 'Deletes a user', tags, params: ofUser, response: { 204: z.null() } } },
      async ({ params: { authenticator: id, user_id } }, reply) => {
        hashOf(port, id)
        await change(port, user_id, (before) => {
          if (before === undefined) throw notFound(user_id)
          return null
        })
        return reply.status(204).send(null)
      },
    )
  }
}

function shown({ user_id, is_superuser }: User): z.infer<typeof user> {
  return { user_id, is_superuser }
}

/** Throws `ApiError` 404 if the configuration has no such authenticator. */
function hashOf({ hash }: UsersPort, id: string): NonNullable<UsersPort['hash']> {
  if (id !== BUILT_IN_ID)
    throw new ApiError(404, 'NOT_FOUND', `${id} has no users here; users are those of ${BUILT_IN_ID}`)
  if (hash === undefined)
    throw new ApiError(
      404,
      'NOT_FOUND',
      `no authenticator ${BUILT_IN_ID} is configured, or it is not enabled: add it to authentication in the configuration of the node`,
    )
  return hash
}

async function hashed(hash: NonNullable<UsersPort['hash']>, text: string): Promise<HashedPassword> {
  try {
    return await hash(Buffer.from(text))
  } catch (error) {
    throw new ApiError(400, 'BAD_REQUEST', `password: ${error instanceof Error ? error.message : String(error)}`)
  }
}

async function change(port: UsersPort, id: string, decide: Parameters<UsersPort['change']>[1]): Promise<void> {
  try {
    await port.change(id, decide)
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error
    if (error.code === 'DOCUMENT_FULL') throw new ApiError(409, 'CONFLICT', error.message)
    throw new ApiError(503, 'SERVICE_UNAVAILABLE', `the members of the cluster can't be told now: ${error.message}`)
  }
}

function notFound(id: string): ApiError {
  return new ApiError(404, 'NOT_FOUND', `User not found: ${id}`)
}
