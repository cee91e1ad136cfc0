/**
 * The message plane of the native dialect, at its receiver: connections that greeted as the node of a peer bring batches, each of which
 * is taken once, however often it comes.
 */
import { inflateRawSync } from 'node:zlib'
import { BatchCursor } from '../../lanes/batch-cursor.ts'
import { HighWaterMarks, type SenderMarks } from '../../lanes/high-water-marks.ts'
import { type LinkBatchHead, readLinkFrame } from '../../lanes/link-frame.ts'
import type { QoS } from '../../packets/message.ts'
import { reasonCode } from '../../packets/reason-code.ts'
import type { LinkConfig } from '../../config/config.ts'
import type { BatchVerdict, LinkClient } from '../broker-port.ts'
import { answerTo, decodeGreeting, encodeGreeting, type Greeting } from '../native/greeting.ts'
import { ArrivingBatch } from './arriving-batch.ts'
import type { InboundPeer } from './inbound-peer.ts'
import type { InboundPeers } from './inbound-peers.ts'
import type { InboundPorts } from './inbound-ports.ts'
import { messageTopic } from './link-topic.ts'
import { TopicVerdicts } from './topic-verdicts.ts'

/** A packet that is not compressed may have so many bytes if nobody says otherwise. */
const PACKET_BYTES_MAX = 1_048_576
/** What was compressed may become so many times as large as a packet may be. */
const INFLATED_MAX = 4

/** A connection that greeted. */
type Speaker = {
  /** Of the node that speaks. */
  readonly id: string
  readonly cluster: string
  readonly node: string
  readonly marks: SenderMarks
}

type Opened = {
  readonly type: 'opened'
  readonly head: LinkBatchHead
  /** Not compressed. */
  readonly frame: Buffer
  readonly cursor: BatchCursor
}

type Unreadable = {
  readonly type: 'unreadable'
  readonly head: LinkBatchHead | undefined
  /** How many there are, as far as that can be read. */
  readonly messages: number
  readonly words: string
}

/** What the gate does for both dialects. */
export type GateWays = {
  readonly maySpeak: (client: LinkClient, peer: string, topic: string, qos: QoS) => boolean
  /** Tells, but not for every packet. */
  readonly logRefused: (client: LinkClient, peer: string, reason: string, words: string) => void
}

export class BatchInlet {
  readonly #ports: InboundPorts
  readonly #peers: InboundPeers
  readonly #ways: GateWays
  readonly #speakers = new Map<LinkClient, Speaker>()
  /** By cluster: as long as there is a link to it. */
  readonly #marks = new Map<string, HighWaterMarks>()
  readonly #topics = new Map<string, TopicVerdicts>()
  /** By sender: the batch that could not be read, and ended its connection. */
  readonly #givenUp = new WeakMap<SenderMarks, string>()

  constructor(ports: InboundPorts, peers: InboundPeers, ways: GateWays) {
    this.#ports = ports
    this.#peers = peers
    this.#ways = ways
  }

  /** See `LinkInlet.greet`. */
  greet(client: LinkClient, text: string): string | undefined | Promise<string | undefined> {
    const greeting = decodeGreeting(text)
    const answer = greeting === undefined ? undefined : this.#answerTo(client, greeting)
    if (greeting === undefined || answer === undefined) return undefined
    const { cluster, node } = greeting
    this.#speakers.set(client, { id: `${cluster}/${node}`, cluster, node, marks: this.#marksOf(cluster).of(node) })
    this.#ports.log.info({ link: cluster, node, clientid: client.clientId }, 'cluster_link_native_peer')
    return answer
  }

  #answerTo(client: LinkClient, greeting: Greeting): string | undefined {
    const { cluster } = greeting
    const { link: linkTo, self } = this.#ports
    const link = linkTo(cluster)
    if (self === undefined || link?.enable !== true || link.dialect === 'emqx') return undefined
    const answer = answerTo(greeting, self.node, self.boot)
    if (answer === undefined || !this.#ways.maySpeak(client, cluster, messageTopic(cluster), 1)) return undefined
    return encodeGreeting(answer)
  }

