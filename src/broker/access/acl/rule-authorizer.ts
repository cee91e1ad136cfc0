/** What clients may do, by the rules of the configuration. */
import type { AclRule } from '../../../config/authorization/acl-rule.ts'
import type { AuthorizationConfig } from '../../../config/authorization/authorization-config.ts'
import type { QoS } from '../../../packets/message.ts'
import { reservedNamespace } from '../../sessions/subscription.ts'
import { explain, type Explanation, type Question } from './explain.ts'
import { isAllowed, publishGround, subscribeGround } from './ground.ts'
import type { Authorizer, ClientAccess, LinkVerdict, PublishAnswer } from '../authorizer.ts'
import type { Identity } from '../client-info.ts'
import { type ClientRights, firstVerdict, publishBit, rightsOf, subscribeBit } from './client-rights.ts'
import { dependsOnClient } from './rule-topics.ts'
import { compileWho, type WhoFits } from './who-fits.ts'

/** Clients to which the same rules apply share what is left of them; so many different ones are remembered. */
const sharedMax = 1_000
/** The answer about a longer topic is not remembered, so that a client's memory is bounded by more than a count. */
const cachedTopicMax = 1_024

type PreparedRule = { readonly rule: AclRule; readonly fits: WhoFits; readonly dependsOnClient: boolean }

/** One reading of the configuration. */
class RuleBook {
  readonly config: AuthorizationConfig
  readonly isOpen: boolean
  readonly #rules: readonly PreparedRule[]
  readonly #shared = new Map<string, ClientRights>()

  constructor(config: AuthorizationConfig) {
    this.config = config
    const sources = config.sources.filter(({ enable }) => enable)
    this.isOpen = sources.length === 0 && config.no_match === 'allow'
    this.#rules = sources
      .flatMap(({ rules }) => rules)
      .map((rule) => ({ rule, fits: compileWho(rule.who), dependsOnClient: dependsOnClient(rule.topics) }))
  }

  rightsOf(identity: Identity): ClientRights {
    const found = this.#rules.flatMap((prepared, index) => {
      const fits = prepared.fits(identity) ?? prepared.rule.permission === 'deny'
      return fits ? [{ ...prepared, index }] : []
    })
    if (found.some((prepared) => prepared.dependsOnClient)) return this.#derive(found, identity)
    const key = found.map(({ index }) => index).join()
    const shared = this.#shared.get(key)
    if (shared !== undefined) return shared
    const rights = this.#derive(found, identity)
    if (this.#shared.size < sharedMax) this.#shared.set(key, rights)
    return rights
  }

  #derive(found: readonly PreparedRule[], identity: Identity): ClientRights {
    const rules = found.map(({ rule }) => rule)
    return rightsOf(rules, identity, this.config.no_match === 'allow', this.config.topic_template_allow)
  }
}

export class RuleAuthorizer implements Authorizer {
  #book: RuleBook

  constructor(config: AuthorizationConfig) {
    this.#book = new RuleBook(config)
  }

  /** Other rules from now on, for clients that are connected, too. */
  configure(config: AuthorizationConfig): void {
    this.#book = new RuleBook(config)
  }

  get isOpen(): boolean {
    return this.#book.isOpen
  }

  get denyAction(): 'ignore' | 'disconnect' {
    return this.#book.config.deny_action
  }

  accessOf(identity: Identity): ClientAccess {
    return new RuleAccess(() => this.#book, identity)
  }

  /** Why such a client may do that or may not, by the rules of now. */
  explain(identity: Identity, question: Question): Explanation {
    const { config, isOpen } = this.#book
    return explain(this.#book.rightsOf(identity), identity, question, config, isOpen)
  }
}

class RuleAccess implements ClientAccess {
  readonly #current: () => RuleBook
  readonly #identity: Identity
  /** By which reading of the rules what follows was found; none before the first question. */
  #book: RuleBook | undefined
  #publishesFreely = false
  #answersAs: object | undefined
  #found: ClientRights | undefined
  /** By topic: see `publishBit` for the lower six bits, which say yes; the six above them say that it was asked. */
  #cache: Map<string, number> | undefined

  constructor(current: () => RuleBook, identity: Identity) {
    this.#current = current
    this.#identity = identity
  }

  get publishesFreely(): boolean {
    this.#follow()
    return this.#publishesFreely
  }

  mayPublish(topic: string, qos: QoS, retain: boolean, answer?: PublishAnswer): boolean {
    this.#follow()
    if (this.#publishesFreely && reservedNamespace(topic) === undefined) return true
    const bit = publishBit(qos, retain)
    if (answer === undefined) return this.#mayPublish(topic, bit)
    if (answer.answeredFor !== this.#answersAs) {
      answer.answeredFor = this.#answersAs
      answer.answerBits = 0
    }
    if ((answer.answerBits & (bit << 6)) === 0)
      answer.answerBits |= (bit << 6) | (this.#mayPublish(topic, bit) ? bit : 0)
    return (answer.answerBits & bit) !== 0
  }

  #mayPublish(topic: string, bit: number): boolean {
    const known = this.#cache?.get(topic)
    if (known !== undefined && (known & (bit << 6)) !== 0) return (known & bit) !== 0
    const ground = publishGround(this.#rights, this.#identity, topic, bit)
    const may = isAllowed(ground, this.#current().config.no_match === 'allow')
    this.#remember(topic, (known ?? 0) | (bit << 6) | (may ? bit : 0))
    return may
  }

  maySubscribe(topicFilter: string, qos: QoS): boolean {
    const { config, isOpen } = this.#current()
    const ground = subscribeGround(this.#rights, this.#identity, topicFilter, qos, isOpen)
    return isAllowed(ground, config.no_match === 'allow')
  }

  link(action: 'publish' | 'subscribe', topic: string, qos: QoS): LinkVerdict {
    const { linkPublish, linkSubscribe } = this.#rights
    if (action === 'subscribe') return firstVerdict(linkSubscribe, topic, subscribeBit(qos), 'unsaid')
    return firstVerdict(linkPublish, topic, publishBit(qos, false), 'unsaid')
  }

  forget(): void {
    this.#found = undefined
    this.#cache = undefined
  }

  /** Lets go of what older rules said. */
  #follow(): void {
    const book = this.#current()
    if (book === this.#book) return
    this.#book = book
    this.#cache = undefined
    this.#found = book.rightsOf(this.#identity)
    this.#answersAs = this.#found.answersAs
    this.#publishesFreely = this.#identity.isSuperuser || this.#found.publishesFreely
  }

  get #rights(): ClientRights {
    this.#follow()
    this.#found ??= this.#book!.rightsOf(this.#identity)
    return this.#found
  }

  #remember(topic: string, known: number): void {
    const { cache } = this.#current().config
    if (!cache.enable || topic.length > cachedTopicMax) return
    this.#cache ??= new Map()
    // All at once: a client with ever new topics pays little for it, one with few never gets here.
    if (this.#cache.size >= cache.max_size && !this.#cache.has(topic)) this.#cache.clear()
    this.#cache.set(topic, known)
  }
}
