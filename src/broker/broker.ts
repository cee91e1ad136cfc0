/** The MQTT server of one node: what is published, who gets it, and what links see of both. */
import type { BrokerPort, InterestChange, LinkInlet, OwnRetained, RouteSink } from '../link/broker-port.ts'
import type { MqttConfig } from '../config/config.ts'
import type { RetainerConfig } from '../config/retainer-schema.ts'
import type { Message, QoS } from '../packets/message.ts'
import { encodeMessage, Publication } from '../packets/publication.ts'
import { reasonCode } from '../packets/reason-code.ts'
import { hasWildcard, topicNameProblem } from '../topics/topic-filter.ts'
import { parseSubscription } from '../topics/subscription.ts'
import type { TopicIndex } from '../topics/topic-index.ts'
import { type Authenticator, openAuthenticator } from './access/authenticator.ts'
import { type Authorizer, type ClientAccess, openAuthorizer } from './access/authorizer.ts'
import type { Identity } from './access/client-info.ts'
import type { Clock } from './clock.ts'
import type { Logger } from './logger.ts'
import type { ConnectTerms } from './connection/connect.ts'
import { Counters } from './counters.ts'
import { Debts } from './durable/debts.ts'
import { Journal } from './durable/journal.ts'
import { load, type LoadedSession } from './durable/load.ts'
import { restoreBatches } from './durable/restore-batches.ts'
import type { NodeHooks } from './hooks/node-hooks.ts'
import { Handovers } from './handover/handovers.ts'
import { Limits } from './limits/limits.ts'
import { memoryLevel } from './limits/memory-guard.ts'
import { type Directive, type Members } from './members-port.ts'
import { LocalInterest, type LocalInterestChange, type LocalInterestEntry } from './members/local-interest.ts'
import { MemberRoutes } from './members/member-routes.ts'
import {
  type RetainedChange,
  type RetainedDeletion,
  type RetainedVersion,
  SharedRetained,
} from './members/shared-retained.ts'
import { FromLinks } from './from-links.ts'
import { FromMembers } from './members/from-members.ts'
import { deletionVersion } from './members/retained-version.ts'
import { Spread } from './members/spread.ts'
import type { PublishTap } from './publish-tap.ts'
import { Interest } from './sessions/interest.ts'
import { Passing } from './sessions/passing.ts'
import { RetainPolicy } from './limits/retain-policy.ts'
import { isAlive } from './sessions/retained.ts'
import { Session } from './sessions/session.ts'
import { Sessions } from './sessions/sessions.ts'
import {
  type Delivery,
  type Destination,
  reservedNamespace,
  type ShareGroup,
  type SinkRoute,
  type Subscription,
  type SubscriptionOptions,
  type Target,
} from './sessions/subscription.ts'
import { SubscriptionTable } from './sessions/subscription-table.ts'
import type { SessionDirectory } from './session-directory.ts'
import type { BrokerTraces } from './traces-port.ts'
import type { StorePort } from './store-port.ts'
import { systemPublication, type SystemTopic, type SystemTopics } from './system-port.ts'

export type BrokerOptions = {
  readonly mqtt: MqttConfig
  readonly retainer?: RetainerConfig
  readonly clock: Clock
  /** A number from 0 to below 1; for shared subscriptions and assigned ClientIDs. */
  readonly random: () => number
  readonly log: Logger
  /** Calls at the end of this turn of the event loop; the simulator has turns of its own. */
  readonly defer?: (call: () => void) => void
}

/** Nobody's namespace: what a node without links answers on `$LINK/#`. */
const closedInlet: LinkInlet = {
  greet: () => undefined,
  batch: () => undefined,
  subscribe: () => reasonCode.notAuthorized,
  publish: () => reasonCode.notAuthorized,
  closed: () => undefined,
}

const nobodyElse: readonly string[] = []

/** How many subscriptions of a session that is over go in one turn of the event loop. */
const UNSUBSCRIBED_PER_TURN = 500

