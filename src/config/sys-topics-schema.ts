/** `sys_topics`: what the node says of itself under `$SYS/`, and how often. */
import * as z from 'zod'
import { duration, flag, section } from './fields.ts'

export const sysTopicsSchema = section({
  enable: flag().default(true),
  sys_msg_interval: interval().default(60_000),
  sys_heartbeat_interval: interval().default(30_000),
  sys_event_messages: section({
    client_connected: flag().default(true),
    client_disconnected: flag().default(true),
    client_subscribed: flag().default(false),
    client_unsubscribed: flag().default(false),
  }).prefault({}),
})

/** Intervals in milliseconds; `Infinity` where it never happens. */
export type SysTopicsConfig = z.output<typeof sysTopicsSchema>

/** EMQX's word for never is `disabled`; it becomes `Infinity`. */
function interval(): z.ZodType<number, number | string> {
  const measured = duration({ min: 1000 })
  const written = z.union([z.number(), z.string()], { error: 'expected a duration, or disabled' })
  const read = written.transform((value, context) => {
    if (value === 'disabled' || value === 'infinity') return Number.POSITIVE_INFINITY
    const result = measured.safeParse(value)
    if (result.success) return result.data
    for (const issue of result.error.issues)
      context.addIssue({ ...issue, code: 'custom', input: value, message: `${issue.message}, or disabled` })
    return z.NEVER
  })
  // No number of the schema library may be infinite.
  return z.preprocess((value: number | string) => (value === Number.POSITIVE_INFINITY ? 'disabled' : value), read)
}
