/**
 * One right that this node contests. The machine (`actors/lease.ts`) decides when to ask; here stands what it asks the registers, and
 * what their answers mean. The record is changed by compare and set alone, so that of two that write at once one fails.
 */
import assert from 'node:assert/strict'
import { createActor, fromPromise, type Actor, type InspectionEvent } from 'xstate'
import {
  type ClaimOutcome,
  leaseMachine,
  renewalsPerTtl,
  type LeaseEvent,
  type LeaseState,
  leaseState,
  type LeaseInput,
} from '../../../actors/lease.ts'
import type { ClusterClock } from '../cluster-clock.ts'
import { ClusterError } from '../cluster-error.ts'
import type { ClusterLog } from '../cluster-log.ts'
import type { Coordination, Register, Sender } from '../coordination.ts'
import type { IncarnationMemory } from './incarnation-file.ts'
import { judgeRecord, type RecordVerdict } from './judge-record.ts'
import { decodeLeaseRecord, encodeLeaseRecord, leaseKey, type LeaseRecord } from './lease-record.ts'
import { beginReservation, extendReservation, takeIncarnation, type Reservation } from './reservation.ts'

/** What a lease needs to know of the other nodes. */
export interface LeasePeers {
  /** Whether no other node is there. */
  readonly isAlone: boolean
  /** Whether this process is gone for good. */
  hasLeft(process: Sender): boolean
}

export type LeasePorts = {
  readonly coordination: Coordination
  readonly clock: ClusterClock
  readonly log: ClusterLog
  /** A number from 0 to below 1. */
  readonly random: () => number
  readonly memory: IncarnationMemory
  readonly peers: LeasePeers
  readonly ttlMs: number
  readonly inspect: ((inspected: InspectionEvent) => void) | undefined
}

/** For people. */
export type LeaseStanding = {
  readonly name: string
  readonly state: LeaseState
  /** Since when, milliseconds since 1970, and how it came to that. */
  readonly sinceMs: number
  readonly reason: string
  /** The node that has it, as far as we know. */
  readonly holder: string | undefined
  /** The last that was used here while this node has had it. */
  readonly incarnation: number | undefined
  /** None above this has been used in the whole cluster. */
  readonly reservedUpTo: number | undefined
  /** When the record was last seen to change. */
  readonly renewedMsAgo: number | undefined
}

type Seen = {
  readonly register: Register
  readonly record: LeaseRecord | 'damaged' | undefined
  /** When this state of it was first seen, by our steady clock. */
  sinceMs: number
}

/** How often one renewal may find that the record was changed under it. */
const WRITES_MAX = 3
const RESTART_MS = 1_000

export class Lease {
  readonly name: string
  readonly #ports: LeasePorts
  readonly #key: string
  readonly #listeners = new Set<(state: LeaseState) => void>()
  #actor: Actor<typeof leaseMachine>
  #state: LeaseState = 'follower'
  #sinceMs: number
  #seen: Seen | undefined
  #known: number
  #reservation: Reservation | undefined
  #lastIncarnation: number | undefined
  /** Counts how often we got it and lost it: answers to what we asked before that count no more. */
  #tenure = 0
  /** Of our own last write. */
  #revision = 0
  #renewals = 0
  /** The last attempt, until it is answered. */
  #renewing: Promise<void> | undefined
  #renewalAskedAtMs = 0
  #attempt = 0
  /** Questions for the record that were not answered yet. */
  #looksOpen = 0
  #claiming: Promise<ClaimOutcome> | undefined
  #claims = 0
  #isReleased = false

  /** `Leases.contest` makes it. */
  constructor(name: string, ports: LeasePorts) {
    this.name = name
    this.#ports = ports
    this.#key = leaseKey(name)
    this.#known = ports.memory.recall(name)
    this.#sinceMs = ports.clock.nowMs()
    this.#actor = this.#start()
  }

  /** By `release`: another one contests it from now on. */
  get isReleased(): boolean {
    return this.#isReleased
  }