export class Broker implements BrokerPort, OwnRetained {
  readonly limits: Limits
  #pickMember: ((memberCount: number) => number) | undefined
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
  readonly counters = new Counters()
  readonly sessions: Sessions
  /** Sessions that move between this node and others. */
  readonly handovers: Handovers
  readonly index: TopicIndex<Destination, Delivery>
  /** Serves `$LINK/#`. */
  linkInlet: LinkInlet = closedInlet
  /** Speaks under `$SYS/`; `undefined` while that is switched off. */
  systemTopics: SystemTopics | undefined
  /** Who is asked who a client is, and what it may do. Both may be exchanged while clients are connected. */
  authenticator: Authenticator = openAuthenticator
  authorizer: Authorizer = openAuthorizer
  /** The publish of a client that is passing now; connections read their packets into its view. */
  readonly passing = new Passing()
  /** The publish that does not come from a client: a will, a message from a link. It may happen while the other one passes. */
  readonly #inner = new Passing()
  /**
   * Whether of two retained messages of a topic the later one wins, wherever it comes from, and what was cleared is remembered. To be
   * set where other nodes or clusters have the same messages.
   */
  isVersioning = false
  tap: PublishTap | undefined
  /** Follows messages; to be set before anybody connects. */
  traces: BrokerTraces | undefined
  #hooks: NodeHooks | undefined
  /** What goes to disk, and what has to wait for that. */
  readonly journal: Journal
  /** What publishers wait for besides: that links have their messages safe, or room again. */
  readonly debts = new Debts()
  /** Set when a message of a link was not passed on, because the disk takes nothing: it must not be acknowledged. */
  isPromiseRefused = false
  /** Hands copies to the other nodes of the cluster. */
  readonly spread: Spread
  readonly #retained: SharedRetained
  readonly #retainPolicy: RetainPolicy
  readonly #table: SubscriptionTable
  readonly #interest: Interest
  readonly #localInterest: LocalInterest
  readonly #fromMembers: FromMembers
  /** Batches of peers. */
  readonly fromLinks: FromLinks
  readonly #memberRoutes: MemberRoutes
  readonly #routes = new WeakMap<RouteSink, SinkRoute>()
  /** Sessions whose wills are due. */
  #heldWills: Session[] | undefined

