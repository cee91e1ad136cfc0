/**
 * The accepting side of links: serves `$LINK/#` as a real EMQX does, for the peers of every configured link, whether or not our
 * own half of the link runs. Nothing that comes here goes on as an ordinary publish.
 */
import { isShortFrame, ShortReader } from '../../lanes/batches/short-frame.ts'
import type { Message, QoS } from '../../packets/message.ts'
import { reasonCode } from '../../packets/reason-code.ts'
import type { BatchVerdict, LinkClient, LinkInlet } from '../broker-port.ts'
import { decodeLinkMessage } from '../emqx/link-message.ts'
import { type Account, decodeEnquiry, encodeAccount } from '../enquiry.ts'
import type { InboundFact } from '../status.ts'
import { BatchInlet } from './batch-inlet.ts'
import { inboundFact } from './inbound-peer.ts'
import type { LaneMark } from '../../lanes/high-water-marks.ts'
import type { InboundStatus } from './inbound-peer.ts'
import { InboundPeers } from './inbound-peers.ts'
import type { InboundPorts } from './inbound-ports.ts'
import { judgeMessage } from './judge-message.ts'
import { judgeSpeaker } from './judge-speaker.ts'
import { isProbeFrame } from '../probe/probe-frame.ts'
import { ProbeInlet } from '../probe/probe-inlet.ts'
import { parseLinkTopic, routeTopic } from './link-topic.ts'
import { type MaySpeak, NativeSpeakers } from './native-speakers.ts'
import { rejectionWords } from './refusal.ts'
import type { Refusal } from './refusal.ts'
import { RouteInlet } from './route-inlet.ts'
import { termLimits } from './term-limits.ts'

/** At most one line in so many milliseconds tells of refused messages. */
const refusedLogMs = 1_000
/** What an enquiry is acknowledged with. */
const asked = reasonCode.noMatchingSubscribers

export class LinkGate implements LinkInlet {
  readonly #ports: InboundPorts
  readonly #peers: InboundPeers
  readonly #routes: RouteInlet
  readonly #speakers: NativeSpeakers
  readonly #batches: BatchInlet
  readonly #probes: ProbeInlet
  readonly #shorts = new WeakMap<LinkClient, ShortReader>()
  #refusedLoggedAtMs = -Infinity
  /** For whom each connection last tried to speak in vain. */
  readonly #refusedAs = new WeakMap<LinkClient, { readonly peer: string; readonly atMs: number }>()