  get state(): LeaseState {
    return leaseState(this.#actor.getSnapshot())
  }

  /** The node whose name stands on the record, whether it lives or not. */
  get holder(): string | undefined {
    const record = this.#seen?.record
    return record === undefined || record === 'damaged' || record.released ? undefined : record.node
  }

  /**
   * A number for a new life of whoever speaks under this lease: above all that were used by its holders before, and on record
   * already. Only for who is `holder` or `lapsed`. Throws `ClusterError` if a lapsed one has used up all that it had reserved.
   */
  nextIncarnation(): number {
    assert(this.#reservation !== undefined && isHeld(this.state), `${this.name}: the lease is not held`)
    const taken = takeIncarnation(this.#reservation)
    if (taken === undefined)
      throw new ClusterError('COORDINATION_LOST', `${this.name}: no incarnation is left that is on record`)
    this.#reservation = taken.left
    this.#lastIncarnation = taken.incarnation
    return taken.incarnation
  }

  /** Called with each new state, and when another node holds it. Returns how to stop it. */
  onChange(listener: (state: LeaseState) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Asks who holds it now; resolves when `state` and `holder` say so. Rejects with `ClusterError` if nobody answers. */
  async reread(): Promise<void> {
    this.observe(await this.#ports.coordination.registers.read(this.#key))
    await this.#renewing
  }

  /** Contests it no more. If it was ours, another may have it at once; resolves when that is on record, or can't be. */
  async release(): Promise<void> {
    if (this.#isReleased) return
    this.#isReleased = true
    this.#actor.send({ type: 'release' })
    this.#changed('released')
    await Promise.allSettled([this.#renewing, this.#claiming])
    try {
      await this.#writeReleased()
    } catch (error) {
      this.#ports.log.warn({ lease: this.name, err: error }, 'lease_release_failed')
    }
  }

  async #writeReleased(): Promise<void> {
    const { registers, self } = this.#ports.coordination
    const register = await registers.read(this.#key)
    const record = recordIn(register)
    if (record === undefined || record === 'damaged' || record.boot !== self.boot || record.released) return
    // It may have been contested anew here, and won: that is not ours to let go.
    if (record.upTo !== this.#reservation?.upTo) return
    await registers.write(this.#key, encodeLeaseRecord({ ...record, released: true }), register.revision)
  }

  /** `Leases` tells what it hears of the register. */
  observe(register: Register): void {
    if (this.#isReleased || !this.#note(register)) return
    const verdict = this.#judge()
    const reason = this.#reasonOf(verdict)
    if (isHeld(this.#state)) this.#observeAsHolder(verdict, register)
    else if (verdict.type === 'held') this.#send({ type: 'holder_seen', reason })
    else if (verdict.type === 'missing') this.#send({ type: 'record_missing', reason })
    else this.weigh()
  }

  #observeAsHolder(verdict: RecordVerdict, register: Register): void {
    if (verdict.type === 'own') return
    const isOthers = register.value !== undefined && register.revision > this.#revision
    // A lower revision is old news, or the first after all was lost: asking tells.
    if (isOthers) this.#send({ type: 'superseded', reason: this.#reasonOf(verdict) })
    else this.#send({ type: 'doubted' })
  }

  /** What is known of the others may be another now: is there still somebody to wait for? */
  weigh(): void {
    const verdict = this.#seen === undefined ? undefined : this.#judge()
    if (verdict?.type === 'free') this.#send(recordFree(verdict))
    // A claim of ours whose answer was lost.
    else if (verdict?.type === 'own')
      this.#send({ type: 'record_free', reason: 'the record is its own', rivals: false })
  }

  connected(): void {
    // What we did not see while we were away is nobody's silence.
    if (this.#seen !== undefined) this.#seen.sinceMs = this.#ports.clock.steadyMs()
    this.#send({ type: 'connected' })
  }

  standing(): LeaseStanding {
    const record = this.#seen?.record
    const { clock } = this.#ports
    return {
      name: this.name,
      state: this.state,
      sinceMs: this.#sinceMs,
      reason: this.#actor.getSnapshot().context.reason,
      holder: this.holder,
      incarnation: isHeld(this.state) ? this.#lastIncarnation : undefined,
      reservedUpTo: record === undefined || record === 'damaged' ? undefined : record.upTo,
      renewedMsAgo: this.#seen === undefined ? undefined : clock.steadyMs() - this.#seen.sinceMs,
    }
  }

  #start(): Actor<typeof leaseMachine> {
    const { clock, inspect, ttlMs, random, coordination, log } = this.#ports
    const machine = leaseMachine.provide({
      actors: { claim: fromPromise<ClaimOutcome>(({ signal }) => (this.#claiming = this.#claim(signal))) },
      actions: { renew: () => this.#renew(), look: () => void this.#look(), weigh: () => this.weigh() },
    })
    const input: LeaseInput = {
      name: this.name,
      ttlMs,
      random,
      nowMs: () => clock.steadyMs(),
      isConnected: () => coordination.isConnected,
    }
    const timers = {
      setTimeout: (call: () => void, ms: number) => clock.after(ms, call),
      clearTimeout: (timer: { cancel(): void } | undefined) => timer?.cancel(),
    }
    const actor = createActor(machine, { input, clock: timers, ...(inspect === undefined ? {} : { inspect }) })
    // It weighs the record in its first state, before we have it.
    this.#actor = actor
    actor.subscribe({
      next: () => this.#changed(actor.getSnapshot().context.reason),
      error: (error) => {
        log.error({ lease: this.name, err: error }, 'lease_crashed')
        clock.after(RESTART_MS, () => {
          if (!this.#isReleased) this.#start()
        })
      },
    })
    return actor.start()
  }

  #send(event: LeaseEvent): void {
    this.#actor.send(event)
  }

  #changed(reason: string): void {
    const state = leaseState(this.#actor.getSnapshot())
    if (state === this.#state) return
    const { clock, log, coordination } = this.#ports
    const before = this.#state
    this.#state = state
    this.#sinceMs = clock.nowMs()
    if (isHeld(state) !== isHeld(before)) {
      this.#tenure++
      this.#lastIncarnation = undefined
    }
    const fields = { lease: this.name, node: coordination.self.node, state, before, reason }
    if (isHeld(before) || isHeld(state)) log.info(fields, 'lease_state')
    else log.debug(fields, 'lease_state')
    this.#tell()
  }

  #tell(): void {
    for (const listener of this.#listeners) {
      try {
        listener(this.state)
      } catch (error) {
        this.#ports.log.error({ lease: this.name, err: error }, 'lease_listener_failed')
      }
    }
  }

  /** Returns whether this is another state of the register than was seen last. */
  #note(register: Register): boolean {
    const before = this.#seen?.register
    const isSame =
      before !== undefined &&
      (register.value === undefined ? before.value === undefined : register.revision === before.revision)
    if (isSame) return false
    const record = recordIn(register)
    const holder = this.holder
    this.#seen = { register, record, sinceMs: this.#ports.clock.steadyMs() }
    if (this.holder !== holder) this.#tell()
    if (record === 'damaged') this.#ports.log.error({ lease: this.name }, 'lease_record_damaged')
    else if (record !== undefined && record.upTo > this.#known) {
      this.#known = record.upTo
      void this.#remember(record.upTo)
    }
    return true
  }

  async #remember(incarnation: number): Promise<void> {
    try {
      await this.#ports.memory.remember(this.name, incarnation)
    } catch (error) {
      // What is on record counts; this is for the day when that is lost.
      this.#ports.log.error({ lease: this.name, err: error }, 'lease_incarnation_not_kept')
    }
  }

  #judge(): RecordVerdict {
    const { peers, coordination } = this.#ports
    return judgeRecord(this.#seen?.record, {
      self: coordination.self,
      known: this.#known,
      hasLeft: (process) => peers.hasLeft(process),
      isAlone: peers.isAlone,
    })
  }

  #reasonOf(verdict: RecordVerdict): string {
    if (verdict.type === 'free') return verdict.reason
    return verdict.type === 'missing' ? 'there is no record' : `${this.holder ?? 'nobody'} holds it`
  }

  async #look(): Promise<void> {
    const { coordination, clock, log } = this.#ports
    let isLate = false
    const timer = clock.after(this.#renewalIntervalMs, () => {
      isLate = true
      this.#unanswered()
    })
    this.#looksOpen++
    const register = await coordination.registers.read(this.#key).catch((error: unknown) => {
      log.debug({ lease: this.name, err: error }, 'lease_look_failed')
      return undefined
    })
    this.#looksOpen--
    timer.cancel()
    if (register !== undefined) this.observe(register)
    else if (!isLate) this.#unanswered()
  }

  get #renewalIntervalMs(): number {
    return this.#ports.ttlMs / renewalsPerTtl
  }

  /** Where we get no answer the holder gets none: it has a whole TTL again from when there are answers. */
  #unanswered(): void {
    if (this.#isReleased) return
    if (this.#seen !== undefined) this.#seen.sinceMs = this.#ports.clock.steadyMs()
    this.#send({ type: 'unanswered' })
  }

  /** Reads before it writes: what we saw last may be old. */
  async #claim(signal: AbortSignal): Promise<ClaimOutcome> {
    const { coordination, clock, ttlMs } = this.#ports
    const claim = ++this.#claims
    const readAtMs = clock.steadyMs()
    const register = await coordination.registers.read(this.#key)
    this.#note(register)
    // Late, or the first answer after others that never came.
    if (clock.steadyMs() - readAtMs > this.#renewalIntervalMs || this.#looksOpen > 0) this.#unanswered()
    const verdict = this.#judge()
    const silentMs = clock.steadyMs() - (this.#seen?.sinceMs ?? clock.steadyMs())
    const mustWait = (verdict.type === 'held' || verdict.type === 'missing') && silentMs < ttlMs
    if (mustWait || signal.aborted) return { type: 'refused', reason: this.#reasonOf(verdict) }
    const reservation = beginReservation(clock.nowMs(), this.#known)
    const askedAtMs = clock.steadyMs()
    const written = await this.#write(reservation, register.value === undefined ? 0 : register.revision)
    if (written === undefined) return { type: 'refused', reason: 'another was faster' }
    // Of a later claim the numbers are higher, and may be in use.
    if (claim !== this.#claims) return { type: 'refused', reason: 'it was asked again meanwhile' }
    this.#noteOwn(written)
    this.#reservation = reservation
    // It came so late that the machine has given it up: ours all the same, as is seen by weighing it.
    if (signal.aborted) this.weigh()
    return { type: 'claimed', askedAtMs }
  }

  /** On record and remembered when it resolves; `undefined` if the register is not as it was. */
  async #write({ upTo }: Reservation, revision: number): Promise<Register | undefined> {
    const { registers, self } = this.#ports.coordination
    const record = { ...self, upTo, renewals: ++this.#renewals, released: false }
    const value = encodeLeaseRecord(record)
    const result = await registers.write(this.#key, value, revision)
    if (result.type === 'conflict') return undefined
    await this.#remember(upTo)
    return { key: this.#key, value, revision: result.revision }
  }

  #noteOwn(register: Register): void {
    this.#revision = register.revision
    this.#note(register)
  }

  #renew(): void {
    if (this.#isReleased) return
    const nowMs = this.#ports.clock.steadyMs()
    // An older one is lost, and the next must not wait until that is certain.
    if (this.#renewing !== undefined && nowMs - this.#renewalAskedAtMs < this.#renewalIntervalMs / 2) return
    this.#renewalAskedAtMs = nowMs
    this.#renewing = this.#renewAndTell(++this.#attempt)
  }

  async #renewAndTell(attempt: number): Promise<void> {
    let event: LeaseEvent | undefined
    try {
      event = await this.#renewOnce(attempt)
    } catch (error) {
      this.#ports.log.debug({ lease: this.name, err: error }, 'lease_renewal_failed')
    }
    // First: the answer may be to ask again.
    if (attempt === this.#attempt) this.#renewing = undefined
    if (event !== undefined) this.#send(event)
  }

  /** `undefined` if the answer comes when it is not asked for any more. */
  async #renewOnce(attempt: number): Promise<LeaseEvent | undefined> {
    const { coordination, clock } = this.#ports
    const tenure = this.#tenure
    let revision = this.#revision
    for (let writes = 0; writes < WRITES_MAX; writes++) {
      const askedAtMs = clock.steadyMs()
      assert(this.#reservation !== undefined, `${this.name}: nothing is reserved`)
      const extended = extendReservation(this.#reservation)
      const written = await this.#write(extended, revision)
      if (tenure !== this.#tenure) return undefined
      if (written !== undefined) {
        if (written.revision > this.#revision) this.#noteOwn(written)
        // Some may have been used while we waited for the answer, and a later renewal may have been answered before.
        const upTo = Math.max(extended.upTo, this.#reservation.upTo)
        this.#reservation = { next: this.#reservation.next, upTo }
        return { type: 'renewed', askedAtMs }
      }
      // The next attempt found out, or will.
      if (attempt !== this.#attempt) return undefined
      const register = await coordination.registers.read(this.#key)
      if (tenure !== this.#tenure) return undefined
      this.#note(register)
      const record = recordIn(register)
      const isOthers = record !== undefined && record !== 'damaged' && record.boot !== coordination.self.boot
      if (isOthers) return { type: 'superseded', reason: this.#reasonOf(this.#judge()) }
      this.#revision = revision = register.value === undefined ? 0 : register.revision
    }
    throw new ClusterError('COORDINATION_LOST', `${this.name}: the record changes faster than it can be written`)
  }
}

function recordIn({ value }: Register): LeaseRecord | 'damaged' | undefined {
  return value === undefined ? undefined : (decodeLeaseRecord(value) ?? 'damaged')
}

function recordFree({ reason, rivals }: { reason: string; rivals: boolean }): LeaseEvent {
  return { type: 'record_free', reason, rivals }
}

function isHeld(state: LeaseState): boolean {
  return state === 'holder' || state === 'lapsed'
}
