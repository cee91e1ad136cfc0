/**
 * The route plane of the accepting side: actors of peers introduce themselves, say what their clusters want, and show that they
 * live. Answers as EMQX 5.10 does; where that differs from the recorded node the replay tests say why.
 */
import type { Message } from '../../packets/message.ts'
import { reasonCode } from '../../packets/reason-code.ts'
import { topicNameProblem } from '../../topics/topic-filter.ts'
import type { LinkClient } from '../broker-port.ts'
import { randomBytes } from 'node:crypto'
import { decodeRouteFrame, encodeRouteFrame, frameStart, type RouteStatement } from '../../routes/route-frames.ts'
import type { HashKey } from '../../topics/keyed-hash.ts'
import { decodeRouteMessage, encodeRouteMessage } from '../emqx/route-ops.ts'
import {
  decodeRouteGreeting,
  encodeRouteGreeting,
  peerSide,
  routeAnswerTo,
  type RouteAnswer,
  type RouteGreeting,
} from '../native/route-greeting.ts'
import type { ActorInit, ActorInitAck, Heartbeat, RouteBatch } from '../emqx/route-ops.ts'
import type { InboundPeer } from './inbound-peer.ts'
import type { InboundPeers } from './inbound-peers.ts'
import type { InboundPorts } from './inbound-ports.ts'
import { disconnectCode, rejectionWords } from './refusal.ts'
import type { InitRejection, RouteFault } from './refusal.ts'
import { termLimits } from './term-limits.ts'

/** An actor of a peer that introduced itself on a connection. */
type RouteSession = {
  readonly peer: string
  readonly actor: string
  readonly incarnation: number
  /** It speaks our own dialect. */
  readonly isNative: boolean
}

type Outcome =
  /** Taken, or not worth an answer. */
  | { readonly type: 'done' }
  | { readonly type: 'ack'; readonly ack: ActorInitAck; readonly to: ReplyTo }
  | { readonly type: 'fault'; readonly reason: RouteFault; readonly words: string }

/** Both sides speak our own dialect. */
type Agreement = {
  readonly greeting: RouteGreeting
  readonly answer: RouteAnswer
  readonly hashKey: HashKey
}

const frameBytesDefault = 1_048_576

type ReplyTo = { readonly responseTopic: string; readonly correlationData: Buffer }

export class RouteInlet {
  readonly #ports: InboundPorts
  readonly #peers: InboundPeers
  readonly #sessions = new Map<LinkClient, RouteSession>()
  /** Connections that are over, to which an answer on its way is sent no more. */
  readonly #gone = new WeakSet<LinkClient>()

  constructor(ports: InboundPorts, peers: InboundPeers) {
    this.#ports = ports
    this.#peers = peers
  }

  /** Returns the reason code of the PUBACK or PUBREC, which is of no use if the connection was ended. */
  publish(client: LinkClient, sender: string, publish: Message): number {
    try {
      const outcome = this.#serve(client, sender, publish)
      if (outcome.type === 'fault') {
        this.#disconnect(client, sender, outcome.reason, outcome.words)
        return reasonCode.implementationSpecificError
      }
      if (outcome.type === 'ack') this.#answer(client, outcome.ack, outcome.to)
      return reasonCode.noMatchingSubscribers
    } catch (error) {
      // A session that failed half-way is worth nothing: its peer would believe us to have what we lack.
      client.disconnect(reasonCode.implementationSpecificError)
      throw error
    }
  }

