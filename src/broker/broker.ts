/** The MQTT server of one node: what is published, who gets it, and what links and other nodes see of both. */
import type { BrokerPort, InterestChange, LinkInlet, OwnRetained, RouteSink } from '../link/broker-port.ts'
import type { MqttConfig } from '../config/config.ts'
import type { RetainerConfig } from '../config/retainer-schema.ts'
import type { Message } from '../packets/message.ts'
import { encodeMessage, Publication } from '../packets/publication.ts'
import { reasonCode } from '../packets/reason-code.ts'
import { topicNameProblem } from '../topics/topic-filter.ts'
import type { TopicIndex } from '../topics/topic-index.ts'
import { type Authenticator, openAuthenticator } from './access/authenticator.ts'
import { type Authorizer, openAuthorizer } from './access/authorizer.ts'
import type { Clock } from './clock.ts'
import type { Logger } from './logger.ts'
import { Counters } from './counters.ts'
import { Debts } from './durable/debts.ts'
import { Journal } from './durable/journal.ts'
import { load } from './durable/load.ts'
import { restoreBatches } from './durable/restore-batches.ts'
import type { NodeHooks } from './hooks/node-hooks.ts'
import { Handovers } from './handover/handovers.ts'
import { Limits } from './limits/limits.ts'
import { memoryLevel } from './limits/memory-guard.ts'
import type { Directive, Members } from './members-port.ts'
import { LocalInterest, type LocalInterestChange, type LocalInterestEntry } from './members/local-interest.ts'
import { MemberRoutes } from './members/member-routes.ts'
import { FromLinks } from './from-links.ts'
import { FromMembers } from './members/from-members.ts'
import { Spread } from './members/spread.ts'
import type { PublishTap } from './publish-tap.ts'
import { RetainedMessages } from './retained/retained-messages.ts'
import type { RetainedChange, RetainedDeletion, RetainedVersion } from './retained/shared-retained.ts'
import { Interest } from './sessions/interest.ts'
import { Passing } from './sessions/passing.ts'
import { SessionLives } from './sessions/session-lives.ts'
import { Sessions } from './sessions/sessions.ts'
import type { Delivery, Destination, ShareGroup, SinkRoute, Target } from './sessions/subscription.ts'
import { SubscriptionTable } from './sessions/subscription-table.ts'
import { Subscriptions } from './sessions/subscriptions.ts'
import { Wills } from './sessions/wills.ts'
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

export class Broker implements BrokerPort, OwnRetained {
  readonly limits: Limits
  #pickMember: ((memberCount: number) => number) | undefined
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
  readonly counters = new Counters()
  readonly sessions: Sessions
  readonly sessionLives: SessionLives
  readonly subscriptions: Subscriptions
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
  readonly #retained: RetainedMessages
  readonly #wills: Wills
  readonly #table: SubscriptionTable
  readonly #interest: Interest
  readonly #localInterest: LocalInterest
  readonly #fromMembers: FromMembers
  /** Batches of peers. */
  readonly fromLinks: FromLinks
  readonly #memberRoutes: MemberRoutes
  readonly #routes = new WeakMap<RouteSink, SinkRoute>()

