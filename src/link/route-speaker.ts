/**
 * Speaks to a peer on one connection: subscribes to the answers, introduces our actor, and then, as EMQX does, sends the operations
 * of a route source in batches, and heartbeats; to a peer that answers in our own dialect, as `native/route-speaker.ts` does. When to
 * do which is the route-sync actor's to say.
 */
import type { RouteSessionCommand, RouteSyncEvent } from '../../actors/route-sync.ts'
import { isRouteFrame, type GoodbyeReason } from '../routes/route-frames.ts'
import { opOverheadBytes, type RouteSource } from '../routes/route-source.ts'
import { plainHashKey } from '../topics/keyed-hash.ts'
import type { RouteOp } from '../routes/route-op.ts'
import type { ConnectionListener, ConnectionOptions, LinkConnection, OpenConnection, PeerLimits } from './connection.ts'
import { decodeRouteMessage, encodeRouteMessage, type RouteMessage } from './emqx/route-ops.ts'
import type { LinkClock } from './link-clock.ts'
import { handshakeRejected, malformedPacket, notNative, routesRefused, subscribeRefused } from './link-failure.ts'
import type { LinkLog } from './link-log.ts'
import {
  decodeRouteAnswer,
  encodeRouteGreeting,
  ourRouteGreeting,
  peerSide,
  type RouteAnswer,
} from './native/route-greeting.ts'
import { nativeFrameBytesMax, NativeRouteSpeaker } from './native/route-speaker.ts'
import type { RouteLife } from './route-life.ts'
import { publishPacketBytes } from './packet-size.ts'

export type RouteSpeakerPorts = {
  readonly open: OpenConnection
  readonly log: LinkLog
  /** 16 hexadecimal digits, different each time. */
  readonly correlation: () => string
  readonly clock: LinkClock
}

/** Who speaks to whom: the same on all connections of a life. */
export type RouteIdentity = {
  readonly localCluster: string
  /** How we call the peer's cluster. */
  readonly peer: string
  /** Our node's name. */
  readonly actor: string
  /** How we greet our like; left out, we don't. */
  readonly self?: { readonly node: string; readonly boot: string }
  /** Nobody else will do. */
  readonly nativeOnly?: boolean
}

/** EMQX's batch. */
const batchOpsMax = 4_000
const protocolVersion = 1
/** Everything of a batch but its operations: the map, actor and incarnation, the PUBLISH around it. */
const batchEnvelopeBytes = 1_024
/** How long the end of a connection waits for the peer to know why, milliseconds. */
const goodbyeMs = 250

export class RouteSpeaker implements ConnectionListener {
  readonly #ports: RouteSpeakerPorts
  readonly #identity: RouteIdentity
  readonly #life: RouteLife
  readonly #source: RouteSource
  readonly #report: (event: RouteSyncEvent) => void
  readonly #connection: LinkConnection
  readonly #routeTopic: string
  readonly #answerTopic: string
  #correlation: Buffer | undefined
  #limits: PeerLimits = { receiveMaximum: 65_535, packetBytesMax: Number.POSITIVE_INFINITY, qosMax: 2 }
  /** What the peer answered to our greeting, and who speaks to it since. */
  #native: NativeRouteSpeaker | undefined
  /** Says goodbye; then there is nothing left to do. */
  #isLeaving = false
  /** Changes were reported, and nobody has asked for a batch since. */
  #changesReported = false
  #closed = false

  constructor(
    ports: RouteSpeakerPorts,
    identity: RouteIdentity,
    life: RouteLife,
    connection: ConnectionOptions,
    report: (event: RouteSyncEvent) => void,
  ) {
    this.#ports = ports
    this.#identity = identity
    this.#life = life
    this.#source = life.source
    this.#report = report
    this.#routeTopic = `$LINK/cluster/route/${identity.localCluster}`
    this.#answerTopic = `$LINK/cluster/resp/${identity.localCluster}/${identity.actor}`
    this.#connection = ports.open(connection, this)
  }

