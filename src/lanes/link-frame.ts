/**
 * A batch of messages between clusters (DESIGN section 6): the byte 0xC1, then MessagePack:
 *
 *     [4, epoch, lane, sequence, sentAtMs, flags, publishers, names, runs], then its messages, end to end
 *     [4, epoch, lane, sequence, sentAtMs, flags, inflatedBytes], then the same from publishers on, as raw deflate
 *
 * Publishers, names, runs and messages are those of a lane between members (`lane-frame.ts`). A message of a link is a run that is
 * `plain` and has no groups; one that is not plain is a retained message that is told because a route appeared, and its run's time
 * the time at which it was published first. `epoch`, `sequence` and `sentAtMs` are always uint64, `lane` and `flags` one byte, so
 * that each stands at a fixed place and can be written anew.
 */
import { FRAME_START } from './lane-frame.ts'

/** 1 and 2 are the lanes between members, kinds from 16 on the routes. */
export const LINK_BATCH_KIND = 4
export const linkFlag = { compressed: 1, resent: 2 } as const

/** Where the tables of a frame begin that is not compressed. */
export const LINK_TABLES_AT = 32

export type LinkFrame =
  | {
      readonly type: 'batch'
      readonly epoch: number
      readonly lane: 0 | 1
      /** That of its last message: a batch is new if it is above all that came in this epoch and lane. 0: QoS 0, not numbered. */
      readonly sequence: number
      /** By the clock of its sender, milliseconds since 1970. */
      readonly sentAtMs: number
      /** It may have been sent before. */
      readonly isResent: boolean
      readonly isCompressed: boolean
      /** Of tables and messages together. */
      readonly inflatedBytes: number
      /** Where the tables begin, or the deflated bytes. */
      readonly tablesAt: number
    }
  | { readonly type: 'malformed' }

/** Of a batch all but its messages, which are read by `readBatch`. @param bytesMax what it may be inflated to */
export function readLinkFrame(frame: Buffer, _bytesMax: number): LinkFrame {
  if (frame[0] !== FRAME_START) return { type: 'malformed' }
  return { type: 'malformed' }
}
