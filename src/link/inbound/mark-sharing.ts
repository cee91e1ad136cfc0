/**
 * A node of a peer may come to any node of our cluster. Before one of them takes its batches it asks all others what they have taken:
 * each of them ends its own connections of that sender first, so that it takes nothing more.
 */
import type { LaneMark } from '../../lanes/high-water-marks.ts'

/** What the accepting side needs of the other nodes for it. */
export interface MarkSharing {
  /** All other members of the cluster. */
  others(): Iterable<string>
  /** Bodies are what MessagePack can say. Rejects if no answer came within so many milliseconds. */
  ask(node: string, body: unknown, timeoutMs: number): Promise<unknown>
  /** Tells a member what it answers nothing to but that it has it. Rejects like `ask`. */
  leave(node: string, body: unknown, timeoutMs: number): Promise<unknown>
  /** Takes what members say that leave. Returns how to stop it. */
  inherit(take: (body: unknown) => void): () => void
  /** How long nothing was heard of a member, milliseconds. */
  silentMs(node: string): number
  /** Answers what others ask. Returns how to stop it. */
  serve(answer: (body: unknown) => Promise<unknown>): () => void
  /** Called after a member left, was lost, or came back as another process. Returns how to stop it. */
  onGone(listener: () => void): () => void
  /** Calls when all that came from peers so far is safe. */
  whenSafe(call: () => void): void
}

type Clock = { after(ms: number, call: () => void): { cancel(): void } }

export type MarkQuestion = { readonly cluster: string; readonly node: string }

/** So long a peer waits for its CONNACK, whoever of us does not answer: less than the 5 s after which it comes again. */
const ASK_MS = 4_000
/** So often it is looked whether who has not answered yet still says that it lives. */
const LOOK_MS = 1_000
/** Members say so every second, unless they are told otherwise; one that is only slow may miss one. */
const SILENT_MS = 2_000
/** Marks of one answer that are looked at. */
const MARKS_MAX = 256

/** What all others have taken of this sender; `isComplete`: all of them answered. Never rejects. */
export async function gatherMarks(
  sharing: MarkSharing,
  clock: Clock,
  question: MarkQuestion,
): Promise<{ readonly marks: readonly LaneMark[]; readonly isComplete: boolean }> {
  const answers = await Promise.all(Array.from(sharing.others(), (node) => askOne(sharing, clock, node, question)))
  const read = answers.map(readMarks)
  return { marks: read.flatMap((marks) => marks ?? []), isComplete: !read.includes(undefined) }
}

/** A member that is only slow is waited for, and one that died is not: `undefined`. Never rejects. */
function askOne(sharing: MarkSharing, clock: Clock, node: string, question: MarkQuestion): Promise<unknown> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (sharing.silentMs(node) < SILENT_MS) timer = clock.after(LOOK_MS, look)
      else resolve(undefined)
    }
    let timer = clock.after(LOOK_MS, look)
    const settled = (answer: unknown): void => {
      timer.cancel()
      resolve(answer)
    }
    sharing.ask(node, question, ASK_MS).then(settled, () => settled(undefined))
  })
}

/** What a member has taken of each sender when it leaves: nobody can ask it afterwards. */
export type Legacy = MarkQuestion & { readonly marks: readonly LaneMark[] }

/** Nobody waits longer for members that leave. */
const LEAVE_MS = 1_000
const SENDERS_MAX = 1_024

/** Resolves when all others have it, or do not answer. Never rejects. */
export async function leaveMarks(sharing: MarkSharing, clock: Clock, legacies: readonly Legacy[]): Promise<void> {
  if (legacies.length === 0) return
  // What another member finds in it it takes for safe. A disk that is stuck holds nobody up: then it is not said.
  const isSafe = await new Promise<boolean>((resolve) => {
    const late = clock.after(LEAVE_MS, () => resolve(false))
    sharing.whenSafe(() => {
      late.cancel()
      resolve(true)
    })
  })
  if (!isSafe) return
  await Promise.allSettled(Array.from(sharing.others(), (node) => sharing.leave(node, legacies, LEAVE_MS)))
}

/** Throws `TypeError` for what is none. */
export function readLegacies(body: unknown): Legacy[] {
  if (!Array.isArray(body)) throw new TypeError('what a member leaves of marks is malformed')
  return body.slice(0, SENDERS_MAX).map((one: unknown) => {
    const marks = readMarks(fieldsOf(one)['marks']) ?? []
    return { ...readQuestion(one), marks }
  })
}

export function readQuestion(body: unknown): MarkQuestion {
  const { cluster, node } = fieldsOf(body)
  if (typeof cluster !== 'string' || typeof node !== 'string') throw new TypeError('a question for marks is malformed')
  return { cluster, node }
}

function readMarks(answer: unknown): LaneMark[] | undefined {
  if (!Array.isArray(answer)) return undefined
  return answer.slice(0, MARKS_MAX).flatMap((one: unknown) => {
    const { epoch, lane, sequence, isSure } = fieldsOf(one)
    return isCount(epoch) && isCount(lane) && isCount(sequence)
      ? [{ epoch, lane, sequence, isSure: isSure === true }]
      : []
  })
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function fieldsOf(body: unknown): Record<string, unknown> {
  return typeof body === 'object' && body !== null ? { ...body } : {}
}