  command(command: RouteSessionCommand): void {
    switch (command.type) {
      case 'handshake':
        return this.#handshake()
      case 'begin_bootstrap':
        return this.#life.whenReady(() => this.#beginBootstrap(command.forgotten))
      case 'begin_native':
        // What was reported before nobody was to ask for.
        this.#changesReported = false
        return this.#native?.begin()
      case 'send_batch':
        if (this.#native === undefined) return this.#sendBatch()
        this.#changesReported = false
        return this.#native.sendBatch()
      case 'heartbeat':
        return this.#native === undefined ? this.#sayAlive() : this.#native.heartbeat()
    }
  }

  /** The source has something new. However many changes there are, they are reported once a batch. */
  routesChanged(): void {
    const hasChanges = this.#native === undefined ? this.#source.pending > 0 : this.#native.hasChanges
    if (this.#changesReported || !hasChanges || this.#isLeaving) return
    this.#changesReported = true
    this.#report({ type: 'routes_changed' })
  }

  /** The link is disabled or deleted: a native peer is told before the connection ends, which is soon. Others see the end alone. */
  leave(reason: GoodbyeReason): void {
    if (this.#closed || this.#native === undefined) return this.close()
    this.#isLeaving = true
    const end = () => {
      this.#isLeaving = false
      timer.cancel()
      this.close()
    }
    const timer = this.#ports.clock.after(goodbyeMs, end)
    this.#native.goodbye(reason, end)
  }

  /** While a goodbye is on its way it ends by itself. */
  close(): void {
    if (this.#closed || this.#isLeaving) return
    this.#closed = true
    this.#connection.close()
    this.#finish()
  }

  up(limits: PeerLimits): void {
    this.#limits = limits
    this.#report({ type: 'connected' })
  }

  down(failure: Parameters<ConnectionListener['down']>[0]): void {
    if (this.#closed) return
    this.#closed = true
    this.#finish()
    this.#report({ type: 'disconnected', failure })
  }

  drained(): void {
    this.#native?.answerLater()
  }

  message(topic: string, payload: Buffer, correlationData: Buffer | undefined): void {
    if (topic !== this.#answerTopic || this.#isLeaving) return
    if (this.#native !== undefined && isRouteFrame(payload)) return this.#native.hear(payload)
    const asked = this.#correlation
    // EMQX answers with the same Correlation Data; anything else is not for us, or for an attempt long gone.
    if (asked === undefined || correlationData?.equals(asked) !== true) return
    this.#correlation = undefined
    const ack = decodeRouteMessage(payload)
    if (ack.type === 'actor_init_ack') {
      if (ack.result === 'ok')
        this.#accepted(ack.needBootstrap, this.#greeting === undefined ? undefined : ack.greeting)
      else this.#report({ type: 'handshake_refused', failure: handshakeRejected(ack.reason) })
      return
    }
    const detail = ack.type === 'malformed' ? ack.reason : `${ack.type} for an answer`
    this.#report({ type: 'disconnected', failure: malformedPacket(detail) })
  }

  /** @param greeting the peer's answer to ours */
  #accepted(needBootstrap: boolean, greeting: string | undefined): void {
    const answer = decodeRouteAnswer(greeting)
    const isNative = answer !== undefined && answer.frameBytesMax >= nativeFrameBytesMax
    if (this.#identity.nativeOnly === true && !isNative) {
      return this.#report({ type: 'handshake_refused', failure: notNative() })
    }
    if (!this.#life.speaks(isNative ? 'native' : 'emqx')) return this.#report({ type: 'dialect_changed' })
    if (!isNative) return this.#report({ type: 'actor_init_ok', needBootstrap })
    this.#native = this.#nativeSpeaker(answer)
    this.#report({ type: 'actor_init_ok', needBootstrap, peer: peerSide(answer, answer) })
  }

  #nativeSpeaker({ hashKey }: RouteAnswer): NativeRouteSpeaker {
    const ports = {
      clock: this.#ports.clock,
      send: (frame: Buffer, qos: 0 | 1, answered?: (reasonCode: number) => void) => this.#publish(qos, frame, answered),
      isWritable: () => this.#connection.writable,
      sayAlive: () => this.#sayAlive(),
      report: (event: RouteSyncEvent) => {
        if (this.#isLeaving) return
        if (event.type === 'batch_acked') this.#acknowledged(event)
        else this.#report(event)
      },
    }
    const cluster = this.#identity.localCluster
    return new NativeRouteSpeaker(ports, this.#life, { cluster, hashKey: hashKey ?? plainHashKey })
  }

  /** `undefined` if we don't greet, or the peer takes too short packets for our dialect. */
  get #greeting(): string | undefined {
    const { self, localCluster } = this.#identity
    if (self === undefined || this.#limits.packetBytesMax < nativeFrameBytesMax + batchEnvelopeBytes) return undefined
    const terms = { frameBytesMax: nativeFrameBytesMax, hashKey: this.#life.hashKey }
    return encodeRouteGreeting(ourRouteGreeting(localCluster, self, terms))
  }

  #finish(): void {
    this.#native?.close()
    this.#source.fail()
  }

  #sayAlive(): void {
    this.#send(0, { type: 'heartbeat', ...this.#speaker })
  }

  #handshake(): void {
    this.#connection.subscribe(this.#answerTopic, (reasonCode) => {
      if (reasonCode >= 0x80) this.#report({ type: 'handshake_refused', failure: subscribeRefused(reasonCode) })
      else this.#introduce()
    })
  }

  #introduce(): void {
    const { peer } = this.#identity
    const greeting = this.#greeting
    this.#correlation = Buffer.from(this.#ports.correlation())
    this.#connection.publish(
      {
        topic: this.#routeTopic,
        payload: encodeRouteMessage({
          type: 'actor_init',
          ...this.#speaker,
          targetCluster: peer,
          protocolVersion,
          ...(greeting === undefined ? {} : { greeting }),
        }),
        qos: this.#qos,
        responseTopic: this.#answerTopic,
        correlationData: this.#correlation,
      },
      (reasonCode) => {
        if (reasonCode >= 0x80) this.#report({ type: 'handshake_refused', failure: routesRefused(reasonCode) })
      },
    )
  }

  #sendBatch(): void {
    this.#changesReported = false
    const bytesMax = this.#limits.packetBytesMax - batchEnvelopeBytes
    const ops = this.#source.take({ opsMax: batchOpsMax, bytesMax })
    if (ops.length === 0) return this.#report({ type: 'batch_acked', ops: 0, pending: 0 })
    if (this.#tooLarge(ops)) return this.#skip(ops)
    this.#send(1, { type: 'route', ...this.#speaker, ops }, (reasonCode) => this.#answered(ops, reasonCode))
  }

  #answered(ops: readonly RouteOp[], reasonCode: number): void {
    if (reasonCode >= 0x80) {
      this.#source.fail()
      return this.#report({ type: 'batch_refused', failure: routesRefused(reasonCode) })
    }
    this.#source.confirm()
    this.#acknowledged({ type: 'batch_acked', ops: ops.length, pending: this.#source.pending })
  }

  /** Changes that were reported while a batch flew may have come to nothing since: then nobody asks for one, and the next are news. */
  #acknowledged(event: Extract<RouteSyncEvent, { type: 'batch_acked' }>): void {
    if (event.pending === 0) this.#changesReported = false
    this.#report(event)
  }

