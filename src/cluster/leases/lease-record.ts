/** What stands in the register of a lease: JSON, so that people can read it with the tools of what keeps it. */
import { z } from 'zod'
import type { Sender } from '../coordination.ts'

export type LeaseRecord = Sender & {
  /** No incarnation above this one has been used under this lease; who takes it over begins above it. */
  readonly upTo: number
  /** Changes with each renewal, so that others see one even where nothing else differs. */
  readonly renewals: number
  /** Who held it let it go. */
  readonly released: boolean
}

const bytesMax = 4_096

const schema = z.object({
  node: z.string(),
  boot: z.string(),
  upTo: z.int().nonnegative(),
  renewals: z.int().nonnegative(),
  released: z.boolean(),
})

export const leaseKeyPrefix = 'lease/'

export function leaseKey(name: string): string {
  return `${leaseKeyPrefix}${name}`
}

export function encodeLeaseRecord(record: LeaseRecord): Uint8Array {
  return Buffer.from(JSON.stringify(record))
}

/** `undefined` for what is none. */
export function decodeLeaseRecord(value: Uint8Array): LeaseRecord | undefined {
  if (value.length > bytesMax) return undefined
  try {
    return schema.safeParse(JSON.parse(Buffer.from(value).toString('utf8'))).data
  } catch {
    return undefined
  }
}
