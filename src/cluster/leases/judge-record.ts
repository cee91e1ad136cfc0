/** What the record of a lease means to a node that contests it. */
import type { Sender } from '../coordination.ts'
import type { LeaseRecord } from './lease-record.ts'

export type RecordVerdict =
  /** Another's, to be respected as long as it changes. */
  | { readonly type: 'held' }
  | { readonly type: 'missing' }
  | { readonly type: 'own' }
  /** To be taken at once. `rivals`: others will see the same. */
  | { readonly type: 'free'; readonly reason: string; readonly rivals: boolean }

export type Contestant = {
  readonly self: Sender
  /** The highest incarnation that was ever on record, as far as this node knows. */
  readonly known: number
  /** Whether it said goodbye, or another process took its place. */
  readonly hasLeft: (sender: Sender) => boolean
  /** Whether no other node is there. */
  readonly isAlone: boolean
}

/** @param record `undefined` if there is none, `damaged` if it can't be read */
export function judgeRecord(
  record: LeaseRecord | 'damaged' | undefined,
  { self, known, hasLeft, isAlone }: Contestant,
): RecordVerdict {
  if (record === undefined)
    return isAlone ? { type: 'free', reason: 'nobody else is here', rivals: false } : { type: 'missing' }
  if (record === 'damaged') return { type: 'free', reason: 'the record is damaged', rivals: true }
  const { node, boot, released, upTo } = record
  if (released) return { type: 'free', reason: `${node} released it`, rivals: true }
  if (node === self.node && boot === self.boot) return { type: 'own' }
  // Names are unique, so that an earlier process of ours is gone, and nobody else knows it as surely.
  if (node === self.node) return { type: 'free', reason: 'an earlier process of this node held it', rivals: false }
  if (hasLeft(record)) return { type: 'free', reason: `${node} left`, rivals: true }
  // All records were lost, and it knew less than we do: nobody would believe what it says.
  if (upTo < known) return { type: 'free', reason: `${node} began below what was used before`, rivals: true }
  return { type: 'held' }
}
