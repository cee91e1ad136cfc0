/**
 * A probe and its answer, as native frames: the byte 0xC1, then MessagePack.
 *
 *     [6, id, sentAtMs]                 the probe: over the connection that carries messages, among them
 *     [7, id, receivedAtMs, sentAtMs]   its answer, by the clock of who answers
 *
 * `id` is whatever who asks knows it again by. All numbers are uint64, times milliseconds since 1970. They go only to a peer that knows
 * the feature `probe` (`native/greeting.ts`).
 */
import { FRAME_START } from '../../lanes/batches/lane-frame.ts'
import { PackReader } from '../../packets/pack-reader.ts'
import { UINT64_BYTES, writeUint64 } from '../../packets/pack-writer.ts'

const PROBE_KIND = 6
const ANSWER_KIND = 7
const HEAD_BYTES = 3

/** Who forwards messages asks whoever takes them. */
export type ProbeQuestion = { readonly type: 'probe'; readonly id: number; readonly sentAtMs: number }
/** Over the way that messages take from there to us, if there is one; otherwise over the connection that the probe came on. */
export type ProbeAnswer = {
  readonly type: 'probe_answer'
  readonly id: number
  readonly receivedAtMs: number
  readonly sentAtMs: number
}
export type ProbeFrame = ProbeQuestion | ProbeAnswer

const reader = new PackReader()

/** Whether it says of itself that it is one of the two. */
export function isProbeFrame(frame: Buffer): boolean {
  if (frame[0] !== FRAME_START) return false
  return (frame[1] === 0x93 && frame[2] === PROBE_KIND) || (frame[1] === 0x94 && frame[2] === ANSWER_KIND)
}

/** `undefined` for what is neither. Never throws. */
export function decodeProbeFrame(frame: Buffer): ProbeFrame | undefined {
  if (!isProbeFrame(frame)) return undefined
  const isQuestion = frame[2] === PROBE_KIND
  reader.show(frame, HEAD_BYTES, frame.length)
  const id = reader.uint64()
  const first = reader.uint64()
  const second = isQuestion ? 0 : reader.uint64()
  if (reader.isBroken || reader.at !== frame.length) return undefined
  if (isQuestion) return { type: 'probe', id, sentAtMs: first }
  return { type: 'probe_answer', id, receivedAtMs: first, sentAtMs: second }
}

export function encodeProbeFrame(frame: ProbeFrame): Buffer {
  const isQuestion = frame.type === 'probe'
  const numbers = isQuestion ? [frame.id, frame.sentAtMs] : [frame.id, frame.receivedAtMs, frame.sentAtMs]
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + numbers.length * UINT64_BYTES)
  bytes[0] = FRAME_START
  bytes[1] = 0x91 + numbers.length
  bytes[2] = isQuestion ? PROBE_KIND : ANSWER_KIND
  let at = HEAD_BYTES
  for (const number of numbers) at = writeUint64(bytes, at, Math.max(0, Math.trunc(number)))
  return bytes
}