  constructor(options: BrokerOptions) {
    this.limits = new Limits(options.mqtt, options.retainer)
    this.#retainPolicy = new RetainPolicy(options.clock, this.limits, this.counters, options.log)
    this.clock = options.clock
    this.random = options.random
    this.log = options.log
    this.#interest = new Interest(options.log)
    this.#localInterest = new LocalInterest(options.log, () => this.#table.all())
    const hashKey = [this.#random32(), this.#random32()] as const
    this.#table = new SubscriptionTable(hashKey, this.counters, this.#interest, this.#localInterest)
    this.index = this.#table.index
    this.#memberRoutes = new MemberRoutes(this.#table, this.#interest)
    this.spread = new Spread(this.counters, options.log)
    this.#retained = new SharedRetained({
      clock: options.clock,
      log: options.log,
      record: (topic, publication) => this.journal.retained(topic, publication),
    })
    this.sessions = new Sessions(this.clock, {
      publishWill: (session) => this.#publishWill(session),
      ended: (session, isExpired) => this.#endSession(session, isExpired),
      left: (session) => session.stored?.changed(),
    })
    this.journal = new Journal({
      clock: options.clock,
      log: options.log,
      defer: options.defer ?? setImmediate,
      wake: (session) => session.drain(this.clock.nowMs()),
    })
    this.#fromMembers = new FromMembers({
      clock: this.clock,
      counters: this.counters,
      journal: this.journal,
      limits: this.limits,
      spread: this.spread,
      table: this.#table,
      pickMember: () => this.#pickMember,
      applyRetained: (retained) => this.#applyRetained(retained),
    })
    this.fromLinks = new FromLinks({
      clock: this.clock,
      counters: this.counters,
      journal: this.journal,
      limits: this.limits,
      log: this.log,
      spread: this.spread,
      index: this.index,
      isPromise: (delivery, retain) => this.isPromise(delivery, retain),
      publish: (passing, delivery) => this.publish(passing, delivery),
    })
    this.handovers = new Handovers({
      sessions: this.sessions,
      table: this.#table,
      journal: this.journal,
      limits: this.limits,
      counters: this.counters,
      clock: options.clock,
      log: options.log,
      defer: options.defer ?? setImmediate,
      keep: (session) => this.#keep(session),
      isOwner: (session, username) => this.#isOwner(session, username),
      unsubscribe: (session, name) => this.unsubscribe(session, name),
      unsubscribeAll: (session) => this.#unsubscribeAll(session),
    })
    this.configure(options.mqtt)
  }

  #random32(): number {
    return Math.floor(this.random() * 2 ** 32)
  }

  // ---- publishing

  /** Passes on what `passing` shows. Returns how many receivers it found: sessions, groups, links. */
  publish(passing: Passing, delivery: Delivery): number {
    if (this.traces === undefined) return this.#passOn(passing, delivery)
    const passage = this.traces.begin(passing)
    const receivers = this.#passOn(passing, delivery)
    passage?.end(receivers)
    return receivers
  }

  #passOn(passing: Passing, delivery: Delivery): number {
    const { targets, groups, sinks, nodes } = delivery
    this.counters.published++
    if (this.limits.memory !== memoryLevel.ok && passing.view.qos === 0) {
      this.counters.shedMemory++
      this.limits.drops?.dropped(passing.publication, 'memory_qos0')
      return 0
    }
    const isForAll = passing.view.retain && this.spread.members !== undefined && this.limits.retainer.enable
    if (passing.view.retain) {
      const fate = this.#retain(passing)
      if (fate !== 'delivered') {
        if (fate === 'kept_silently') this.#tellOfRetained(passing, sinks, isForAll)
        return 0
      }
    }
    if (this.tap !== undefined && passing.origin === undefined) this.tap.passed(passing.topic, passing.byteLength)
    const isSpread = nodes.length > 0 || isForAll
    const isOffered = sinks.length > 0 && passing.origin === undefined
    // A single receiver may have them patched in place, but not those of which a link may have taken no copy yet.
    const exclusive = passing.ownsBytes && targets.length + groups.length === 1 && !isSpread && !isOffered
    let receivers = groups.length + nodes.length
    if (isOffered) {
      receivers += sinks.length
      this.#offer(passing, sinks)
    }
    for (let i = 0; i < targets.length; i++) {
      const target = targets[i]!
      const wanted = target.session === passing.session ? target.ofOwn : target
      if (wanted === undefined) continue
      receivers++
      wanted.session.deliver(passing, wanted, undefined, exclusive)
    }
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i]!
      const member = group.isSpread ? this.#chooseAnywhere(group) : group.choose(this.#pickMember)
      member?.session.deliver(passing, member, group, exclusive)
    }
    if (isSpread || (groups.length > 0 && this.spread.hasGroups)) {
      // A message of a link is as old everywhere as it was where it was published.
      if (isForAll && passing.origin !== undefined) passing.backdate()
      this.spread.send(passing, nodes, isForAll)
    }
    if (receivers === 0) {
      this.counters.withoutReceivers++
      this.limits.drops?.dropped(passing.publication, 'no_subscribers')
    }
    return receivers
  }

  /** What is called when something happens here; `undefined` where there is nothing. To be set before anybody connects. */
  get hooks(): NodeHooks | undefined {
    return this.#hooks
  }

  set hooks(hooks: NodeHooks | undefined) {
    this.#hooks = hooks
    this.limits.drops = hooks?.has('message.dropped') === true ? hooks : undefined
    this.fromLinks.hooks = hooks?.publish?.isLinked === true ? hooks.publish : undefined
  }

  /** A hook would not have it published. */
  dropByHook(publication: Publication): void {
    this.counters.droppedByHook++
    this.limits.drops?.dropped(publication, 'hook')
  }

  /** Whether to acknowledge a message for these would promise that it outlasts the process. */
  isPromise({ targets, groups }: Delivery, retain: boolean): boolean {
    return (
      (retain && this.journal.isOpen) ||
      targets.some(({ session }) => session.stored !== undefined) ||
      groups.some((group) => group.isStored)
    )
  }

  /** Whether a client's message of QoS 1 or 2 is not to be taken, because a disk that would have to keep it takes nothing. */
  isUnkeepable(delivery: Delivery, retain: boolean): boolean {
    if (this.journal.isFailing && this.isPromise(delivery, retain)) return true
    const { sinks } = delivery
    for (let i = 0; i < sinks.length; i++) if (sinks[i]!.isFailing === true) return true
    return false
  }

  deliver(message: Message): number {
    if (topicNameProblem(message.topic) !== undefined) return 0
    if (this.journal.isFailing && message.qos > 0) {
      this.isPromiseRefused = this.isPromise(this.index.lookup(message.topic), message.retain)
      if (this.isPromiseRefused) return 0
    }
    const nowMs = this.clock.nowMs()
    const publisher = { clientId: message.from, username: message.username, peerHost: message.peerHost }
    const bytes = encodeMessage(message)
    const publication = Publication.read(message.topic, bytes, publisher, message.timestampMs, message.origin)
    const { hooks } = this.fromLinks
    if (hooks === undefined || message.origin === undefined) return this.#publishKept(publication, nowMs)
    return this.#publishHooked(publication, hooks.runLinked(publication))
  }

  #publishHooked(publication: Publication, hooked: Publication | undefined): number {
    if (hooked !== undefined) return this.#publishKept(hooked, this.clock.nowMs())
    this.dropByHook(publication)
    return 0
  }

  async #publishWhenHooked(publication: Publication, hooked: Promise<Publication | undefined>): Promise<void> {
    try {
      this.#publishHooked(publication, await hooked)
    } catch (error) {
      this.log.error({ err: error, clientid: publication.publisher.clientId }, 'will_publish_failed')
    }
  }

  #publishKept(publication: Publication, nowMs: number): number {
    const delivery = this.index.lookup(publication.topic)
    if (delivery.reserved !== undefined) return 0
    if (publication.expiresAtMs <= nowMs) {
      this.counters.droppedExpired++
      this.limits.drops?.dropped(publication, 'expired')
      return 0
    }
    this.#inner.fromPublication(publication, nowMs)
    return this.publish(this.#inner, delivery)
  }

  #offer(passing: Passing, sinks: readonly RouteSink[]): void {
    for (let i = 0; i < sinks.length; i++) {
      const sink = sinks[i]!
      try {
        passing.debt = this.debts.join(passing.debt, sink.accept(passing))
      } catch (error) {
        // A link that fails takes neither the publisher nor its other subscribers with it.
        this.log.error({ err: error, link: sink.id, topic: passing.topic }, 'cluster_link_accept_failed')
      }
    }
  }

  /**
   * Passes on what the node itself says under `$SYS/`: to subscribers here, never over a link. A value is for those who are
   * connected, since whoever comes later is told the value of then; an event waits for a subscriber like any message.
   */
  publishSystem({ topic, payload }: SystemTopic, kind: 'value' | 'event'): void {
    if (this.#interest.systemSubscriptions === 0) return
    const { targets, groups } = this.index.lookup(topic)
    if (targets.length + groups.length === 0) return
    const nowMs = this.clock.nowMs()
    this.#inner.fromPublication(systemPublication(topic, payload, kind === 'value', nowMs), nowMs)
    for (const target of targets) this.#deliverSystem(target, undefined, kind)
    for (const group of groups) this.#deliverSystem(group.choose(this.#pickMember), group, kind)
  }

  #deliverSystem(target: Target | undefined, group: ShareGroup | undefined, kind: 'value' | 'event'): void {
    if (target === undefined || (kind === 'value' && target.session.outlet === undefined)) return
    target.session.deliver(this.#inner, target, group, false)
  }

  /** Whether anybody has subscribed to something under `$SYS/`. */
  get isSystemWatched(): boolean {
    return this.#interest.systemSubscriptions > 0
  }

  /** What becomes of a message with the retain flag. `kept_silently`: only who keeps it hears of it. */
  #retain(passing: Passing): 'delivered' | 'kept_silently' | 'outdated' {
    const { topic, view, origin, isTold } = passing
    const { retainer } = this.limits
    // What a peer tells is for those who don't have it yet: if it is not kept, they would be told it again and again.
    const ifNotKept = isTold ? 'outdated' : 'delivered'
    if (!retainer.enable) return ifNotKept
    const isDeletion = view.payloadStart === view.end
    if (this.isVersioning && origin === undefined) this.#retained.stamp(passing)
    else if (this.isVersioning && !this.#retained.isNewerFromFar(passing.borrowed, isDeletion)) return ifNotKept
    if (isDeletion) {
      // [MQTT-3.3.1-6]
      const wasThere = this.#retained.store.has(topic)
      const versionMs = origin === undefined ? passing.nowMs : passing.borrowed.receivedAtMs
      if (this.isVersioning) this.#retained.bury(topic, deletionVersion(versionMs), origin)
      else this.#retained.store.delete(topic)
      return retainer.stop_publish_clear_msg || (isTold && !wasThere) ? 'kept_silently' : 'delivered'
    }
    if (this.#retainPolicy.allows(this.#retained.store, topic, view.end - view.payloadStart)) {
      this.#retained.store.set(passing.publication)
      return 'delivered'
    }
    passing.isRetainRefused = true
    return isTold ? 'kept_silently' : 'delivered'
  }

  /** Other nodes and clusters are to keep, or to clear, what subscribers here are not told. */
  #tellOfRetained(passing: Passing, sinks: readonly RouteSink[], isForAll: boolean): void {
    if (passing.origin === undefined) this.#offer(passing, sinks)
    else passing.backdate()
    if (isForAll) this.spread.send(passing, nobodyElse, true)
  }

  /** Those that new subscribers are told. */
  #retainedUnder(topicFilter: string): Iterable<Publication> {
    const { enable, msg_expiry_interval } = this.limits.retainer
    return enable ? this.#retained.store.under(topicFilter, this.clock.nowMs(), msg_expiry_interval) : []
  }

  /** Wills wait from now on, until it is known who wants them, and which clients have come back to another node. */
  holdWills(): void {
    this.#heldWills ??= []
  }

  releaseWills(): void {
    const held = this.#heldWills ?? []
    this.#heldWills = undefined
    for (const session of held) this.#publishWill(session)
  }

  #publishWill(session: Session): void {
    if (this.#heldWills !== undefined) return void this.#heldWills.push(session)
    const { will } = session
    session.will = undefined
    if (will === undefined) return
    session.stored?.changed()
    // It is published now: until now its life had not begun (MQTT 5, 3.1.3.2.4).
    const nowMs = this.clock.nowMs()
    const { topic, bytes, publisher } = will.publication
    const publication = Publication.read(topic, bytes, publisher, nowMs, undefined)
    const hooked = this.#hooks?.publish === undefined ? publication : this.#hooks.publish.run(publication)
    if (hooked instanceof Promise) void this.#publishWhenHooked(publication, hooked)
    else this.#publishHooked(publication, hooked)
  }

  /** Takes over settings that changed; they count for what comes from now on. */
  configure(mqtt: MqttConfig, retainer: RetainerConfig = this.limits.retainer): void {
    this.limits.mqtt = mqtt
    this.limits.retainer = retainer
    const nowMs = this.clock.nowMs()
    for (const session of this.sessions.all()) session.configured(nowMs)
    this.#pickMember =
      mqtt.shared_subscription_strategy === 'random'
        ? (memberCount) => Math.floor(this.random() * memberCount)
        : undefined
  }

  /** To be called about once a minute: lets go of what is out of date and nobody has asked for since. */
  sweep(): void {
    this.index.sweep()
    this.#retained.sweep()
  }

  get mqtt(): MqttConfig {
    return this.limits.mqtt
  }

  // ---- sessions

  /** Where other nodes have sessions; `undefined` while this node is alone. To be set once, after `open`. */
  get directory(): SessionDirectory | undefined {
    return this.handovers.directory
  }

  set directory(directory: SessionDirectory) {
    this.handovers.join(directory)
  }

  /**
   * The session of this ClientID: the one that there is, or a new one. Whoever held it before is disconnected
   * [MQTT-3.1.4-3]. What was subscribed with rights that the client no longer has is not taken up again.
   */
  takeSession(
    terms: ConnectTerms,
    { peerHost }: Identity,
    access: ClientAccess,
  ): { session: Session; isResumed: boolean } {
    const { sessions } = this
    this.handovers.returned(terms.clientId)
    const publisher = { clientId: terms.clientId, username: terms.username, peerHost }
    if (sessions.get(terms.clientId)?.outlet !== undefined) this.counters.sessionsTakenOver++
    sessions.get(terms.clientId)?.outlet?.takenOver()
    const session = sessions.get(terms.clientId)
    if (session !== undefined && !terms.cleanStart && this.#isOwner(session, terms.username)) {
      sessions.resume(session)
      session.publisher = publisher
      session.expiryIntervalMs = terms.sessionExpiryMs
      this.#keep(session)
      this.#withdraw(session, access)
      this.counters.sessionsResumed++
      return { session, isResumed: true }
    }
    if (session !== undefined) {
      this.counters.sessionsDiscarded++
      sessions.end(session)
    }
    this.counters.sessionsCreated++
    this.counters.sessions.add(1)
    const fresh = new Session(publisher, terms.sessionExpiryMs, this.limits, this.counters)
    sessions.add(fresh)
    this.#keep(fresh)
    return { session: fresh, isResumed: false }
  }

  /** Sees to it that the session is on disk if it is to outlive its connection, and only then. */
  #keep(session: Session): void {
    this.#localInterest.sessionChanged(session)
    if (session.expiryIntervalMs <= 0) return session.forsake()
    if (session.stored !== undefined) return session.stored.changed()
    const stored = this.journal.keep(session)
    if (stored !== undefined) session.keep(stored)
  }

  /** Where users are known, one must not read what was kept for another, whatever ClientID it comes with. */
  #isOwner({ publisher, clientId }: Session, username: string | undefined): boolean {
    if (this.authenticator.isOpen || publisher.username === username) return true
    this.log.warn({ clientid: clientId, username, owner: publisher.username }, 'session_of_another_user_discarded')
    return false
  }

  #withdraw(session: Session, access: ClientAccess): void {
    if (this.authorizer.isOpen) return
    for (const { name, topicFilter, qos } of session.subscriptions.values()) {
      if (access.maySubscribe(topicFilter, qos)) continue
      this.unsubscribe(session, name)
      this.log.info({ clientid: session.clientId, topic_filter: name }, 'subscription_withdrawn')
    }
  }

  /** The session is over: nothing is left of it but what other members of its groups inherit. */
  #endSession(session: Session, isExpired: boolean): void {
    this.counters.sessions.add(-1)
    this.counters.sessionsTerminated++
    if (isExpired) this.counters.sessionsExpired++
    const held = [...session.heldForGroups()]
    this.#unsubscribeAll(session)
    const nowMs = this.clock.nowMs()
    for (const queued of held) {
      const member = queued.group?.choose(this.#pickMember)
      if (member !== undefined) member.session.inherit(queued, member, nowMs)
      else if (queued.group !== undefined) this.#fromMembers.handOn(queued.publication, queued.group, nobodyElse, nowMs)
    }
    session.end()
    this.handovers.absent(session.clientId)
  }

  /**
   * A session may have hundreds of thousands of subscriptions, and nobody else is to wait for them to go: what they still match
   * meanwhile is dropped. Shares go at once, for others are to have their messages, and so does what is on disk.
   */
  #unsubscribeAll(session: Session): void {
    let left = UNSUBSCRIBED_PER_TURN
    for (const [name, { group }] of session.subscriptions)
      if (group !== undefined || session.stored !== undefined || left-- > 0) this.unsubscribe(session, name)
    if (session.subscriptions.size > 0) this.clock.after(0, () => this.#unsubscribeAll(session))
  }

  // ---- the store

  /**
   * Takes up what is in the store, and keeps it there from now on. To be called once, before anybody connects. Throws
   * `DamagedRecords`, or what the store throws; then the broker is not to be used.
   */
  open(store: StorePort): void {
    const { sessions, batches, retained, next } = load(store)
    this.journal.open(store, next)
    const byNumber = new Map([...sessions].map(([number, loaded]) => [number, this.#restore(loaded)]))
    restoreBatches(batches, byNumber, this.journal, (key) => this.#table.group(key))
    for (const publication of retained) this.#retained.restore(publication)
    for (const session of byNumber.values()) this.sessions.restore(session)
    this.log.info({ sessions: byNumber.size, retained: retained.length }, 'store_loaded')
  }

  #restore(loaded: LoadedSession): Session {
    const session = new Session(loaded.publisher, loaded.expiryIntervalMs, this.limits, this.counters)
    const stored = this.journal.restore(loaded.number, session)
    session.keep(stored)
    session.leftAtMs = loaded.leftAtMs
    if (loaded.leftAtMs === undefined) this.handovers.restored(session)
    session.will = stored.writtenWill = loaded.will
    for (const packetId of loaded.identifiers.released) session.window.restoreReleased(packetId)
    for (const packetId of loaded.identifiers.awaitingRel) session.awaitingRel.add(packetId)
    for (const { name, options } of loaded.subscriptions) {
      const parsed = parseSubscription(name)
      if (parsed.type !== 'invalid') this.#table.put(session, name, parsed, options)
    }
    this.counters.sessions.add(1)
    return session
  }

  // ---- subscriptions

  /**
   * Adds or replaces one subscription. Retained messages are queued for it; the caller drains the session when its SUBACK
   * is on its way. Returns the reason code: the granted QoS, or an error.
   */
  subscribe(session: Session, name: string, options: SubscriptionOptions): number {
    const parsed = parseSubscription(name)
    if (parsed.type === 'invalid') return reasonCode.topicFilterInvalid
    const { topicFilter } = parsed
    const isShared = parsed.type === 'shared'
    if (isShared && !this.mqtt.shared_subscription) return reasonCode.sharedSubscriptionsNotSupported
    if (hasWildcard(topicFilter) && !this.mqtt.wildcard_subscription)
      return reasonCode.wildcardSubscriptionsNotSupported
    if (topicFilter.split('/').length > this.mqtt.max_topic_levels) return reasonCode.topicFilterInvalid
    // `$LINK/#` never comes here but for a share of it.
    if (reservedNamespace(topicFilter) === 'link') return reasonCode.notAuthorized
    const qos = Math.min(options.qos, this.mqtt.max_qos_allowed) as 0 | 1 | 2
    const before = session.subscriptions.get(name)
    const isNew = before === undefined
    if (isNew && session.subscriptions.size >= this.mqtt.max_subscriptions) return reasonCode.quotaExceeded
    // Many clients subscribe anew to all they have whenever they connect.
    const isSame = before !== undefined && isAlike(before, options, qos)
    const subscription = isSame ? before : this.#table.put(session, name, parsed, { ...options, qos })
    if (!isSame && session.stored !== undefined) this.journal.subscriptionChanged(session.stored, name)
    if (!isShared && (options.retainHandling === 0 || (options.retainHandling === 1 && isNew)))
      this.#queueRetained(subscription)
    return qos
  }

  /** Returns whether there was such a subscription. */
  unsubscribe(session: Session, name: string): boolean {
    const subscription = session.subscriptions.get(name)
    if (subscription === undefined) return false
    this.#table.remove(subscription)
    if (session.stored !== undefined) this.journal.subscriptionChanged(session.stored, name)
    return true
  }

  #queueRetained(subscription: Subscription): void {
    const { topicFilter, session } = subscription
    const nowMs = this.clock.nowMs()
    for (const publication of this.#retainedUnder(topicFilter)) session.queueRetained(publication, subscription)
    if (this.systemTopics === undefined || reservedNamespace(topicFilter) !== 'sys') return
    for (const { topic, payload } of this.systemTopics.under(topicFilter))
      session.queueRetained(systemPublication(topic, payload, true, nowMs), subscription)
  }

  // ---- the other nodes of the cluster

  /** `undefined` on a node that has no others. Best set before the store is opened, while nothing is retained. */
  get members(): Members | undefined {
    return this.spread.members
  }

  set members(members: Members | undefined) {
    this.spread.members = members
    if (members === undefined) return
    this.isVersioning = true
    this.#retained.track()
  }

  /** Another node has ordinary subscribers of this filter, which is a valid one. */
  addMemberRoute(node: string, topicFilter: string): void {
    this.#memberRoutes.addRoute(node, topicFilter)
  }

  removeMemberRoute(node: string, topicFilter: string): void {
    this.#memberRoutes.removeRoute(node, topicFilter)
  }

  /** Another node has members of this group. `isReady`: one of them would get a message at once; it may be said anew. */
  addMemberGroup(node: string, shareName: string, topicFilter: string, isReady = true): void {
    this.#memberRoutes.addGroup(node, shareName, topicFilter, isReady)
  }

  removeMemberGroup(node: string, shareName: string, topicFilter: string): void {
    this.#memberRoutes.removeGroup(node, shareName, topicFilter)
  }

  /** Whether a group, by its key, has members elsewhere than on this node, or nowhere at all. */
  isServedWithout(node: string, group: string): boolean {
    return this.#fromMembers.isServedWithout(node, group)
  }

  /** What the sessions of this node alone subscribe to, each filter and each group once; `$SYS/#` and `$LINK/#` are left out. */
  localInterest(): Iterable<LocalInterestEntry> {
    return this.#localInterest.entries()
  }

  /** Called after each change of that. Returns how to stop it. */
  onLocalInterest(listener: (change: LocalInterestChange) => void): () => void {
    return this.#localInterest.onChange(listener)
  }

  /**
   * Delivers a message that another node handed to this one: to subscribers here, and never further, but for a group that has
   * no member left here. What has to be kept is recorded: `whenKept` tells when it is. Returns how many receivers it found.
   */
  deliverFromMember(publication: Publication, directive: Directive): number {
    return this.#fromMembers.deliver(publication, directive)
  }

  /**
   * What was handed to another node, which is gone, and was not acknowledged: another member of each of its groups gets it; what was
   * for the node's ordinary subscribers is dropped. Returns a mark as `Members.send` does.
   */
  redispatch(publication: Publication, directive: Directive, lostNode: string): number {
    return this.#fromMembers.redispatch(publication, directive, lostNode)
  }

  /** Who would get the message at once goes before who has to wait for it, and of both this node before the others. */
  #chooseAnywhere(group: ShareGroup): Target | undefined {
    const ready = group.chooseReady(this.#pickMember)
    if (ready !== undefined || this.spread.leave(group, 'ready')) return ready
    const waiting = group.choose(this.#pickMember)
    if (waiting === undefined) this.spread.leave(group, 'any')
    return waiting
  }

  /** Each topic with what is retained, or was cleared not long ago. May be gone through bit by bit, while things change. */
  retainedVersions(): Iterable<RetainedVersion> {
    return this.#retained.versions()
  }

  retainedVersionOf(topic: string): number | undefined {
    return this.#retained.versionOf(topic)
  }

  retainedOriginOf(topic: string): string | undefined {
    return this.#retained.originOf(topic)
  }

  retainedMessage(topic: string): Publication | undefined {
    return this.#retained.store.get(topic)
  }

  /** All that is retained and has not expired, in no order. May be gone through bit by bit, while things change. */
  *retainedMessages(): Iterable<Publication> {
    for (const publication of this.#retained.store.all()) if (this.#isRetainedAlive(publication)) yield publication
  }

  /** That of a topic, if it has not expired. */
  liveRetained(topic: string): Publication | undefined {
    const publication = this.#retained.store.get(topic)
    return publication !== undefined && this.#isRetainedAlive(publication) ? publication : undefined
  }

  #isRetainedAlive(publication: Publication): boolean {
    return isAlive(publication, this.clock.nowMs(), this.limits.retainer.msg_expiry_interval)
  }

  /** Clears a topic everywhere, as an empty retained message of a client does. Returns false if the disk would not keep that. */
  clearRetained(topic: string): boolean {
    this.deliver({
      topic,
      payload: Buffer.alloc(0),
      qos: 1,
      retain: true,
      properties: undefined,
      from: '',
      username: undefined,
      peerHost: undefined,
      timestampMs: this.clock.nowMs(),
      origin: undefined,
    })
    const isRefused = this.isPromiseRefused
    this.isPromiseRefused = false
    return !isRefused
  }

  /** Called after each change, whoever made it. Returns how to stop it. */
  onRetainedChange(listener: (change: RetainedChange) => void): () => void {
    return this.#retained.onChange(listener)
  }

  /** Takes over what another node has, if it is later than what is here. Returns whether it was. Subscribers are not told. */
  applyRetained(retained: Publication | RetainedDeletion): boolean {
    return this.#fromMembers.applyRetained(retained)
  }

  #applyRetained(retained: Publication | RetainedDeletion): boolean {
    const { enable, msg_expiry_interval } = this.limits.retainer
    if (!enable || topicNameProblem(retained.topic) !== undefined) return false
    if (reservedNamespace(retained.topic) !== undefined) return false
    if (!(retained instanceof Publication)) return this.#retained.buryIfNewer(retained)
    const { payloadLength, topic, receivedAtMs } = retained
    const isDeletion = payloadLength === 0 || !isAlive(retained, this.clock.nowMs(), msg_expiry_interval)
    if (!this.#retained.isNewer(retained, isDeletion)) return false
    if (isDeletion) this.#retained.bury(topic, deletionVersion(receivedAtMs), retained.origin)
    else if (this.#retainPolicy.allows(this.#retained.store, topic, payloadLength))
      this.#retained.store.set(retained.own())
    else return false
    return true
  }

  /**
   * Calls when all that other nodes have handed to this one is on disk, as far as it has to be: at once if there is nothing to wait
   * for. In the order of the calls; not at all while the disk takes nothing.
   */
  whenKept(call: () => void): void {
    this.#fromMembers.whenKept(call)
  }

  // ---- what links need (BrokerPort)

  interest(): Iterable<string> {
    return this.#interest.filters()
  }

  onInterest(listener: (change: InterestChange) => void): () => void {
    return this.#interest.onChange(listener)
  }

  addRoute(topicFilter: string, sink: RouteSink): void {
    let route = this.#routes.get(sink)
    if (route === undefined) {
      route = { kind: 'sink', sink, alone: [sink] }
      this.#routes.set(sink, route)
    }
    this.index.add(topicFilter, route)
  }

  removeRoute(topicFilter: string, sink: RouteSink): void {
    const route = this.#routes.get(sink)
    if (route !== undefined) this.index.remove(topicFilter, route)
  }

  /** How many filters have subscribers, and how many topics a retained message. */
  get topicCount(): number {
    return this.#interest.size
  }

  get retainedCount(): number {
    return this.#retained.store.count
  }

  get retainedBytes(): number {
    return this.#retained.store.bytes
  }

  *retained(topicFilter: string): Iterable<Message> {
    for (const publication of this.#retainedUnder(topicFilter)) yield publication.toMessage()
  }

  ownRetained(): ReturnType<OwnRetained['ownRetained']> {
    return this.limits.retainer.enable ? this.#retained.own() : []
  }

  ownRetainedOf(topic: string): Publication | undefined {
    const { enable, msg_expiry_interval } = this.limits.retainer
    const publication = enable ? this.#retained.ownOf(topic) : undefined
    if (publication === undefined || publication.payloadLength === 0) return publication
    return isAlive(publication, this.clock.nowMs(), msg_expiry_interval) ? publication : undefined
  }
}

/** Whether a subscription would be the same with these options, but for what they ask at the time of SUBSCRIBE alone. */
function isAlike(
  before: Subscription,
  { noLocal, retainAsPublished, identifier }: SubscriptionOptions,
  qos: QoS,
): boolean {
  return (
    before.qos === qos &&
    before.noLocal === noLocal &&
    before.retainAsPublished === retainAsPublished &&
    before.identifier === identifier
  )
}
