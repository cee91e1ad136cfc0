/** Batches as the sender of a native link writes them, and a broker with a gate that takes them. */
import type { TestContext } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import type { IConnectPacket } from 'mqtt-packet'
import { BatchWriter } from '../../../src/lanes/batches/batch-writer.ts'
import {
  compressedFrame,
  LINK_TABLES_AT,
  linkTables,
  markSent,
  writeLinkHead,
} from '../../../src/lanes/batches/link-frame.ts'
import { LinkGate } from '../../../src/link/inbound/link-gate.ts'
import type { InboundPorts } from '../../../src/link/inbound/inbound-ports.ts'
import { encodeGreeting, type Greeting, ourGreeting } from '../../../src/link/native/greeting.ts'
import type { Clock } from '../../../src/broker/clock.ts'
import type { LinkConfig, MqttConfig } from '../../../src/config/config.ts'
import type { Message } from '../../../src/packets/message.ts'
import { encodeMessage, type Publisher } from '../../../src/packets/publication.ts'
import { viewOf } from '../../packets/publishes.ts'
import type { RawClient } from '../../broker/raw-client.ts'
import { TestBroker } from '../../broker/test-broker.ts'
import { linkTo } from './gate-bench.ts'

export type BatchMessage = Partial<Message> & { readonly topic: string }

export type BatchHead = {
  readonly sequence: number
  readonly epoch?: number
  readonly lane?: 0 | 1
  readonly sentAtMs?: number
  readonly isResent?: boolean
  readonly isCompressed?: boolean
  /** Whether its messages are retained ones of old. */
  readonly isTold?: boolean
}

export const nowMs = 1_790_000_000_000

/** A frame of these messages. What they do not say is as short as can be, and `timestampMs` now. */
export function batchOf(head: BatchHead, messages: readonly BatchMessage[]): Buffer {
  const {
    sequence,
    epoch = 7,
    lane = 0,
    sentAtMs = nowMs,
    isResent = false,
    isCompressed = false,
    isTold = false,
  } = head
  const writer = new BatchWriter(LINK_TABLES_AT)
  const publishers = new Map<string, Publisher>()
  for (const given of messages) {
    const message = { ...blank, ...given }
    const { from, username, peerHost, timestampMs, properties } = message
    const publisher = publishers.get(from) ?? { clientId: from, username, peerHost }
    publishers.set(from, publisher)
    const view = viewOf(encodeMessage(message), 5)
    const expirySeconds = properties?.messageExpiryInterval ?? 0
    writer.add(
      { view, publisher, nowMs: timestampMs, expirySeconds, origin: undefined },
      { plain: !isTold, groups: [] },
    )
  }
  const bytes = Buffer.alloc(LINK_TABLES_AT)
  writeLinkHead(bytes, { epoch, lane, sequence, sentAtMs })
  const frame = writer.finishAfter(bytes)
  markSent(frame, sentAtMs, isResent)
  return isCompressed ? compressedFrame(frame, deflateRawSync(linkTables(frame))) : frame
}

const blank: Omit<Message, 'topic'> = {
  payload: Buffer.from('x'),
  qos: 1,
  retain: false,
  properties: undefined,
  from: 'far',
  username: undefined,
  peerHost: undefined,
  timestampMs: nowMs,
  origin: undefined,
}

export type NativeNodeOptions = {
  readonly link?: Partial<LinkConfig>
  readonly mqtt?: Partial<MqttConfig>
  readonly clock?: Clock
  readonly ports?: Partial<InboundPorts>
}

/** A broker with a gate, of the cluster `here`, with a link to `far`. */
export class NativeNode {
  readonly started: TestBroker
  readonly gate: LinkGate
  readonly links = new Map<string, LinkConfig>()

  private constructor(started: TestBroker, { link, ports }: NativeNodeOptions) {
    const { broker } = started
    const { clock, log } = broker
    this.started = started
    this.links.set('far', { ...linkTo('far'), ...link })
    this.gate = new LinkGate({
      localCluster: 'here',
      self: { node: 'h1', boot: '0123456789abcdef' },
      clock: { nowMs: () => clock.steadyMs(), after: (ms, call) => clock.after(ms, call) },
      broker,
      link: (peer) => this.links.get(peer),
      sinkOf: () => undefined,
      termBytesMax: () => broker.mqtt.max_packet_size,
      log,
      changed: () => undefined,
      ...ports,
    })
    broker.linkInlet = this.gate
  }

  static async start(t: TestContext, options: NativeNodeOptions = {}): Promise<NativeNode> {
    return new NativeNode(await TestBroker.start(t, options.mqtt, options.clock), options)
  }

  /** The connection of a node of `cluster` that greets. */
  async peer(node = 'f1', cluster = 'far', clientId = `${cluster}-${node}`, unusedEpoch?: number): Promise<Peer> {
    const greeting = encodeGreeting({ ...greetingOf(cluster, node), unusedEpoch })
    const properties = { userProperties: { 'isthmus-link': greeting } }
    const client = await this.started.client(clientId, 5, { properties })
    const said = client.connack.properties?.userProperties?.['isthmus-link']
    return { client, answer: typeof said === 'string' ? said : undefined }
  }

  setLink(change: Partial<LinkConfig>): void {
    this.links.set('far', { ...linkTo('far'), ...this.links.get('far'), ...change })
    this.gate.linksChanged()
  }

  /** What is not nothing of the account of the peer's messages, but for the sum. */
  get account(): Readonly<Record<string, number>> {
    const { received: _, ...counts } = this.gate.inboundStatus('far')!.messages
    return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))
  }
}

export function greetingOf(cluster: string, node: string): Greeting {
  return ourGreeting(cluster, node, 'fedcba9876543210')
}

/** The CONNECT of a node that greets. */
export function peerConnect(cluster: string, node: string): IConnectPacket {
  const properties = { userProperties: { 'isthmus-link': encodeGreeting(greetingOf(cluster, node)) } }
  const clientId = `${cluster}-${node}`
  return { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 5, clientId, clean: true, keepalive: 0, properties }
}

export type Peer = { readonly client: RawClient; readonly answer: string | undefined }

/** Publishes a batch. Returns the reason code of its PUBACK. */
export async function bring(client: RawClient, frame: Buffer, messageId = 1, cluster = 'far'): Promise<number> {
  give(client, frame, messageId, cluster)
  const { messageId: answered, reasonCode = 0 } = await client.next('puback')
  if (answered !== messageId) throw new Error(`PUBACK of ${answered} for ${messageId}`)
  return reasonCode
}

export function give(client: RawClient, frame: Buffer, messageId: number, cluster = 'far'): void {
  const topic = `$LINK/cluster/msg/${cluster}`
  const qos = messageId === 0 ? 0 : 1
  const numbered = messageId === 0 ? {} : { messageId }
  client.send({ cmd: 'publish', topic, payload: frame, qos, dup: false, retain: false, ...numbered })
}
