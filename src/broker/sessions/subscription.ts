/** Who wants which topics: what stands in the topic index, and what a topic's matches come to for the hot path. */
import type { RouteSink } from '../../link/broker-port.ts'
import type { QoS } from '../../packets/message.ts'
import type { PublishAnswer } from '../access/authorizer.ts'
import type { Session } from './session.ts'

const none: readonly never[] = []

export type SubscriptionOptions = {
  readonly qos: QoS
  /** MQTT 5: not to be sent what the session itself published. */
  readonly noLocal: boolean
  /** MQTT 5: keep the RETAIN flag of forwarded messages. */
  readonly retainAsPublished: boolean
  /** MQTT 5: 0 send retained messages at SUBSCRIBE, 1 only if the subscription is new, 2 do not. */
  readonly retainHandling: 0 | 1 | 2
  /** MQTT 5: Subscription Identifier, 0 for none. */
  readonly identifier: number
}

export type Subscription = SubscriptionOptions & {
  readonly kind: 'subscription'
  readonly session: Session
  /** As the client wrote it, `$share/...` included. */
  readonly name: string
  /** The filter that topics are matched with. */
  readonly topicFilter: string
  readonly group: ShareGroup | undefined
  /** What matches of this subscription alone come to. */
  readonly alone: readonly Target[]
}

/** Another node of the cluster that has members of a group. */
type GroupNode = {
  readonly node: string
  /** Whether one of them would get a message at once. */
  readonly isReady: boolean
}

/** A shared subscription (MQTT 5, 4.8.2): each message goes to one of its members, who may be on several nodes. */
export class ShareGroup {
  readonly kind = 'group'
  readonly shareName: string
  readonly topicFilter: string
  readonly #members: Subscription[] = []
  #next = 0
  /** Other nodes that have members. */
  #nodes: readonly GroupNode[] = none
  #nextNode = 0

  constructor(shareName: string, topicFilter: string) {
    this.shareName = shareName
    this.topicFilter = topicFilter
  }

  /** Whether it has members nowhere. */
  get isEmpty(): boolean {
    return this.#members.length === 0 && this.#nodes.length === 0
  }

  /** Whether it has members on other nodes, too. */
  get isSpread(): boolean {
    return this.#nodes.length > 0
  }

  /** Those of this node. */
  get members(): readonly Subscription[] {
    return this.#members
  }

  /** What no other group has. */
  get key(): string {
    return `${this.shareName}/${this.topicFilter}`
  }

  /** Whether a message for it may have to outlast the process. */
  get isStored(): boolean {
    return this.#members.some(({ session }) => session.stored !== undefined)
  }

  add(subscription: Subscription): void {
    this.#members.push(subscription)
  }

  remove(subscription: Subscription): void {
    const index = this.#members.indexOf(subscription)
    if (index < 0) return
    this.#members.splice(index, 1)
    if (index < this.#next) this.#next--
  }

  /**
   * The member whose turn it is. One that is connected and has room goes before one that would have to queue.
   * @param pick index of the first candidate among so many members; left out, they take turns
   */
  choose(pick?: (memberCount: number) => number): Target | undefined {
    const { length } = this.#members
    if (length === 0) return undefined
    const first = pick === undefined ? this.#next % length : pick(length)
    return this.#choose(this.#readyFrom(first) ?? first)
  }

  /** The same if it is ready. */
  chooseReady(pick?: (memberCount: number) => number): Target | undefined {
    const { length } = this.#members
    if (length === 0) return undefined
    const ready = this.#readyFrom(pick === undefined ? this.#next % length : pick(length))
    return ready === undefined ? undefined : this.#choose(ready)
  }

  #choose(index: number): Target | undefined {
    this.#next = index + 1
    return this.#members[index]!.alone[0]
  }

  #readyFrom(first: number): number | undefined {
    const { length } = this.#members
    for (let i = 0; i < length; i++) {
      const candidate = (first + i) % length
      if (this.#members[candidate]!.session.isReady) return candidate
    }
    return undefined
  }

  /** Returns whether the node is new to the group. */
  addNode(node: string, isReady: boolean): boolean {
    const rest = this.#nodes.filter((other) => other.node !== node)
    const isNew = rest.length === this.#nodes.length
    this.#nodes = [...rest, { node, isReady }]
    return isNew
  }

  /** Returns whether it had the node. */
  removeNode(node: string): boolean {
    const rest = this.#nodes.filter((other) => other.node !== node)
    const had = rest.length < this.#nodes.length
    this.#nodes = rest.length === 0 ? none : rest
    return had
  }

