/** Which clients of a list are wanted: EMQX's filters. All of those given must fit. */
import * as z from 'zod'
import type { KnownClient } from '../../broker/known-clients.ts'

const text = z.string().max(65_535).optional()

/** RFC 3339, or milliseconds since 1970. */
const time = z
  .string()
  .transform((written, context) => {
    const ms = /^\d+$/.test(written) ? Number(written) : Date.parse(written)
    if (Number.isFinite(ms)) return ms
    context.addIssue({
      code: 'custom',
      message: 'expected a time such as 2026-01-31T12:00:00Z, or milliseconds since 1970',
    })
    return z.NEVER
  })
  .optional()

/** As they stand in a query. */
export const clientQuery = {
  node: text.describe('those of this node alone'),
  clientid: text,
  username: text,
  like_clientid: text.describe('a part of the ClientID'),
  like_username: text,
  ip_address: text,
  conn_state: z.enum(['connected', 'disconnected']).optional(),
  proto_ver: z.coerce.number().int().optional().describe('3, 4 or 5'),
  clean_start: z.stringbool().optional(),
  gte_connected_at: time,
  lte_connected_at: time,
}

/** As members ask each other; times are milliseconds since 1970. */
export const clientFilters = z.object({
  clientid: text,
  username: text,
  like_clientid: text,
  like_username: text,
  ip_address: text,
  conn_state: z.enum(['connected', 'disconnected']).optional(),
  proto_ver: z.number().optional(),
  clean_start: z.boolean().optional(),
  gte_connected_at: z.number().optional(),
  lte_connected_at: z.number().optional(),
})

export type ClientFilters = z.infer<typeof clientFilters>

/** What these filters say of a client; `undefined` if there are none, so that all are wanted. */
export function clientMatcher(filters: ClientFilters): ((client: KnownClient) => boolean) | undefined {
  const tests = testsOf(filters)
  return tests.length === 0 ? undefined : (client) => tests.every((test) => test(client))
}

type Test = (client: KnownClient) => boolean

function testsOf(filters: ClientFilters): Test[] {
  const { clientid, username, like_clientid, like_username, ip_address, conn_state, proto_ver, clean_start } = filters
  const { gte_connected_at: since, lte_connected_at: until } = filters
  const wanted: (Test | undefined)[] = [
    clientid === undefined ? undefined : ({ clientId }) => clientId === clientid,
    username === undefined ? undefined : (client) => client.username === username,
    like_clientid === undefined ? undefined : ({ clientId }) => clientId.includes(like_clientid),
    like_username === undefined ? undefined : (client) => client.username?.includes(like_username) === true,
    ip_address === undefined ? undefined : ({ peerHost }) => peerHost === ip_address,
    conn_state === undefined
      ? undefined
      : ({ connection }) => (connection !== undefined) === (conn_state === 'connected'),
    proto_ver === undefined ? undefined : ({ connection }) => connection?.version === proto_ver,
    clean_start === undefined ? undefined : ({ connection }) => connection?.cleanStart === clean_start,
    since === undefined ? undefined : ({ connection }) => connection !== undefined && connection.connectedAtMs >= since,
    until === undefined ? undefined : ({ connection }) => connection !== undefined && connection.connectedAtMs <= until,
  ]
  return wanted.filter((test) => test !== undefined)
}
