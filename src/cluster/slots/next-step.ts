/**
 * What a node is to do about its slot, by what is on record. The records decide: a slot belongs to the node that stands on it. A node
 * that uses one whose record is gone, or went to a younger node meanwhile, takes it back.
 */
import { SLOT_MAX, type SlotRecord } from './slot-record.ts'

export type RecordedSlot = SlotRecord & { readonly revision: number }
export type SlotRecords = ReadonlyMap<number, RecordedSlot>
export type UsedSlot = { readonly slot: number; readonly sinceMs: number }

export type SlotStep =
  /** The slot that we use is on record as ours. */
  | { readonly type: 'keep' }
  /** A slot that is on record as ours is the one to use. */
  | { readonly type: 'adopt'; readonly slot: number; readonly sinceMs: number }
  /** To be written, and used if that succeeds. `revision` of what it replaces, 0 for nothing. */
  | { readonly type: 'write'; readonly slot: number; readonly sinceMs: number; readonly revision: number }
  /** Another node has the one that we use, and has had it for longer. */
  | { readonly type: 'give_way' }
  /** All are taken. */
  | { readonly type: 'none_left' }

export type SlotSituation = {
  readonly node: string
  readonly nowMs: number
  readonly records: SlotRecords
  /** The one that we use now. */
  readonly used: UsedSlot | undefined
  /** The one that we had before we started. */
  readonly remembered: number | undefined
  /** Those that others say they use, on record or not. */
  readonly announced: ReadonlyMap<number, string>
}

export function nextSlotStep(situation: SlotSituation): SlotStep {
  const { used, records, node } = situation
  if (used === undefined) return firstSlotStep(situation)
  const record = records.get(used.slot)
  if (record === undefined) return { type: 'write', ...used, revision: 0 }
  if (record.node === node) return { type: 'keep' }
  return isOlder({ node, sinceMs: used.sinceMs }, record)
    ? { type: 'write', ...used, revision: record.revision }
    : { type: 'give_way' }
}

function firstSlotStep({ node, nowMs, records, remembered, announced }: SlotSituation): SlotStep {
  const ours = slotsOnRecord(records, node)
  const adopted = ours.find((slot) => slot === remembered) ?? ours[0]
  if (adopted !== undefined) return { type: 'adopt', slot: adopted, sinceMs: records.get(adopted)?.sinceMs ?? nowMs }
  const isFree = (slot: number) => !records.has(slot) && !announced.has(slot)
  const slot = remembered !== undefined && isFree(remembered) ? remembered : lowest(isFree)
  return slot === undefined ? { type: 'none_left' } : { type: 'write', slot, sinceMs: nowMs, revision: 0 }
}

/** In ascending order. */
export function slotsOnRecord(records: SlotRecords, node: string): number[] {
  return [...records].flatMap(([slot, record]) => (record.node === node ? [slot] : [])).sort((a, b) => a - b)
}

/** Whether it began to use its slot earlier; by its name if that can't be told. */
function isOlder(one: SlotRecord, other: SlotRecord): boolean {
  return one.sinceMs === other.sinceMs ? one.node < other.node : one.sinceMs < other.sinceMs
}

function lowest(isFree: (slot: number) => boolean): number | undefined {
  for (let slot = 1; slot <= SLOT_MAX; slot++) if (isFree(slot)) return slot
  return undefined
}
