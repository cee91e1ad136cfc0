/** The topics of a rule, as far as they can be known: those of all clients at once, those with placeholders for each client. */
import type { AclTopic, TopicPart } from '../../../config/authorization/acl-rule.ts'
import type { TopicTemplateAllow } from '../../../config/authorization/authorization-config.ts'
import { reservedNamespace } from '../../sessions/subscription.ts'
import type { Identity } from '../client-info.ts'
import { ownValue } from './who-fits.ts'

/** What one rule speaks of within one namespace. */
export type RuleTopics = 'all' | { readonly filters: readonly string[]; readonly exact: readonly string[] }

/** The same, told apart by namespace: `link` and `sys` are spoken of by those alone whose first level the file spells out. */
export type TopicsByNamespace = { readonly ordinary: RuleTopics; readonly link: RuleTopics; readonly sys: RuleTopics }

const none: RuleTopics = { filters: [], exact: [] }
const everything: TopicsByNamespace = { ordinary: 'all', link: none, sys: none }

export function dependsOnClient(topics: 'all' | readonly AclTopic[]): boolean {
  return topics !== 'all' && topics.some((topic) => topic.type === 'filter' && topic.parts.some(isPlaceholder))
}

export function isNothing(topics: RuleTopics): boolean {
  return topics !== 'all' && topics.filters.length === 0 && topics.exact.length === 0
}

/** The topics of a rule for this client; a filter whose placeholder has no value, or a value with a wildcard in it, is left out. */
export function topicsFor(
  topics: 'all' | readonly AclTopic[],
  identity: Identity,
  allow: TopicTemplateAllow,
): TopicsByNamespace {
  if (topics === 'all') return everything
  const found = { ordinary: empty(), link: empty(), sys: empty() }
  for (const topic of topics) {
    const text = topic.type === 'eq' ? topic.topic : render(topic.parts, identity, allow)
    if (text === undefined) continue
    const into = found[reservedNamespace(spelledOut(topic)) ?? 'ordinary']
    into[topic.type === 'eq' ? 'exact' : 'filters'].push(text)
  }
  // What matches all need not be matched.
  return found.ordinary.filters.includes('#') ? { ...found, ordinary: 'all' } : found
}

const empty = (): { filters: string[]; exact: string[] } => ({ filters: [], exact: [] })

/** The first level, if it stands in the file as it is: a user by the name of `$LINK` opens nothing. */
function spelledOut(topic: AclTopic): string {
  const first = topic.type === 'eq' ? topic.topic : topic.parts[0]
  if (typeof first !== 'string') return ''
  const isWhole = first.includes('/') || topic.type === 'eq' || topic.parts.length === 1
  return isWhole ? first : ''
}

function render(parts: readonly TopicPart[], identity: Identity, allow: TopicTemplateAllow): string | undefined {
  let text = ''
  for (const part of parts) {
    const value = typeof part === 'string' ? part : valueOf(part, identity)
    if (value === undefined || (typeof part !== 'string' && !isPlain(value, allow))) return undefined
    text += value
  }
  return text
}

function valueOf(part: Exclude<TopicPart, string>, identity: Identity): string | undefined {
  switch (part.placeholder) {
    case 'clientid':
      return identity.clientId
    case 'username':
      return identity.username
    case 'cert_common_name':
      return identity.certificate?.commonName
    case 'client_attrs':
      return ownValue(identity.attributes, part.name)
  }
}

/** A client that calls itself `+` or `a/b` would otherwise have the rights of others. */
function isPlain(value: string, { plus, hash, slash }: TopicTemplateAllow): boolean {
  return (plus || !value.includes('+')) && (hash || !value.includes('#')) && (slash || !value.includes('/'))
}

const isPlaceholder = (part: TopicPart): boolean => typeof part !== 'string'
