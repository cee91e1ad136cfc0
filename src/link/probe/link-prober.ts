/**
 * Measures a link through its own message path, again and again, and sees whether it is mute. To a peer of our kind a probe goes over
 * the connection of the messages, behind those that wait; to any other the connections are pinged. At most one is on its way: one
 * that is late because much waits is late.
 */
import type { HistogramSnapshot } from '../../lanes/latency-histogram.ts'
import type { LinkClock } from '../link-clock.ts'
import { LinkLatencies, rounded } from './link-latencies.ts'
import { decodeProbeFrame, encodeProbeFrame, type ProbeAnswer } from './probe-frame.ts'
import { probeNotes, type AnsweredOver, type LinkLatency, type Probe, type ProbeResult } from './probe-view.ts'
import { judgeSilence, shouldRestart, Silence, type MuteDirection, type ProbeTerms } from './silence.ts'

/** What carries the probes: `LinkPool` satisfies it. */
export interface ProbeCarrier {
  /** How the peer can be probed just now; `undefined` while no connection is up. */
  readonly probeWay: ProbeWay | undefined
  /** When the oldest message that is not acknowledged was sent, by the steady clock; `undefined` if there is none. */
  readonly oldestFlightMs: number | undefined
  /**
   * Sends a probe among the messages.
   * @param frame made when it is really sent
   * @param acknowledged its PUBACK came
   */
  sendProbe(frame: () => Buffer, acknowledged: () => void): void
  /** Pings every connection that is up. Returns how many there are. @param ended for each of them: answered, or gone before */
  ping(ended: (isAnswered: boolean) => void): number
}

/** `older`: a native peer that knows no probes. */
export type ProbeWay = { readonly type: 'frame' } | { readonly type: 'ping'; readonly peer: 'emqx' | 'older' }

/** For the status of the link. */
export type ProbeFact =
  | { readonly state: 'well' }
  | { readonly state: 'mute'; readonly direction: MuteDirection; readonly reason: string }

export type LinkProberPorts = {
  readonly clock: LinkClock
  /** Left out, nothing is probed; what crosses is measured nevertheless. */
  readonly terms: ProbeTerms | undefined
  /** A number from 0 to below 1, always the same for this node and link: so that not all links are probed at once. */
  readonly phase: number
  /** The number of the first probe: those of other processes have others. */
  readonly firstId: number
  readonly carrier: () => ProbeCarrier
  readonly changed: (fact: ProbeFact) => void
  /** The connections are to be opened anew. */
  readonly restart: (reason: string, silentMs: number) => void
}

type Flight = {
  readonly id: number
  readonly way: ProbeWay
  /** When it was to go, by the steady clock. */
  readonly dueMs: number
  /** When it went, by both clocks. */
  sentMs: number | undefined
  sentWallMs: number
  isAcknowledged: boolean
  /** Connections that were pinged: those that have neither answered nor gone, and those that have answered. */
  pending: number
  answers: number
  /** One of them has gone. */
  isBroken: boolean
}

type Waiter = {
  readonly sinceMs: number
  readonly resolve: (result: ProbeResult) => void
  readonly timer: { cancel(): void }
}

/** One that takes longer is given up. */
const FLIGHT_MS_MAX = 60_000
const well: ProbeFact = { state: 'well' }

export class LinkProber {
  readonly #ports: LinkProberPorts
  readonly #acks = new Silence()
  readonly #answers = new Silence()
  readonly #latencies = new LinkLatencies()
  readonly #waiters = new Set<Waiter>()
  #isUp = false
  #way: ProbeWay | undefined
  /** The node of the peer that answers; its clock is the one that is known. */
  #node: string | undefined
  #flight: Flight | undefined
  #id: number
  #nextProbeMs = 0
  #timer: { cancel(): void } | undefined
  /** When the timer was to fire. */
  #timerMs = 0
  #sent = 0
  #answered = 0
  #lost = 0
  #answeredOver: AnsweredOver | null = null
  /** By the steady clock, as all that ends in `Ms` here but what says so. */
  #lastCrossedMs: number | undefined
  #lastReceivedMs: number | undefined
  #fact: ProbeFact = well
  #muteSinceWallMs: number | undefined
  /** Since something was last heard. */
  #restartsNow = 0
  #restarts = 0
  #restartedMs = Number.NEGATIVE_INFINITY

  constructor(ports: LinkProberPorts) {
    this.#ports = ports
    this.#id = ports.firstId
  }

  get fact(): ProbeFact {
    return this.#fact
  }

  // ---- what happens to the link

