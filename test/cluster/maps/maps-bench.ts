/** Members with shared maps on a simulated network, and a listener on each that keeps what it was told. */
import assert from 'node:assert/strict'
import type { ClusterLog } from '../../../src/cluster/cluster-log.ts'
import type { Channel, Sender } from '../../../src/cluster/coordination.ts'
import type { MapsLimits } from '../../../src/cluster/maps/maps-limits.ts'
import { decodeMapsMessage, type MapsMessage } from '../../../src/cluster/maps/maps-messages.ts'
import { SharedMaps } from '../../../src/cluster/maps/shared-maps.ts'
import type { MapChange } from '../../../src/routes/map-protocol.ts'
import { ManualClock } from '../../broker/manual-clock.ts'
import { SimulatedNetwork, type SimulatedCoordination } from '../sim/simulated-coordination.ts'

/** What went over the bus. */
export type Sent = {
  readonly from: string
  readonly atMs: number
  readonly message: MapsMessage
  readonly payload: Uint8Array
}

export class MapsBench {
  readonly clock = new ManualClock()
  readonly network = new SimulatedNetwork(this.clock)
  readonly members = new Map<string, Member>()
  sent: Sent[] = []
  #boots = 0

  start(node: string, limits: Partial<MapsLimits> = {}): Member {
    this.#boots += 1
    const coordination = this.network.join(node, `boot ${this.#boots}`)
    this.#record(coordination)
    const member = new Member(coordination, this.clock, limits)
    this.members.set(node, member)
    return member
  }

  /** The process is gone, without a word. */
  kill(node: string): void {
    const member = this.members.get(node)
    assert.ok(member)
    this.members.delete(node)
    member.maps.stop()
    void member.coordination.close()
  }

  advance(ms: number): void {
    this.clock.advance(ms)
  }

  /** Keys and values of entries that went over the bus. */
  entriesSent(): number {
    return this.sent.reduce((sum, { message }) => sum + entriesIn(message), 0)
  }

  #record(coordination: SimulatedCoordination): void {
    const send = coordination.send.bind(coordination)
    const broadcast = coordination.broadcast.bind(coordination)
    coordination.send = (node, channel, payload) => {
      this.#note(coordination.self, channel, payload)
      send(node, channel, payload)
    }
    coordination.broadcast = (channel, payload) => {
      this.#note(coordination.self, channel, payload)
      broadcast(channel, payload)
    }
  }

  #note(from: Sender, channel: Channel, payload: Uint8Array): void {
    assert.equal(channel, 'maps')
    const message = decodeMapsMessage(from, payload)
    assert.ok(message, 'what is sent can be read')
    this.sent.push({ from: from.node, atMs: this.clock.steadyMs(), message, payload: Buffer.from(payload) })
  }
}

export function entriesIn(message: MapsMessage): number {
  return message.type === 'statement' && 'keys' in message.statement ? message.statement.keys.length : 0
}

export class Member {
  readonly coordination: SimulatedCoordination
  readonly maps: SharedMaps
  /** As told by a listener to everything of others. */
  readonly told = new Map<string, Map<string, number>>()
  readonly owners = new Map<string, string>()
  readonly dropped: string[] = []
  /** Sizes of the slices. */
  slices: number[] = []
  /** Keys that were told to be gone, in order. */
  gone: string[] = []
  readonly events: { readonly event: string; readonly fields: object }[] = []
  turns = 0
  /** Most that was told in one turn. */
  toldInTurnMax = 0
  #toldInTurn = 0

  constructor(coordination: SimulatedCoordination, clock: ManualClock, limits: Partial<MapsLimits>) {
    this.coordination = coordination
    const note = (fields: object, event: string) => void this.events.push({ fields, event })
    const log: ClusterLog = { debug: note, info: note, warn: note, error: note }
    const defer = (call: () => void): void => {
      clock.after(0, () => {
        this.turns += 1
        this.#toldInTurn = 0
        call()
      })
    }
    this.maps = new SharedMaps({ coordination, clock, log, random: () => 0.5, defer, limits })
    this.maps.watch('', {
      changed: (name, owner, changes) => this.#changed(name, owner, changes),
      dropped: (name) => {
        assert.equal(this.told.get(name)?.size ?? 0, 0, 'all was taken back')
        this.dropped.push(name)
        this.told.delete(name)
        this.owners.delete(name)
      },
    })
  }

  #changed(name: string, owner: Sender, changes: readonly MapChange[]): void {
    this.slices.push(changes.length)
    this.#toldInTurn += changes.length
    this.toldInTurnMax = Math.max(this.toldInTurnMax, this.#toldInTurn)
    this.owners.set(name, owner.node)
    const told = this.told.get(name) ?? new Map<string, number>()
    this.told.set(name, told)
    for (const { key, value } of changes) {
      if (value === undefined) this.gone.push(key)
      if (value === undefined) told.delete(key)
      else told.set(key, value)
    }
  }

  has(name: string): Record<string, number> {
    const told = Object.fromEntries(this.told.get(name) ?? [])
    const copy = this.maps.copy(name)
    if (copy !== undefined) assert.deepEqual(Object.fromEntries(copy.entries()), told)
    return told
  }

  logged(event: string): number {
    return this.events.filter((one) => one.event === event).length
  }
}
