/** Who may ask the API, as the members of a cluster share it: users of the dashboard, API keys, and what proves a login. */
import { randomBytes } from 'node:crypto'
import * as z from 'zod'
import type { DocumentKind } from '../../cluster/documents/shared-document.ts'
import { roles } from './principal.ts'

const userRecord = z.object({
  username: z.string(),
  description: z.string(),
  role: z.enum(roles),
  /** As `Passwords` gives it. */
  password: z.string(),
  /** Another one with each password: a login of before is none any more. */
  generation: z.string(),
  /** Logins that were ended before their time, until they would have ended by themselves. */
  ended: z.array(z.object({ id: z.string(), untilMs: z.number() })),
})

const keyRecord = z.object({
  name: z.string(),
  key: z.string(),
  /** As `Passwords` gives it. */
  secret: z.string(),
  role: z.enum(roles),
  enable: z.boolean(),
  /** Milliseconds since 1970; `null` for never. */
  expiresAtMs: z.number().nullable(),
  description: z.string(),
  createdAtMs: z.number(),
})

const accessRecord = z.object({
  users: z.array(userRecord),
  keys: z.array(keyRecord),
  /** Base64; who has it makes logins. */
  signingKey: z.string().min(40),
})

export type UserRecord = Readonly<z.infer<typeof userRecord>>
export type KeyRecord = Readonly<z.infer<typeof keyRecord>>
export type AccessRecord = {
  readonly users: readonly UserRecord[]
  readonly keys: readonly KeyRecord[]
  readonly signingKey: string
}

/** Nobody yet. */
export function emptyAccess(): AccessRecord {
  return { users: [], keys: [], signingKey: randomBytes(32).toString('base64') }
}

/** Changes when an older version could not read what a newer one writes. */
const FORMAT = 1
const document = z.object({
  format: z.literal(FORMAT),
  version: z.int(),
  changedOn: z.string(),
  value: accessRecord,
})

export const accessDocument: DocumentKind<AccessRecord> = {
  key: 'config/access',
  encode: (shared) => Buffer.from(JSON.stringify({ format: FORMAT, ...shared })),
  decode: (bytes) => {
    let raw: unknown
    try {
      raw = JSON.parse(Buffer.from(bytes).toString())
    } catch (cause) {
      return { type: 'malformed', reason: `it is no JSON: ${cause instanceof Error ? cause.name : 'unknown'}` }
    }
    const read = document.safeParse(raw)
    if (!read.success) return { type: 'malformed', reason: read.error.issues.map(wordsOf).join('; ') }
    const { version, changedOn, value } = read.data
    return { type: 'ok', shared: { version, changedOn, value } }
  },
}

/** Where it is wrong; what stands there may be a secret. */
function wordsOf({ path, code }: z.core.$ZodIssue): string {
  return `${path.join('.')}: ${code}`
}
