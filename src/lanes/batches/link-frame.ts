/**
 * A batch of messages between clusters (DESIGN section 6): the byte 0xC1, then MessagePack:
 *
 *     [4, epoch, lane, sequence, sentAtMs, flags, publishers, names, runs], then its messages, end to end
 *     [4, epoch, lane, sequence, sentAtMs, flags, inflatedBytes], then all from the publishers on, as raw deflate
 *
 * Publishers, names, runs and messages are those of a lane between members (`lane-frame.ts`). A message of a link is a run that is
 * `plain` and has no groups; one that is not plain is a retained message that is told because a route appeared, and its run's time
 * the time at which it was published first. `epoch`, `sequence`, `sentAtMs` and `inflatedBytes` are always uint64, `lane` and `flags`
 * one byte, so that each stands at a fixed place and can be written anew.
 */
import { PackReader } from '../../packets/pack-reader.ts'
import { UINT64_BYTES, writeUint64 } from '../../packets/pack-writer.ts'
import { FRAME_START } from './lane-frame.ts'

/** Kinds 1 to 3 are those of lanes between members, 5 that of `short-frame.ts`, 6 and 7 of probes, from 16 on those of routes. */
export const LINK_BATCH_KIND = 4
export const linkFlag = { compressed: 1, resent: 2 } as const
const FLAGS_MAX = 3

const PLAIN_FIELDS = 9
const COMPRESSED_FIELDS = 7

const LANE_AT = 3 + UINT64_BYTES
const SEQUENCE_AT = LANE_AT + 1
const SENT_AT_AT = SEQUENCE_AT + UINT64_BYTES
const FLAGS_AT = SENT_AT_AT + UINT64_BYTES
/** Where the tables begin, if they are not compressed. */
export const LINK_TABLES_AT = FLAGS_AT + 1
/** Where the deflated bytes begin. */
const DEFLATED_AT = LINK_TABLES_AT + UINT64_BYTES

export type LinkBatchHead = {
  readonly type: 'batch'
  readonly epoch: number
  readonly lane: 0 | 1
  /** That of its last message: it is new if it is above all that came in this epoch and lane. 0: QoS 0, not numbered. */
  readonly sequence: number
  /** By the clock of its sender, milliseconds since 1970. */
  readonly sentAtMs: number
  /** It may have been sent before, over another connection. */
  readonly isResent: boolean
  readonly isCompressed: boolean
  /** Of tables and messages, not compressed. */
  readonly inflatedBytes: number
  /** Where the tables begin, or the deflated bytes: as far as the end of the frame. */
  readonly tablesAt: number
}

export type LinkFrame = LinkBatchHead | { readonly type: 'malformed'; readonly reason: string }

const reader = new PackReader()

/**
 * All of a batch but its messages, which `readBatch(frame, tablesAt)` reads, or `readBatch(inflated, 0)`.
 * @param bytesMax the longest frame that is taken, also after it was inflated
 */
export function readLinkFrame(frame: Buffer, bytesMax: number): LinkFrame {
  if (frame[0] !== FRAME_START) return malformed('it does not begin as a frame')
  reader.show(frame, 1, frame.length)
  const fields = reader.byte() - 0x90
  const kind = reader.byte()
  if (kind !== LINK_BATCH_KIND) return malformed('it is no batch of messages')
  const epoch = reader.uint64()
  const lane = reader.byte()
  const sequence = reader.uint64()
  const sentAtMs = reader.uint64()
  const flags = reader.byte()
  const isCompressed = (flags & linkFlag.compressed) !== 0
  const inflatedBytes = isCompressed ? reader.uint64() : frame.length - LINK_TABLES_AT
  if (reader.isBroken || fields !== (isCompressed ? COMPRESSED_FIELDS : PLAIN_FIELDS))
    return malformed('the head is not what it should be')
  if ((lane !== 0 && lane !== 1) || flags > FLAGS_MAX) return malformed('an unknown lane or flag')
  if (inflatedBytes > bytesMax - LINK_TABLES_AT) return malformed(`${inflatedBytes} bytes are more than is taken`)
  const isResent = (flags & linkFlag.resent) !== 0
  return { type: 'batch', epoch, lane, sequence, sentAtMs, isResent, isCompressed, inflatedBytes, tablesAt: reader.at }
}

/** The beginning of a frame, for `BatchWriter.finishAfter`. */
export function writeLinkHead(
  target: Buffer,
  { epoch, lane, sequence, sentAtMs }: Pick<LinkBatchHead, 'epoch' | 'lane' | 'sequence' | 'sentAtMs'>,
): void {
  target[0] = FRAME_START
  target[1] = 0x90 | PLAIN_FIELDS
  target[2] = LINK_BATCH_KIND
  writeUint64(target, 3, epoch)
  target[LANE_AT] = lane
  writeUint64(target, SEQUENCE_AT, sequence)
  writeUint64(target, SENT_AT_AT, sentAtMs)
  target[FLAGS_AT] = 0
}

/** Gives a batch another number. */
export function numberLinkBatch(frame: Buffer, sequence: number): void {
  writeUint64(frame, SEQUENCE_AT, sequence)
}

/** To be called before each sending, before the frame is compressed. The receiver judges by it what is left of a message's life. */
export function markSent(frame: Buffer, sentAtMs: number, isResent: boolean): void {
  writeUint64(frame, SENT_AT_AT, Math.max(0, Math.trunc(sentAtMs)))
  frame[FLAGS_AT] = isResent ? linkFlag.resent : 0
}

/** What of a frame may be compressed: all after its head. */
export function linkTables(frame: Buffer): Buffer {
  return frame.subarray(LINK_TABLES_AT)
}

/** The same frame with its tables compressed, in memory of its own. @param deflated `linkTables`, as raw deflate */
export function compressedFrame(frame: Buffer, deflated: Buffer): Buffer {
  const compressed = Buffer.allocUnsafe(DEFLATED_AT + deflated.length)
  frame.copy(compressed, 0, 0, LINK_TABLES_AT)
  compressed[1] = 0x90 | COMPRESSED_FIELDS
  compressed[FLAGS_AT] = frame[FLAGS_AT]! | linkFlag.compressed
  writeUint64(compressed, LINK_TABLES_AT, frame.length - LINK_TABLES_AT)
  deflated.copy(compressed, DEFLATED_AT)
  return compressed
}

function malformed(reason: string): LinkFrame {
  return { type: 'malformed', reason }
}
