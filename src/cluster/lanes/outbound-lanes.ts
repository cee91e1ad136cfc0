/**
 * The lanes to other members. Nothing waits here but numbers: that all up to a mark is settled follows from the oldest message that is
 * not acknowledged on each lane.
 */
import type { Directive, LaneMessage } from '../../lanes/batches/batch-writer.ts'
import type { LaneAck } from '../../lanes/batches/lane-frame.ts'
import { LaneSender, type LaneSenderSnapshot } from '../../lanes/lane-sender.ts'
import { readBatch } from '../../lanes/batches/read-batch.ts'
import type { LaneLimits } from '../../lanes/send-buffer.ts'
import type { Publication } from '../../packets/publication.ts'
import type { ClusterClock } from '../cluster-clock.ts'
import type { ClusterLog } from '../cluster-log.ts'
import type { Coordination, Sender } from '../coordination.ts'

export type LaneOptions = {
  /** All that waits for one member, bytes. Default: 64 MiB. */
  readonly bufferBytesMax?: number
  /** Messages of QoS 1 and 2 that wait for one member. Default: 100,000. */
  readonly bufferMessagesMax?: number
  /** Messages of QoS 0 that wait for one member. Default: 10,000. */
  readonly qos0MessagesMax?: number
  /** Default: 256 KiB, or what the bus takes if that is less. */
  readonly batchBytesMax?: number
  /** What may be on its way to one member without an acknowledgement, bytes. Default: 8 MiB. */
  readonly windowBytesMax?: number
  /** The same in batches. Default: 256. */
  readonly windowBatchesMax?: number
}

/** A message that a member has not acknowledged. */
export type Unacknowledged = { readonly publication: Publication; readonly directive: Directive }

export type OutboundSnapshot = LaneSenderSnapshot & { readonly member: string }

type OutboundPorts = {
  readonly coordination: Coordination
  readonly clock: ClusterClock
  readonly log: ClusterLog
  readonly defer: (call: () => void) => void
}

type Lane = {
  readonly node: string
  readonly sender: LaneSender
  /** Whether something was written since it was last pumped. */
  isTouched: boolean
  /** Whether the log was told that the member is silent. */
  isToldSilent: boolean
  /** How many messages were given up when the log was last told, and when that was. */
  toldDropped: number
  toldDroppedAtMs: number
}

/** How often lanes look whether their member is silent. */
const TICK_MS = 250
const REMARK_MS = 60_000

export class OutboundLanes {
  readonly #ports: OutboundPorts
  readonly #limits: LaneLimits
  readonly #lanes = new Map<string, Lane>()
  readonly #listeners = new Set<(settledMark: number) => void>()
  readonly #touched: Lane[] = []
  #isConnected: boolean
  #isStopped = false
  #epoch = 0
  #lastMark = 0
  #settledMark = 0
  /** Steady time at which something was sent first in this turn. */
  #turnMs = 0
  #tick: { cancel(): void } | undefined