  /** Only a single operation can be: the source keeps to the limit otherwise. */
  #tooLarge(ops: readonly RouteOp[]): boolean {
    const bytes = ops.reduce((sum, { topicFilter }) => sum + 2 * Buffer.byteLength(topicFilter) + opOverheadBytes, 0)
    return bytes > this.#limits.packetBytesMax - batchEnvelopeBytes && !this.#fits(ops)
  }

  #fits(ops: readonly RouteOp[]): boolean {
    const payload = encodeRouteMessage({ type: 'route', ...this.#speaker, ops })
    return publishPacketBytes(this.#routeTopic, payload.length, 1) <= this.#limits.packetBytesMax
  }

  /** A route that no packet to this peer can hold. The others must not wait for it for ever. */
  #skip(ops: readonly RouteOp[]): void {
    const fields = { link: this.#identity.peer, topic: ops[0]?.topicFilter, limit: this.#limits.packetBytesMax }
    this.#ports.log.warn(fields, 'cluster_link_routerepl_route_too_large')
    this.#answered(ops, 0)
  }

  #send(qos: 0 | 1, message: RouteMessage, answered?: (reasonCode: number) => void): void {
    this.#publish(qos, encodeRouteMessage(message), answered)
  }

  #publish(qos: 0 | 1, payload: Buffer, answered?: (reasonCode: number) => void): void {
    const sentQos = Math.min(qos, this.#qos) === 0 ? 0 : 1
    this.#connection.publish({ topic: this.#routeTopic, payload, qos: sentQos }, answered)
    // A peer that takes no QoS 1 acknowledges nothing: what is handed over counts as taken.
    if (qos === 1 && sentQos === 0) answered?.(0)
  }

  #beginBootstrap(forgotten: boolean): void {
    if (!this.#closed) this.#report({ type: 'bootstrap_begun', ops: this.#source.startBootstrap(forgotten) })
  }

  get #speaker(): { readonly actor: string; readonly incarnation: number } {
    return { actor: this.#identity.actor, incarnation: this.#life.incarnation }
  }

  get #qos(): 0 | 1 {
    return this.#limits.qosMax === 0 ? 0 : 1
  }
}
