/** Who has a slot, as it stands in the slot's register: JSON, so that people can read it with the tools of what keeps it. */
import { z } from 'zod'
import type { Register } from '../coordination.ts'

export type SlotRecord = {
  /** The node, whichever of its processes: it keeps its slot over restarts. */
  readonly node: string
  /** When it began to use it, by its own wall clock: any order will do, as long as all see the same. */
  readonly sinceMs: number
}

export const slotKeyPrefix = 'slot/'
/** Slots count from 1. */
export const SLOT_MAX = 9_999

const bytesMax = 4_096
const schema = z.object({ node: z.string(), sinceMs: z.number() })
/** What can't be read is somebody's, but of nobody who could say so. */
const unreadable: SlotRecord = { node: '', sinceMs: Number.MAX_SAFE_INTEGER }

export function slotKey(slot: number): string {
  return `${slotKeyPrefix}${slot}`
}

/** `undefined` for a key that is no slot's. */
export function slotOf(key: string): number | undefined {
  const slot = Number(key.slice(slotKeyPrefix.length))
  return Number.isInteger(slot) && slot >= 1 && slot <= SLOT_MAX && slotKey(slot) === key ? slot : undefined
}

export function encodeSlotRecord({ node, sinceMs }: SlotRecord): Uint8Array {
  return Buffer.from(JSON.stringify({ node, sinceMs }))
}

/** `undefined` if nobody has it. */
export function slotRecordIn({ value }: Register): SlotRecord | undefined {
  if (value === undefined) return undefined
  if (value.length > bytesMax) return unreadable
  try {
    return schema.safeParse(JSON.parse(Buffer.from(value).toString('utf8'))).data ?? unreadable
  } catch {
    return unreadable
  }
}
