/** All rights that this node contests, with one watch for all their records. */
import type { AnyMachineSnapshot, InspectionEvent } from 'xstate'
import type { ClusterClock } from '../cluster-clock.ts'
import type { ClusterLog } from '../cluster-log.ts'
import type { Coordination, Register } from '../coordination.ts'
import type { IncarnationMemory } from './incarnation-file.ts'
import { Lease, type LeasePeers, type LeaseStanding } from './lease.ts'
import { leaseKey, leaseKeyPrefix } from './lease-record.ts'

export type LeasesOptions = {
  readonly coordination: Coordination
  readonly clock: ClusterClock
  readonly log: ClusterLog
  /** A number from 0 to below 1. */
  readonly random: () => number
  readonly memory: IncarnationMemory
  /** Who else is there; `Membership` knows. */
  readonly membership: LeasePeers & { onChange(listener: () => void): () => void }
  /** How long an unchanged record is respected, milliseconds. */
  readonly ttlMs?: number
  /** Given to each machine; `leaseName` tells their names. */
  readonly inspect?: (inspected: InspectionEvent) => void
}

const LEASE_TTL_MS = 3_000

export class Leases {
  readonly #options: LeasesOptions
  readonly #contested = new Map<string, Lease>()
  /** The records as they were last told, contested here or not: who begins to contest one later wants to know it. */
  readonly #registers = new Map<string, Register>()
  #isReady = false
  #stops: (() => void)[] = []

  constructor(options: LeasesOptions) {
    this.#options = options
  }

  /** The same lease as long as it is contested. */
  contest(name: string): Lease {
    const known = this.#contested.get(name)
    if (known !== undefined && !known.isReleased) return known
    this.#listen()
    const { membership, ttlMs, inspect, ...ports } = this.#options
    const lease = new Lease(name, { ...ports, peers: membership, ttlMs: ttlMs ?? LEASE_TTL_MS, inspect })
    this.#contested.set(name, lease)
    if (this.#isReady) lease.observe(this.#registers.get(leaseKey(name)) ?? missing(leaseKey(name)))
    return lease
  }

  /** For people, in the order of their names. */
  list(): readonly LeaseStanding[] {
    const contested = [...this.#contested.values()].filter(({ isReleased }) => !isReleased)
    return contested.map((lease) => lease.standing()).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Releases all. */
  async stop(): Promise<void> {
    const leases = [...this.#contested.values()]
    this.#contested.clear()
    for (const stop of this.#stops.splice(0)) stop()
    await Promise.all(leases.map((lease) => lease.release()))
  }

  #listen(): void {
    if (this.#stops.length > 0) return
    const { coordination, membership } = this.#options
    this.#stops = [
      coordination.registers.watch(leaseKeyPrefix, {
        changed: (register) => this.#changed(register),
        ready: (keys) => this.#ready(keys),
      }),
      coordination.onConnection((isConnected) => {
        if (isConnected) this.#each((lease) => lease.connected())
      }),
      membership.onChange(() => this.#each((lease) => lease.weigh())),
    ]
  }

  #changed(register: Register): void {
    if (register.value === undefined) this.#registers.delete(register.key)
    else this.#registers.set(register.key, register)
    this.#contested.get(register.key.slice(leaseKeyPrefix.length))?.observe(register)
  }

  #ready(keys: ReadonlySet<string>): void {
    this.#isReady = true
    for (const key of this.#registers.keys()) if (!keys.has(key)) this.#registers.delete(key)
    this.#each((lease) => {
      const key = leaseKey(lease.name)
      if (!keys.has(key)) lease.observe(missing(key))
    })
  }

  #each(tell: (lease: Lease) => void): void {
    for (const [name, lease] of this.#contested) {
      if (lease.isReleased) this.#contested.delete(name)
      else tell(lease)
    }
  }
}

/** To be given to `TransitionHistory.inspector`: the name of the lease whose machine this is. */
export function leaseName({ machine, context }: Pick<AnyMachineSnapshot, 'machine' | 'context'>): string | undefined {
  const name: unknown = context.name
  return machine.id === 'lease' && typeof name === 'string' ? name : undefined
}

function missing(key: string): Register {
  return { key, value: undefined, revision: 0 }
}
