/**
 * A right that two nodes contest, each by what it sees of one register and by its own clock: answers that are late or lost, a holder
 * that is stopped and goes on, processes that end, clocks of different speeds.
 *
 * Real: `Lease` with its machine, records and reservations. Made up: the register, the way to it, and time.
 */
import type { Register, WriteResult } from '../../src/cluster/coordination.ts'
import { decodeLeaseRecord, encodeLeaseRecord, leaseKey } from '../../src/cluster/leases/lease-record.ts'
import type { System } from './explore.ts'
import {
  type Asked,
  coordinationLost,
  type KeptIncarnation,
  LeaseProcess,
  leaseTtlMs,
  settlePromises,
  type SharedRegister,
} from './lease-process.ts'

export type LeaseScope = {
  /** Questions that get lost, before or after they were executed; answers that are late. */
  readonly faults: number
  /** Times that a process is stopped, and goes on later. */
  readonly stops: number
  readonly restarts: number
  /** Incarnations that are taken. */
  readonly lives: number
  /** How many times as fast the clock of the second node goes. */
  readonly speed: number
  /** A planted fault: writing without comparing; a record that says nothing of what was used. */
  readonly mutation?: 'no_compare' | 'forgetful_record'
}

const names = ['a', 'b'] as const
const key = leaseKey('eu')
/** What stood on record before. */
const formerUpTo = 1_001_000

/** For as long as one process stands on the record: what it may use is above all that stood there before. */
type Tenure = { readonly boot: string; readonly above: number; upTo: number }

export class LeaseWorld implements SharedRegister {
  readonly #scope: LeaseScope
  readonly #processes: LeaseProcess[] = []
  readonly #kept: readonly KeptIncarnation[] = names.map(() => ({ highest: 0 }))
  readonly #tenures: Tenure[] = []
  readonly #taken = new Set<number>()
  #register: Register
  #nowMs = 0
  #faults = 0
  #stops = 0
  #restarts = 0
  #broken: string | undefined

  constructor(scope: LeaseScope) {
    this.#scope = scope
    const former = { node: 'z', boot: 'z0', upTo: formerUpTo, renewals: 0, released: true }
    this.#register = { key, value: encodeLeaseRecord(former), revision: 1 }
    for (const index of names.keys()) this.#start(index)
  }

  /** Both see that nobody has it. */
  static async begin(scope: LeaseScope): Promise<LeaseWorld> {
    const world = new LeaseWorld(scope)
    for (const process of world.#processes) process.lease.observe(world.#register)
    await settlePromises()
    return world
  }

  #start(index: number): void {
    const node = names[index]!
    const speed = index === 1 ? this.#scope.speed : 1
    const boot = `${node}${this.#restarts}`
    this.#processes[index] = new LeaseProcess(node, boot, speed, () => this.#nowMs, this, this.#kept[index]!)
  }

  // ---- the register

