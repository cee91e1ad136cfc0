/**
 * The pool of a link's connections, as they come and go. Each of them finds out anew what the peer speaks:
 *
 *     native  one connection carries the batches as they are (`LaneForwarder`)
 *     emqx    batches are unpacked, a few at a time, and spread over all connections by publisher (`PoolQueues`, `Forwarder`)
 */
import type { PoolMemberEvent, SpokenDialect } from '../../actors/forwarding.ts'
import type { LinkConfig } from '../config/config.ts'
import type { Outbox } from '../lanes/outbox/outbox.ts'
import type { PoolQueues } from '../lanes/outbox/pool-queues.ts'
import type { Message } from '../packets/message.ts'
import type { ConnectionListener, LinkConnection, PeerLimits } from './connection.ts'
import { Forwarder, InflightWindow } from './forwarder.ts'
import type { LinkClock } from './link-clock.ts'
import { notNative, type LinkFailure } from './link-failure.ts'
import { BacklogMeter } from './native/backlog-meter.ts'
import { DeflateChoice } from './native/deflate-choice.ts'
import { agreedAnswer, answerOfNoUse, type Answer, type Feature } from './native/greeting.ts'
import { LaneForwarder } from './native/lane-forwarder.ts'
import { payloadBytesMax } from './packet-size.ts'
import type { CrossingTraces } from './traces-port.ts'
import type { ProbeCarrier, ProbeWay } from './probe/link-prober.ts'

export type LinkPoolPorts = {
  readonly clock: LinkClock
  readonly clusterName: string
  readonly encode: (message: Message) => Buffer
  /** Under the ClientID of this member of the pool, which counts from 1. */
  readonly open: (index: number, listener: ConnectionListener) => LinkConnection
  /** A member of the pool is connected. */
  readonly connected: (index: number) => void
  /** The peer is spoken to in EMQX's dialect although it knows ours, with why. */
  readonly disagreed: (reason: string) => void
  /** Who measures what crosses; left out, nobody does. */
  readonly prober?: CrossingMeter
  /** Who follows messages; nobody nearly always. */
  readonly traces?: CrossingTraces | undefined
  /** Messages may have left for good, or a connection did. */
  readonly moved: () => void
  /** More can be sent than was: in another turn, for others want theirs. */
  readonly hasMore: () => void
}

/** `LinkProber` satisfies it. */
export interface CrossingMeter {
  /** A connection is up. @param node of the peer, if it says which it is */
  connected(node: string | undefined): void
  /** The last connection is gone. */
  disconnected(): void
  /** A batch, or a message that stands for others, was acknowledged so long after it was sent; by the steady clock. */
  crossed(tookMs: number, nowMs: number): void
  /** The peer published something on a connection that carries messages. */
  heard(payload: Buffer): void
}

/** One connection of the pool, from the attempt to its end. */
export type PoolMember = {
  readonly index: number
  readonly connection: LinkConnection
  carrier: Forwarder | LaneForwarder | undefined
  /** Of a PINGREQ that is not answered. */
  pinged: ((isAnswered: boolean) => void) | undefined
}

/** How long connections that are to be opened anew wait for the answers to what flies on them, milliseconds. */
const SETTLE_MS_MAX = 5_000

export class LinkPool implements ProbeCarrier {
  readonly meter = new BacklogMeter()
  readonly deflate = new DeflateChoice()
  readonly #outbox: Outbox
  readonly #queues: PoolQueues
  readonly #ports: LinkPoolPorts
  #config: LinkConfig
  readonly #window: InflightWindow
  readonly #members = new Set<PoolMember>()
  /** Of EMQX's dialect, by queue: those of connections that are up. */
  readonly #forwarders = new Map<number, Forwarder>()
  /** Of ours: the one connection that carries everything. */
  #native: LaneForwarder | undefined
  /** What the peer said of itself on that connection, or on the one before. */
  #answer: Answer | undefined
  /** While what was unpacked for EMQX's dialect is on its way to a peer that turned native: sends more of it, and then the rest. */
  #turning: { readonly member: PoolMember; readonly pump: () => void } | undefined
  /** Before the connections end in good order: whose peer has yet to read all that was sent. */
  #settling:
    | { readonly unread: Set<PoolMember>; readonly timer: { cancel(): void }; readonly settled: () => void }
    | undefined

  constructor(config: LinkConfig, outbox: Outbox, queues: PoolQueues, ports: LinkPoolPorts) {
    this.#config = config
    this.#outbox = outbox
    this.#queues = queues
    this.#ports = ports
    this.#window = new InflightWindow(config.resource_opts.inflight_window)
  }