  /** The node whose turn it is, but for those that were tried; of any, one that is ready goes before one that is not. */
  chooseNode(tried: readonly string[], who: 'ready' | 'any'): string | undefined {
    const { length } = this.#nodes
    let chosen: number | undefined
    for (let i = 0; i < length; i++) {
      const candidate = (this.#nextNode + i) % length
      const { node, isReady } = this.#nodes[candidate]!
      if (tried.length > 0 && tried.includes(node)) continue
      if (who === 'any') chosen ??= candidate
      if (!isReady) continue
      chosen = candidate
      break
    }
    if (chosen === undefined) return undefined
    this.#nextNode = chosen + 1
    return this.#nodes[chosen]!.node
  }
}

/** A filter that a peer wants: see `BrokerPort.addRoute`. */
export type SinkRoute = {
  readonly kind: 'sink'
  readonly sink: RouteSink
  /** The list of nothing but the sink, which all topics share that lead to no other. */
  readonly alone: readonly RouteSink[]
}

/** Another node of the cluster, which has subscribers of a filter. */
export type MemberRoute = { readonly kind: 'member'; readonly node: string }

export type Destination = Subscription | ShareGroup | SinkRoute | MemberRoute

/** One session that gets a topic's messages, once, however many of its subscriptions overlap. */
export type Target = {
  readonly session: Session
  readonly qos: QoS
  readonly retainAsPublished: boolean
  readonly subscriptionIdentifiers: readonly number[]
  /** What it gets of its own publishes: less, or nothing, where No Local is set. */
  readonly ofOwn: Target | undefined
}

/** All that a topic's messages lead to. */
export type Delivery = PublishAnswer & {
  readonly topic: string
  readonly targets: readonly Target[]
  readonly groups: readonly ShareGroup[]
  readonly sinks: readonly RouteSink[]
  /** Other nodes that have ordinary subscribers. */
  readonly nodes: readonly string[]
  /** Whether the topic is in a namespace that ordinary publishing never reaches. */
  readonly reserved: 'link' | 'sys' | undefined
  readonly levelCount: number
}

/** What the destinations of a topic come to. Called when the topic is first seen, and after its matches changed. */
export function planDelivery(topic: string, destinations: readonly Destination[]): Delivery {
  const bySession = new Map<Session, Subscription[]>()
  const groups: ShareGroup[] = []
  const sinks = new Set<RouteSink>()
  let onlySink: readonly RouteSink[] = none
  const nodes = new Set<string>()
  for (const destination of destinations) {
    if (destination.kind === 'group') groups.push(destination)
    else if (destination.kind === 'sink') {
      sinks.add(destination.sink)
      onlySink = destination.alone
    } else if (destination.kind === 'member') nodes.add(destination.node)
    else {
      const own = bySession.get(destination.session)
      if (own === undefined) bySession.set(destination.session, [destination])
      else own.push(destination)
    }
  }
  return {
    topic,
    targets: targetsOf(bySession),
    groups: groups.length === 0 ? none : groups,
    sinks: sinks.size < 2 ? onlySink : [...sinks],
    nodes: nodes.size === 0 ? none : [...nodes],
    reserved: reservedNamespace(topic),
    levelCount: topic.split('/').length,
    answeredFor: undefined,
    answerBits: 0,
  }
}
/** So many different targets a session may share however few subscriptions it has. */
const TARGETS_SHARED_MIN = 64

/** Most topics have one subscriber: they share its target, so that the hot path finds it in the processor's cache. */
function targetsOf(bySession: ReadonlyMap<Session, readonly Subscription[]>): readonly Target[] {
  if (bySession.size === 0) return none
  const targets = [...bySession.values()].map((subscriptions) =>
    subscriptions.length === 1 ? subscriptions[0]!.alone : [targetOf(subscriptions)],
  )
  return targets.length === 1 ? targets[0]! : targets.flat()
}

/** The list of a single subscription's target, the same for all subscriptions of the session with these options. */
export function targetAlone(session: Session, options: SubscriptionOptions): readonly Target[] {
  const { qos, noLocal, retainAsPublished, identifier } = options
  const key = `${qos}${noLocal}${retainAsPublished}${identifier}`
  let alone = session.targets.get(key)
  if (alone === undefined) {
    // Sharing is for speed alone: a client with ever new identifiers starts over.
    if (session.targets.size > TARGETS_SHARED_MIN + session.subscriptions.size) session.targets.clear()
    alone = [targetOf([{ ...options, session }])]
    session.targets.set(key, alone)
  }
  return alone
}

type Wanted = SubscriptionOptions & { readonly session: Session }

/** One delivery with the highest QoS and all identifiers [MQTT-3.3.4-2, MQTT-3.3.4-3]. */
function targetOf(subscriptions: readonly Wanted[]): Target {
  const ofOwn = subscriptions.filter(({ noLocal }) => !noLocal)
  return merge(subscriptions, ofOwn.length === 0 ? undefined : merge(ofOwn, undefined))
}

/** Literals without spread: their objects share one shape, which saves a shape for each, and the hot path reads but one kind. */
function merge(subscriptions: readonly Wanted[], ofOwn: Target | undefined): Target {
  const identifiers = subscriptions.flatMap(({ identifier }) => (identifier === 0 ? [] : [identifier]))
  return {
    session: subscriptions[0]!.session,
    qos: Math.max(...subscriptions.map(({ qos }) => qos)) as QoS,
    retainAsPublished: subscriptions.some(({ retainAsPublished }) => retainAsPublished),
    subscriptionIdentifiers: identifiers.length === 0 ? none : identifiers,
    ofOwn,
  }
}

/** `$LINK/` belongs to the links and `$SYS/` to the broker (DESIGN: the link namespace is terminal). */
export function reservedNamespace(topic: string): 'link' | 'sys' | undefined {
  if (!topic.startsWith('$')) return undefined
  if (topic === '$LINK' || topic.startsWith('$LINK/')) return 'link'
  if (topic === '$SYS' || topic.startsWith('$SYS/')) return 'sys'
  return undefined
}
