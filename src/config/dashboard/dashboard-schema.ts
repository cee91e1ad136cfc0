/** `dashboard` and `api_key`: EMQX's fields, of which its API is served by the same listeners. */
import type * as z from 'zod'
import { duration, section, text, textLike } from '../fields.ts'
import { bind, sslOptionsSchema } from '../listeners/listener-schema.ts'

/** What a user of the dashboard may be called. */
export const USER_NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$/
export const USER_NAME_EXPECTED = 'a name of at most 100 letters, digits, `.`, `_`, `-` and `@`'

export const dashboardSchema = section({
  listeners: section({
    http: section({ bind }),
    https: section({ bind, ssl_options: sslOptionsSchema.prefault({}) }).optional(),
  }),
  default_username: textLike(USER_NAME, 'bad_name', USER_NAME_EXPECTED).default('admin'),
  default_password: text()
    .min(1, { error: 'expected a password; without this key one is made and told once' })
    .optional(),
  token_expired_time: duration({ min: 1_000 }).default(3_600_000),
})

export const apiKeySchema = section({
  bootstrap_file: text('the name of a file').min(1, { error: 'expected the name of a file' }).optional(),
})

export type ParsedDashboard = z.output<typeof dashboardSchema>
export type ParsedApiKey = z.output<typeof apiKeySchema>
