/**
 * A cluster of nodes on a simulated network, each with its membership, one lease that all contest, and its slot; with all that may happen
 * to them. After every step it is checked what must hold at every moment.
 */
import assert from 'node:assert/strict'
import { Leases } from '../../../src/cluster/leases/leases.ts'
import type { Lease } from '../../../src/cluster/leases/lease.ts'
import { Membership } from '../../../src/cluster/members/membership.ts'
import { Slots } from '../../../src/cluster/slots/slots.ts'
import { ManualClock } from '../../broker/manual-clock.ts'
import { SimulatedNetwork } from './simulated-coordination.ts'
import { pass, RememberedLog, SimulatedProcess } from './simulated-process.ts'

export type Mishap =
  | { readonly type: 'cut' | 'heal' | 'kill' | 'leave' | 'start' | 'freeze' | 'thaw' | 'speak'; readonly node: number }
  | { readonly type: 'wall'; readonly node: number; readonly byMs: number }
  | { readonly type: 'wipe' }

/** What a node's disk keeps over its processes. */
type Disk = { readonly incarnations: Map<string, number>; slot: number | undefined; wallOffsetMs: number }

type Running = {
  readonly process: SimulatedProcess
  readonly membership: Membership
  readonly leases: Leases
  readonly slots: Slots
  lease: Lease | undefined
}

/** No two wall clocks agree. */
const WALL_OFFSETS_MS = [0, 3_600_000, -3_600_000, -7_000, 7_000]

/** One time as the holder, with all numbers that were used in it. */
type Tenure = { readonly boot: string; readonly used: number[] }

export class SimulatedMembers {
  readonly clock = new ManualClock()
  readonly network = new SimulatedNetwork(this.clock)
  readonly #disks: Disk[]
  readonly #running: (Running | undefined)[]
  readonly #random: () => number
  readonly #tenures: Tenure[] = []
  readonly #wrongs: string[] = []
  #boots = 0
  #wasWiped = false

