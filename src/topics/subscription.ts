/** What a client writes in SUBSCRIBE: a topic filter, or a shared subscription's group and filter (MQTT 5, 4.8.2). */
import { hasWildcard, topicFilterProblem, type TopicFilterProblem } from './topic-filter.ts'

export type SubscriptionProblem =
  | TopicFilterProblem
  | 'share_subscription_group_name_cannot_be_empty'
  | 'share_subscription_group_name_cannot_include_wildcard'
  | 'share_subscription_topic_cannot_be_empty'
  /** A share within a share. */
  | 'invalid_topic_filter'

export type Subscription =
  | { readonly type: 'plain'; readonly topicFilter: string }
  | { readonly type: 'shared'; readonly group: string; readonly topicFilter: string }
  | { readonly type: 'invalid'; readonly problem: SubscriptionProblem }

/**
 * Reads `a/+`, `$share/<group>/<filter>`, and `$queue/<filter>`, which is EMQX's older spelling of a share whose group is `$queue`.
 * A bare `$share` or `$queue` is an ordinary filter. The words of the problems are EMQX's; where EMQX crashes (`$share/g`
 * without a filter) we say `share_subscription_topic_cannot_be_empty`.
 */
export function parseSubscription(text: string): Subscription {
  if (text.startsWith('$queue/')) return parseShared('$queue', text.slice('$queue/'.length))
  if (!text.startsWith('$share/')) return checked(text, { type: 'plain', topicFilter: text })
  const groupEnd = text.indexOf('/', '$share/'.length)
  if (groupEnd === -1) return invalid('share_subscription_topic_cannot_be_empty')
  const group = text.slice('$share/'.length, groupEnd)
  if (group === '') return invalid('share_subscription_group_name_cannot_be_empty')
  if (hasWildcard(group)) return invalid('share_subscription_group_name_cannot_include_wildcard')
  return parseShared(group, text.slice(groupEnd + 1))
}

function parseShared(group: string, topicFilter: string): Subscription {
  if (topicFilter === '') return invalid('share_subscription_topic_cannot_be_empty')
  if (topicFilter.startsWith('$share/') || topicFilter.startsWith('$queue/')) return invalid('invalid_topic_filter')
  // The group is looked at together with the filter: it is held to the same characters and the same length in all.
  const groupProblem = topicFilterProblem(`${group}/${topicFilter}`)
  return groupProblem === undefined ? { type: 'shared', group, topicFilter } : invalid(groupProblem)
}

function checked(topicFilter: string, good: Subscription): Subscription {
  const problem = topicFilterProblem(topicFilter)
  return problem === undefined ? good : invalid(problem)
}

function invalid(problem: SubscriptionProblem): Subscription {
  return { type: 'invalid', problem }
}
