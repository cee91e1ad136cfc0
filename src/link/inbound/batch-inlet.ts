/**
 * The message plane of the native dialect, at its receiver: connections that greeted as the node of a peer bring batches, each of which
 * is taken once, however often it comes.
 */
import { inflateRawSync } from 'node:zlib'
import { BatchCursor } from '../../lanes/batches/batch-cursor.ts'
import type { SenderMarks } from '../../lanes/high-water-marks.ts'
import { type LinkBatchHead, readLinkFrame } from '../../lanes/batches/link-frame.ts'
import type { QoS } from '../../packets/message.ts'
import { reasonCode } from '../../packets/reason-code.ts'
import type { LinkConfig } from '../../config/config.ts'
import type { BatchVerdict, LinkClient } from '../broker-port.ts'
import { ArrivingBatch } from './arriving-batch.ts'
import type { InboundPeer } from './inbound-peer.ts'
import type { InboundPeers } from './inbound-peers.ts'
import type { InboundPorts } from './inbound-ports.ts'
import type { MaySpeak, NativeSpeakers, Speaker } from './native-speakers.ts'
import { TopicVerdicts } from './topic-verdicts.ts'

/** What a batch may be inflated to: nobody compresses a larger one, and nobody is to wait for longer than that takes. */
const INFLATED_BYTES_MAX = 1_048_576
/** And so many times as large as a packet may be. */
const INFLATED_PACKETS_MAX = 64

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

/** Tells of a refused batch, but not of every one. */
export type LogRefused = (client: LinkClient, peer: string, reason: string, words: string) => void

export class BatchInlet {
  readonly #ports: InboundPorts
  readonly #peers: InboundPeers
  readonly #speakers: NativeSpeakers
  readonly #maySpeak: MaySpeak
  readonly #logRefused: LogRefused
  /** By cluster. */
  readonly #topics = new Map<string, TopicVerdicts>()
  /** By sender: the batch that could not be read, and ended its connection. */
  readonly #givenUp = new WeakMap<SenderMarks, string>()

  constructor(
    ports: InboundPorts,
    peers: InboundPeers,
    speakers: NativeSpeakers,
    maySpeak: MaySpeak,
    logRefused: LogRefused,
  ) {
    this.#ports = ports
    this.#peers = peers
    this.#speakers = speakers
    this.#maySpeak = maySpeak
    this.#logRefused = logRefused
  }

