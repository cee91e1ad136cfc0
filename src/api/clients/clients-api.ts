/** Clients of all members: listed, found, and ended. */
import * as z from 'zod'
import type { Subscription } from '../../broker/sessions/subscription.ts'
import { ApiError } from '../api-error.ts'
import type { ApiPart } from '../api-server.ts'
import type { Call, MemberCalls, NodeAnswer } from '../member-calls.ts'
import { mergedPage, type Range, rangeFields, type Slice, sliceOf } from '../merged-list.ts'
import { pageOf, pageQuery, silentOf } from '../paging.ts'
import { type ClientFilters, clientFilters, clientMatcher, clientQuery } from './client-filters.ts'
import { type ClientRow, clientRow, clientRowOf } from './client-row.ts'
import type { ClientsPort } from './clients-port.ts'
import { type SubscriptionRow, subscriptionRow, subscriptionRowOf } from './subscription-row.ts'

const byId = z.object({ clientid: z.string() })

const listClients: Call<ClientFilters & Range, Slice<ClientRow>> = {
  name: 'clients.list',
  params: clientFilters.extend(rangeFields),
}
const getClient: Call<{ clientid: string }, ClientRow | null> = { name: 'clients.get', params: byId }
const getSubscriptions: Call<{ clientid: string }, SubscriptionRow[] | null> = {
  name: 'clients.subscriptions',
  params: byId,
}
const kickClient: Call<{ clientid: string }, boolean> = { name: 'clients.kick', params: byId }

const tags = ['Clients']

/** Of one client; `GET /subscriptions?clientid=` has all of them, page by page. */
const SUBSCRIPTIONS_MAX = 10_000

const rowOf = (node: string) => (one: Subscription) => subscriptionRowOf(node, one)

export function clientsApi(calls: MemberCalls, port: ClientsPort): ApiPart {
  serve(calls, port)
  return (app) => {
    app.get(
      '/clients',
      {
        schema: {
          summary: 'Clients of all nodes, those that are away and have a session included',
          tags,
          querystring: z.object({ ...pageQuery, ...clientQuery }),
          response: { 200: pageOf(clientRow) },
        },
      },
      ({ query: { page, limit, node, ...filters } }) => mergedPage(calls, listClients, filters, { page, limit }, node),
    )
    app.get(
      '/clients/:clientid',
      { schema: { summary: 'One client', tags, params: byId, response: { 200: clientRow } } },
      async ({ params }) => latest(params.clientid, await calls.gather(getClient, params)),
    )
    app.get(
      '/clients/:clientid/subscriptions',
      {
        schema: {
          summary: 'What a client has subscribed to',
          tags,
          params: byId,
          response: { 200: z.array(subscriptionRow) },
        },
      },
      async ({ params }) => {
        const answers = await calls.gather(getSubscriptions, params)
        const found = resultsOf(answers).filter((rows) => rows !== null)
        if (found.length === 0) throw notFound(params.clientid, answers)
        return found.flat()
      },
    )
    app.delete(
      '/clients/:clientid',
      {
        schema: {
          summary: 'Ends the session of a client, and its connection if it is there',
          tags,
          params: byId,
          response: { 204: z.null() },
        },
      },
      async ({ params }, reply) => {
        const answers = await calls.gather(kickClient, params)
        if (!resultsOf(answers).includes(true)) throw notFound(params.clientid, answers)
        return reply.status(204).send(null)
      },
    )
  }
}

function serve(calls: MemberCalls, port: ClientsPort): void {
  const { sessions } = port
  calls.serve(listClients, ({ start, limit, ...filters }) => {
    const matches = clientMatcher(filters)
    return sliceOf(
      candidates(port, filters.clientid),
      { start, limit },
      {
        matches: matches === undefined ? undefined : (session) => matches(port.known(session)),
        total: sessions.count,
        show: (session) => clientRowOf(calls.self, port.known(session)),
      },
    )
  })
  calls.serve(getClient, ({ clientid }) => {
    const session = sessions.get(clientid)
    return session === undefined ? null : clientRowOf(calls.self, port.known(session))
  })
  calls.serve(getSubscriptions, async ({ clientid }) => {
    const session = sessions.get(clientid)
    if (session === undefined) return null
    const { subscriptions } = session
    const picking = { matches: undefined, total: subscriptions.size, show: rowOf(calls.self) }
    const { entries } = await sliceOf(subscriptions.values(), { start: 0, limit: SUBSCRIPTIONS_MAX }, picking)
    return entries
  })
  calls.serve(kickClient, ({ clientid }) => port.kick(clientid))
}

/** A ClientID is found without a search. */
export function candidates({ sessions }: ClientsPort, clientId: string | undefined): ReturnType<typeof sessions.all> {
  if (clientId === undefined) return sessions.all()
  const session = sessions.get(clientId)
  return session === undefined ? [] : [session]
}

/** While a session moves, two members may have it: then the one where the client is counts. */
function latest(clientId: string, answers: readonly NodeAnswer<ClientRow | null>[]): ClientRow {
  const rows = resultsOf(answers).filter((row) => row !== null)
  const row = rows.find(({ connected }) => connected) ?? rows[0]
  if (row === undefined) throw notFound(clientId, answers)
  return row
}

function resultsOf<Result>(answers: readonly NodeAnswer<Result>[]): Result[] {
  return answers.flatMap((answer) => (answer.type === 'ok' ? [answer.result] : []))
}

function notFound(clientId: string, answers: readonly NodeAnswer<unknown>[]): ApiError {
  const silent = silentOf(answers)
  if (silent.length === 0) return new ApiError(404, 'NOT_FOUND', `Client ID not found: ${clientId}`)
  const words = `no node that answered has a client ${clientId}; silent: ${silent.map(({ node }) => node).join(', ')}`
  return new ApiError(404, 'NOT_FOUND', words, { silent })
}