  /** `undefined` while no connection is up. */
  get dialect(): SpokenDialect | undefined {
    if (this.#native !== undefined || this.#turning !== undefined) return 'native'
    return this.#forwarders.size > 0 ? 'emqx' : undefined
  }

  /** Something waits or flies, on a connection that is up. */
  get canDrain(): boolean {
    if (this.#outbox.isHeld) return this.dialect !== undefined && this.#outbox.ledger.inflight > 0
    if (this.dialect === 'native') return this.#outbox.count > 0
    if (this.#forwarders.size === 0) return false
    if (this.#outbox.waiting > 0) return true
    for (const queueIndex of this.#forwarders.keys())
      if (this.#queues.waiting(queueIndex) + this.#queues.inflight(queueIndex) > 0) return true
    return false
  }

  /** Holds for what is sent from now on; what needs other connections, the caller sees to. */
  edit(config: LinkConfig): void {
    this.#config = config
    this.#window.resize(config.resource_opts.inflight_window)
  }

  /** Sends what can be sent, now. */
  pump(): void {
    if (this.#native !== undefined) this.#native.pump()
    else if (this.#turning !== undefined) this.#turning.pump()
    else this.#pumpPool()
    this.#ports.moved()
  }

  /** Starts to connect and returns at once. */
  openMember(index: number, report: (event: PoolMemberEvent) => void): PoolMember {
    const ended = (failure: LinkFailure) => {
      this.closeMember(member)
      report({ type: 'disconnected', failure })
    }
    const connection = this.#ports.open(index, {
      up: (limits, greeting) => {
        const answer = this.#config.dialect === 'emqx' ? undefined : agreedAnswer(greeting)
        if (answer === undefined && this.#config.dialect === 'native') return ended(notNative())
        if (answer === undefined && greeting !== undefined) this.#ports.disagreed(answerOfNoUse(greeting))
        this.#answer = answer
        if (answer === undefined) this.#startEmqx(member, limits, ended)
        else this.#startNative(member, limits, answer, ended)
        this.#ports.connected(index)
        report({ type: 'connected', dialect: answer === undefined ? 'emqx' : 'native' })
        this.#ports.prober?.connected(answer?.node)
        this.pump()
      },
      down: ended,
      message: (_topic, payload) => this.#ports.prober?.heard(payload),
      drained: () => this.pump(),
    })
    const member: PoolMember = { index, connection, carrier: undefined, pinged: undefined }
    this.#members.add(member)
    return member
  }

  /** Once is enough: a second call finds nothing, also if another member has taken its place by then. */
  closeMember(member: PoolMember): void {
    if (!this.#members.delete(member)) return
    const { connection, carrier } = member
    connection.close()
    if (carrier === undefined) return
    for (const [queueIndex, forwarder] of this.#forwarders)
      if (forwarder === carrier) this.#forwarders.delete(queueIndex)
    if (carrier === this.#native) this.#native = undefined
    if (member === this.#turning?.member) this.#turning = undefined
    carrier.close()
    if (this.#settling?.unread.delete(member) === true) this.#lookSettled()
    if (this.dialect === undefined) {
      this.#endSettling()
      this.#outbox.disconnected()
      this.#ports.prober?.disconnected()
    }
    member.pinged?.(false)
    this.#ports.moved()
  }

  closeAll(): void {
    for (const member of this.#members) this.closeMember(member)
  }

  /**
   * Sends nothing more in EMQX's dialect and calls when all that was sent is read and answered, or after a while: then the caller
   * closes all connections. Never called if they go before, or if one finds ours.
   */
  settle(settled: () => void): void {
    if (this.#settling !== undefined || this.dialect !== 'emqx') return
    const unread = new Set([...this.#members].filter(({ carrier }) => carrier !== undefined))
    this.#queues.rest(true)
    const timer = this.#ports.clock.after(SETTLE_MS_MAX, () => this.#settled())
    this.#settling = { unread, timer, settled }
    // What is not acknowledged, QoS 0, is read before the PINGREQ behind it is answered.
    for (const member of unread)
      member.connection.ping(() => {
        if (unread.delete(member)) this.#lookSettled()
      })
  }

  // ---- probes

  get probeWay(): ProbeWay | undefined {
    const { dialect } = this
    if (dialect === undefined) return undefined
    const isKnown = this.#answer?.features.includes('probe' satisfies Feature) === true
    if (this.#native !== undefined && isKnown) return { type: 'frame' }
    return { type: 'ping', peer: dialect === 'emqx' ? 'emqx' : 'older' }
  }

  get oldestFlightMs(): number | undefined {
    if (this.#native !== undefined) return this.#native.oldestFlightMs
    let oldestMs: number | undefined
    for (const forwarder of this.#forwarders.values()) {
      const { oldestFlightMs } = forwarder
      if (oldestFlightMs !== undefined) oldestMs = Math.min(oldestMs ?? oldestFlightMs, oldestFlightMs)
    }
    return oldestMs
  }

  sendProbe(frame: () => Buffer, acknowledged: () => void): void {
    this.#native?.probe(frame, acknowledged)
  }

  ping(ended: (isAnswered: boolean) => void): number {
    let count = 0
    for (const member of this.#members) {
      if (member.carrier === undefined) continue
      count += 1
      const pinged = (isAnswered: boolean): void => {
        if (member.pinged === pinged) member.pinged = undefined
        ended(isAnswered)
      }
      member.pinged = pinged
      member.connection.ping(() => pinged(true))
    }
    return count
  }

  /** Answers a probe of this node of the peer over our own connection to it. False if there is none. */
  answerProbe(node: string, frame: () => Buffer): boolean {
    if (this.#native === undefined || this.#answer?.node !== node) return false
    this.#native.answerProbe(frame)
    return true
  }

  #lookSettled(): void {
    if (this.#settling?.unread.size !== 0) return
    for (const queueIndex of this.#forwarders.keys()) if (this.#queues.inflight(queueIndex) > 0) return
    this.#settled()
  }

  #settled(): void {
    const settling = this.#settling
    if (settling === undefined || this.dialect !== 'emqx') return
    settling.timer.cancel()
    this.#settling = undefined
    settling.settled()
    // Whoever was called has closed all of it, and if not, it goes on.
    this.#queues.rest(false)
    this.pump()
  }

  #endSettling(): void {
    this.#settling?.timer.cancel()
    this.#settling = undefined
    this.#queues.rest(false)
  }

  #pumpPool(): void {
    if (this.#forwarders.size === 0) return
    const { clock } = this.#ports
    const { backlog } = this.#outbox
    const nowMs = clock.steadyMs()
    const refilled = this.#queues.refill((queue) => this.#forwarders.has(queue), nowMs, clock.nowMs())
    // What is unpacked is as good as sent: it is little.
    if (this.#outbox.backlog < backlog) this.meter.crossed(backlog - this.#outbox.backlog, nowMs)
    for (const forwarder of this.#forwarders.values()) forwarder.pump()
    // What went at once leaves room for more.
    if (refilled && this.#outbox.waiting > 0) this.#ports.hasMore()
  }

  #startEmqx(member: PoolMember, limits: PeerLimits, gaveUp: (failure: LinkFailure) => void): void {
    if (this.#forwarders.size === 0) {
      this.#queues.reshape(this.#config.pool_size)
      this.#outbox.connected()
    }
    const queueIndex = member.index - 1
    member.carrier = this.#forwarder(member, queueIndex, limits, () => this.#pumpPool(), gaveUp)
    this.#forwarders.set(queueIndex, member.carrier)
  }

  /** @param left called when messages have left for good */
  #forwarder(
    { connection }: PoolMember,
    queueIndex: number,
    limits: PeerLimits,
    left: () => void,
    gaveUp: (failure: LinkFailure) => void,
  ): Forwarder {
    return new Forwarder({
      queues: this.#queues,
      queueIndex,
      connection,
      limits,
      window: this.#window,
      topic: this.#topic,
      encode: this.#ports.encode,
      clock: this.#ports.clock,
      inflightMax: this.#config.max_inflight,
      crossed: this.#crossed,
      link: this.#config.name,
      traces: this.#ports.traces,
      ackMs: this.#config.retry_interval,
      left: () => {
        left()
        this.#lookSettled()
        this.#ports.moved()
      },
      gaveUp,
    })
  }

  /** All other connections of the pool are of no more use. */
  #startNative(member: PoolMember, limits: PeerLimits, answer: Answer, gaveUp: (failure: LinkFailure) => void): void {
    for (const other of this.#members) if (other !== member) this.closeMember(other)
    this.#endSettling()
    const begin = () => {
      member.carrier?.close()
      this.#turning = undefined
      this.#outbox.connected(payloadBytesMax(this.#topic, limits.packetBytesMax))
      member.carrier = this.#native = this.#laneForwarder(member.connection, limits, answer, gaveUp)
      this.#native.pump()
    }
    this.#queues.reshape(1)
    if (this.#queues.count === 0) return begin()
    // What was unpacked for EMQX's dialect is older than all that waits, and some of it may have been sent so: it goes first, the
    // same way. Whoever speaks ours takes it, too.
    const beginIfDone = () => {
      if (this.#queues.count === 0 && this.#turning?.member === member) begin()
    }
    const forwarder = this.#forwarder(member, 0, limits, beginIfDone, gaveUp)
    member.carrier = forwarder
    this.#turning = {
      member,
      pump: () => {
        forwarder.pump()
        beginIfDone()
      },
    }
  }

  #laneForwarder(
    connection: LinkConnection,
    limits: PeerLimits,
    { features }: Answer,
    gaveUp: (failure: LinkFailure) => void,
  ): LaneForwarder {
    const mayDeflate = features.includes('deflate' satisfies Feature)
    return new LaneForwarder({
      outbox: this.#outbox,
      connection,
      limits,
      topic: this.#topic,
      clock: this.#ports.clock,
      link: this.#config.name,
      traces: this.#ports.traces,
      ackMs: this.#config.retry_interval,
      deflate: () => (mayDeflate && this.#config.compression === 'auto' ? this.deflate : undefined),
      isShortened: features.includes('short' satisfies Feature),
      meter: this.meter,
      crossed: this.#crossed,
      left: () => this.#ports.moved(),
      gaveUp,
    })
  }

  readonly #crossed = (tookMs: number, nowMs: number): void => this.#ports.prober?.crossed(tookMs, nowMs)

  get #topic(): string {
    return `$LINK/cluster/msg/${this.#ports.clusterName}`
  }
}