  closed(client: LinkClient): void {
    this.#gone.add(client)
    const session = this.#sessions.get(client)
    if (session === undefined) return
    this.#sessions.delete(client)
    const stillThere = [...this.#sessions.values()].some((other) => isSameLife(other, session))
    if (!stillThere) this.#peers.of(session.peer)?.disconnected(session.actor, session.incarnation)
    this.#ports.changed(session.peer)
  }

  /** In which dialect the peer's actors that are connected here tell their routes; `undefined` if there are none. */
  dialectOf(name: string): 'emqx' | 'native' | undefined {
    let dialect: 'emqx' | 'native' | undefined
    for (const { peer, isNative } of this.#sessions.values()) {
      if (peer !== name) continue
      if (isNative) return 'native'
      dialect = 'emqx'
    }
    return dialect
  }

  /** Ends the connection of an actor that may not speak as `sender` (any more: rules or the link's `accept` changed). */
  dismiss(client: LinkClient, sender: string): void {
    const session = this.#sessions.get(client)
    if (session === undefined) return
    const peer = this.#peers.of(sender)
    if (session.peer === sender && peer !== undefined) peer.isDismissed = true
    this.closed(client)
    client.disconnect(reasonCode.notAuthorized, 'not accepted')
  }

  /** Asks again of each actor whether it may speak for its peer. */
  review(maySpeak: (client: LinkClient, peer: string) => boolean): void {
    for (const [client, { peer }] of this.#sessions) if (!maySpeak(client, peer)) this.dismiss(client, peer)
  }

  /** Ends the connections of a peer whose link is gone: only so does it learn why, and only so does it come back with its routes. */
  disconnectPeer(name: string, words: string): void {
    for (const [client, session] of this.#sessions) {
      if (session.peer === name) this.#disconnect(client, name, 'link_gone', words)
    }
  }

  /** An actor is believed on one connection, and that is on another node of the cluster now. */
  movedAway(peer: string, actor: string): void {
    for (const [client, session] of this.#sessions) {
      if (session.peer !== peer || session.actor !== actor) continue
      this.#ports.log.info({ link: peer, actor, clientid: client.clientId }, 'cluster_link_actor_moved_away')
      this.closed(client)
      client.disconnect(reasonCode.sessionTakenOver, 'the actor speaks to another node of the cluster')
    }
  }

  #serve(client: LinkClient, sender: string, publish: Message): Outcome {
    if (publish.payload[0] === frameStart) return this.#frame(client, sender, publish.payload)
    const message = decodeRouteMessage(publish.payload, termLimits(this.#ports))
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

  #actorInit(client: LinkClient, sender: string, init: ActorInit, publish: Message): Outcome {
    const to = replyTo(publish)
    if (to === undefined) return fault('no_response_topic', 'an actor_init without Response Topic and Correlation Data')
    if (this.#sessions.has(client)) return fault('actor_init_twice', 'a second actor_init on one connection')
    const ack = { type: 'actor_init_ack', actor: init.actor, protocolVersion: 1 } as const
    const peer = this.#peers.of(sender)
    const rejection = this.#rejection(sender, init)
    if (peer === undefined || rejection !== undefined) {
      const reason = rejection ?? 'unknown_cluster'
      this.#reject(client, sender, reason, init.targetCluster)
      return { type: 'ack', to, ack: { ...ack, result: 'error', reason } }
    }
    const native = this.#agree(peer, init)
    if (native === undefined && this.#ports.link(sender)?.dialect === 'native') {
      this.#reject(client, sender, 'native_dialect_required', init.targetCluster)
      return { type: 'ack', to, ack: { ...ack, result: 'error', reason: 'native_dialect_required' } }
    }
    const verdict =
      native === undefined
        ? peer.init(init.actor, init.incarnation)
        : peer.initNative(init.actor, init.incarnation, native.hashKey, (reply) =>
            this.#tell(client, to.responseTopic, encodeRouteFrame(reply)),
          )
    if (verdict === 'outdated') return fault('outdated_incarnation', `${init.actor} lives on in a newer incarnation`)
    if (verdict === 'full') return fault('too_many_actors', `no room for ${init.actor} among the peer's actors`)
    this.#admit(client, peer, init, native)
    const greeting = native === undefined ? {} : { greeting: encodeRouteGreeting(native.answer) }
    return { type: 'ack', to, ack: { ...ack, result: 'ok', needBootstrap: verdict !== 'resumed', ...greeting } }
  }

  /** What we answer to a greeting; `undefined` if the peer is to be spoken to as an EMQX is. */
  #agree(peer: InboundPeer, { actor, greeting: json }: ActorInit): Agreement | undefined {
    const { self } = this.#ports
    const greeting = decodeRouteGreeting(json)
    if (self === undefined || greeting === undefined || this.#ports.link(peer.name)?.dialect === 'emqx')
      return undefined
    // The peer's, if it has one already; or ours, so that what we have need not be sorted anew.
    const hashKey = greeting.hashKey ?? peer.hashKeyOf(actor) ?? randomHashKey()
    const frameBytesMax = this.#ports.termBytesMax?.() ?? frameBytesDefault
    const answer = routeAnswerTo(greeting, self, { frameBytesMax, hashKey })
    return answer === undefined ? undefined : { greeting, answer, hashKey }
  }

  #admit(
    client: LinkClient,
    peer: InboundPeer,
    { actor, incarnation }: ActorInit,
    native: Agreement | undefined,
  ): void {
    this.#sessions.set(client, { peer: peer.name, actor, incarnation, isNative: native !== undefined })
    peer.side = native === undefined ? undefined : peerSide(native.answer, native.greeting)
    peer.lastRefusal = undefined
    peer.isDismissed = false
    this.#ports.log.info({ link: peer.name, actor, incarnation, clientid: client.clientId }, 'cluster_link_actor_init')
    this.#ports.changed(peer.name)
    if (native !== undefined) this.#ports.heardNative?.(peer.name)
  }

  #rejection(sender: string, { targetCluster }: ActorInit): InitRejection | undefined {
    const link = this.#ports.link(sender)
    if (link === undefined) return 'unknown_cluster'
    if (targetCluster !== this.#ports.localCluster) return 'bad_remote_cluster_link_name'
    return link.enable ? undefined : 'cluster_link_disabled'
  }

  #routeOp(client: LinkClient, sender: string, message: RouteBatch | Heartbeat): Outcome {
    const session = this.#sessions.get(client)
    if (session === undefined) {
      if (message.type === 'heartbeat') return { type: 'done' }
      return fault('routes_before_init', `routes of ${message.actor} before its actor_init`)
    }
    if (session.peer !== sender || session.actor !== message.actor) {
      return fault('another_actor', `${message.actor} of ${sender} on the connection of ${session.actor}`)
    }
    const peer = this.#peers.of(sender)
    if (peer === undefined || this.#ports.link(sender)?.enable !== true) return fault('link_gone', 'the link is gone')
    return applied(session.actor, applyTo(peer, session, message))
  }

  #frame(client: LinkClient, sender: string, payload: Buffer): Outcome {
    const session = this.#sessions.get(client)
    if (session === undefined) return fault('routes_before_init', 'routes before an actor_init')
    if (!session.isNative) return fault('malformed_frame', 'a frame of a dialect that was not agreed on')
    if (session.peer !== sender) return fault('another_actor', `${sender} on the connection of ${session.actor}`)
    const frame = decodeRouteFrame(payload, sender)
    if (frame.type === 'malformed') return fault('malformed_frame', frame.reason)
    if (frame.type === 'since' || frame.type === 'pull' || frame.type === 'confirm') {
      return fault('malformed_frame', `${frame.type} from a source of routes`)
    }
    return this.#statement(sender, session, frame)
  }

  #statement(sender: string, { actor, incarnation }: RouteSession, statement: RouteStatement): Outcome {
    const peer = this.#peers.of(sender)
    if (peer === undefined || this.#ports.link(sender)?.enable !== true) return fault('link_gone', 'the link is gone')
    if (statement.claim.life !== incarnation) return fault('malformed_frame', 'routes of another incarnation')
    return applied(actor, peer.hear(actor, incarnation, statement))
  }

  #tell(client: LinkClient, topic: string, payload: Buffer): void {
    if (!this.#gone.has(client)) client.send({ topic, payload, qos: 1 })
  }

  /** After the PUBACK, which is written when the present call returns. */
  #answer(client: LinkClient, ack: ActorInitAck, { responseTopic, correlationData }: ReplyTo): void {
    const payload = encodeRouteMessage(ack)
    queueMicrotask(() => {
      if (!this.#gone.has(client)) client.send({ topic: responseTopic, payload, qos: 1, correlationData })
    })
  }

  #reject(client: LinkClient, sender: string, reason: InitRejection, localKnownAs: string | undefined): void {
    const { localCluster, log } = this.#ports
    this.#peers.refuse(client, sender, reason, rejectionWords(reason, sender, localCluster, localKnownAs))
    log.warn(
      { from_cluster: sender, local_cluster: localCluster, local_known_as: localKnownAs, reason },
      'cluster_link_actor_init_rejected',
    )
  }

  #disconnect(client: LinkClient, sender: string, reason: RouteFault, words: string): void {
    // That the link is gone is somebody's will, and no fault of the peer.
    const isWanted = reason === 'link_gone'
    if (!isWanted) this.#peers.refuse(client, sender, reason, words)
    this.#ports.log[isWanted ? 'info' : 'warn'](
      { link: sender, clientid: client.clientId, peername: client.remoteAddress, reason, words },
      'cluster_link_routerepl_protocol_error',
    )
    // Before the connection ends, so that what is still read from it finds no session.
    this.closed(client)
    client.disconnect(disconnectCode(reason), words)
  }
}

