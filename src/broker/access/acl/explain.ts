/** Why a client may do something or may not, for people: the same entries decide as for clients, and tell which rule they come from. */
import type { AclRule } from '../../../config/authorization/acl-rule.ts'
import type { AuthorizationConfig } from '../../../config/authorization/authorization-config.ts'
import type { QoS } from '../../../packets/message.ts'
import { parseSubscription } from '../../../topics/subscription.ts'
import { reservedNamespace } from '../../sessions/subscription.ts'
import type { LinkVerdict } from '../authorizer.ts'
import type { Identity } from '../client-info.ts'
import { type ClientRights, firstEntry, publishBit, subscribeBit } from './client-rights.ts'
import { type Ground, isAllowed, publishGround, subscribeGround } from './ground.ts'

export type Question = {
  readonly action: 'publish' | 'subscribe'
  /** A valid topic, or what stands in a SUBSCRIBE, `$share/...` included. */
  readonly topic: string
  readonly qos: QoS
  /** Of a publish. */
  readonly retain: boolean
}

export type Explanation =
  | { readonly type: 'allow' | 'deny'; readonly by: 'rule'; readonly rule: RulePlace }
  | { readonly type: 'allow' | 'deny'; readonly by: Exclude<Ground, object> }
  /** Under `$LINK/`: the link that the topic names has a word, too. */
  | { readonly type: 'link'; readonly verdict: LinkVerdict; readonly rule: RulePlace | undefined }

/** Where a rule stands in `authorization.sources`: numbers, since another reading of the same file is the same configuration. */
export type RulePlace = { readonly rule: AclRule; readonly sourceIndex: number; readonly ruleIndex: number }

export function explain(
  rights: ClientRights,
  identity: Identity,
  question: Question,
  config: AuthorizationConfig,
  isOpen: boolean,
): Explanation {
  const { action, topic, qos, retain } = question
  if (reservedNamespace(topic) === 'link') return explainLink(rights, question, config)
  const ground =
    action === 'publish'
      ? publishGround(rights, identity, topic, publishBit(qos, retain))
      : subscribeGround(rights, identity, filterOf(topic), qos, isOpen)
  const type = isAllowed(ground, config.no_match === 'allow') ? 'allow' : 'deny'
  if (typeof ground === 'object') return { type, by: 'rule', rule: placeOf(ground.rule, config) }
  return { type, by: ground === 'no_match' && isOpen ? 'open' : ground }
}

function explainLink(
  { linkPublish, linkSubscribe }: ClientRights,
  { action, topic, qos }: Question,
  config: AuthorizationConfig,
): Explanation {
  const entry =
    action === 'publish'
      ? firstEntry(linkPublish, topic, publishBit(qos, false))
      : firstEntry(linkSubscribe, topic, subscribeBit(qos))
  const rule = entry === undefined ? undefined : placeOf(entry.rule, config)
  return { type: 'link', verdict: entry?.verdict ?? 'unsaid', rule }
}

function filterOf(name: string): string {
  const parsed = parseSubscription(name)
  return parsed.type === 'invalid' ? name : parsed.topicFilter
}

/** Every rule stands in one source. */
function placeOf(rule: AclRule, { sources }: AuthorizationConfig): RulePlace {
  const sourceIndex = sources.findIndex(({ enable, rules }) => enable && rules.includes(rule))
  return { rule, sourceIndex, ruleIndex: sources[sourceIndex]?.rules.indexOf(rule) ?? -1 }
}
