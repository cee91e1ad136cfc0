/**
 * EMQX's `acl.conf`: Erlang tuples, a rule each. Pure; whatever the text is, the answer is rules, or all that is wrong with it and where.
 * Source: EMQX 5 and 6, "Use ACL File", and the forms that 4.x had (`pubsub`, `%c`, `%u`).
 */
import { alternatives } from '../fields.ts'
import { nearestKey } from '../nearest-key.ts'
import { type AclAction, type AclRule, type AclTopic, type AclWho, everyQos, type TextTest } from './acl-rule.ts'
import { type Term, type TextProblem, parseTerms } from './erlang-terms.ts'
import { compilePattern } from './linear-pattern.ts'
import { parseNetwork } from './parse-network.ts'
import { parseTopicTemplate } from './topic-template.ts'
import type { QoS } from '../../packets/message.ts'

export type AclProblem = TextProblem

export type AclResult =
  | { readonly type: 'ok'; readonly rules: readonly AclRule[] }
  /** In the order of the text; at most so many as somebody would read. */
  | { readonly type: 'invalid'; readonly problems: readonly AclProblem[] }

const problemsMax = 50
/** Some hundred thousand rules. What is larger belongs into a database, which is another source. */
const textLengthMax = 16_777_216

/** Beside the rules: two readings are equal if they say the same, wherever it stands. */
const lines = new WeakMap<AclRule, number>()

/** On which line of its text a rule begins; counts from 1. `undefined` for one that was not read from a text. */
export function lineOfRule(rule: AclRule): number | undefined {
  return lines.get(rule)
}

export function parseAcl(text: string): AclResult {
  if (text.length > textLengthMax) {
    const message = `longer than ${textLengthMax} characters`
    return { type: 'invalid', problems: [{ line: 1, column: 1, message }] }
  }
  const { terms, problems } = parseTerms(text)
  const reader = new RuleReader()
  const rules = terms.flatMap((term) => reader.rule(term) ?? [])
  const all = [...problems, ...reader.problems].toSorted((a, b) => a.line - b.line || a.column - b.column)
  return all.length === 0 ? { type: 'ok', rules } : { type: 'invalid', problems: all.slice(0, problemsMax) }
}

/** Each method returns `undefined` after it noted a problem; of a rule all parts are looked at, so that each says its own. */
class RuleReader {
  readonly problems: TextProblem[] = []

  rule(term: Term): AclRule | undefined {
    const { items } = this.#tuple(term) ?? {}
    if (items === undefined) return this.#refuse(term, `expected a rule: ${ruleForm}`)
    const [first, second, third, fourth] = items
    if (first === undefined || second === undefined || items.length === 3 || items.length > 4) {
      return this.#refuse(term, `a rule of ${items.length} parts; expected ${ruleForm}, or {allow, WHO}`)
    }
    const permission = this.#word(first, ['allow', 'deny'])
    const who = this.#who(second)
    const action = third === undefined ? anyAction : this.#action(third)
    const topics = fourth === undefined ? 'all' : this.#topics(fourth)
    if (permission === undefined || who === undefined || action === undefined || topics === undefined) return undefined
    const rule = { permission, who, action, topics }
    lines.set(rule, term.line)
    return rule
  }

