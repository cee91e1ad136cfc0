/**
 * Messages from this node to the other members and back: a lane to each member over the bus, which alone may lose what it is given.
 * What goes out stands in `outbound-lanes.ts`, what comes in in `inbound-lanes.ts`.
 */
import type { Directive, LaneMessage } from '../../lanes/batches/batch-writer.ts'
import { readLaneFrame } from '../../lanes/batches/lane-frame.ts'
import type { ClusterClock } from '../cluster-clock.ts'
import type { ClusterLog } from '../cluster-log.ts'
import type { Coordination, Sender } from '../coordination.ts'
import { InboundLanes, type InboundSnapshot, type MemberDelivery } from './inbound-lanes.ts'
import { type LaneOptions, OutboundLanes, type OutboundSnapshot, type Unacknowledged } from './outbound-lanes.ts'

/** How often it is told of frames that nobody can read, milliseconds. */
const REMARK_MS = 60_000

export type MemberLanesPorts = {
  readonly coordination: Coordination
  readonly clock: ClusterClock
  readonly log: ClusterLog
  /** Calls once at the end of this turn of the event loop, as `setImmediate` does. */
  readonly defer: (call: () => void) => void
  /** The broker here. */
  readonly delivery: MemberDelivery
}

export class MemberLanes {
  readonly #ports: MemberLanesPorts
  readonly #outbound: OutboundLanes
  readonly #inbound: InboundLanes
  readonly #stops: (() => void)[]
  #malformed = 0
  #remarkedAtMs = Number.NEGATIVE_INFINITY

  constructor(ports: MemberLanesPorts, options: LaneOptions = {}) {
    this.#ports = ports
    this.#outbound = new OutboundLanes(ports, options)
    this.#inbound = new InboundLanes(ports)
    const { bus } = ports.coordination
    this.#stops = [
      bus.listen('lanes', (from, payload) => this.#receive(from, payload)),
      ports.coordination.onConnection((isConnected) => this.#outbound.connection(isConnected)),
    ]
  }

  /**
   * Sends a message to a member. It is read at once; nothing of it is kept. Goes out at the end of this turn, or when a batch is full.
   * Returns a mark that is settled once the member has the message; marks grow. 0: there is nothing to wait for, as with QoS 0 and
   * with a member that is silent, for which messages are kept.
   */
  send(node: string, message: LaneMessage, directive: Directive): number {
    return this.#outbound.send(node, message, directive)
  }

  /** All marks up to this one are settled: their members have the messages, or nobody waits for them any more. Never falls. */
  get settledMark(): number {
    return this.#outbound.settledMark
  }

  /** Called with each new `settledMark`. Returns how to stop it. */
  onSettled(listener: (settledMark: number) => void): () => void {
    return this.#outbound.onSettled(listener)
  }

  /**
   * The member is away, and others are to serve these shared subscriptions: returns what was left to it and it has not acknowledged, in
   * order; it may have got some of it. All else comes to it when it is back, as it would have, and once.
   */
  takeGroups(node: string, isTaken: (group: string) => boolean): readonly Unacknowledged[] {
    return this.#outbound.takeGroups(node, isTaken)
  }

  /**
   * The member does not come back: drops its lane. Returns what of QoS 1 and 2 it has not acknowledged, in order; it may have got some
   * of it. Read as it is walked through, so that many messages need not be walked through in one turn. What comes from the member is
   * not concerned: should it still live, nothing of it is delivered twice.
   */
  forget(node: string): Iterable<Unacknowledged> {
    return this.#outbound.forget(node)
  }

  /** For people: the lane to each member. */
  list(): OutboundSnapshot[] {
    return this.#outbound.list()
  }

  /** For people: what came from each member. */
  listInbound(): InboundSnapshot[] {
    return this.#inbound.list()
  }

  /** Frames from others that nobody can read. */
  get malformed(): number {
    return this.#malformed
  }

  /** Takes nothing any more; what was taken is still acknowledged. See `owes`. */
  rest(): void {
    this.#inbound.rest()
  }

  /** Whether a member waits for the acknowledgement of something that was taken. */
  get owes(): boolean {
    return this.#inbound.owes
  }

  /** Sends what is left to be sent, and takes nothing any more. */
  stop(): void {
    for (const stop of this.#stops) stop()
    this.#outbound.stop()
    this.#inbound.stop()
  }

  #receive(from: Sender, payload: Uint8Array): void {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
    const frame = readLaneFrame(bytes)
    switch (frame.type) {
      case 'batch':
        return this.#inbound.batch(from, frame.epoch, frame.sequence, bytes)
      case 'begin':
        return this.#inbound.begin(from, frame)
      case 'ack':
        return this.#outbound.acknowledged(from, frame)
      case 'malformed':
        return this.#refuse(from, bytes.length)
    }
  }

  #refuse({ node, boot }: Sender, bytes: number): void {
    this.#malformed += 1
    const nowMs = this.#ports.clock.steadyMs()
    if (nowMs - this.#remarkedAtMs < REMARK_MS) return
    this.#remarkedAtMs = nowMs
    this.#ports.log.warn({ member: node, boot, bytes, malformed: this.#malformed }, 'lane_frame_malformed')
  }
}