  constructor(options: BrokerOptions) {
    const { clock, log, random, defer = setImmediate } = options
    const { counters } = this
    const limits = new Limits(options.mqtt, options.retainer)
    this.limits = limits
    this.clock = clock
    this.random = random
    this.log = log
    this.#interest = new Interest(log)
    const localInterest = new LocalInterest(log, () => table.all())
    this.#localInterest = localInterest
    const hashKey = [this.#random32(), this.#random32()] as const
    const table = new SubscriptionTable(hashKey, counters, this.#interest, localInterest)
    this.#table = table
    const { index } = table
    this.index = index
    this.#memberRoutes = new MemberRoutes(table, this.#interest)
    const spread = new Spread(counters, log)
    this.spread = spread
    const journal = new Journal({ clock, log, defer, wake: (session) => session.drain(clock.nowMs()) })
    this.journal = journal
    const record = (topic: string, publication: Publication | undefined) => journal.retained(topic, publication)
    const retained = new RetainedMessages({ clock, log, limits, counters, record })
    this.#retained = retained
    const parts = { clock, log, counters, limits, journal, spread, table, index, retained }
    const pickMember = () => this.#pickMember
    this.#wills = new Wills({
      ...parts,
      hooks: () => this.#hooks,
      publish: (will, hooked) => this.#publishHooked(will, hooked),
    })
    const sessions = new Sessions(clock, {
      publishWill: (session) => this.#wills.publish(session),
      ended: (session, isExpired) => this.sessionLives.end(session, isExpired),
      left: (session) => session.stored?.left(),
    })
    this.sessions = sessions
    const subscriptions = new Subscriptions({ ...parts, systemTopics: () => this.systemTopics })
    this.subscriptions = subscriptions
    this.#fromMembers = new FromMembers({ ...parts, pickMember, applyRetained: (change) => retained.apply(change) })
    this.fromLinks = new FromLinks({
      ...parts,
      isPromise: (delivery, retain) => this.isPromise(delivery, retain),
      publish: (passing, delivery) => this.publish(passing, delivery),
    })
    this.sessionLives = new SessionLives({
      ...parts,
      sessions,
      subscriptions,
      localInterest,
      handovers: () => this.handovers,
      authenticator: () => this.authenticator,
      authorizer: () => this.authorizer,
      pickMember,
      handOn: (publication, group, nowMs) => this.#fromMembers.handOn(publication, group, nobodyElse, nowMs),
    })
    this.handovers = new Handovers({ ...parts, sessions, subscriptions, lives: this.sessionLives, defer })
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
      const fate = this.#retained.keep(passing)
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
      // A message of a link is as old everywhere as it was where it was published: all its copies tell the same time, by which two of
      // one message are known when a session moves from one node to the other (`Arrivals`).
      if (passing.origin !== undefined) passing.backdate()
      this.spread.send(passing, nodes, isForAll)
    }
    if (receivers === 0) {
      this.counters.withoutReceivers++
      this.limits.drops?.dropped(passing.publication, 'no_subscribers')
    }
    return receivers
  }

  /** See `RetainedMessages`. */
  get isVersioning(): boolean {
    return this.#retained.isVersioning
  }

  set isVersioning(yes: boolean) {
    this.#retained.isVersioning = yes
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

  /** Other nodes and clusters are to keep, or to clear, what subscribers here are not told. */
  #tellOfRetained(passing: Passing, sinks: readonly RouteSink[], isForAll: boolean): void {
    if (passing.origin === undefined) this.#offer(passing, sinks)
    else passing.backdate()
    if (isForAll) this.spread.send(passing, nobodyElse, true)
  }

  /** Wills wait from now on, until it is known who wants them, and which clients have come back to another node. */
  holdWills(): void {
    this.#wills.hold()
  }

  releaseWills(): void {
    this.#wills.release()
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
    this.#retained.shared.sweep()
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

  // ---- the store

  /**
   * Takes up what is in the store, and keeps it there from now on. To be called once, before anybody connects. Throws
   * `DamagedRecords`, or what the store throws; then the broker is not to be used.
   */
  open(store: StorePort): void {
    const { sessions, batches, retained, next } = load(store)
    this.journal.open(store, next)
    const byNumber = new Map([...sessions].map(([number, loaded]) => [number, this.sessionLives.restore(loaded)]))
    restoreBatches(batches, byNumber, this.journal, (key) => this.#table.group(key))
    for (const publication of retained) this.#retained.shared.restore(publication)
    for (const session of byNumber.values()) this.sessions.restore(session)
    this.log.info({ sessions: byNumber.size, retained: retained.length }, 'store_loaded')
  }

  // ---- the other nodes of the cluster

  /** `undefined` on a node that has no others. Best set before the store is opened, while nothing is retained. */
  get members(): Members | undefined {
    return this.spread.members
  }

  set members(members: Members | undefined) {
    this.spread.members = members
    if (members === undefined) return
    this.#retained.isVersioning = true
    this.#retained.shared.track()
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
    return this.#retained.shared.versions()
  }

  retainedVersionOf(topic: string): number | undefined {
    return this.#retained.shared.versionOf(topic)
  }

  retainedOriginOf(topic: string): string | undefined {
    return this.#retained.shared.originOf(topic)
  }

  retainedMessage(topic: string): Publication | undefined {
    return this.#retained.get(topic)
  }

  /** All that is retained and has not expired, in no order. May be gone through bit by bit, while things change. */
  retainedMessages(): Iterable<Publication> {
    return this.#retained.allAlive()
  }

  /** That of a topic, if it has not expired. */
  liveRetained(topic: string): Publication | undefined {
    return this.#retained.alive(topic)
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
    return this.#retained.shared.onChange(listener)
  }

  /** Takes over what another node has, if it is later than what is here. Returns whether it was. Subscribers are not told. */
  applyRetained(retained: Publication | RetainedDeletion): boolean {
    return this.#fromMembers.applyRetained(retained)
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
    return this.#retained.count
  }

  get retainedBytes(): number {
    return this.#retained.bytes
  }

  *retained(topicFilter: string): Iterable<Message> {
    for (const publication of this.#retained.under(topicFilter)) yield publication.toMessage()
  }

  ownRetained(): ReturnType<OwnRetained['ownRetained']> {
    return this.#retained.own()
  }

  ownRetainedOf(topic: string): Publication | undefined {
    return this.#retained.ownOf(topic)
  }
}
