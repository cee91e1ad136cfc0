/** What a client says under `$LINK/`: what is no batch of a peer goes to the links' inlet as it is, a batch is taken message by message. */
import type { Debt } from '../../link/broker-port.ts'
import { reasonCode } from '../../packets/reason-code.ts'
import type { Broker } from '../broker.ts'
import type { Promises } from '../durable/promises.ts'
import type { Arrival } from '../from-links.ts'
import type { ClientConnection } from './client-connection.ts'
import type { LinkPeer } from './link-peer.ts'

/** The client that says it. */
export interface LinkSpeaker {
  /** What its acknowledgements wait for. */
  readonly promises: Promises
  /** It has no right to; returns the reason code. */
  deny(action: 'publish' | 'subscribe', topic: string): number
  /** It sends again what could not be taken. */
  promiseBroken(): void
}

/** Begins what two nodes of our kind say to each other, and nothing of EMQX's. */
const NATIVE_FRAME_START = 0xc1
/** How much of a batch is done before looking whether others are to have their turn (`work`). */
const BATCH_STEP_WORK = 1_000
/** Batches that are longer are answered at once: the peer may have to wait for it before it sends more. */
const SHORT_BATCH_BYTES = 4_096

export class LinkSpeech {
  /** The client as links know it. */
  readonly peer: LinkPeer
  readonly #broker: Broker
  readonly #connection: ClientConnection
  readonly #speaker: LinkSpeaker

  constructor(peer: LinkPeer, broker: Broker, connection: ClientConnection, speaker: LinkSpeaker) {
    this.peer = peer
    this.#broker = broker
    this.#connection = connection
    this.#speaker = speaker
  }

  /** What passes. Returns the reason code. */
  publish(topic: string): number {
    const { peer } = this
    try {
      const reason = this.#broker.linkInlet.publish(peer, this.#broker.passing.toMessage())
      if (reason < 0x80) peer.isHeard = true
      if (this.#broker.isPromiseRefused) {
        // The peer keeps it, and sends it again over its next connection.
        this.#broker.isPromiseRefused = false
        this.#speaker.promiseBroken()
      }
      return reason === reasonCode.notAuthorized ? this.#speaker.deny('publish', topic) : reason
    } catch (error) {
      return this.#crashed(error, topic)
    }
  }

  /** A batch of messages of a peer is taken message by message, from where it lies. False for what is none. */
  publishBatch(topic: string): boolean {
    const { fromLinks, linkInlet, passing } = this.#broker
    const { buffer, payloadStart, end, qos, packetId } = passing.view
    const { peer } = this
    if (!peer.isGreeted || qos === 2 || buffer[payloadStart] !== NATIVE_FRAME_START) return false
    try {
      const verdict = linkInlet.batch(peer, topic, buffer.subarray(payloadStart, end), qos)
      if (verdict === undefined) return false
      if (typeof verdict === 'number') {
        if (verdict === reasonCode.notAuthorized) this.#speaker.deny('publish', topic)
        this.#answerBatch(qos, packetId, verdict, 0, 0)
      } else if ('type' in verdict) {
        const { commit, mark } = fromLinks.safeAfter(verdict.sender)
        this.#answerBatch(qos, packetId, reasonCode.success, commit, mark)
      } else {
        const arrival = fromLinks.begin(verdict, qos)
        // The peer keeps it, and sends it again over its next connection.
        if (arrival === undefined) this.#speaker.promiseBroken()
        else this.#connection.inbox.do(this.#take(arrival, qos, packetId, end - payloadStart))
      }
    } catch (error) {
      this.#crashed(error, topic)
      this.#connection.disconnect(reasonCode.implementationSpecificError, 'internal error')
    }
    return true
  }

  *#take(arrival: Arrival, qos: number, packetId: number, bytes: number): Generator<void, void> {
    const { inbox } = this.#connection
    this.peer.arrival = arrival
    for (;;) {
      inbox.spend(this.#broker.fromLinks.step(arrival, BATCH_STEP_WORK))
      if (arrival.isDone) break
      yield
    }
    this.peer.arrival = undefined
    const { commit, mark, room } = arrival
    const isFree = commit === 0 && mark === 0 && room === undefined && this.#speaker.promises.isEmpty
    // Nobody's acknowledgement waits for that of the batch. While they are small and many, it need not be one write for each.
    if (isFree && qos > 0 && bytes <= SHORT_BATCH_BYTES) this.#connection.outlet.pubackTogether(packetId)
    else this.#answerBatch(qos, packetId, reasonCode.success, commit, mark, room)
  }

  #answerBatch(qos: number, packetId: number, reason: number, commit: number, mark: number, room?: Debt): void {
    if (qos === 0 || !this.#connection.isOpen) return
    this.#speaker.promises.acknowledge(0x40, packetId, reason, commit, mark, room)
  }

  /** Returns the reason code. */
  subscribe(topicFilter: string, qos: 0 | 1 | 2): number {
    const { peer } = this
    try {
      const reason = this.#broker.linkInlet.subscribe(peer, topicFilter, qos)
      if (reason < 0x80) peer.isHeard = true
      return reason === reasonCode.notAuthorized ? this.#speaker.deny('subscribe', topicFilter) : reason
    } catch (error) {
      return this.#crashed(error, topicFilter)
    }
  }

  /** The connection is gone. */
  closed(): void {
    try {
      this.peer.closed()
    } catch (error) {
      this.#crashed(error)
    }
  }

  #crashed(error: unknown, topic?: string): number {
    this.#broker.log.error({ err: error, clientid: this.peer.clientId, topic }, 'link_inlet_crashed')
    return reasonCode.implementationSpecificError
  }
}
