/**
 * The accepting side of links: serves `$LINK/#` as a real EMQX does, for peers of every configured link, whether or not our own
 * half of the link runs. Nothing that comes here goes on as an ordinary publish.
 */
import type { LinkConfig } from '../../config/config.ts'
import type { Message, QoS } from '../../packets/message.ts'
import { reasonCode } from '../../packets/reason-code.ts'
import { topicNameProblem } from '../../topics/topic-filter.ts'
import type { LinkClient, LinkInlet } from '../broker-port.ts'
import { decodeLinkMessage } from '../emqx/link-message.ts'
import { decodeRouteMessage, encodeRouteMessage } from '../emqx/route-ops.ts'
import type { ActorInit, ActorInitAck, Heartbeat, RouteBatch } from '../emqx/route-ops.ts'
import { InboundPeer } from './inbound-peer.ts'
import type { InboundStatus } from './inbound-peer.ts'
import type { InboundPorts } from './inbound-ports.ts'
import { judgeMessage } from './judge-message.ts'
import { parseLinkTopic } from './link-topic.ts'
import { disconnectCode } from './refusal.ts'
import type { InitRejection, Refusal, RouteFault } from './refusal.ts'

/** An actor of a peer that introduced itself on a connection. */
type RouteSession = { readonly peer: string; readonly actor: string; readonly incarnation: number }

type RouteOutcome =
  /** Taken, or not worth an answer. */
  | { readonly type: 'done' }
  | {
      readonly type: 'ack'
      readonly ack: ActorInitAck
      readonly responseTopic: string
      readonly correlationData: Buffer
    }
  | { readonly type: 'fault'; readonly reason: RouteFault; readonly words: string }

/** Clusters without a link here whose last refusal is remembered. */
const strangersMax = 32
/** At most one line in so many milliseconds tells of refused messages of a peer. */
const messageLogMs = 1_000

export class LinkGate implements LinkInlet {
  readonly #ports: InboundPorts
  readonly #peers = new Map<string, InboundPeer>()
  readonly #sessions = new Map<LinkClient, RouteSession>()
  readonly #strangers = new Map<string, Refusal>()
  readonly #messageLoggedAtMs = new Map<string, number>()
  /** Connections that are over, to which an answer on its way is sent no more. */
  readonly #gone = new WeakSet<LinkClient>()

  constructor(ports: InboundPorts) {
    this.#ports = ports
  }

  /** A client may wait for its own answers; whose they are does not matter, for they are sent to nobody but who asked. */
  subscribe(_client: LinkClient, topicFilter: string, qos: QoS): number {
    if (parseLinkTopic(topicFilter).type !== 'resp') return reasonCode.notAuthorized
    return Math.min(qos, 1)
  }

  publish(client: LinkClient, message: Message): number {
    const topic = parseLinkTopic(message.topic)
    switch (topic.type) {
      case 'route':
        return this.#routeMessage(client, topic.sender, message)
      case 'msg':
        return this.#message(client, topic.sender, message.payload)
      case 'resp':
      case 'other':
      default:
        this.#ports.log.debug({ clientid: client.clientId, topic: message.topic }, 'cluster_link_topic_refused')
        return reasonCode.notAuthorized
    }
  }

  closed(client: LinkClient): void {
    this.#gone.add(client)
    const session = this.#sessions.get(client)
    if (session === undefined) return
    this.#sessions.delete(client)
    const stillThere = [...this.#sessions.values()].some((other) => isSameActor(other, session))
    if (!stillThere) this.#peers.get(session.peer)?.disconnected(session.actor, session.incarnation)
    this.#ports.changed(session.peer)
  }

  /** To be called after links were added, changed or removed, and after an outbox was made or given up. */
  linksChanged(): void {
    for (const peer of this.#peers.values()) {
      const link = this.#ports.link(peer.name)
      if (link?.enable === true) peer.configure(link)
      else this.#turnOff(peer, link)
    }
  }

  /** What the peer does to us; `undefined` for a cluster that there is no link to. */
  inboundStatus(peer: string): InboundStatus | undefined {
    return this.#peer(peer)?.status()
  }

  /** Starts the account of a peer's messages anew. */
  resetMessages(peer: string): void {
    this.#peer(peer)?.ledger.reset()
  }

  /** Clusters that came although there is no link to them, with the last refusal of each. */
  strangers(): ReadonlyMap<string, Refusal> {
    return this.#strangers
  }

  #peer(name: string): InboundPeer | undefined {
    const link = this.#ports.link(name)
    if (link === undefined) return undefined
    const known = this.#peers.get(name)
    if (known !== undefined) {
      known.configure(link)
      return known
    }
    const peer = new InboundPeer(link, this.#ports)
    this.#peers.set(name, peer)
    return peer
  }

  /** The peer starts anew when its connections end: only then does it learn why, and only then does it come back with routes. */
  #turnOff(peer: InboundPeer, link: LinkConfig | undefined): void {
    const wasThere = peer.clear()
    if (link === undefined) {
      this.#peers.delete(peer.name)
      this.#messageLoggedAtMs.delete(peer.name)
    } else peer.configure(link)
    for (const [client, session] of this.#sessions) {
      if (session.peer !== peer.name) continue
      const words = link === undefined ? 'the link was deleted' : 'the link was disabled'
      this.#disconnect(client, peer.name, 'link_gone', words)
    }
    if (wasThere) this.#ports.changed(peer.name)
  }