function randomHashKey(): HashKey {
  const bytes = randomBytes(8)
  return [bytes.readInt32LE(0), bytes.readInt32LE(4)]
}

function replyTo({ properties }: Message): ReplyTo | undefined {
  const { responseTopic, correlationData } = properties ?? {}
  if (responseTopic === undefined || correlationData === undefined) return undefined
  return topicNameProblem(responseTopic) === undefined ? { responseTopic, correlationData } : undefined
}

/** The incarnation is the connection's: what the operation itself says is not looked at, as in EMQX. */
function applyTo(peer: InboundPeer, session: RouteSession, message: RouteBatch | Heartbeat): ApplyType {
  return message.type === 'heartbeat'
    ? peer.heartbeat(session.actor, session.incarnation)
    : peer.apply(session.actor, session.incarnation, message.ops)
}

type ApplyType = ReturnType<InboundPeer['apply']>

function applied(actor: string, result: ApplyType): Outcome {
  switch (result) {
    case 'outdated':
      return fault('outdated_incarnation', `${actor} lives on in a newer incarnation`)
    case 'unknown_actor':
      return fault('actor_unknown', `${actor} is not known any more`)
    case 'full':
      return fault('too_many_routes', `${actor} has more routes than we keep`)
    case 'applied':
    default:
      return { type: 'done' }
  }
}

function isSameLife(left: RouteSession, right: RouteSession): boolean {
  return left.peer === right.peer && left.actor === right.actor && left.incarnation === right.incarnation
}

function fault(reason: RouteFault, words: string): Outcome {
  return { type: 'fault', reason, words }
}