  #marksOf(cluster: string): HighWaterMarks {
    const marks = this.#marks.get(cluster) ?? new HighWaterMarks()
    this.#marks.set(cluster, marks)
    return marks
  }

  /** See `LinkInlet.batch`. @param sender the cluster that the topic names */
  batch(client: LinkClient, topic: string, sender: string, payload: Buffer, qos: QoS): BatchVerdict | undefined {
    const speaker = this.#speakers.get(client)
    if (speaker === undefined) return undefined
    if (speaker.cluster !== sender || !this.#ways.maySpeak(client, sender, topic, qos)) return reasonCode.notAuthorized
    const link = this.#ports.link(sender)
    const peer = this.#peers.of(sender)
    if (link === undefined || peer === undefined) return reasonCode.notAuthorized
    const opened = this.#open(payload)
    if (opened.type === 'unreadable') return this.#unreadable(client, speaker, peer, opened)
    return this.#judge(speaker, peer, link, opened)
  }

  #open(payload: Buffer): Opened | Unreadable {
    const head = readLinkFrame(payload, this.#inflatedMax)
    if (head.type === 'malformed') return { type: 'unreadable', head: undefined, messages: 1, words: head.reason }
    const frame = head.isCompressed ? inflated(payload, head) : payload
    if (frame === undefined) return { type: 'unreadable', head, messages: 1, words: 'it can not be inflated' }
    const cursor = new BatchCursor()
    const problem = cursor.open(frame, head.isCompressed ? 0 : head.tablesAt, frame.length)
    if (problem === undefined) return { type: 'opened', head, frame, cursor }
    return { type: 'unreadable', head, messages: Math.max(1, cursor.count), words: problem }
  }

  /** What was compressed must not become much larger than it could have come. */
  get #inflatedMax(): number {
    return INFLATED_MAX * (this.#ports.termBytesMax?.() ?? PACKET_BYTES_MAX)
  }

  #judge(speaker: Speaker, peer: InboundPeer, link: LinkConfig, { head, frame, cursor }: Opened): BatchVerdict {
    const { id, cluster, marks } = speaker
    const { epoch, lane, sequence, isResent, sentAtMs } = head
    const { ledger } = peer
    const verdict = sequence === 0 ? 'new' : marks.judge(epoch, lane, sequence, isResent)
    if (verdict === 'duplicate') {
      ledger.refuse('duplicate', cursor.count)
      return { type: 'again', sender: id }
    }
    const begun = (): void => {
      if (sequence > 0) marks.take(epoch, lane, sequence, isResent)
      if (verdict === 'doubtful') ledger.maybeDuplicate(cursor.count)
    }
    if (!link.enable) {
      begun()
      ledger.refuse('link_disabled', cursor.count)
      return reasonCode.implementationSpecificError
    }
    const ended = (accepted: number): void => {
      if (accepted > 0) peer.lastMessageAtMs = Math.trunc(this.#ports.clock.nowMs())
    }
    const topics = this.#topicsOf(link)
    const mayRetain = link.retained !== 'off'
    const from = { sender: id, origin: cluster, cursor, frame, sentAtMs }
    return new ArrivingBatch({ ...from, mayRetain, topics, ledger, begun, ended })
  }

  /**
   * The first time the connection ends, so that the peer notices and sends it again. What can't be read then either is given up: the
   * link is not to stand still for it.
   */
  #unreadable(client: LinkClient, speaker: Speaker, peer: InboundPeer, { head, messages, words }: Unreadable): number {
    const { cluster, marks } = speaker
    const name = head === undefined ? 'unknown' : `${head.epoch}/${head.lane}/${head.sequence}`
    const isGivenUp = head?.sequence === 0 || this.#givenUp.get(marks) === name
    this.#ways.logRefused(client, cluster, 'malformed', `batch ${name}: ${words}`)
    if (!isGivenUp) {
      this.#givenUp.set(marks, name)
      this.#speakers.delete(client)
      client.disconnect(reasonCode.payloadFormatInvalid, `a batch that can not be read: ${words}`)
    } else if (head !== undefined && head.sequence > 0) marks.take(head.epoch, head.lane, head.sequence, head.isResent)
    // Once, however often it comes.
    if (isGivenUp) peer.ledger.refuse('malformed', messages)
    return reasonCode.payloadFormatInvalid
  }

  #topicsOf({ name, topics }: LinkConfig): TopicVerdicts {
    const verdicts = this.#topics.get(name) ?? new TopicVerdicts()
    this.#topics.set(name, verdicts)
    verdicts.configure(topics)
    return verdicts
  }

  closed(client: LinkClient): void {
    this.#speakers.delete(client)
  }

  /** Links, or the rules about them, may have changed: who may not speak any more ends, and comes again as something else perhaps. */
  linksChanged(): void {
    const { link: linkTo } = this.#ports
    for (const [client, { cluster }] of this.#speakers) {
      const link = linkTo(cluster)
      const isNative = link !== undefined && link.dialect !== 'emqx'
      if (isNative && this.#ways.maySpeak(client, cluster, messageTopic(cluster), 1)) continue
      this.#speakers.delete(client)
      client.disconnect(reasonCode.administrativeAction, `the link to ${cluster} is another one now`)
    }
    for (const cluster of this.#marks.keys()) {
      if (linkTo(cluster) !== undefined) continue
      this.#marks.delete(cluster)
      this.#topics.delete(cluster)
    }
  }
}

/** `undefined` if that is not what the head says. */
function inflated(payload: Buffer, { tablesAt, inflatedBytes }: LinkBatchHead): Buffer | undefined {
  try {
    const bytes = inflateRawSync(payload.subarray(tablesAt), { maxOutputLength: inflatedBytes + 1 })
    return bytes.length === inflatedBytes ? bytes : undefined
  } catch (error) {
    if (error instanceof RangeError || (error instanceof Error && 'errno' in error)) return undefined
    throw error
  }
}
