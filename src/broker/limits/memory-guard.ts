/**
 * How full the node's memory is, and what follows from it. Pure.
 * Above the ceiling QoS 0 is shed and nobody new is let in; above a second mark nothing more is queued either.
 */

export const memoryLevel = { ok: 0, high: 1, critical: 2 } as const
export type MemoryLevel = (typeof memoryLevel)[keyof typeof memoryLevel]

/** Bytes, as the process sees them. */
export type MemoryReading = {
  readonly rss: number
  readonly heapUsed: number
  /** How large the heap may grow before the engine ends the process. */
  readonly heapLimit: number
  /** Buffers, which lie outside of the heap. */
  readonly external: number
}

/** Shares of the ceiling at which a level is entered, and below which it is left again. */
const marks = { critical: { enter: 1.15, leave: 1.05 }, high: { enter: 1, leave: 0.9 } } as const
/** The heap counts as full there, because the engine spends its time collecting garbage beyond. */
const HEAP_SHARE_MAX = 0.8

/**
 * How much of the ceiling is used: 1 is all of it.
 * @param baseBytes what the process holds beside heap and buffers: its code and stacks
 */
export function memoryShare(reading: MemoryReading, ceilingBytes: number, baseBytes: number): number {
  const inUse = baseBytes + reading.heapUsed + reading.external
  // What was freed and the system has not taken back can be used again: nothing need be shed for it.
  const ofProcess = Math.min(reading.rss, inUse) / ceilingBytes
  // On a large machine the heap is full long before the memory is.
  const ofHeap = reading.heapUsed / (reading.heapLimit * HEAP_SHARE_MAX)
  return Math.max(ofProcess, ofHeap)
}

/** The level that follows, with room between entering and leaving one so that it doesn't flap. */
export function judgeMemory(before: MemoryLevel, share: number): MemoryLevel {
  if (share >= (before === memoryLevel.critical ? marks.critical.leave : marks.critical.enter))
    return memoryLevel.critical
  return share >= (before === memoryLevel.ok ? marks.high.enter : marks.high.leave) ? memoryLevel.high : memoryLevel.ok
}

/**
 * Bytes that `node.max_memory` comes to.
 * @param written bytes, or a percentage such as `70%` of what there is
 */
export function memoryCeiling(written: number | string, availableBytes: number): number {
  return typeof written === 'number' ? written : (availableBytes * Number.parseFloat(written)) / 100
}
