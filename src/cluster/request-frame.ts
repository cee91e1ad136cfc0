/** Questions and answers as they go over the bus: a MessagePack array for each part of a body. */
import type { Packr } from 'msgpackr'

export type Question = {
  readonly type: 'question'
  /** Grows with each question of a process. */
  readonly id: number
  readonly kind: string
}

export type Answer = {
  readonly type: 'answer'
  /** Of the question. */
  readonly id: number
  /** The process that asked: another one of this node's name has numbers of its own. */
  readonly asker: string
  /** Whether the body is a text that says what went wrong. */
  readonly isError: boolean
}

export type Part = {
  /** From 0. */
  readonly part: number
  readonly isLast: boolean
  readonly bytes: Uint8Array
}

export type Frame = Part & (Question | Answer)

/** What a frame has besides the bytes of its part, at most. */
export const FRAME_OVERHEAD_BYTES = 512
const NAME_LENGTH_MAX = 120

const code = { question: 0, answer: 1, error: 2 } as const

export function encodeFrame(packr: Packr, frame: Frame): Buffer {
  const { id, part, isLast, bytes } = frame
  return frame.type === 'question'
    ? packr.pack([code.question, id, frame.kind, part, isLast, bytes])
    : packr.pack([frame.isError ? code.error : code.answer, id, frame.asker, part, isLast, bytes])
}

/** `undefined` for what is no frame. */
export function decodeFrame(packr: Packr, payload: Uint8Array): Frame | undefined {
  const fields = unpack(packr, payload)
  if (!Array.isArray(fields) || fields.length !== 6) return undefined
  const [type, id, name, part, isLast, bytes] = fields as readonly unknown[]
  if (!isCount(id) || !isCount(part) || typeof isLast !== 'boolean' || !(bytes instanceof Uint8Array)) return undefined
  if (typeof name !== 'string' || name.length > NAME_LENGTH_MAX) return undefined
  const shared = { id, part, isLast, bytes }
  if (type === code.question) return { type: 'question', kind: name, ...shared }
  if (type === code.answer || type === code.error)
    return { type: 'answer', asker: name, isError: type === code.error, ...shared }
  return undefined
}

function unpack(packr: Packr, payload: Uint8Array): unknown {
  try {
    return packr.unpack(payload)
  } catch {
    return undefined
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}
