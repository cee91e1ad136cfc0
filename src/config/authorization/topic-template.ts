/** The topic filters of rules: parts that stand as they are, and parts that depend on the client. */
import { topicFilterProblem } from '../../topics/topic-filter.ts'
import { nearestKey } from '../nearest-key.ts'
import type { TopicPart } from './acl-rule.ts'

export type TemplateResult =
  | { readonly type: 'ok'; readonly parts: readonly TopicPart[] }
  | { readonly type: 'invalid'; readonly message: string }

/**
 * Reads `a/${clientid}/#`. `%c` and `%u`, which EMQX 4 had for ClientID and user name, mean these only as a whole level, as they
 * did there. `${$}` is a `$`.
 */
export function parseTopicTemplate(text: string): TemplateResult {
  if (!/[$%]/.test(text)) return checked([text])
  const parts: TopicPart[] = []
  let literal = ''
  let from = 0
  for (const found of text.matchAll(/\$\{([^{}]*)\}|(?<=^|\/)%([cu])(?=\/|$)/g)) {
    literal += text.slice(from, found.index)
    from = found.index + found[0].length
    const [, name, old] = found
    const part = old === undefined ? placeholder(name ?? '') : oldPlaceholders[old]
    if (part === undefined) return { type: 'invalid', message: unknownPlaceholder(name ?? '') }
    if (typeof part === 'string') {
      literal += part
      continue
    }
    if (literal !== '') parts.push(literal)
    parts.push(part)
    literal = ''
  }
  literal += text.slice(from)
  if (literal !== '') parts.push(literal)
  return checked(parts)
}

function checked(parts: readonly TopicPart[]): TemplateResult {
  const message = problemOf(parts)
  return message === undefined ? { type: 'ok', parts } : { type: 'invalid', message }
}

const oldPlaceholders: Readonly<Record<string, TopicPart>> = {
  c: { placeholder: 'clientid' },
  u: { placeholder: 'username' },
}

function placeholder(name: string): TopicPart | undefined {
  if (name === '$') return '$'
  if (name === 'clientid' || name === 'username' || name === 'cert_common_name') return { placeholder: name }
  const attribute = /^client_attrs\.(.+)$/.exec(name)?.[1]
  return attribute === undefined ? undefined : { placeholder: 'client_attrs', name: attribute }
}

function unknownPlaceholder(name: string): string {
  if (name === 'zone') return '${zone}: this version of Isthmus has no zones'
  const near = nearestKey(name.split('.')[0]!, ['clientid', 'username', 'cert_common_name', 'client_attrs'])
  const hint = near === undefined ? '' : `; did you mean \${${near === 'client_attrs' ? 'client_attrs.NAME' : near}}?`
  const known = '${clientid}, ${username}, ${cert_common_name} and ${client_attrs.NAME}'
  return `\${${name.slice(0, 60)}} is no placeholder${hint} There are ${known}; for a topic that is spelt so, write {eq, "..."}`
}

/** A value is part of a level, and so is the letter that stands for it here. */
function problemOf(parts: readonly TopicPart[]): string | undefined {
  const problem = topicFilterProblem(parts.map((part) => (typeof part === 'string' ? part : 'x')).join(''))
  if (problem !== undefined) return `this is no topic filter: ${problem}`
  const [first] = parts
  if (typeof first !== 'string' || !/^\$(?:share|queue)\//.test(first)) return undefined
  return 'rules name the filter alone, without $share/GROUP/ before it, and then hold for shared subscriptions, too'
}
