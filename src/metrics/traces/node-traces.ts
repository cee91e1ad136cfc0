/**
 * Spans of what becomes of messages, for OpenTelemetry:
 *
 *     publish    from the arrival of a client's message until it is passed on; its parent is the publisher's own span, if it sends one
 *     crossing   from then until the peer has acknowledged it, made by the sending node
 *     receive    at the peer, from its arrival until it is passed on
 *     delivery   from when a client is sent it until it has acknowledged it, at any node
 *
 * A message carries its trace in its own bytes, over links and between nodes. A crossing has no bytes of its own: both ends reckon its
 * number from what they know, so that a batch is forwarded as it is.
 */
import { createHash, randomBytes } from 'node:crypto'
import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { IdGenerator } from '@opentelemetry/sdk-trace-base'
import type { BrokerTraces, DeliveryTraces, Passage } from '../../broker/traces-port.ts'
import type { Clock } from '../../broker/clock.ts'
import type { Passing } from '../../broker/sessions/passing.ts'
import { BatchCursor } from '../../lanes/batches/batch-cursor.ts'
import { LINK_TABLES_AT } from '../../lanes/batches/link-frame.ts'
import type { CrossingTraces } from '../../link/traces-port.ts'
import type { Message } from '../../packets/message.ts'
import type { PublishForm } from '../../packets/publish-form.ts'
import { PublishView } from '../../packets/publish-view.ts'
import {
  parseTraceparent,
  readTraceparent,
  type TraceContext,
  TRACEPARENT,
  withTraceparent,
} from '../../packets/traceparent.ts'

export type TracesTerms = {
  /** Name of this cluster. */
  readonly cluster: string
  /** Whether messages that come without a trace get one, and how many of them: from 0 to 1. */
  readonly traceAll: boolean
  readonly sampleRatio: number
}

export type TracesPorts = {
  readonly tracer: Tracer
  readonly ids: SpanIds
  readonly clock: Clock
  /** From 0 to below 1. */
  readonly random: () => number
  /** So many spans were not made. */
  readonly dropped: (count: number) => void
}

const TRACEPARENT_BYTES = Buffer.from(TRACEPARENT)

/** Of one batch: more would hold up everybody else. */
const CROSSINGS_PER_BATCH_MAX = 256

/** What one client may have unacknowledged and followed. */
const OPEN_DELIVERIES_MAX = 1_000

/** Random ones, but for a span whose number somebody else knows. */
export class SpanIds implements IdGenerator {
  /** Of the next span. */
  next: string | undefined

  generateTraceId(): string {
    return randomBytes(16).toString('hex')
  }

  generateSpanId(): string {
    const id = this.next ?? randomBytes(8).toString('hex')
    this.next = undefined
    return id
  }
}

export class NodeTraces implements BrokerTraces, CrossingTraces {
  readonly #terms: TracesTerms
  readonly #ports: TracesPorts
  readonly #cursor = new BatchCursor()
  readonly #view = new PublishView()

  constructor(terms: TracesTerms, ports: TracesPorts) {
    this.#terms = terms
    this.#ports = ports
  }

