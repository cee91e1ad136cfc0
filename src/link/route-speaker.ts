/**
 * Speaks EMQX's route protocol on one connection: subscribes to the answers, introduces our actor, sends the operations of a
 * route source in batches, and heartbeats. When to do which is the route-sync actor's to say.
 */
import type { RouteSessionCommand, RouteSyncEvent } from '../../actors/route-sync.ts'
import { opOverheadBytes, type RouteSource } from '../routes/route-source.ts'
import type { RouteOp } from '../routes/route-op.ts'
import type { ConnectionListener, ConnectionOptions, LinkConnection, OpenConnection, PeerLimits } from './connection.ts'
import { decodeRouteMessage, encodeRouteMessage, type RouteMessage } from './emqx/route-ops.ts'
import { handshakeRejected, malformedPacket, routesRefused, subscribeRefused } from './link-failure.ts'
import type { LinkLog } from './link-log.ts'
import type { RouteLife } from './route-life.ts'
import { publishPacketBytes } from './packet-size.ts'

export type RouteSpeakerPorts = {
  readonly open: OpenConnection
  readonly log: LinkLog
  /** 16 hexadecimal digits, different each time. */
  readonly correlation: () => string
}

/** Who speaks to whom: the same on all connections of a life. */
export type RouteIdentity = {
  readonly localCluster: string
  /** How we call the peer's cluster. */
  readonly peer: string
  /** Our node's name. */
  readonly actor: string
}

/** EMQX's batch. */
const batchOpsMax = 4_000
const protocolVersion = 1
/** Everything of a batch but its operations: the map, actor and incarnation, the PUBLISH around it. */
const batchEnvelopeBytes = 1_024

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
      case 'send_batch':
        return this.#sendBatch()
      case 'heartbeat':
        return this.#send(0, { type: 'heartbeat', ...this.#speaker })
    }
  }

  /** The source has something new. However many changes there are, they are reported once a batch. */
  routesChanged(): void {
    if (this.#changesReported || this.#source.pending === 0) return
    this.#changesReported = true
    this.#report({ type: 'routes_changed' })
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#connection.close()
    this.#source.fail()
  }

  up(limits: PeerLimits): void {
    this.#limits = limits
    this.#report({ type: 'connected' })
  }

  down(failure: Parameters<ConnectionListener['down']>[0]): void {
    if (this.#closed) return
    this.#closed = true
    this.#source.fail()
    this.#report({ type: 'disconnected', failure })
  }

  message(topic: string, payload: Buffer, correlationData: Buffer | undefined): void {
    const asked = this.#correlation
    // EMQX answers with the same Correlation Data; anything else is not for us, or for an attempt long gone.
    if (topic !== this.#answerTopic || asked === undefined || correlationData?.equals(asked) !== true) return
    this.#correlation = undefined
    const ack = decodeRouteMessage(payload)
    if (ack.type === 'actor_init_ack') {
      if (ack.result === 'ok') this.#report({ type: 'actor_init_ok', needBootstrap: ack.needBootstrap })
      else this.#report({ type: 'handshake_refused', failure: handshakeRejected(ack.reason) })
      return
    }
    const detail = ack.type === 'malformed' ? ack.reason : `${ack.type} for an answer`
    this.#report({ type: 'disconnected', failure: malformedPacket(detail) })
  }

  #handshake(): void {
    this.#connection.subscribe(this.#answerTopic, (reasonCode) => {
      if (reasonCode >= 0x80) this.#report({ type: 'handshake_refused', failure: subscribeRefused(reasonCode) })
      else this.#introduce()
    })
  }

  #introduce(): void {
    const { peer } = this.#identity
    this.#correlation = Buffer.from(this.#ports.correlation())
    this.#connection.publish(
      {
        topic: this.#routeTopic,
        payload: encodeRouteMessage({ type: 'actor_init', ...this.#speaker, targetCluster: peer, protocolVersion }),
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
    this.#report({ type: 'batch_acked', ops: ops.length, pending: this.#source.pending })
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
    const sentQos = Math.min(qos, this.#qos) === 0 ? 0 : 1
    this.#connection.publish({ topic: this.#routeTopic, payload: encodeRouteMessage(message), qos: sentQos }, answered)
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
