/** `retainer`: which retained messages are kept, and for how long. */
import type * as z from 'zod'
import { byteSize, duration, flag, integer, oneOf, section } from './fields.ts'

export const retainerSchema = section({
  enable: flag().default(true),
  /** How long a message without an expiry of its own is kept; 0: for good. */
  msg_expiry_interval: duration({ max: 4_294_967_294_000 }).default(0),
  max_payload_size: byteSize().default(1_048_576),
  /** Whether the empty message that clears a retained one is kept from subscribers. */
  stop_publish_clear_msg: flag().default(false),
  backend: section({
    type: oneOf(['built_in_database']).default('built_in_database'),
    /** 0: without limit. */
    max_retained_messages: integer(0, Number.MAX_SAFE_INTEGER).default(0),
  }).prefault({}),
})

/** Durations in milliseconds, sizes in bytes. */
export type RetainerConfig = z.output<typeof retainerSchema>
