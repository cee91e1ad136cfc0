/** A batch of an outbox as it was found on the disk after a restart. */
import type { BatchOrigin } from '../outbox/batch-list.ts'
import { readLinkFrame } from './link-frame.ts'
import type { KeptBatch } from '../outbox/outbox-batch.ts'
import { readBatch } from './read-batch.ts'
import { expiryOf } from './rewrite-batch.ts'

export type FoundBatch = {
  readonly batch: Omit<BatchOrigin, 'turn'>
  /** ClientIDs of those who stand behind it. */
  readonly publishers: ReadonlySet<string>
}

/**
 * `undefined`: it is none.
 * @param ageMsMax how long a message may wait; it counts from when the batch was begun
 */
export function readKeptBatch(
  { id, frame }: KeptBatch,
  steadyMs: number,
  wallMs: number,
  ageMsMax: number,
): FoundBatch | undefined {
  const head = readLinkFrame(frame, Number.POSITIVE_INFINITY)
  if (head.type === 'malformed' || head.isCompressed || head.sequence === 0) return undefined
  const read = readBatch(frame, head.tablesAt)
  if (read.type === 'malformed' || read.publications.length === 0) return undefined
  const { epoch, lane, sequence, sentAtMs } = head
  const wallAheadMs = wallMs - steadyMs
  // A clock that was set back makes nothing younger than it is now.
  const agedMs = Math.min(sentAtMs, wallMs) - wallAheadMs + ageMsMax
  const publishers = new Set<string>()
  let firstExpiryMs = Number.POSITIVE_INFINITY
  let lastExpiryMs = Number.NEGATIVE_INFINITY
  for (const [i, publication] of read.publications.entries()) {
    const expiryMs = expiryOf(publication, { agedMs, wallAheadMs })
    firstExpiryMs = Math.min(firstExpiryMs, expiryMs)
    lastExpiryMs = Math.max(lastExpiryMs, expiryMs)
    if (read.directives[i]!.plain) publishers.add(publication.publisher.clientId)
  }
  const messages = read.publications.length
  const numbers = { id, frame, epoch, lane, sequence, messages, isResent: true, isKept: true }
  return { batch: { ...numbers, agedMs, firstExpiryMs, lastExpiryMs, writtenAtMs: sentAtMs, wallAheadMs }, publishers }
}
