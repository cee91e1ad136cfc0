/** The shared maps of a made-up cluster: real ones, over a simulated network whose time goes on only when it is told to. */
import { SharedMaps } from '../../../src/cluster/maps/shared-maps.ts'
import type { MapOwner, Sharing } from '../../../src/link/inbound/sharing-port.ts'
import { ManualClock } from '../../broker/manual-clock.ts'
import { SimulatedNetwork, type SimulatedCoordination } from '../../cluster/sim/simulated-coordination.ts'

export class MapsCluster {
  readonly #clock = new ManualClock()
  readonly #network = new SimulatedNetwork(this.#clock)
  readonly #nodes = new Set<MapsNode>()
  #draws = 0

  join(node: string, boot = '1'): MapsNode {
    const coordination = this.#network.join(node, boot)
    const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
    const maps = new SharedMaps({ coordination, clock: this.#clock, log, random: () => this.#draw() })
    const member = new MapsNode(this.#nodes, coordination, maps, () => this.#draw())
    this.#nodes.add(member)
    this.#tellMembers()
    return member
  }

  /** Its process is gone. */
  kill(member: MapsNode): void {
    member.maps.stop()
    void member.coordination.close()
    this.#nodes.delete(member)
    this.#tellMembers()
  }

  /** Long enough for everybody to hear of everything. */
  settle(): void {
    this.#clock.advance(4_000)
  }

  /** The same in each run, different each time. */
  #draw(): number {
    this.#draws += 1
    return (this.#draws * 0.618) % 1
  }

  #tellMembers(): void {
    for (const { listeners } of this.#nodes) for (const listener of listeners) listener()
  }
}

export class MapsNode implements Sharing {
  readonly coordination: SimulatedCoordination
  readonly maps: SharedMaps
  readonly random: () => number
  readonly listeners = new Set<() => void>()
  readonly #members: ReadonlySet<MapsNode>

  constructor(
    members: ReadonlySet<MapsNode>,
    coordination: SimulatedCoordination,
    maps: SharedMaps,
    random: () => number,
  ) {
    this.#members = members
    this.coordination = coordination
    this.maps = maps
    this.random = random
  }

  get self(): MapOwner {
    return this.coordination.self
  }

  isMember({ node, boot }: MapOwner): boolean {
    return [...this.#members].some(({ self }) => self.node === node && self.boot === boot)
  }

  onMembers(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }
}