  constructor(nodeCount: number, random: () => number) {
    this.#random = random
    this.#disks = Array.from({ length: nodeCount }, (_, node) => ({
      incarnations: new Map(),
      slot: undefined,
      wallOffsetMs: WALL_OFFSETS_MS[node] ?? 0,
    }))
    this.#running = this.#disks.map(() => undefined)
    this.network.loses = () => random() < 0.05
  }

  async begin(): Promise<void> {
    this.#disks.forEach((_, node) => this.#start(node))
    await this.pass(8_000)
  }

  async happen(mishap: Mishap): Promise<void> {
    if (mishap.type === 'wipe') {
      this.#wasWiped = true
      this.network.wipe()
      return
    }
    const running = this.#running[mishap.node]
    if (mishap.type === 'wall') this.#setWall(mishap.node, mishap.byMs)
    else if (mishap.type === 'start') this.#start(mishap.node)
    else if (running !== undefined) await this.#befall(mishap.type, mishap.node, running)
  }

  async #befall(
    type: Exclude<Mishap['type'], 'wipe' | 'wall' | 'start'>,
    node: number,
    running: Running,
  ): Promise<void> {
    const { process } = running
    if (type === 'cut') process.network.cut()
    if (type === 'heal') process.network.heal()
    if (type === 'freeze') process.freeze()
    if (type === 'thaw') process.thaw(this.#random() < 0.5 ? 'timers' : 'sockets')
    if (type === 'speak') this.#speak(running)
    if (type === 'kill') {
      process.kill()
      this.#running[node] = undefined
    }
    if (type === 'leave' && !process.isFrozen) {
      const going = { isOver: false }
      running.slots.stop()
      const left = Promise.all([running.leases.stop(), running.membership.leave()]).then(() => (going.isOver = true))
      while (!going.isOver) await this.pass(20)
      await left
      process.kill()
      this.#running[node] = undefined
    }
  }

  #setWall(node: number, byMs: number): void {
    const disk = this.#disks[node]
    if (disk === undefined) return
    disk.wallOffsetMs += byMs
    const running = this.#running[node]
    if (running !== undefined) running.process.wallOffsetMs = disk.wallOffsetMs
  }

  #start(node: number): void {
    const disk = this.#disks[node]
    if (disk === undefined || this.#running[node] !== undefined) return
    const process = new SimulatedProcess(
      this.network,
      this.clock,
      `n${node}`,
      `b${String(++this.#boots).padStart(4, '0')}`,
    )
    process.wallOffsetMs = disk.wallOffsetMs
    const shared = { coordination: process, clock: process.clock, log: new RememberedLog(), random: this.#random }
    const membership = new Membership({
      ...shared,
      version: '1',
      host: 'box',
      pid: this.#boots,
      facts: () => ({ slot: slots.slot, listeners: {} }),
    })
    const slots = new Slots({
      ...shared,
      membership,
      memory: { recall: () => disk.slot, remember: async (slot) => void (disk.slot = slot) },
    })
    const leases = new Leases({
      ...shared,
      membership,
      memory: {
        recall: (name) => disk.incarnations.get(name) ?? 0,
        remember: async (name, incarnation) =>
          void disk.incarnations.set(name, Math.max(incarnation, disk.incarnations.get(name) ?? 0)),
      },
    })
    const running: Running = { process, membership, leases, slots, lease: undefined }
    this.#running[node] = running
    void membership.join().then(() => this.#contest(running))
  }

  #contest(running: Running): void {
    running.slots.onChange(() => running.membership.announce())
    void running.slots.claim()
    const lease = running.leases.contest('link')
    running.lease = lease
    let isHolding = false
    lease.onChange((state) => {
      const before = isHolding
      isHolding = state === 'holder' || state === 'lapsed'
      if (!isHolding || before) return
      this.#tenures.push({ boot: running.process.self.boot, used: [] })
      this.#speak(running)
    })
  }

  /** Takes the number for a new life, as who speaks to a peer does; a stopped process does nothing. */
  #speak({ lease, process }: Running): void {
    if (lease === undefined || process.isFrozen) return
    if (lease.state !== 'holder' && lease.state !== 'lapsed') return
    const incarnation = lease.nextIncarnation()
    const at = this.#tenures.findLastIndex(({ boot }) => boot === process.self.boot)
    this.#tenures.forEach(({ used, boot }, other) => {
      if (this.#wasWiped && other !== at) return
      const isRight = used.every((number) => (other <= at ? number < incarnation : number > incarnation))
      // Noted, since what a listener throws is logged and forgotten.
      if (!isRight)
        this.#wrongs.push(`${process.self.boot}: incarnation ${incarnation} of tenure ${at} beside ${other} of ${boot}`)
    })
    this.#tenures[at]?.used.push(incarnation)
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 20) {
      await pass(this.clock, Math.min(20, left), 20)
      this.#check()
    }
  }

  #check(): void {
    assert.deepEqual(this.#wrongs, [])
    // What is wiped while somebody is away can't be known to those who stayed.
    if (this.#wasWiped) return
    this.checkSlots()
    const holders = this.#all().filter(({ lease }) => lease?.state === 'holder')
    assert.ok(holders.length <= 1, `holders: ${holders.map(({ process }) => process.self.node).join()}`)
  }

  #all(): Running[] {
    return this.#running.flatMap((running) => (running === undefined ? [] : [running]))
  }

  checkSlots(): void {
    const slots = this.#all().flatMap(({ slots: { slot } }) => (slot === undefined ? [] : [slot]))
    assert.equal(new Set(slots).size, slots.length, `slots: ${slots.join()}`)
  }

  /** Everybody runs and reaches everybody. Within a TTL and a second there is one holder, within a TTL and a beat all are members. */
  async settle(): Promise<void> {
    this.network.loses = () => false
    for (const { process } of this.#all()) {
      process.thaw()
      process.network.heal()
    }
    this.#disks.forEach((_, node) => this.#start(node))
    // Those that have just started find out first whether their name is free.
    await this.pass(600 + 3_000 + 1_000)
    this.checkLease()
    await this.pass(6_000 - 4_600)
    this.checkMembers()
    this.checkSlots()
  }

  checkLease(): void {
    const states = this.#all().map(({ lease }) => lease?.state)
    assert.deepEqual(
      states.filter((state) => state !== 'follower'),
      ['holder'],
    )
    const holder = this.#all().find(({ lease }) => lease?.state === 'holder')
    for (const { lease } of this.#all()) assert.equal(lease?.holder, holder?.process.self.node)
    const highest = Math.max(0, ...this.#tenures.flatMap(({ used }) => used))
    assert.ok((holder?.lease?.nextIncarnation() ?? 0) > highest, 'its next incarnation is above all that were used')
  }

  checkMembers(): void {
    const boots = this.#all().map(({ process }) => process.self.boot)
    for (const { membership } of this.#all())
      assert.deepEqual(
        membership
          .members()
          .map(({ boot }) => boot)
          .toSorted(),
        boots.toSorted(),
      )
    for (const { slots } of this.#all()) assert.notEqual(slots.slot, undefined)
  }
}