  /** A connection is up; the first of several, or one more. @param node of the peer, if it said which it is */
  connected(node: string | undefined): void {
    if (node !== this.#node) {
      this.#node = node
      this.#latencies.forgetClock()
    }
    const { terms, clock, phase } = this.#ports
    if (this.#isUp || terms === undefined) return
    this.#isUp = true
    // Whoever was silent before is asked at once.
    const isDoubtful = this.#acks.isCarried || this.#answers.isCarried
    this.#nextProbeMs = clock.steadyMs() + (isDoubtful ? 0 : phase * terms.intervalMs)
    this.#arm()
  }

  /** The last connection is gone. */
  disconnected(): void {
    if (!this.#isUp) return
    this.#isUp = false
    this.#timer?.cancel()
    this.#timer = undefined
    const nowMs = this.#ports.clock.steadyMs()
    this.#noteAwaited()
    this.#acks.down(nowMs)
    this.#answers.down(nowMs)
    this.#lose()
    this.#tellWaiters(({ sinceMs }) => this.#unanswered(sinceMs))
  }

  /** A batch was acknowledged, or a message that stands for those around it. */
  crossed(tookMs: number, nowMs: number): void {
    this.#latencies.acknowledged(tookMs, nowMs)
    this.#lastCrossedMs = nowMs
    this.#heardAck(nowMs)
    const flight = this.#flight
    // It comes behind others that cross: that it is late is no silence.
    if (flight !== undefined && flight.way.type === 'frame' && !flight.isAcknowledged) this.#answers.heard(nowMs)
    if (this.#fact !== well) this.#look()
  }

  /** A batch of messages came from a node of the peer. @param sentAtMs by its wall clock */
  received(node: string, sentAtMs: number): void {
    const { clock } = this.#ports
    const nowMs = clock.steadyMs()
    this.#lastReceivedMs = nowMs
    if (node !== this.#node) return
    this.#latencies.messages(sentAtMs, clock.nowMs())
    // The answer comes the same way, behind it.
    if (this.#flight?.isAcknowledged === true) this.#answers.heard(nowMs)
    if (this.#fact !== well) this.#look()
  }

  /** What a peer published to us on a connection that carries messages. */
  heard(payload: Buffer): void {
    const frame = decodeProbeFrame(payload)
    if (frame?.type === 'probe_answer') this.answered(frame, 'same_connection')
  }

  /** The answer to a probe came. */
  answered(answer: ProbeAnswer, over: AnsweredOver): void {
    const flight = this.#flight
    if (flight?.id !== answer.id || flight.sentMs === undefined) return
    const { dueMs, sentMs, sentWallMs } = flight
    const nowMs = this.#ports.clock.steadyMs()
    this.#answeredOver = over
    this.#latencies.answered({ dueMs, sentMs, sentWallMs }, answer, nowMs)
    this.#took(flight, nowMs)
  }

  /** Probes at once, or waits for the one that is on its way. */
  probeNow(deadlineMs: number): Promise<ProbeResult> {
    if (this.#ports.terms === undefined) return Promise.resolve({ type: 'not_probed' })
    if (!this.#isUp) return Promise.resolve({ type: 'not_connected' })
    const { clock } = this.#ports
    return new Promise((resolve) => {
      const timer = clock.after(deadlineMs, () => {
        this.#waiters.delete(waiter)
        resolve(this.#unanswered(waiter.sinceMs))
      })
      const waiter: Waiter = { sinceMs: clock.steadyMs(), resolve, timer }
      this.#waiters.add(waiter)
      if (this.#flight === undefined) this.#probe(clock.steadyMs())
      this.#arm()
    })
  }

  /** The link is disabled: what was wrong with it is past. */
  forget(): void {
    this.disconnected()
    const nowMs = this.#ports.clock.steadyMs()
    this.#acks.heard(nowMs)
    this.#answers.heard(nowMs)
    this.#restartsNow = 0
    this.#settle()
  }

  /** Since when nothing crosses, by the wall clock; `undefined` while all is well. */
  get muteSinceMs(): number | undefined {
    return this.#muteSinceWallMs
  }

  resetCounters(): void {
    this.#latencies.reset()
    this.#sent = this.#flight === undefined ? 0 : 1
    this.#answered = this.#lost = this.#restarts = 0
  }

  // ---- what is to be seen

  view(): Probe {
    const { clock } = this.#ports
    const steadyMs = clock.steadyMs()
    const dayOf = (atMs: number | undefined) =>
      atMs === undefined ? null : new Date(Math.trunc(clock.nowMs() - (steadyMs - atMs))).toISOString()
    const note = noteOf(this.#way)
    return {
      kind: kindOf(this.#way),
      sent: this.#sent,
      answered: this.#answered,
      lost: this.#lost,
      ...this.#latencies.ofProbes(steadyMs),
      ...(this.#answeredOver === null ? {} : { answered_over: this.#answeredOver }),
      last_crossed_at: dayOf(this.#lastCrossedMs),
      last_received_at: dayOf(this.#lastReceivedMs),
      mute_since: this.#muteSinceWallMs === undefined ? null : new Date(this.#muteSinceWallMs).toISOString(),
      mute_restarts: this.#restarts,
      ...(note === undefined ? {} : { note }),
    }
  }

  latency(): LinkLatency {
    return this.#latencies.ofMessages(this.#ports.clock.steadyMs())
  }

  histograms(): Readonly<Record<'ack' | 'roundTrip' | 'oneWay', HistogramSnapshot>> {
    return this.#latencies.histograms()
  }

  // ---- one probe

  #probe(nowMs: number): void {
    const carrier = this.#ports.carrier()
    const way = carrier.probeWay
    if (way === undefined) return
    this.#id += 1
    const flight: Flight = {
      id: this.#id,
      way,
      dueMs: nowMs,
      sentMs: undefined,
      sentWallMs: 0,
      isAcknowledged: false,
      pending: 0,
      answers: 0,
      isBroken: false,
    }
    this.#way = way
    this.#flight = flight
    this.#sent += 1
    if (way.type === 'frame')
      carrier.sendProbe(
        () => this.#frameOf(flight),
        () => this.#acknowledged(flight),
      )
    else flight.pending = carrier.ping((isAnswered) => this.#pinged(flight, isAnswered))
  }

  #frameOf(flight: Flight): Buffer {
    const { clock } = this.#ports
    flight.sentMs = clock.steadyMs()
    flight.sentWallMs = clock.nowMs()
    return encodeProbeFrame({ type: 'probe', id: flight.id, sentAtMs: flight.sentWallMs })
  }

  #acknowledged(flight: Flight): void {
    const nowMs = this.#ports.clock.steadyMs()
    flight.isAcknowledged = true
    this.#lastCrossedMs = nowMs
    this.#heardAck(nowMs)
    if (this.#fact !== well) this.#look()
  }

  /** What ends a silence of both speaks for both: the other one is a moment behind, and counts from here. */
  #heardAck(nowMs: number): void {
    if (this.#isQuiet(this.#acks, nowMs)) this.#answers.heard(nowMs)
    this.#acks.heard(nowMs)
  }

  #isQuiet(silence: Silence, nowMs: number): boolean {
    return silence.ms(nowMs) > (this.#ports.terms?.intervalMs ?? 0)
  }

  #pinged(flight: Flight, isAnswered: boolean): void {
    if (this.#flight !== flight) return
    const nowMs = this.#ports.clock.steadyMs()
    flight.pending -= 1
    if (isAnswered) flight.answers += 1
    else flight.isBroken = true
    if (flight.pending > 0) return
    if (!flight.isBroken) return this.#took(flight, nowMs)
    // One connection that comes and goes does not make the others mute.
    if (flight.answers > 0) this.#answers.heard(nowMs)
    this.#lose()
  }

  #took(flight: Flight, nowMs: number): void {
    const tookMs = nowMs - flight.dueMs
    this.#flight = undefined
    this.#answered += 1
    this.#latencies.roundTrip(tookMs, nowMs)
    if (this.#isQuiet(this.#answers, nowMs)) this.#acks.heard(nowMs)
    this.#answers.heard(nowMs)
    // One that was answered before it was acknowledged leaves it open whether it will be.
    if (flight.way.type === 'frame' && !flight.isAcknowledged) this.#acks.awaits(flight.sentMs ?? flight.dueMs)
    const result: ProbeResult = {
      type: 'answered',
      kind: kindOf(flight.way),
      round_trip_ms: rounded(tookMs),
      one_way_ms: flight.way.type === 'frame' ? this.#latencies.lastOneWayMs : null,
      answered_over: flight.way.type === 'frame' ? this.#answeredOver : null,
      clock_offset_ms: this.#latencies.clockOffsetMs,
    }
    this.#tellWaiters(() => result)
    if (this.#fact !== well) this.#look()
  }

  /** It is waited for no more. */
  #lose(): void {
    if (this.#flight === undefined) return
    this.#tellWaiters(({ sinceMs }) => this.#unanswered(sinceMs))
    this.#flight = undefined
    this.#lost += 1
  }

  #tellWaiters(resultFor: (waiter: Waiter) => ProbeResult): void {
    for (const waiter of this.#waiters) {
      waiter.timer.cancel()
      waiter.resolve(resultFor(waiter))
    }
    this.#waiters.clear()
  }

  #unanswered(sinceMs: number): ProbeResult {
    const waitedMs = rounded(this.#ports.clock.steadyMs() - sinceMs)
    const isAcknowledged = this.#flight?.isAcknowledged === true
    return { type: 'unanswered', kind: kindOf(this.#way), waited_ms: waitedMs, isAcknowledged }
  }

  // ---- what it says of the link

  #arm(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    const { terms, clock } = this.#ports
    if (!this.#isUp || terms === undefined) return
    const nowMs = clock.steadyMs()
    this.#noteAwaited()
    // What it has reached already is looked at with each probe.
    const muteAtMs = Math.min(this.#acks.reachesMs(terms.muteMs), this.#answers.reachesMs(terms.muteMs))
    this.#timerMs = muteAtMs > nowMs ? Math.min(this.#nextProbeMs, muteAtMs) : this.#nextProbeMs
    this.#timer = clock.after(Math.max(0, this.#timerMs - nowMs), () => this.#fire(terms))
  }

  #fire(terms: ProbeTerms): void {
    const nowMs = this.#ports.clock.steadyMs()
    const lateMs = nowMs - this.#timerMs
    // This process stood still: nobody was silent.
    if (lateMs > terms.intervalMs) for (const silence of [this.#acks, this.#answers]) silence.forgive(lateMs, nowMs)
    if (nowMs >= this.#nextProbeMs) {
      this.#nextProbeMs = nowMs + terms.intervalMs
      if (this.#flight !== undefined && nowMs - this.#flight.dueMs >= FLIGHT_MS_MAX) this.#lose()
      if (this.#flight === undefined) this.#probe(nowMs)
    }
    this.#noteAwaited()
    this.#look()
    this.#arm()
  }

  #noteAwaited(): void {
    const flight = this.#flight
    const flightMs = this.#ports.carrier().oldestFlightMs
    const isProbeFlying = flight?.way.type === 'frame' && !flight.isAcknowledged
    if (flightMs !== undefined) this.#acks.awaits(flightMs)
    // Of messages that fly together the acknowledgement of one is told.
    else if (!isProbeFlying) this.#acks.ends()
    if (flight === undefined) return
    this.#answers.awaits(flight.dueMs)
    if (isProbeFlying) this.#acks.awaits(flight.dueMs)
  }

  /** What is waited for has been noted, but where something was heard just now: its sender may still have it among those that fly. */
  #look(): void {
    const { terms, clock, restart } = this.#ports
    if (terms === undefined || !this.#isUp) return
    const nowMs = clock.steadyMs()
    const silences = { acksMs: this.#acks.ms(nowMs), answersMs: this.#answers.ms(nowMs) }
    const direction = judgeSilence(silences, this.#way?.type ?? 'ping', terms)
    if (direction === undefined) return this.#settle()
    const silentMs = Math.max(silences.acksMs, silences.answersMs)
    this.#muteSinceWallMs ??= Math.trunc(clock.nowMs() - silentMs)
    const reason = muteWords(direction, new Date(this.#muteSinceWallMs).toISOString())
    this.#tell({ state: 'mute', direction, reason })
    const restarts = { count: this.#restartsNow, lastAgoMs: nowMs - this.#restartedMs }
    if (!shouldRestart(direction, silentMs, restarts, terms)) return
    this.#restartedMs = nowMs
    this.#restartsNow += 1
    this.#restarts += 1
    restart(reason, silentMs)
  }

  #settle(): void {
    this.#muteSinceWallMs = undefined
    this.#restartsNow = 0
    this.#tell(well)
  }

  #tell(fact: ProbeFact): void {
    const before = this.#fact
    this.#fact = fact
    const isSame =
      fact.state === 'well' ? before.state === 'well' : before.state === 'mute' && before.reason === fact.reason
    if (!isSame) this.#ports.changed(fact)
  }
}

function kindOf(way: ProbeWay | undefined): Probe['kind'] {
  return way?.type === 'ping' && way.peer === 'emqx' ? 'emqx' : 'native'
}

function noteOf(way: ProbeWay | undefined): string | undefined {
  if (way === undefined) return undefined
  return way.type === 'frame' ? probeNotes.native : probeNotes[way.peer]
}

function muteWords(direction: MuteDirection, since: string): string {
  switch (direction) {
    case 'out':
      return `connected, but the probe is unanswered and nothing is acknowledged since ${since}`
    case 'acknowledgements':
      return `connected, but the peer acknowledges nothing since ${since}, though its answers come`
    case 'back':
      return `the probe is unanswered since ${since}: the peer acknowledges it, but what it sends to us does not come`
  }
}