  /**
   * See `LinkInlet.batch`.
   * @param sender the cluster that the topic names
   * @param sentBytes of the payload as it was sent
   */
  batch(
    client: LinkClient,
    topic: string,
    sender: string,
    payload: Buffer,
    qos: QoS,
    sentBytes = payload.length,
  ): BatchVerdict {
    const speaker = this.#speakers.of(client)
    if (speaker?.cluster !== sender || !this.#maySpeak(client, sender, topic, qos)) return reasonCode.notAuthorized
    const link = this.#ports.link(sender)
    const peer = this.#peers.of(sender)
    if (link === undefined || peer === undefined) return reasonCode.notAuthorized
    peer.bytes += sentBytes
    const opened = this.#open(payload)
    if (opened.type === 'unreadable') return this.#unreadable(client, speaker, peer, opened)
    return this.#judge(speaker, peer, link, opened)
  }

  #open(payload: Buffer): Opened | Unreadable {
    const head = readLinkFrame(payload, Math.max(payload.length, this.#inflatedMax))
    if (head.type === 'malformed') return { type: 'unreadable', head: undefined, messages: 1, words: head.reason }
    const frame = head.isCompressed ? inflated(payload, head, this.#inflatedMax) : payload
    if (frame === undefined) return { type: 'unreadable', head, messages: 1, words: 'it can not be inflated' }
    const cursor = new BatchCursor()
    const problem = cursor.open(frame, head.isCompressed ? 0 : head.tablesAt, frame.length)
    if (problem === undefined) return { type: 'opened', head, frame, cursor }
    return { type: 'unreadable', head, messages: Math.max(1, cursor.count), words: problem }
  }

  get #inflatedMax(): number {
    const packetBytesMax = this.#ports.termBytesMax?.() ?? INFLATED_BYTES_MAX
    return Math.min(INFLATED_BYTES_MAX, INFLATED_PACKETS_MAX * packetBytesMax)
  }

  #judge(speaker: Speaker, peer: InboundPeer, link: LinkConfig, { head, frame, cursor }: Opened): BatchVerdict {
    const { id, cluster, marks } = speaker
    const { epoch, lane, sequence, isResent, sentAtMs } = head
    const { ledger } = peer
    this.#ports.probed?.().batchReceived(cluster, speaker.node, sentAtMs)
    const verdict = sequence === 0 ? 'new' : marks.judge(epoch, lane, sequence, isResent)
    if (verdict === 'duplicate') {
      ledger.refuse('duplicate', cursor.count)
      return { type: 'again', sender: id }
    }
    const begun = (arriving?: ArrivingBatch): void => {
      if (sequence > 0) marks.take(epoch, lane, sequence, isResent)
      if (sequence > 0 && arriving !== undefined) marks.begin(epoch, lane, sequence, arriving)
      this.#speakers.taken(speaker)
      if (verdict === 'doubtful') ledger.maybeDuplicate(cursor.count)
    }
    if (!link.enable) {
      begun()
      ledger.refuse('link_disabled', cursor.count)
      return reasonCode.implementationSpecificError
    }
    const ended = (accepted: number, untraced: number): void => {
      if (sequence > 0) marks.end()
      this.#speakers.taken(speaker)
      if (verdict === 'untraced') ledger.maybeDuplicate(untraced)
      if (accepted > 0) peer.lastMessageAtMs = Math.trunc(this.#ports.clock.nowMs())
    }
    const arriving: ArrivingBatch = new ArrivingBatch({
      sender: id,
      origin: cluster,
      isBacklog: lane === 1,
      isKept: link.durable && sequence > 0 && this.#ports.keptMarks?.() !== undefined,
      skip: sequence > 0 ? marks.takenOf(epoch, lane, sequence) : 0,
      cursor,
      frame,
      sentAtMs,
      topics: this.#topicsOf(link),
      mayRetain: link.retained !== 'off',
      ledger,
      begun: () => begun(arriving),
      ended,
    })
    return arriving
  }

  /**
   * The first time the connection ends, so that the peer notices and sends it again. What can't be read then either is given up: the
   * link is not to stand still for it.
   */
  #unreadable(client: LinkClient, speaker: Speaker, peer: InboundPeer, { head, messages, words }: Unreadable): number {
    const { cluster, marks } = speaker
    const name = head === undefined ? 'unknown' : `${head.epoch}/${head.lane}/${head.sequence}`
    const isGivenUp = head?.sequence === 0 || this.#givenUp.get(marks) === name
    this.#logRefused(client, cluster, 'malformed', `batch ${name}: ${words}`)
    if (!isGivenUp) {
      this.#givenUp.set(marks, name)
      this.#speakers.end(client, reasonCode.payloadFormatInvalid, `a batch that can not be read: ${words}`)
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

  /** What is known of links that are gone is forgotten. */
  linksChanged(): void {
    for (const cluster of this.#topics.keys()) if (this.#ports.link(cluster) === undefined) this.#topics.delete(cluster)
  }
}

/** `undefined` if that is not what the head says, or more than is allowed. */
function inflated(payload: Buffer, { tablesAt, inflatedBytes }: LinkBatchHead, bytesMax: number): Buffer | undefined {
  if (inflatedBytes > bytesMax) return undefined
  try {
    const bytes = inflateRawSync(payload.subarray(tablesAt), { maxOutputLength: inflatedBytes + 1 })
    return bytes.length === inflatedBytes ? bytes : undefined
  } catch (error) {
    if (error instanceof RangeError || (error instanceof Error && 'errno' in error)) return undefined
    throw error
  }
}
