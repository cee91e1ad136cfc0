/** The routes of a link: what its peer wants of us, and what we told it that we want. */
import * as z from 'zod'
import { ApiError } from '../api-error.ts'
import type { ApiPart } from '../api-server.ts'
import type { Call, MemberCalls } from '../member-calls.ts'
import { pageFrom, pageOf, pageQuery, pageStart, silentOf } from '../paging.ts'
import { type RoutesFound, walkRoutes, type WalkPorts } from './walk-routes.ts'

/** What the routes are asked of. */
export interface RoutesPort {
  /** `undefined`: this node does not have the link. */
  peers(link: string): { readonly count: number; readonly filters: Iterable<string> } | undefined
  ours(link: string): { readonly count: number; readonly filters: Iterable<string> } | undefined
  /** The node that tells the peer what all want, as far as it is known. */
  speaker(link: string): string | undefined
}

type Direction = 'peers' | 'ours'

const params = z.object({
  link: z.string(),
  direction: z.enum(['peers', 'ours']),
  start: z.number(),
  limit: z.number(),
  search: z.string().optional(),
})
const pageCall: Call<
  { link: string; direction: Direction; start: number; limit: number; search?: string | undefined },
  RoutesFound | null
> = { name: 'links.routes', params }

const query = z.object({
  ...pageQuery,
  direction: z.enum(['peers', 'ours']).default('peers').describe('what the peer wants of us, or we of it'),
  search: z.string().max(1_024).optional().describe('text that a filter has to hold'),
})
const pageShape = pageOf(z.object({ filter: z.string() })).extend({
  node: z.string().describe('that was asked: all have what the peer wants, and one tells the peer what we want'),
  complete: z
    .boolean()
    .describe('false: there are so many that not all were looked at; `count` is what was found until then'),
})

/** @param links names of the links that are configured */
export function routesApi(
  calls: MemberCalls,
  port: RoutesPort,
  walk: WalkPorts,
  links: () => Iterable<string>,
): ApiPart {
  calls.serve(pageCall, async ({ link, direction, start, limit, search }) => {
    const routes = port[direction](link)
    if (routes === undefined) return null
    const text = search === undefined || search === '' ? undefined : search
    const count = text === undefined ? routes.count : undefined
    return walkRoutes(routes.filters, { start, limit, search: text, count }, walk)
  })
  return (app) => {
    for (const path of ['/cluster/links/:name/routes', '/cluster/links/link/:name/routes'])
      app.get(
        path,
        {
          schema: {
            summary: 'Routes of a link, either way, searched by text',
            tags: ['Links'],
            params: z.object({ name: z.string() }),
            querystring: query,
            response: { 200: pageShape },
          },
        },
        async ({ params: { name }, query: { direction, search, ...page } }) => {
          if (![...links()].includes(name)) throw new ApiError(404, 'NOT_FOUND', 'Cluster link not found')
          const node = direction === 'peers' ? calls.self : (port.speaker(name) ?? calls.self)
          const asked = { link: name, direction, start: pageStart(page), limit: page.limit, search }
          const answer = await calls.at(node, pageCall, asked)
          const none: RoutesFound = { filters: [], count: 0, isComplete: answer.type === 'ok' }
          const { filters, count, isComplete } = answer.type === 'ok' ? (answer.result ?? none) : none
          const data = filters.map((filter) => ({ filter }))
          return { ...pageFrom(data, count, page, silentOf([answer])), node, complete: isComplete }
        },
      )
  }
}