  begin(passing: Passing): Passage | undefined {
    const { view, topic, origin, publisher, nowMs } = passing
    const known = readTraceparent(view)
    // Whoever began the trace has decided. What was retained of old was published before, and is told only now.
    if (known === undefined ? !this.#picks(origin) : !known.isSampled || passing.isTold) return undefined
    const parent = known === undefined || origin === undefined ? known : crossingOf(known, origin, this.#terms.cluster)
    const attributes = {
      ...attributesOf(topic, view.qos),
      'messaging.client.id': publisher.clientId,
      ...(origin === undefined ? {} : { 'isthmus.link': origin }),
    }
    const span = this.#start(origin === undefined ? 'publish' : 'receive', SpanKind.CONSUMER, nowMs, attributes, parent)
    const { traceId, spanId } = span.spanContext()
    passing.rewrite(withTraceparent(view, { traceId, spanId, isSampled: true }))
    return {
      end: (receivers) => {
        span.setAttribute('isthmus.receivers', receivers)
        span.end(this.#ports.clock.nowMs())
      },
    }
  }

  /** Whether a message without a trace gets one. Those of links had their chance where they were published. */
  #picks(origin: string | undefined): boolean {
    const { traceAll, sampleRatio } = this.#terms
    return traceAll && origin === undefined && this.#ports.random() < sampleRatio
  }

  #start(name: string, kind: SpanKind, startTime: number, attributes: Attributes, parent?: TraceContext): Span {
    return this.#ports.tracer.startSpan(name, { kind, startTime, attributes }, contextOf(parent))
  }

  deliveries(clientId: string): DeliveryTraces {
    const { clock } = this.#ports
    const open = new Map<number, Span>()
    const end = (span: Span | undefined, isAcknowledged: boolean): void => {
      span?.setAttribute('isthmus.acknowledged', isAcknowledged)
      span?.end(clock.nowMs())
    }
    return {
      sent: (view, form) => {
        const span = this.#deliver(view, form, clientId)
        if (span === undefined) return
        if (form.qos === 0) return span.end(clock.nowMs())
        end(open.get(form.packetId), false)
        open.delete(form.packetId)
        if (open.size < OPEN_DELIVERIES_MAX) open.set(form.packetId, span)
        else span.end(clock.nowMs())
      },
      acknowledged: (packetId) => {
        if (open.size === 0) return
        end(open.get(packetId), true)
        open.delete(packetId)
      },
      closed: () => {
        for (const span of open.values()) end(span, false)
        open.clear()
      },
    }
  }

  #deliver(view: PublishView, { qos, dup }: PublishForm, clientId: string): Span | undefined {
    const parent = readTraceparent(view)
    if (parent?.isSampled !== true) return undefined
    const topic = view.buffer.toString('utf8', view.topicStart, view.topicEnd)
    const attributes = { ...attributesOf(topic, qos), 'messaging.client.id': clientId, 'messaging.mqtt.dup': dup }
    return this.#start('delivery', SpanKind.PRODUCER, this.#ports.clock.nowMs(), attributes, parent)
  }

  batchCrossed(link: string, frame: Buffer): void {
    if (!frame.includes(TRACEPARENT_BYTES)) return
    const [cursor, view] = [this.#cursor, this.#view]
    if (cursor.open(frame, LINK_TABLES_AT, frame.length) !== undefined) return
    let crossed = 0
    while (cursor.next()) {
      view.read(frame, cursor.start, cursor.body, cursor.end, cursor.v5)
      const parent = readTraceparent(view)
      if (parent?.isSampled !== true) continue
      if (++crossed > CROSSINGS_PER_BATCH_MAX) continue
      this.#cross(link, parent, frame.toString('utf8', view.topicStart, view.topicEnd), view.qos, cursor.timeMs)
    }
    if (crossed > CROSSINGS_PER_BATCH_MAX) this.#ports.dropped(crossed - CROSSINGS_PER_BATCH_MAX)
  }

  messageCrossed(link: string, { topic, qos, properties, timestampMs }: Message): void {
    const value = properties?.userProperties?.find(([name]) => name === TRACEPARENT)?.[1]
    const parent = value === undefined ? undefined : parseTraceparent(value)
    if (parent?.isSampled === true) this.#cross(link, parent, topic, qos, timestampMs)
  }

  #cross(link: string, parent: TraceContext, topic: string, qos: number, sinceMs: number): void {
    const { clock, ids } = this.#ports
    ids.next = crossingOf(parent, this.#terms.cluster, link).spanId
    const attributes = { ...attributesOf(topic, qos), 'isthmus.link': link }
    this.#start('crossing', SpanKind.PRODUCER, sinceMs, attributes, parent).end(clock.nowMs())
  }
}

/** The crossing of a message from one cluster to another, as both know it. @param parent what the message carries */
function crossingOf({ traceId, spanId }: TraceContext, from: string, to: string): TraceContext {
  const hash = createHash('sha256').update(`${traceId}/${spanId}/${from}/${to}`).digest('hex')
  return { traceId, spanId: hash.slice(0, 16), isSampled: true }
}

function contextOf(parent: TraceContext | undefined): Context {
  if (parent === undefined) return ROOT_CONTEXT
  const { traceId, spanId } = parent
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: 1, isRemote: true })
}

function attributesOf(topic: string, qos: number): Attributes {
  return { 'messaging.system': 'mqtt', 'messaging.destination.name': topic, 'messaging.mqtt.qos': qos }
}