  #refuse({ line, column }: Term, message: string): undefined {
    this.problems.push({ line, column, message })
    return undefined
  }

  /** Of what is told at all; to find it takes its time. */
  #near(term: Term, words: readonly string[]): string {
    return this.problems.length < problemsMax ? near(term, words) : ''
  }

  // ---- who

  #who(term: Term): AclWho | undefined {
    if (term.type === 'atom' && term.text === 'all') return { type: 'all' }
    const [tag, ...args] = this.#tuple(term)?.items ?? []
    if (tag?.type !== 'atom') return this.#unknownWho(term)
    const [first, second] = args
    const name = aliases.get(tag.text) ?? tag.text
    if (name === 'client_attr' && args.length === 2 && first !== undefined && second !== undefined) {
      return this.#clientAttribute(first, second)
    }
    if (first === undefined || args.length !== 1) return this.#unknownWho(tag)
    switch (name) {
      case 'username':
      case 'clientid':
      case 'listener':
        return this.#textTest(name, first)
      case 'ipaddr':
        return this.#networks([first])
      case 'ipaddrs':
        return first.type === 'list'
          ? this.#networks(first.items)
          : this.#refuse(first, 'expected a list of addresses: {ipaddrs, ["127.0.0.1", "10.0.0.0/8"]}')
      case 'and':
      case 'or':
        return this.#each(name, first)
      default:
        return this.#unknownWho(tag)
    }
  }

  #unknownWho(term: Term): undefined {
    const known = ['all', 'username', 'clientid', 'ipaddr', 'ipaddrs', 'client_attr', 'listener', 'and', 'or']
    const expected = `expected all, {username, "..."}, {clientid, "..."}, {ipaddr, "..."}, {ipaddrs, [...]}, {client_attr, "name", "..."}, {listener, "..."}, {'and', [...]} or {'or', [...]}`
    if (term.type === 'atom' && (term.text === 'zone' || term.text === 'security_profile')) {
      return this.#refuse(term, `{${term.text}, ...}: this version of Isthmus has none; leave the rule out`)
    }
    return this.#refuse(term, `${this.#shown(term)} says not who${this.#near(term, known)}; ${expected}`)
  }

  #textTest(type: 'username' | 'clientid' | 'listener', term: Term): AclWho | undefined {
    const is = this.#test(term)
    return is === undefined ? undefined : { type, is }
  }

  #clientAttribute(nameTerm: Term, value: Term): AclWho | undefined {
    const name = this.#text(nameTerm)
    const is = this.#test(value)
    return name === undefined || is === undefined ? undefined : { type: 'client_attr', name, is }
  }

  #test(term: Term): TextTest | undefined {
    if (term.type !== 'tuple') {
      const text = this.#text(term)
      return text === undefined ? undefined : { type: 'eq', text }
    }
    const [tag, source] = term.items
    if (tag?.type !== 'atom' || tag.text !== 're' || source === undefined || term.items.length !== 2) {
      return this.#refuse(term, 'expected "text" or {re, "pattern"}')
    }
    const pattern = this.#text(source)
    if (pattern === undefined) return undefined
    const compiled = compilePattern(pattern)
    if (compiled.type === 'ok') return { type: 're', pattern }
    return this.#refuse(source, `this pattern is no good, or needs backtracking: ${compiled.message}`)
  }

  #networks(terms: readonly Term[]): AclWho | undefined {
    const networks = terms.flatMap((term) => {
      const text = this.#text(term)
      const network = text === undefined ? undefined : parseNetwork(text)
      if (network === undefined && text !== undefined) {
        this.#refuse(
          term,
          `${JSON.stringify(text.slice(0, 60))} is no address; expected one such as "127.0.0.1", "10.0.0.0/8" or "fd00::/8"`,
        )
      }
      return network ?? []
    })
    return networks.length === terms.length ? { type: 'ipaddr', networks } : undefined
  }

  #each(type: 'and' | 'or', list: Term): AclWho | undefined {
    if (list.type !== 'list') return this.#refuse(list, `expected a list: {'${type}', [{username, "..."}, ...]}`)
    const of = list.items.flatMap((item) => this.#who(item) ?? [])
    return of.length === list.items.length ? { type, of } : undefined
  }

  // ---- what

  #action(term: Term): AclAction | undefined {
    const [named, options] = term.type === 'tuple' ? term.items : [term]
    if (named === undefined || (term.type === 'tuple' && term.items.length !== 2)) {
      return this.#refuse(term, 'expected an action such as publish, or {publish, [{qos, 1}, {retain, false}]}')
    }
    const word = this.#word(named, ['publish', 'subscribe', 'all', 'pubsub'])
    if (word === undefined) return undefined
    const type = word === 'pubsub' ? 'all' : word
    return options === undefined ? { ...anyAction, type } : this.#options(type, options)
  }

  /** A list, or one alone. */
  #options(type: AclAction['type'], term: Term): AclAction | undefined {
    const found = this.problems.length
    const qos = new Set<QoS>()
    let retain: AclAction['retain'] | undefined
    for (const option of term.type === 'list' ? term.items : [term]) {
      const [name, value] = this.#tuple(option)?.items ?? []
      if (name === undefined || value === undefined) {
        this.#refuse(option, 'expected {qos, 1}, {qos, [0, 1]} or {retain, false}')
        continue
      }
      const word = this.#word(name, type === 'subscribe' ? ['qos'] : ['qos', 'retain'])
      if (word === 'qos') for (const level of this.#qosLevels(value)) qos.add(level)
      // As in EMQX the first one counts.
      else if (word === 'retain') retain ??= this.#retain(value)
    }
    if (this.problems.length > found) return undefined
    return { type, qos: qos.size === 0 ? everyQos : [...qos].toSorted((a, b) => a - b), retain: retain ?? 'all' }
  }

  #qosLevels(term: Term): QoS[] {
    if (term.type === 'list' && term.items.length === 0)
      this.#refuse(term, 'no QoS at all; expected 0, 1, 2 or a list of them')
    return (term.type === 'list' ? term.items : [term]).flatMap((item): QoS[] => {
      if (item.type === 'integer' && (item.value === 0 || item.value === 1 || item.value === 2)) return [item.value]
      this.#refuse(item, `${this.#shown(item)} is no QoS; expected 0, 1, 2 or a list of them`)
      return []
    })
  }

  #retain(term: Term): AclAction['retain'] | undefined {
    const word = this.#word(term, ['true', 'false', 'all'])
    return word === undefined || word === 'all' ? word : word === 'true'
  }

  // ---- where

  #topics(term: Term): AclRule['topics'] | undefined {
    if (term.type === 'atom' && term.text === 'all') return 'all'
    if (term.type !== 'list') {
      const hint = term.type === 'string' || term.type === 'binary' ? `; write [${JSON.stringify(term.text)}]` : ''
      return this.#refuse(term, `expected a list of topic filters, such as ["a/#", {eq, "#"}]${hint}`)
    }
    const topics = term.items.flatMap((item) => this.#topic(item) ?? [])
    return topics.length === term.items.length ? topics : undefined
  }

  #topic(term: Term): AclTopic | undefined {
    if (term.type !== 'tuple') {
      const text = this.#text(term)
      if (text === undefined) return undefined
      return text.startsWith('eq ') ? { type: 'eq', topic: text.slice(3) } : this.#filter(term, text)
    }
    const [tag, value] = term.items
    if (tag?.type !== 'atom' || tag.text !== 'eq' || value === undefined || term.items.length !== 2) {
      return this.#refuse(term, 'expected "a/#" or {eq, "a/#"}')
    }
    const topic = this.#text(value)
    return topic === undefined ? undefined : { type: 'eq', topic }
  }

  #filter(term: Term, text: string): AclTopic | undefined {
    const result = parseTopicTemplate(text)
    if (result.type === 'ok') return { type: 'filter', parts: result.parts }
    return this.#refuse(term, `${JSON.stringify(text.slice(0, 100))}: ${result.message}`)
  }

  // ---- of all kinds

  #tuple(term: Term): Extract<Term, { type: 'tuple' | 'list' }> | undefined {
    return term.type === 'tuple' ? term : undefined
  }

  /** Text in quotes, or a word, which EMQX takes for text, too. */
  #text(term: Term): string | undefined {
    if (term.type === 'string' || term.type === 'binary' || term.type === 'atom') return term.text
    return this.#refuse(term, `expected text in double quotes, got ${this.#shown(term)}`)
  }

  #word<const Word extends string>(term: Term, words: readonly Word[]): Word | undefined {
    const word = term.type === 'atom' ? words.find((one) => one === term.text) : undefined
    if (word !== undefined) return word
    return this.#refuse(term, `expected ${alternatives(words)}, got ${this.#shown(term)}${this.#near(term, words)}`)
  }

  #shown(term: Term): string {
    if ('text' in term) return JSON.stringify(term.text.slice(0, 60))
    if ('value' in term) return String(term.value)
    return term.type === 'tuple' ? '{...}' : '[...]'
  }
}

function near(term: Term, words: readonly string[]): string {
  if (!('text' in term)) return ''
  const found = nearestKey(term.text, words)
  return found === undefined || (found === term.text && term.type === 'atom') ? '' : `; did you mean ${found}?`
}

const ruleForm = '{allow, WHO, ACTION, [TOPIC FILTERS]}.'
const anyAction: AclAction = { type: 'all', qos: everyQos, retain: 'all' }
const aliases: ReadonlyMap<string, string> = new Map([
  ['user', 'username'],
  ['client', 'clientid'],
])
