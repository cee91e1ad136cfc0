/** One subscription as the API shows it, and which of them are wanted: EMQX's fields and filters. */
import * as z from 'zod'
import type { Subscription } from '../../broker/sessions/subscription.ts'
import { matches } from '../../topics/match.ts'

export const subscriptionRow = z.object({
  node: z.string(),
  clientid: z.string(),
  topic: z.string().describe('as the client wrote it, $share/... included'),
  qos: z.number().int(),
  nl: z.number().int().describe('No Local'),
  rap: z.number().int().describe('Retain As Published'),
  rh: z.number().int().describe('Retain Handling'),
  share_group: z.string().optional(),
  subscription_identifier: z.number().int().optional(),
})

export type SubscriptionRow = z.infer<typeof subscriptionRow>

export function subscriptionRowOf(node: string, subscription: Subscription): SubscriptionRow {
  const { session, name, qos, noLocal, retainAsPublished, retainHandling, group, identifier } = subscription
  return {
    node,
    clientid: session.clientId,
    topic: name,
    qos,
    nl: noLocal ? 1 : 0,
    rap: retainAsPublished ? 1 : 0,
    rh: retainHandling,
    ...(group === undefined ? {} : { share_group: group.shareName }),
    ...(identifier === 0 ? {} : { subscription_identifier: identifier }),
  }
}

const text = z.string().max(65_535).optional()

export const subscriptionQuery = {
  node: text.describe('those of this node alone'),
  clientid: text,
  topic: text.describe('this filter and no other; for a shared subscription with or without $share/GROUP/'),
  match_topic: text.describe('those that get what is published to this topic'),
  share_group: text,
  qos: z.coerce.number().int().min(0).max(2).optional(),
}

export const subscriptionFilters = z.object({
  clientid: text,
  topic: text,
  match_topic: text,
  share_group: text,
  qos: z.number().optional(),
})

export type SubscriptionFilters = z.infer<typeof subscriptionFilters>

/** `undefined` if all are wanted. The client is found by its name, and not asked for here. */
export function subscriptionMatcher(filters: SubscriptionFilters): ((one: Subscription) => boolean) | undefined {
  const { topic, match_topic, share_group, qos } = filters
  if (topic === undefined && match_topic === undefined && share_group === undefined && qos === undefined)
    return undefined
  return (one) =>
    (topic === undefined || one.name === topic || one.topicFilter === topic) &&
    (match_topic === undefined || matches(match_topic, one.topicFilter)) &&
    (share_group === undefined || one.group?.shareName === share_group) &&
    (qos === undefined || one.qos === qos)
}
