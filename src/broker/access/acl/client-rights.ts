/**
 * What is left of the rules for one client. Who it is was asked already, so that what remains is a short list for each action; the
 * first entry that speaks of a topic decides.
 */
import type { AclAction, AclRule } from '../../../config/authorization/acl-rule.ts'
import type { TopicTemplateAllow } from '../../../config/authorization/authorization-config.ts'
import type { QoS } from '../../../packets/message.ts'
import type { LinkVerdict } from '../authorizer.ts'
import type { Identity } from '../client-info.ts'
import { allows, denies } from './rule-filter.ts'
import { isNothing, type RuleTopics, topicsFor, type TopicsByNamespace } from './rule-topics.ts'

export type ClientRights = {
  readonly publish: readonly Entry<boolean>[]
  readonly subscribe: readonly Entry<boolean>[]
  /** Of subscriptions under `$SYS/`. */
  readonly sys: readonly Entry<boolean>[]
  readonly linkPublish: readonly Entry<LinkVerdict>[]
  readonly linkSubscribe: readonly Entry<LinkVerdict>[]
  /** Nothing outside `$LINK/` and `$SYS/` is forbidden to publish. */
  readonly publishesFreely: boolean
  /** Stands for these rights where answers are kept, for that must not keep the rights themselves in memory. */
  readonly answersAs: object
}

export type Entry<Verdict> = {
  readonly verdict: Verdict
  readonly isDenial: boolean
  /** One bit for each QoS and RETAIN: see `publishBit`. */
  readonly bits: number
  readonly topics: RuleTopics
  /** What it was made of. */
  readonly rule: AclRule
}

export const publishBit = (qos: QoS, retain: boolean): number => 1 << (qos * 2 + (retain ? 1 : 0))
/** RETAIN says nothing of a subscription. */
export const subscribeBit = (qos: QoS): number => 1 << (qos * 2)
const everyBit = 0b11_11_11

/** Of the first entry that speaks of `asked`, and otherwise `unspoken`. */
export function firstVerdict<Verdict extends boolean | string>(
  entries: readonly Entry<Verdict>[],
  asked: string,
  bit: number,
  unspoken: Verdict,
): Verdict {
  return firstEntry(entries, asked, bit)?.verdict ?? unspoken
}

/** The first entry that speaks of `asked`. */
export function firstEntry<Verdict>(
  entries: readonly Entry<Verdict>[],
  asked: string,
  bit: number,
): Entry<Verdict> | undefined {
  for (const entry of entries) if ((entry.bits & bit) !== 0 && speaksOf(entry, asked)) return entry
  return undefined
}

function speaksOf({ topics, isDenial }: Entry<unknown>, asked: string): boolean {
  if (topics === 'all') return true
  for (const filter of topics.filters) if (isDenial ? denies(filter, asked) : allows(filter, asked)) return true
  return topics.exact.length > 0 && topics.exact.includes(asked)
}

/** @param rules those that fit the client, in their order */
export function rightsOf(
  rules: readonly AclRule[],
  identity: Identity,
  noMatch: boolean,
  allow: TopicTemplateAllow,
): ClientRights {
  const rights = {
    publish: new Array<Entry<boolean>>(),
    subscribe: new Array<Entry<boolean>>(),
    sys: new Array<Entry<boolean>>(),
    linkPublish: new Array<Entry<LinkVerdict>>(),
    linkSubscribe: new Array<Entry<LinkVerdict>>(),
  }
  for (const rule of rules) {
    const { permission, action, topics } = rule
    const byNamespace = topicsFor(topics, identity, allow)
    const isDenial = permission === 'deny'
    if (action.type !== 'subscribe') {
      const bits = publishBits(action)
      // A topic has no wildcards, so that a denial covers it as a permission does.
      add(rights.publish, { verdict: !isDenial, isDenial: false, bits, topics: byNamespace.ordinary, rule })
      addLink(rights.linkPublish, isDenial, bits, byNamespace, rule)
    }
    if (action.type !== 'publish') {
      const bits = action.qos.reduce((sum: number, qos) => sum | subscribeBit(qos), 0)
      add(rights.subscribe, { verdict: !isDenial, isDenial, bits, topics: byNamespace.ordinary, rule })
      addLink(rights.linkSubscribe, isDenial, bits, byNamespace, rule)
      add(rights.sys, { verdict: !isDenial, isDenial, bits, topics: byNamespace.sys, rule })
      // A rule about everything closes what is under `$SYS/`, but never opens it.
      if (isDenial) add(rights.sys, { verdict: false, isDenial, bits, topics: byNamespace.ordinary, rule })
    }
  }
  return { ...rights, publishesFreely: isFree(rights.publish, noMatch), answersAs: {} }
}

function publishBits({ qos, retain }: AclAction): number {
  return qos.reduce((sum: number, one) => {
    return sum | (retain === true ? 0 : publishBit(one, false)) | (retain === false ? 0 : publishBit(one, true))
  }, 0)
}

function add<Verdict>(entries: Entry<Verdict>[], entry: Entry<Verdict>): void {
  if (!isNothing(entry.topics)) entries.push(entry)
}

/**
 * Only a rule that names `$LINK` opens it or shuts it for good. One that denies everything leaves the word to the link's own `accept`,
 * and also ends the list: what comes after it would allow a client that the file has done with.
 */
function addLink(
  entries: Entry<LinkVerdict>[],
  isDenial: boolean,
  bits: number,
  topics: TopicsByNamespace,
  rule: AclRule,
): void {
  add(entries, { verdict: isDenial ? 'denied' : 'allowed', isDenial, bits, topics: topics.link, rule })
  if (isDenial) add(entries, { verdict: 'unsaid', isDenial, bits, topics: topics.ordinary, rule })
}

/** Whether every publish is allowed before the first entry that could forbid one. */
function isFree(entries: readonly Entry<boolean>[], noMatch: boolean): boolean {
  let decided = 0
  for (const { verdict, bits, topics } of entries) {
    if (!verdict && (bits & ~decided) !== 0) return false
    if (verdict && topics === 'all') decided |= bits
    if (decided === everyBit) return true
  }
  return noMatch
}
