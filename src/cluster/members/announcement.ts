/** What a node says of itself to the others of its cluster: JSON, so that people can read along with the tools of the bus. */
import { z } from 'zod'

/** `asking`: not yet sure that its name is free, and therefore not a member. */
export type Standing = 'asking' | 'member'

export type Announcement = {
  /**
   * `hello`: who starts or comes back, and wants to hear from everybody at once. `alive`: the answer, and several times within each
   * `member_ttl`. `goodbye`: who stops in good order.
   */
  readonly type: 'hello' | 'alive' | 'goodbye'
  readonly standing: Standing
  /** When the process started, by its own wall clock, milliseconds since 1970. Told apart from others of its name, never measured. */
  readonly startedAtMs: number
  readonly host: string
  readonly pid: number
  readonly version: string
  /** The number from which its ClientIDs are made, once it has one. */
  readonly slot?: number | undefined
  /** Address of each listener, by type and name: `tcp:default`. */
  readonly listeners: Readonly<Record<string, string>>
  /** Of an `alive` that answers a `hello`: the boot id of the process that said it. Nobody could know it who died before that process began. */
  readonly answers?: string | undefined
}

const bytesMax = 65_536
const text = z.string().max(1_024)

const schema = z.object({
  type: z.enum(['hello', 'alive', 'goodbye']),
  standing: z.enum(['asking', 'member']),
  startedAtMs: z.int().nonnegative(),
  host: text,
  pid: z.int().nonnegative(),
  version: text,
  slot: z.int().nonnegative().optional(),
  listeners: z.record(text, text),
  answers: text.optional(),
})

export function encodeAnnouncement(announcement: Announcement): Uint8Array {
  return Buffer.from(JSON.stringify(announcement))
}

/** `undefined` for what is none. */
export function decodeAnnouncement(payload: Uint8Array): Announcement | undefined {
  if (payload.length > bytesMax) return undefined
  try {
    return schema.safeParse(JSON.parse(Buffer.from(payload).toString('utf8'))).data
  } catch {
    return undefined
  }
}
