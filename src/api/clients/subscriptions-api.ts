/** Subscriptions of all members. */
import * as z from 'zod'
import type { Session } from '../../broker/sessions/session.ts'
import type { Subscription } from '../../broker/sessions/subscription.ts'
import type { ApiPart } from '../api-server.ts'
import type { Call, MemberCalls } from '../member-calls.ts'
import { mergedPage, type Range, rangeFields, type Slice, sliceOf } from '../merged-list.ts'
import { pageOf, pageQuery } from '../paging.ts'
import { candidates } from './clients-api.ts'
import type { ClientsPort } from './clients-port.ts'
import {
  type SubscriptionFilters,
  subscriptionFilters,
  subscriptionMatcher,
  subscriptionQuery,
  type SubscriptionRow,
  subscriptionRow,
  subscriptionRowOf,
} from './subscription-row.ts'

const listSubscriptions: Call<SubscriptionFilters & Range, Slice<SubscriptionRow>> = {
  name: 'subscriptions.list',
  params: subscriptionFilters.extend(rangeFields),
}

export function subscriptionsApi(calls: MemberCalls, port: ClientsPort): ApiPart {
  calls.serve(listSubscriptions, ({ start, limit, ...filters }) => {
    const matches = subscriptionMatcher(filters)
    const { clientid } = filters
    return sliceOf(
      subscriptionsOf(candidates(port, clientid)),
      { start, limit },
      {
        matches: matches ?? (clientid === undefined ? undefined : () => true),
        total: port.subscriptionCount,
        show: (one) => subscriptionRowOf(calls.self, one),
      },
    )
  })
  return (app) => {
    app.get(
      '/subscriptions',
      {
        schema: {
          summary: 'Subscriptions of the clients of all nodes',
          tags: ['Clients'],
          querystring: z.object({ ...pageQuery, ...subscriptionQuery }),
          response: { 200: pageOf(subscriptionRow) },
        },
      },
      ({ query: { page, limit, node, ...filters } }) =>
        mergedPage(calls, listSubscriptions, filters, { page, limit }, node),
    )
  }
}

function* subscriptionsOf(sessions: Iterable<Session>): Iterable<Subscription> {
  for (const session of sessions) yield* session.subscriptions.values()
}