  constructor(ports: InboundPorts) {
    this.#ports = ports
    this.#peers = new InboundPeers(ports, (peer, actor) => this.#routes.movedAway(peer, actor))
    this.#routes = new RouteInlet(ports, this.#peers)
    const maySpeak: MaySpeak = (client, peer, topic, qos) => this.#maySpeak(client, peer, 'publish', topic, qos)
    this.#speakers = new NativeSpeakers(ports, maySpeak)
    this.#probes = new ProbeInlet(ports.localCluster, () => ports.probed?.(), this.#speakers, maySpeak)
    this.#batches = new BatchInlet(ports, this.#peers, this.#speakers, maySpeak, (client, peer, reason, words) =>
      this.#logRefused(client, peer, reason, words),
    )
  }

  greet(client: LinkClient, greeting: string): string | undefined | Promise<string | undefined> {
    return this.#speakers.greet(client, greeting)
  }

  batch(client: LinkClient, topic: string, payload: Buffer, qos: QoS): BatchVerdict | undefined {
    const parsed = parseLinkTopic(topic)
    if (parsed.type !== 'msg') return undefined
    if (isProbeFrame(payload)) return this.#probes.take(client, topic, parsed.sender, payload, qos)
    return this.#batches.batch(client, topic, parsed.sender, this.#whole(client, payload), qos, payload.length)
  }

  /** Of every batch of a connection, also of those that are refused: later ones go on from it. One that can't be read stays as it is. */
  #whole(client: LinkClient, payload: Buffer): Buffer {
    let shorts = this.#shorts.get(client)
    if (shorts === undefined) this.#shorts.set(client, (shorts = new ShortReader()))
    if (isShortFrame(payload)) return shorts.expand(payload) ?? payload
    shorts.note(payload)
    return payload
  }

  /** Who may speak for a peer may wait for its answers; they are sent to nobody but who asked. */
  subscribe(client: LinkClient, topicFilter: string, qos: QoS): number {
    const topic = parseLinkTopic(topicFilter)
    if (topic.type !== 'resp') return reasonCode.notAuthorized
    if (!this.#maySpeak(client, topic.receiver, 'subscribe', topicFilter, qos)) return reasonCode.notAuthorized
    return Math.min(qos, 1)
  }

  publish(client: LinkClient, message: Message): number {
    const topic = parseLinkTopic(message.topic)
    switch (topic.type) {
      case 'route':
        if (this.#maySpeak(client, topic.sender, 'publish', message.topic, message.qos))
          return this.#enquiry(client, topic.sender, message) ?? this.#routes.publish(client, topic.sender, message)
        this.#routes.dismiss(client, topic.sender)
        return reasonCode.notAuthorized
      case 'msg':
        if (!this.#maySpeak(client, topic.sender, 'publish', message.topic, message.qos))
          return reasonCode.notAuthorized
        return this.#enquiry(client, topic.sender, message) ?? this.#message(client, topic.sender, message.payload)
      case 'resp':
      case 'other':
      default:
        this.#ports.log.debug({ clientid: client.clientId, topic: message.topic }, 'cluster_link_topic_refused')
        return reasonCode.notAuthorized
    }
  }

  /** Of somebody who examines its link to us; `undefined` for what is none. Nothing is counted. */
  #enquiry(client: LinkClient, sender: string, { payload, properties }: Message): number | undefined {
    const enquiry = decodeEnquiry(payload)
    if (enquiry === undefined) return undefined
    const { responseTopic, correlationData } = properties ?? {}
    const to = responseTopic === undefined ? undefined : parseLinkTopic(responseTopic)
    // Like all answers it goes to nobody but who asked, and nowhere but where answers are waited for.
    if (responseTopic === undefined || to?.type !== 'resp' || to.receiver !== sender) return asked
    const correlation = correlationData === undefined ? {} : { correlationData }
    const send = (account: Account): void =>
      client.send({ topic: responseTopic, payload: encodeAccount(account), qos: 1, ...correlation })
    this.#ports.account?.(sender, enquiry).then(send, (error: unknown) => {
      this.#ports.log.warn({ link: sender, err: error }, 'cluster_link_enquiry_failed')
    })
    return asked
  }

  closed(client: LinkClient): void {
    this.#speakers.closed(client)
    this.#routes.closed(client)
  }

  /** To be called after links or the rules about them changed, and after an outbox was made or given up. */
  linksChanged(): void {
    this.#peers.reconcile((name, words) => this.#routes.disconnectPeer(name, words))
    this.#routes.review((client, peer) => this.#maySpeak(client, peer, 'publish', routeTopic(peer), 1))
    this.#speakers.linksChanged()
    this.#batches.linksChanged()
  }

  /** To be called once, when links are there and before peers come. Rejects with `DamagedOutbox`. */
  restore(): Promise<void> {
    return this.#peers.restore()
  }

  /** To be called when connections are closed for good, while other members can still be told. Never rejects. */
  leave(): Promise<void> {
    return this.#speakers.leave()
  }

  /** Leaves no timer behind. Connections are the broker's to close. */
  stop(): void {
    this.#speakers.stop()
    this.#peers.stop()
  }

  /** What the peer does to us; `undefined` for a cluster that there is no link to. */
  inboundStatus(peer: string): InboundStatus | undefined {
    return this.#peers.of(peer)?.status()
  }

  /** The filters that the peer wants, each once. What comes or goes meanwhile may be among them or not. */
  routesOf(peer: string): Iterable<string> {
    return this.#peers.of(peer)?.filters() ?? []
  }

  /** How far the lanes of each node of the peer were taken here; empty for a peer that numbers nothing. */
  marksOf(peer: string): Iterable<readonly [node: string, marks: readonly LaneMark[]]> {
    return this.#speakers.marksOf(peer)
  }

  /** The same in the words of the link's status. */
  inboundFact(peer: string): InboundFact {
    const status = this.inboundStatus(peer)
    return status === undefined ? { state: 'absent' } : inboundFact(status)
  }

  /** What the peer speaks to this node, over whatever connection; `undefined` while it has none here. */
  dialectOf(peer: string): 'emqx' | 'native' | undefined {
    return this.#speakers.isHeard(peer) ? 'native' : this.#routes.dialectOf(peer)
  }

  /** Starts the account of a peer's messages anew. */
  resetMessages(peer: string): void {
    this.#peers.of(peer)?.ledger.reset()
  }

  /** Clusters that came although there is no link to them, with the last refusal of each. */
  strangers(): ReadonlyMap<string, Refusal> {
    return this.#peers.strangers()
  }

  /** Asked anew for every packet: rules and links change while a connection lives. */
  #maySpeak(client: LinkClient, peer: string, action: 'publish' | 'subscribe', topic: string, qos: QoS): boolean {
    const accept = this.#ports.link(peer)?.accept
    const verdict = judgeSpeaker(client, peer, accept, client.verdict(action, topic, qos))
    if (verdict.type === 'accepted') return true
    // Whoever goes on trying changes nothing, and must not fill the log.
    const nowMs = this.#ports.clock.nowMs()
    const told = this.#refusedAs.get(client)
    if (told !== undefined && (told.peer === peer || nowMs - told.atMs < refusedLogMs)) return false
    this.#refusedAs.set(client, { peer, atMs: nowMs })
    this.#peers.refuse(client, peer, verdict.reason, verdict.words)
    this.#ports.log.warn(
      {
        link: peer,
        clientid: client.clientId,
        peername: client.remoteAddress,
        reason: verdict.reason,
        words: verdict.words,
      },
      'cluster_link_speaker_refused',
    )
    return false
  }

  #message(client: LinkClient, sender: string, payload: Buffer): number {
    const { localCluster, link: linkTo, clock, broker } = this.#ports
    const link = linkTo(sender)
    const peer = link === undefined ? undefined : this.#peers.of(sender)
    if (link === undefined || peer === undefined) {
      const words = rejectionWords('unknown_cluster', sender, localCluster, undefined)
      this.#peers.refuse(client, sender, 'unknown_cluster', words)
      this.#logRefused(client, sender, 'unknown_cluster', words)
      return reasonCode.notAuthorized
    }
    peer.bytes += payload.length
    if (link.dialect === 'native') {
      const words = rejectionWords('native_dialect_required', sender, localCluster, undefined)
      this.#peers.refuse(client, sender, 'native_dialect_required', words)
      this.#logRefused(client, sender, 'native_dialect_required', words)
      peer.ledger.refuse('malformed')
      return reasonCode.notAuthorized
    }
    const verdict = judgeMessage(link, localCluster, () => decodeLinkMessage(payload, termLimits(this.#ports)))
    if (verdict.type === 'refused') {
      peer.ledger.refuse(verdict.reason)
      this.#logRefused(client, sender, verdict.reason, verdict.words)
      return verdict.reasonCode
    }
    peer.ledger.accept()
    peer.lastMessageAtMs = Math.trunc(clock.nowMs())
    return broker.deliver(verdict.message) === 0 ? reasonCode.noMatchingSubscribers : reasonCode.success
  }

  #logRefused(client: LinkClient, link: string, reason: string, words: string): void {
    const nowMs = this.#ports.clock.nowMs()
    if (nowMs - this.#refusedLoggedAtMs < refusedLogMs) return
    this.#refusedLoggedAtMs = nowMs
    this.#ports.log.warn(
      { link, clientid: client.clientId, reason, words },
      'unexpected_cluster_link_forwarded_msg_payload',
    )
  }
}
