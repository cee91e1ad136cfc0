/** A process that contests a lease, as the model of leases sees it: its clock, what it has asked the registers, what it has yet to hear. */
import type { ClusterClock } from '../../src/cluster/cluster-clock.ts'
import { ClusterError } from '../../src/cluster/cluster-error.ts'
import type { Coordination, Register, Registers, WriteResult } from '../../src/cluster/coordination.ts'
import { decodeLeaseRecord } from '../../src/cluster/leases/lease-record.ts'
import { Lease } from '../../src/cluster/leases/lease.ts'

export const leaseTtlMs = 3_000

/** The same for all, and never compared. */
const wallMs = 1_000_000

type Answer = Register | WriteResult

/** A question to the registers on its way. */
export type Asked = {
  readonly kind: 'read' | 'write'
  readonly askedAtMs: number
  /** What it says, but for the revision that it counts on. */
  readonly says: string
  readonly revision: number
  /** It reaches the registers. */
  readonly execute: () => Answer
  /** What they answered, once it did. */
  answer: Answer | undefined
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

type Timer = { readonly atMs: number; readonly order: number; readonly call: () => void }

/** What all processes see alike. */
export interface SharedRegister {
  read(): Register
  /** @param by who writes */
  write(value: Uint8Array, revision: number, by: LeaseProcess): WriteResult
}

/** The highest incarnation that a node has on its disk. */
export type KeptIncarnation = { highest: number }

export class LeaseProcess {
  readonly node: string
  readonly boot: string
  readonly lease: Lease
  readonly asked: Asked[] = []
  /** The state of the register that it is told of next. */
  unheard: Register | undefined
  isStopped = false
  /** Of the register, as it was last told of it, and of what it wrote last as far as it knows. */
  seenRevision = 0
  writtenRevision = 0
  /** Lives that it began, and the last number that it used. */
  lives = 0
  /** How fast its clock goes. */
  readonly #speed: number
  readonly #timers = new Set<Timer>()
  readonly #nowMs: () => number
  #order = 0

  constructor(
    node: string,
    boot: string,
    speed: number,
    nowMs: () => number,
    register: SharedRegister,
    kept: KeptIncarnation,
  ) {
    this.node = node
    this.boot = boot
    this.#speed = speed
    this.#nowMs = nowMs
    this.lease = new Lease('eu', {
      coordination: this.#coordination(register),
      clock: this.#clock,
      log: silent,
      random: () => 0,
      memory: {
        recall: () => kept.highest,
        remember: (_, incarnation) => {
          kept.highest = Math.max(kept.highest, incarnation)
          return Promise.resolve()
        },
      },
      peers: { isAlone: false, hasLeft: () => false },
      ttlMs: leaseTtlMs,
      inspect: undefined,
    })
  }

  get steadyMs(): number {
    return this.#nowMs() * this.#speed
  }

  /** When its next timer is due, by the clock of the world. */
  get nextAtMs(): number {
    return (this.#next?.atMs ?? Number.POSITIVE_INFINITY) / this.#speed
  }

  get #next(): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers)
      if (next === undefined || timer.atMs < next.atMs || (timer.atMs === next.atMs && timer.order < next.order))
        next = timer
    return next
  }

  fireNext(): void {
    const next = this.#next
    if (next === undefined) return
    this.#timers.delete(next)
    next.call()
  }

  /** How long each timer has to go, in the order in which they will fire. */
  get timersLeftMs(): readonly number[] {
    const inOrder = [...this.#timers].toSorted((one, other) => one.atMs - other.atMs || one.order - other.order)
    return inOrder.map(({ atMs }) => atMs - this.steadyMs)
  }

  /** The process ends: nothing reaches it any more. */
  end(): void {
    this.#timers.clear()
    this.asked.length = 0
    this.unheard = undefined
  }

  get #clock(): ClusterClock {
    return {
      nowMs: () => wallMs,
      steadyMs: () => this.steadyMs,
      after: (ms, call) => {
        this.#order += 1
        const timer = { atMs: this.steadyMs + ms, order: this.#order, call }
        this.#timers.add(timer)
        return { cancel: () => void this.#timers.delete(timer) }
      },
    }
  }

  #coordination(register: SharedRegister): Coordination {
    const registers: Registers = {
      read: () => this.#ask('read', '', 0, () => register.read()),
      write: (_, value, revision) =>
        this.#ask('write', said(value), revision, () => register.write(value, revision, this)),
      remove: () => Promise.reject(new Error('a lease is never removed')),
      watch: () => () => undefined,
    }
    return {
      self: { node: this.node, boot: this.boot },
      registers,
      bus: { payloadBytesMax: 0, broadcast: () => undefined, send: () => undefined, listen: () => () => undefined },
      isConnected: true,
      onConnection: () => () => undefined,
      close: () => Promise.resolve(),
    }
  }

  #ask<A extends Answer>(kind: Asked['kind'], says: string, revision: number, execute: () => A): Promise<A> {
    return new Promise<A>((resolve, reject) => {
      let answer: A | undefined
      const asked: Asked = {
        kind,
        askedAtMs: this.steadyMs,
        says,
        revision,
        execute: () => (answer = execute()),
        answer: undefined,
        resolve: () => answer !== undefined && resolve(answer),
        reject,
      }
      this.asked.push(asked)
    })
  }
}

/** The number of the renewal tells apart what is written, and nothing else. */
function said(value: Uint8Array): string {
  const record = decodeLeaseRecord(value)
  return `${record?.upTo} ${record?.released}`
}

/** Lets everything happen that was promised: no promise of a lease leads to more than a few others. */
export async function settlePromises(): Promise<void> {
  for (let turns = 0; turns < 24; turns += 1) await Promise.resolve()
}

export function coordinationLost(): ClusterError {
  return new ClusterError('COORDINATION_LOST', 'no answer came')
}

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