  constructor(ports: OutboundPorts, options: LaneOptions) {
    this.#ports = ports
    const { bus, isConnected } = ports.coordination
    const batchBytesMax = options.batchBytesMax ?? 262_144
    this.#isConnected = isConnected
    this.#limits = {
      // What the bus takes is known once it is connected, and another server may take something else.
      get batchBytesMax() {
        return Math.min(batchBytesMax, bus.payloadBytesMax)
      },
      get frameBytesMax() {
        return bus.payloadBytesMax
      },
      bufferBytesMax: options.bufferBytesMax ?? 67_108_864,
      bufferMessagesMax: options.bufferMessagesMax ?? 100_000,
      qos0MessagesMax: options.qos0MessagesMax ?? 10_000,
      windowBytesMax: options.windowBytesMax ?? 8_388_608,
      windowBatchesMax: options.windowBatchesMax ?? 256,
    }
  }

  get settledMark(): number {
    return this.#settledMark
  }

  onSettled(listener: (settledMark: number) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  send(node: string, message: LaneMessage, directive: Directive): number {
    if (this.#isStopped) return 0
    const lane = this.#lanes.get(node) ?? this.#open(node)
    if (!lane.isTouched) this.#touch(lane)
    const { sender } = lane
    const isQos0 = message.view.qos === 0
    const refused = sender.add(message, directive, this.#lastMark + 1, this.#turnMs)
    if (refused !== undefined) {
      this.#remarkDrops(lane)
      return 0
    }
    if (!isQos0) this.#lastMark += 1
    if (sender.hasFullBatch) this.#pump(lane)
    if (isQos0) return 0
    return this.#isConnected && !sender.isHeld ? this.#lastMark : 0
  }

  #open(node: string): Lane {
    const sender = new LaneSender(++this.#epoch, this.#limits)
    const lane: Lane = {
      node,
      sender,
      isTouched: false,
      isToldSilent: false,
      toldDropped: 0,
      toldDroppedAtMs: Number.NEGATIVE_INFINITY,
    }
    this.#lanes.set(node, lane)
    return lane
  }

  #touch(lane: Lane): void {
    lane.isTouched = true
    this.#touched.push(lane)
    if (this.#touched.length > 1) return
    this.#turnMs = this.#ports.clock.steadyMs()
    this.#ports.defer(this.#flush)
  }

  readonly #flush = (): void => {
    for (const lane of this.#touched) {
      lane.isTouched = false
      // Forgotten meanwhile: what it had was given back.
      if (this.#lanes.get(lane.node) === lane) this.#pump(lane)
    }
    this.#touched.length = 0
    this.#arm()
    // A lane that nobody waits for holds nothing back.
    this.#settle()
  }

  /** Sends what can be sent. */
  #pump({ node, sender }: Lane): void {
    if (!this.#isConnected) return
    const { coordination, clock, log } = this.#ports
    const nowMs = clock.steadyMs()
    for (let frame = sender.next(nowMs); frame !== undefined; frame = sender.next(nowMs)) {
      try {
        coordination.bus.send(node, 'lanes', frame)
      } catch (error) {
        // It counts as lost, and comes again if the member misses it.
        log.error({ member: node, bytes: frame.length, err: error }, 'lane_send_failed')
        return
      }
    }
  }

  acknowledged(from: Sender, ack: LaneAck): void {
    const lane = this.#lanes.get(from.node)
    if (lane === undefined || ack.boot !== this.#ports.coordination.self.boot) return
    const isNews = lane.sender.acknowledged(ack, from.boot, this.#ports.clock.steadyMs())
    this.#pump(lane)
    if (!isNews) return
    if (lane.isToldSilent) {
      lane.isToldSilent = false
      this.#ports.log.info({ member: lane.node }, 'lane_member_answers')
    }
    this.#settle()
  }

  connection(isConnected: boolean): void {
    this.#isConnected = isConnected
    if (isConnected) {
      const nowMs = this.#ports.clock.steadyMs()
      for (const lane of this.#lanes.values()) {
        lane.sender.reconnected(nowMs)
        this.#pump(lane)
      }
      this.#arm()
    }
    this.#settle()
  }

  takeGroups(node: string, isTaken: (group: string) => boolean): readonly Unacknowledged[] {
    return this.#lanes.get(node)?.sender.takeGroups(isTaken) ?? []
  }

  forget(node: string): Iterable<Unacknowledged> {
    const lane = this.#lanes.get(node)
    if (lane === undefined) return []
    this.#lanes.delete(node)
    const frames = lane.sender.unacknowledged()
    this.#settle()
    return readAll(frames)
  }

  list(): OutboundSnapshot[] {
    const nowMs = this.#ports.clock.steadyMs()
    return [...this.#lanes.values()].map(({ node, sender }) => {
      const snapshot = sender.snapshot(nowMs)
      return { member: node, ...snapshot, isHeld: snapshot.isHeld || !this.#isConnected }
    })
  }

  stop(): void {
    for (const lane of this.#lanes.values()) this.#pump(lane)
    this.#isStopped = true
    this.#tick?.cancel()
    this.#tick = undefined
  }

  /** Time is looked at only while something waits. */
  #arm(): void {
    if (this.#tick !== undefined || this.#isStopped || !this.#isConnected) return
    if (this.#isWaiting) this.#tick = this.#ports.clock.after(TICK_MS, this.#onTick)
  }

  get #isWaiting(): boolean {
    for (const { sender } of this.#lanes.values()) if (sender.isWaiting) return true
    return false
  }

  readonly #onTick = (): void => {
    this.#tick = undefined
    if (!this.#isConnected) return
    const nowMs = this.#ports.clock.steadyMs()
    for (const lane of this.#lanes.values()) {
      lane.sender.tick(nowMs)
      this.#pump(lane)
      this.#remarkSilence(lane)
      this.#remarkDrops(lane)
    }
    this.#settle()
    this.#arm()
  }

  #settle(): void {
    let settled = this.#lastMark
    if (this.#isConnected) {
      for (const { sender } of this.#lanes.values())
        if (!sender.isHeld) settled = Math.min(settled, sender.oldestMark - 1)
    }
    if (settled <= this.#settledMark) return
    this.#settledMark = settled
    for (const listener of this.#listeners) listener(settled)
  }

  #remarkSilence(lane: Lane): void {
    if (lane.isToldSilent || !lane.sender.isHeld) return
    lane.isToldSilent = true
    const { waiting, waitingBytes } = lane.sender.snapshot(this.#ports.clock.steadyMs())
    this.#ports.log.warn({ member: lane.node, waiting, waitingBytes }, 'lane_member_silent')
  }

  #remarkDrops(lane: Lane): void {
    const { dropped } = lane.sender
    const total = (dropped.queue_full ?? 0) + (dropped.shed_qos0 ?? 0) + (dropped.too_large ?? 0)
    if (total === lane.toldDropped) return
    const nowMs = this.#ports.clock.steadyMs()
    if (nowMs - lane.toldDroppedAtMs < REMARK_MS) return
    lane.toldDropped = total
    lane.toldDroppedAtMs = nowMs
    this.#ports.log.warn({ member: lane.node, ...dropped }, 'lane_messages_dropped')
  }
}

function* readAll(frames: readonly Buffer[]): Generator<Unacknowledged, void> {
  for (const frame of frames) {
    const batch = readBatch(frame)
    // Our own writing.
    if (batch.type === 'malformed') throw new Error(`a batch that was written here can't be read: ${batch.reason}`)
    for (let i = 0; i < batch.publications.length; i += 1)
      yield { publication: batch.publications[i]!, directive: batch.directives[i]! }
  }
}
