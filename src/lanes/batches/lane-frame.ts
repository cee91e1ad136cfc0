/**
 * What travels on a lane (DESIGN section 6): the byte 0xC1, which starts neither an Erlang term nor a MessagePack value, then a
 * header in MessagePack:
 *
 *     batch  [1, epoch, sequence, [[ClientID, username or nil, host or nil], ...], [name, ...], runs], then its messages
 *     begin  [2, epoch, base, last]
 *     ack    [3, epoch, kept, expected, isMissing, boot]
 *
 * `epoch` and numbers of batches are always written as uint64. The messages are whole PUBLISH packets, end to end. `runs` is binary
 * and says what they don't, for as many of them as its `count` says: flags (`runFlag`), then variable byte integers: count, index of
 * the publisher, difference to the time of the run before (0 at first) in milliseconds (2n, or -2n - 1 if it is negative), with
 * `origin` the index of its name, with `groups` how many and the index of each one's name.
 */
import { PackReader } from '../../packets/pack-reader.ts'
import { UINT64_BYTES, writeUint64 } from '../../packets/pack-writer.ts'

export const FRAME_START = 0xc1
const BATCH_FIELDS = 6
const BEGIN_FIELDS = 4
const ACK_FIELDS = 6

/** Messages of one batch: what a receiver takes in one turn of its event loop. */
export const BATCH_MESSAGES_MAX = 4_096

export const frameKind = { batch: 1, begin: 2, ack: 3 } as const

export const runFlag = { v5: 1, plain: 2, origin: 4, groups: 8 } as const
export const RUN_FLAGS_MAX = 15

/** Where the number of a batch stands. */
const SEQUENCE_AT = 3 + UINT64_BYTES
/** Where a batch goes on after epoch and number. */
export const BATCH_TABLES_AT = SEQUENCE_AT + UINT64_BYTES

/**
 * The sender says where it stands: after its receiver proved to be another process or lacks something, and to ask one that is
 * silent. It is answered by an `ack`.
 */
export type LaneBegin = {
  readonly type: 'begin'
  readonly epoch: number
  /** The oldest batch that is not acknowledged; those before it never come again. */
  readonly base: number
  /** The last batch that was sent. */
  readonly last: number
}

/** The receiver says what it has: after batches, after a gap, and when it is asked. */
export type LaneAck = {
  readonly type: 'ack'
  readonly epoch: number
  /** All batches up to this one are safe. */
  readonly kept: number
  /** The batch that it takes next; 0: it knows nothing of this lane. */
  readonly expected: number
  /** Whether that one was sent and has not come. */
  readonly isMissing: boolean
  /** The process whose lane is meant. */
  readonly boot: string
}

export type LaneFrame =
  | {
      readonly type: 'batch'
      readonly epoch: number
      /** From 1 on; 0: of QoS 0, not numbered. */
      readonly sequence: number
    }
  | LaneBegin
  | LaneAck
  | { readonly type: 'malformed' }

const malformed = { type: 'malformed' } as const
const reader = new PackReader()

/** Of a batch only the numbers; its messages are read by `readBatch`. */
export function readLaneFrame(frame: Buffer): LaneFrame {
  if (frame[0] !== FRAME_START) return malformed
  reader.show(frame, 1, frame.length)
  const fields = reader.byte() - 0x90
  const kind = reader.byte()
  const epoch = reader.uint64()
  let found: LaneFrame = malformed
  if (kind === frameKind.batch && fields === BATCH_FIELDS) found = { type: 'batch', epoch, sequence: reader.uint64() }
  if (kind === frameKind.begin && fields === BEGIN_FIELDS)
    found = { type: 'begin', epoch, base: reader.uint64(), last: reader.uint64() }
  if (kind === frameKind.ack && fields === ACK_FIELDS) found = readAck(epoch)
  if (reader.isBroken || (found.type !== 'batch' && reader.at !== frame.length)) return malformed
  // What is not sent yet is at most the next one, and numbers begin with 1.
  if (found.type === 'begin' && (found.base === 0 || found.base > found.last + 1)) return malformed
  return found
}

function readAck(epoch: number): LaneAck {
  const kept = reader.uint64()
  const expected = reader.uint64()
  const isMissing = reader.boolean()
  return { type: 'ack', epoch, kept, expected, isMissing, boot: reader.text() }
}

/** The beginning of a batch that has no number yet, in `BATCH_TABLES_AT` bytes. */
export function writeBatchHead(target: Buffer, epoch: number): void {
  writeHead(target, BATCH_FIELDS, frameKind.batch, epoch)
  writeUint64(target, SEQUENCE_AT, 0)
}

/** Gives a batch its number, before anybody else has seen it. */
export function numberBatch(frame: Buffer, sequence: number): void {
  writeUint64(frame, SEQUENCE_AT, sequence)
}

export function writeBegin({ epoch, base, last }: LaneBegin): Buffer {
  const frame = Buffer.allocUnsafe(3 + 3 * UINT64_BYTES)
  writeHead(frame, BEGIN_FIELDS, frameKind.begin, epoch)
  writeUint64(frame, writeUint64(frame, SEQUENCE_AT, base), last)
  return frame
}

export function writeAck({ epoch, kept, expected, isMissing, boot }: LaneAck): Buffer {
  const bootBytes = Buffer.byteLength(boot)
  const frame = Buffer.allocUnsafe(3 + 3 * UINT64_BYTES + 1 + 5 + bootBytes)
  writeHead(frame, ACK_FIELDS, frameKind.ack, epoch)
  let at = writeUint64(frame, writeUint64(frame, SEQUENCE_AT, kept), expected)
  frame[at++] = isMissing ? 0xc3 : 0xc2
  frame[at++] = 0xdb
  at = frame.writeUInt32BE(bootBytes, at)
  frame.write(boot, at)
  return frame
}

function writeHead(frame: Buffer, fields: number, kind: number, epoch: number): void {
  frame[0] = FRAME_START
  frame[1] = 0x90 | fields
  frame[2] = kind
  writeUint64(frame, 3, epoch)
}