  read(): Register {
    const record = this.#record
    if (this.#scope.mutation !== 'forgetful_record' || record === undefined) return this.#register
    return { ...this.#register, value: encodeLeaseRecord({ ...record, upTo: 0 }) }
  }

  write(value: Uint8Array, revision: number, by: LeaseProcess): WriteResult {
    const isFree = this.#scope.mutation === 'no_compare'
    if (!isFree && revision !== this.#register.revision) return { type: 'conflict' }
    this.#noteRecord(value, by)
    this.#register = { key, value, revision: this.#register.revision + 1 }
    for (const process of this.#processes) process.unheard = this.#register
    return { type: 'written', revision: this.#register.revision }
  }

  get #record() {
    return this.#register.value === undefined ? undefined : decodeLeaseRecord(this.#register.value)
  }

  #noteRecord(value: Uint8Array, by: LeaseProcess): void {
    const upTo = decodeLeaseRecord(value)?.upTo ?? 0
    const highest = this.#tenures.at(-1)?.upTo ?? formerUpTo
    if (upTo < highest) this.#broken ??= `${by.node} put ${upTo} on record, after ${highest}`
    if (this.#tenures.at(-1)?.boot !== by.boot) this.#tenures.push({ boot: by.boot, above: highest, upTo })
    this.#tenures.at(-1)!.upTo = upTo
  }

  // ---- what can happen

  actions(): string[] {
    const { stops, restarts, lives } = this.#scope
    const nextAtMs = Math.min(...this.#processes.map((each) => (each.isStopped ? Infinity : each.nextAtMs)))
    const found: string[] = []
    for (const process of this.#processes) {
      const { node } = process
      if (!process.isStopped && process.nextAtMs <= Math.max(nextAtMs, this.#nowMs))
        found.push(`${node}: its next timer is due`)
      if (!process.isStopped && process.unheard !== undefined) found.push(`${node}: it hears of the record`)
      for (const [index, asked] of process.asked.entries()) found.push(...this.#fatesOf(process, asked, index))
      if (process.isStopped) found.push(`${node}: it goes on`)
      else if (this.#stops < stops) found.push(`${node}: it is stopped`)
      if (this.#restarts < restarts) found.push(`${node}: it ends, and starts anew`)
      if (!process.isStopped && this.#taken.size < lives && isHeld(process)) found.push(`${node}: it begins a life`)
    }
    return found
  }

  #fatesOf({ node, isStopped }: LeaseProcess, { kind, answer }: Asked, index: number): string[] {
    const name = `${node}: its ${kind}${index === 0 ? '' : `, that is question ${index + 1},`}`
    const mayFail = this.#faults < this.#scope.faults
    if (answer !== undefined) return isStopped ? [] : [`${name} is answered at last`, `${name} is never answered`]
    const fates = mayFail ? [`${name} is lost`, `${name} is done, and the answer late`] : []
    return isStopped ? fates : [`${name} is answered`, ...fates]
  }

  async perform(action: string): Promise<void> {
    const process = this.#processes.find(({ node }) => action.startsWith(node))!
    if (action.endsWith('its next timer is due')) this.#fire(process)
    else if (action.endsWith('it hears of the record')) this.#hear(process)
    else if (action.endsWith('it goes on')) process.isStopped = false
    else if (action.endsWith('it is stopped')) {
      this.#stops += 1
      process.isStopped = true
    } else if (action.endsWith('starts anew')) this.#restart(process)
    else if (action.endsWith('it begins a life')) this.#take(process)
    else this.#decide(process, Number(/question (\d+)/.exec(action)?.[1] ?? 1) - 1, action)
    await settlePromises()
    this.#look()
  }

  #fire(process: LeaseProcess): void {
    this.#nowMs = Math.max(this.#nowMs, process.nextAtMs)
    process.fireNext()
  }

  #hear(process: LeaseProcess): void {
    const { unheard } = process
    process.unheard = undefined
    process.seenRevision = unheard?.revision ?? 0
    if (unheard !== undefined) process.lease.observe(unheard)
  }

  #restart(process: LeaseProcess): void {
    this.#restarts += 1
    process.end()
    const index = this.#processes.indexOf(process)
    this.#start(index)
    this.#processes[index]!.lease.observe(this.#register)
  }

  #decide(process: LeaseProcess, index: number, action: string): void {
    const asked = process.asked[index]!
    if (action.endsWith('is done, and the answer late')) {
      this.#faults += 1
      asked.answer = asked.execute()
      return
    }
    process.asked.splice(index, 1)
    if (action.endsWith('is lost')) this.#faults += 1
    if (action.endsWith('is lost') || action.endsWith('is never answered')) return asked.reject(coordinationLost())
    const answer = asked.answer ?? asked.execute()
    if ('revision' in answer && asked.kind === 'write') process.writtenRevision = answer.revision
    if ('revision' in answer) process.seenRevision = answer.revision
    asked.resolve(answer)
  }

  /** A number that the peer is told: it has to be of the time in which this process stands on the record. */
  #take(process: LeaseProcess): void {
    const incarnation = process.lease.nextIncarnation()
    process.lives = incarnation
    if (this.#taken.has(incarnation)) this.#broken ??= `${incarnation} is used twice`
    this.#taken.add(incarnation)
    const tenure = this.#tenures.find(({ above, upTo }) => incarnation > above && incarnation <= upTo)
    if (tenure === undefined) this.#broken ??= `${process.node} uses ${incarnation}, which is not on record`
    else if (tenure.boot !== process.boot)
      this.#broken ??= `${process.node} uses ${incarnation}, which is ${tenure.boot.charAt(0)}'s to use`
  }

  #look(): void {
    const holders = this.#processes.filter(({ lease }) => lease.state === 'holder')
    if (this.#scope.speed === 1 && holders.length > 1) this.#broken ??= 'both count themselves its holder'
  }

  broken(): string | undefined {
    return this.#broken
  }

  // ---- which states are one

  /** The nodes are alike, but for the speed of their clocks. */
  key(): string {
    const isAlike = this.#scope.speed === 1
    const orders = isAlike ? [[0, 1], [1, 0]] : [[0, 1]] // prettier-ignore
    const texts = orders.map((order) => this.#keyIn(order))
    return texts.toSorted()[0]!
  }

  #keyIn(order: readonly number[]): string {
    const processes = order.map((index) => this.#processes[index]!)
    const boots = processes.map(({ boot }) => boot)
    const record = this.#record
    const named = [boots.indexOf(record?.boot ?? ''), names.indexOf(record?.node === 'b' ? 'b' : 'a'), record?.upTo]
    const seen = processes.map((process) => this.#seenOf(process, boots))
    const tenures = this.#tenures.map(({ boot, above, upTo }) => [boots.indexOf(boot), above, upTo])
    const kept = order.map((index) => this.#kept[index]!.highest)
    const counts = [this.#faults, this.#stops, this.#restarts, [...this.#taken]]
    return JSON.stringify([
      record === undefined ? [] : named.toSpliced(1, 1),
      record?.released,
      seen,
      tenures,
      kept,
      counts,
    ])
  }

  #seenOf(process: LeaseProcess, boots: readonly string[]): unknown {
    const { lease, asked, unheard, isStopped, lives, steadyMs, timersLeftMs } = process
    const { state, holder, reservedUpTo, renewedMsAgo, incarnation } = lease.standing()
    const holds = boots.findIndex((boot) => boot.charAt(0) === holder)
    const questions = asked.map(({ kind, askedAtMs, says, revision, answer }) => {
      const behind = kind === 'write' ? this.#register.revision - revision : 0
      return [kind, steadyMs - askedAtMs, says, behind, this.#relative(answer)]
    })
    const hears = this.#relative(unheard)
    const { revision: now } = this.#register
    const behind = [now - process.seenRevision, now - process.writtenRevision]
    return [
      state,
      holds,
      behind,
      reservedUpTo,
      renewedMsAgo,
      incarnation,
      questions,
      hears,
      isStopped,
      lives,
      timersLeftMs,
    ]
  }

  /** Revisions count on, and only how far they are behind matters. */
  #relative(answer: Register | WriteResult | undefined): unknown {
    if (answer === undefined) return undefined
    return 'revision' in answer ? this.#register.revision - answer.revision : answer.type
  }

  // ---- when faults stop

  async settle(): Promise<string | undefined> {
    for (const process of this.#processes) process.isStopped = false
    const untilMs = this.#nowMs + 5 * leaseTtlMs
    for (let left = 2_000; this.#nowMs < untilMs && left > 0; left -= 1) {
      for (const process of this.#processes) {
        if (process.asked.length > 0) this.#decide(process, 0, 'is answered')
        else if (process.unheard !== undefined) this.#hear(process)
      }
      await settlePromises()
      if (this.#processes.every(({ asked, unheard }) => asked.length === 0 && unheard === undefined))
        this.#fire(this.#processes.toSorted((one, other) => one.nextAtMs - other.nextAtMs)[0]!)
      await settlePromises()
      this.#look()
    }
    return this.#broken ?? this.#outcome()
  }

  #outcome(): string | undefined {
    const states = this.#processes.map(({ lease }) => lease.state)
    const holder = this.#processes.find(({ lease }) => lease.state === 'holder')
    if (states.toSorted().join() !== 'follower,holder' || holder === undefined)
      return `they are ${states.join(' and ')}`
    const highest = Math.max(0, ...this.#taken)
    this.#take(holder)
    if (holder.lives <= highest) return `whoever was heard at ${highest} is not replaced by ${holder.lives}`
    return this.#broken
  }
}

function isHeld({ lease }: LeaseProcess): boolean {
  return lease.state === 'holder' || lease.state === 'lapsed'
}

export function lease(scope: LeaseScope): System<LeaseWorld> {
  return {
    start: () => LeaseWorld.begin(scope),
    actions: (world) => world.actions(),
    perform: (world, action) => world.perform(action),
    broken: (world) => world.broken(),
    key: (world) => world.key(),
    settle: (world) => world.settle(),
  }
}