  #routeMessage(client: LinkClient, sender: string, publish: Message): number {
    try {
      const outcome = this.#serve(client, sender, publish)
      if (outcome.type === 'fault') {
        this.#disconnect(client, sender, outcome.reason, outcome.words)
        return reasonCode.implementationSpecificError
      }
      if (outcome.type === 'ack') this.#answer(client, outcome)
      return reasonCode.noMatchingSubscribers
    } catch (error) {
      // A session that failed half-way is worth nothing: its peer would believe us to have what we lack.
      client.disconnect(reasonCode.implementationSpecificError)
      throw error
    }
  }

  #serve(client: LinkClient, sender: string, publish: Message): RouteOutcome {
    const message = decodeRouteMessage(publish.payload)
    switch (message.type) {
      case 'actor_init':
        return this.#actorInit(client, sender, message, publish)
      case 'route':
      case 'heartbeat':
        return this.#routeOp(client, sender, message)
      case 'malformed':
        return fault('malformed_term', message.reason)
      case 'unknown':
      case 'actor_init_ack':
      default:
        this.#ports.log.debug({ link: sender, clientid: client.clientId }, 'cluster_link_unknown_operation')
        return { type: 'done' }
    }
  }

  #actorInit(client: LinkClient, sender: string, init: ActorInit, publish: Message): RouteOutcome {
    const { responseTopic, correlationData } = publish.properties ?? {}
    if (responseTopic === undefined || correlationData === undefined || topicNameProblem(responseTopic) !== undefined) {
      return fault('no_response_topic', 'an actor_init without Response Topic and Correlation Data')
    }
    if (this.#sessions.has(client)) return fault('actor_init_twice', 'a second actor_init on one connection')
    const answer = (result: AckResult): RouteOutcome => ({
      type: 'ack',
      ack: { type: 'actor_init_ack', actor: init.actor, protocolVersion: 1, ...result },
      responseTopic,
      correlationData,
    })
    const peer = this.#peer(sender)
    const rejection = this.#rejection(sender, init)
    if (peer === undefined || rejection !== undefined) {
      this.#reject(client, sender, rejection ?? 'unknown_cluster', init.targetCluster)
      return answer({ result: 'error', reason: rejection ?? 'unknown_cluster' })
    }
    return this.#admit(client, peer, init, answer)
  }

  #admit(
    client: LinkClient,
    peer: InboundPeer,
    { actor, incarnation }: ActorInit,
    answer: (result: AckResult) => RouteOutcome,
  ): RouteOutcome {
    const verdict = peer.init(actor, incarnation)
    if (verdict === 'outdated') return fault('outdated_incarnation', `${actor} lives on in a newer incarnation`)
    if (verdict === 'full') return fault('too_many_actors', `no room for ${actor} among the peer's actors`)
    this.#sessions.set(client, { peer: peer.name, actor, incarnation })
    peer.lastRefusal = undefined
    this.#ports.log.info({ link: peer.name, actor, incarnation, verdict }, 'cluster_link_actor_init')
    this.#ports.changed(peer.name)
    return answer({ result: 'ok', needBootstrap: verdict !== 'resumed' })
  }

  #rejection(sender: string, { targetCluster }: ActorInit): InitRejection | undefined {
    const link = this.#ports.link(sender)
    if (link === undefined) return 'unknown_cluster'
    if (targetCluster !== this.#ports.localCluster) return 'bad_remote_cluster_link_name'
    return link.enable ? undefined : 'cluster_link_disabled'
  }

  #routeOp(client: LinkClient, sender: string, message: RouteBatch | Heartbeat): RouteOutcome {
    const session = this.#sessions.get(client)
    if (session === undefined) {
      if (message.type === 'heartbeat') return { type: 'done' }
      return fault('routes_before_init', `routes of ${message.actor} before its actor_init`)
    }
    if (session.peer !== sender || session.actor !== message.actor) {
      return fault('another_actor', `${message.actor} of ${sender} on the connection of ${session.actor}`)
    }
    const peer = this.#peer(sender)
    if (peer === undefined || this.#ports.link(sender)?.enable !== true) return fault('link_gone', 'the link is gone')
    // The incarnation is the connection's: what the operation itself says is not looked at, as in EMQX.
    const result =
      message.type === 'heartbeat'
        ? peer.heartbeat(session.actor, session.incarnation)
        : peer.apply(session.actor, session.incarnation, message.ops)
    switch (result) {
      case 'outdated':
        return fault('outdated_incarnation', `${session.actor} lives on in a newer incarnation`)
      case 'unknown_actor':
        return fault('actor_unknown', `${session.actor} is not known any more`)
      case 'full':
        return fault('too_many_routes', `${session.actor} has more routes than we keep`)
      case 'applied':
      default:
        return { type: 'done' }
    }
  }

  /** After the PUBACK, which is written when the present call returns. */
  #answer(client: LinkClient, { ack, responseTopic, correlationData }: Extract<RouteOutcome, { type: 'ack' }>): void {
    const payload = encodeRouteMessage(ack)
    queueMicrotask(() => {
      if (!this.#gone.has(client)) client.send({ topic: responseTopic, payload, qos: 1, correlationData })
    })
  }

  #reject(client: LinkClient, sender: string, reason: InitRejection, localKnownAs: string | undefined): void {
    const { localCluster, log } = this.#ports
    this.#refuse(client, sender, reason, rejectionWords(reason, sender, localCluster, localKnownAs))
    log.warn(
      { from_cluster: sender, local_cluster: localCluster, local_known_as: localKnownAs, reason },
      'cluster_link_actor_init_rejected',
    )
  }

  #disconnect(client: LinkClient, sender: string, reason: RouteFault, words: string): void {
    this.#refuse(client, sender, reason, words)
    this.#ports.log.warn(
      { link: sender, clientid: client.clientId, peername: client.remoteAddress, reason, words },
      'cluster_link_routerepl_protocol_error',
    )
    // Before the connection's end is told, so that what still comes from it finds no session.
    this.closed(client)
    client.disconnect(disconnectCode(reason), words)
  }

  #refuse(client: LinkClient, sender: string, reason: Refusal['reason'], words: string): void {
    const { clientId, remoteAddress } = client
    const refusal: Refusal = { atMs: this.#ports.clock.nowMs(), reason, words, clientId, remoteAddress }
    const peer = this.#peer(sender)
    if (peer === undefined) return this.#rememberStranger(sender, refusal)
    peer.lastRefusal = refusal
    this.#ports.changed(sender)
  }

  #rememberStranger(sender: string, refusal: Refusal): void {
    this.#strangers.delete(sender)
    this.#strangers.set(sender, refusal)
    const oldest = this.#strangers.keys().next().value
    if (this.#strangers.size > strangersMax && oldest !== undefined) this.#strangers.delete(oldest)
  }

  #message(client: LinkClient, sender: string, payload: Buffer): number {
    const link = this.#ports.link(sender)
    const peer = link === undefined ? undefined : (this.#peers.get(sender) ?? this.#peer(sender))
    if (link === undefined || peer === undefined) {
      const words = rejectionWords('unknown_cluster', sender, this.#ports.localCluster, undefined)
      this.#refuse(client, sender, 'unknown_cluster', words)
      // All strangers share one line: how they call themselves is theirs to choose.
      this.#logRefused(client, '', 'unknown_cluster', words)
      return reasonCode.notAuthorized
    }
    const verdict = judgeMessage(link, this.#ports.localCluster, () => decodeLinkMessage(payload))
    if (verdict.type === 'refused') {
      peer.ledger.refuse(verdict.reason)
      this.#logRefused(client, sender, verdict.reason, verdict.words)
      return verdict.reasonCode
    }
    peer.ledger.accept()
    peer.lastMessageAtMs = this.#ports.clock.nowMs()
    return this.#ports.broker.deliver(verdict.message) === 0 ? reasonCode.noMatchingSubscribers : reasonCode.success
  }

  #logRefused(client: LinkClient, link: string, reason: string, words: string): void {
    const nowMs = this.#ports.clock.nowMs()
    if (nowMs - (this.#messageLoggedAtMs.get(link) ?? -Infinity) < messageLogMs) return
    this.#messageLoggedAtMs.set(link, nowMs)
    this.#ports.log.warn(
      { link, clientid: client.clientId, reason, words },
      'unexpected_cluster_link_forwarded_msg_payload',
    )
  }
}

type AckResult =
  | { readonly result: 'ok'; readonly needBootstrap: boolean }
  | { readonly result: 'error'; readonly reason: InitRejection }

function isSameActor(left: RouteSession, right: RouteSession): boolean {
  return left.peer === right.peer && left.actor === right.actor && left.incarnation === right.incarnation
}

function fault(reason: RouteFault, words: string): RouteOutcome {
  return { type: 'fault', reason, words }
}

function rejectionWords(
  reason: InitRejection,
  sender: string,
  localCluster: string,
  localKnownAs: string | undefined,
): string {
  switch (reason) {
    case 'unknown_cluster':
      return `there is no link to ${sender} here`
    case 'bad_remote_cluster_link_name':
      return `the peer's link calls us ${localKnownAs ?? 'by no name'}, and this is ${localCluster}`
    case 'cluster_link_disabled':
    default:
      return `the link to ${sender} is disabled here`
  }
}
