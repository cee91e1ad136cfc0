/**
 * A small number for each node of a cluster, from which its ClientIDs are made: no two nodes have the same one, and a node has the
 * same one after a restart. Each number is a register with the name of the node that has it.
 */
import type { ClusterClock } from '../cluster-clock.ts'
import type { ClusterLog } from '../cluster-log.ts'
import type { Coordination, Register } from '../coordination.ts'
import { Absences } from './absences.ts'
import {
  nextSlotStep,
  type RecordedSlot,
  slotsOnRecord,
  type SlotSituation,
  type SlotStep,
  type UsedSlot,
} from './next-step.ts'
import type { SlotMemory } from './slot-file.ts'
import { encodeSlotRecord, slotKey, slotKeyPrefix, slotOf, type SlotRecord, slotRecordIn } from './slot-record.ts'

/** What is known of the other nodes; `Membership` knows. */
export interface SlotPeers {
  /** The slots that others say they use. */
  slotsInUse(): ReadonlyMap<number, string>
  /** Whether this node is a member now. */
  has(node: string): boolean
}

export type SlotsOptions = {
  readonly coordination: Coordination
  readonly clock: ClusterClock
  readonly log: ClusterLog
  readonly memory: SlotMemory
  readonly membership: SlotPeers
}

/** For people. */
export type SlotStanding = { readonly slot: number; readonly node: string; readonly isMember: boolean }

/** How long to wait for the records before a slot that is remembered is used without them, milliseconds. */
const RECORDS_WAIT_MS = 2_000
const RETRY_MS = 1_000
const SWEEP_MS = 60_000
/** Who was no member for so long has its slot no more, milliseconds. */
const ABSENT_MS = 24 * 3_600_000

export class Slots {
  readonly #options: SlotsOptions
  readonly #records = new Map<number, RecordedSlot>()
  readonly #listeners = new Set<(slot: number | undefined) => void>()
  readonly #absences = new Absences()
  /** Records of others that were lost with all others: who is away can't write its own. */
  readonly #lost = new Map<number, SlotRecord>()
  readonly #stops: (() => void)[] = []
  #used: UsedSlot | undefined
  #isReady = false
  #claimed: ((slot: number) => void)[] = []
  #working = false
  #isDue = false
  #retry: { cancel(): void } | undefined
  #sweep: { cancel(): void } | undefined
  #sweptAtMs = 0

  constructor(options: SlotsOptions) {
    this.#options = options
  }

  /** The one that this node uses now. */
  get slot(): number | undefined {
    return this.#used?.slot
  }

  /**
   * Resolves with a slot as soon as there is one: the one on record; while the coordination is away the one that this node had before,
   * and if it never had one, that of the day when the coordination comes.
   */
  claim(): Promise<number> {
    const { coordination, clock } = this.#options
    if (this.#used !== undefined) return Promise.resolve(this.#used.slot)
    const claimed = new Promise<number>((resolve) => this.#claimed.push(resolve))
    if (this.#stops.length > 0) return claimed
    const waiting = clock.after(RECORDS_WAIT_MS, () => this.#useRemembered())
    this.#stops.push(
      () => waiting.cancel(),
      () => this.#retry?.cancel(),
      () => this.#sweep?.cancel(),
      coordination.registers.watch(slotKeyPrefix, {
        changed: (register) => this.#changed(register),
        ready: (keys) => this.#ready(keys),
      }),
      coordination.onConnection((isConnected) => {
        this.#absences.forget()
        if (isConnected) this.#work()
      }),
    )
    this.#planSweep()
    if (!coordination.isConnected) this.#useRemembered()
    return claimed
  }

  /** Called with each new slot, and with `undefined` while there is none because it went to another. Returns how to stop it. */
  onChange(listener: (slot: number | undefined) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** For people: who has which, in ascending order. */
  list(): readonly SlotStanding[] {
    const { membership } = this.#options
    return [...this.#records]
      .map(([slot, { node }]) => ({ slot, node, isMember: membership.has(node) }))
      .sort((a, b) => a.slot - b.slot)
  }

  /** The slot remains this node's. */
  stop(): void {
    for (const stop of this.#stops.splice(0)) stop()
    this.#isReady = false
    this.#listeners.clear()
  }

  /** Whoever has taken it over meanwhile has it for longer than we do. */
  #useRemembered(): void {
    const { memory, clock, log } = this.#options
    const slot = memory.recall()
    if (slot === undefined || this.#used !== undefined || this.#isReady) return
    log.info({ slot }, 'slot_used_from_memory')
    this.#use({ slot, sinceMs: clock.nowMs() })
  }

  #use(used: UsedSlot): void {
    const before = this.#used?.slot
    this.#used = used
    for (const claimed of this.#claimed.splice(0)) claimed(used.slot)
    if (before !== used.slot) this.#tell()
  }

  #tell(): void {
    for (const listener of this.#listeners) {
      try {
        listener(this.#used?.slot)
      } catch (error) {
        this.#options.log.error({ err: error }, 'slot_listener_failed')
      }
    }
  }

  #changed(register: Register): void {
    this.#note(register)
    if (this.#isReady) this.#work()
  }

  #note(register: Register): void {
    const slot = slotOf(register.key)
    if (slot === undefined) return
    const record = slotRecordIn(register)
    if (record === undefined) this.#records.delete(slot)
    else this.#records.set(slot, { ...record, revision: register.revision })
  }

  #ready(keys: ReadonlySet<string>): void {
    for (const [slot, record] of this.#records) {
      if (keys.has(slotKey(slot))) continue
      this.#records.delete(slot)
      if (record.node !== this.#options.coordination.self.node) this.#lost.set(slot, record)
    }
    this.#isReady = true
    this.#work()
  }

  /** One thing after another: what is due meanwhile is looked at afterwards. */
  #work(): void {
    this.#isDue = true
    if (this.#working || !this.#isReady) return
    this.#working = true
    void this.#workOff()
  }

  async #workOff(): Promise<void> {
    try {
      while (this.#isDue && this.#isReady) {
        this.#isDue = false
        await this.#settle()
      }
    } catch (error) {
      this.#options.log.debug({ err: error }, 'slot_write_failed')
      this.#retry?.cancel()
      this.#retry = this.#options.clock.after(RETRY_MS, () => this.#work())
    }
    this.#working = false
  }

  async #settle(): Promise<void> {
    const step = nextSlotStep(this.#situation())
    await this.#take(step)
    if (step.type !== 'keep') return
    // Only when ours is safe.
    await this.#removeOthersOfOurs()
    await this.#restoreLost()
  }

  #situation(): SlotSituation {
    const { coordination, clock, memory, membership } = this.#options
    return {
      node: coordination.self.node,
      nowMs: clock.nowMs(),
      records: this.#records,
      used: this.#used,
      remembered: memory.recall(),
      announced: membership.slotsInUse(),
    }
  }

  async #take(step: SlotStep): Promise<void> {
    const { log, coordination } = this.#options
    if (step.type === 'keep') return
    this.#isDue = true
    if (step.type === 'adopt') return this.#settleOn(step)
    if (step.type === 'none_left') throw new Error('all slots are taken')
    if (step.type === 'give_way') {
      log.warn({ slot: this.#used?.slot }, 'slot_given_up')
      this.#used = undefined
      return this.#tell()
    }
    const record = { node: coordination.self.node, sinceMs: step.sinceMs }
    if (await this.#write(step.slot, record, step.revision)) await this.#settleOn(step)
  }

  async #settleOn({ slot, sinceMs }: UsedSlot): Promise<void> {
    const { log, memory } = this.#options
    if (this.#used?.slot !== slot) log.info({ slot }, 'slot_taken')
    this.#use({ slot, sinceMs })
    try {
      await memory.remember(slot)
    } catch (error) {
      log.error({ err: error, slot }, 'slot_not_kept')
    }
  }

  /** Whether it was written; if not, the record as it is now is noted. */
  async #write(slot: number, record: SlotRecord, revision: number): Promise<boolean> {
    const { registers } = this.#options.coordination
    const key = slotKey(slot)
    const value = encodeSlotRecord(record)
    const result = await registers.write(key, value, revision)
    const isWritten = result.type === 'written'
    this.#note(isWritten ? { key, value, revision: result.revision } : await registers.read(key))
    return isWritten
  }

  /** Left by a process of ours that did not learn whether it had them. */
  async #removeOthersOfOurs(): Promise<void> {
    const { coordination } = this.#options
    for (const slot of slotsOnRecord(this.#records, coordination.self.node)) {
      const record = this.#records.get(slot)
      if (slot === this.#used?.slot || record === undefined) continue
      const result = await coordination.registers.remove(slotKey(slot), record.revision)
      if (result.type === 'written') this.#records.delete(slot)
    }
  }

  async #restoreLost(): Promise<void> {
    for (const [slot, record] of this.#lost) {
      if (!this.#records.has(slot)) await this.#write(slot, record, 0)
      this.#lost.delete(slot)
    }
  }

  #planSweep(): void {
    const { clock } = this.#options
    this.#sweptAtMs = clock.steadyMs()
    const timer = clock.after(SWEEP_MS, () => {
      // Who was stopped itself has not seen who was there.
      if (clock.steadyMs() - this.#sweptAtMs > 2 * SWEEP_MS) this.#absences.forget()
      this.#planSweep()
      void this.#freeAbsent()
    })
    this.#sweep = timer
  }

  async #freeAbsent(): Promise<void> {
    const { coordination, membership, clock, log } = this.#options
    if (!coordination.isConnected || !this.#isReady) return
    const nodes = [...this.#records.values()].map(({ node }) => node)
    const absent = this.#absences.note(nodes, (node) => membership.has(node), clock.steadyMs(), ABSENT_MS)
    for (const [slot, { node, revision }] of this.#records) {
      if (!absent.has(node)) continue
      try {
        const result = await coordination.registers.remove(slotKey(slot), revision)
        if (result.type === 'written') log.info({ slot, node }, 'slot_freed')
      } catch (error) {
        log.debug({ err: error, slot }, 'slot_free_failed')
      }
    }
  }
}
