/** What an answer of an HTTP service means, by EMQX's contract. Pure. */
import { attributesOf, isTrue } from './claims.ts'
import type { HttpAnswer } from './http-client.ts'
import { accepted, badCredentials, ignored, notAuthorized, type Outcome } from './outcome.ts'

/** Seconds since 1970 beyond which somebody has meant milliseconds. */
const SECONDS_MAX = 100_000_000_000

export function judgeAnswer(answer: HttpAnswer, nowMs: number): Outcome {
  // Nothing but `allow` is said without a body.
  if (answer.status === 204) return accepted()
  if (answer.status !== 200) return ignored(`status ${answer.status}`)
  const fields = fieldsOf(answer)
  if (fields === undefined) return ignored('the answer is neither JSON nor a form, whatever its content type')
  const { result } = fields
  if (result === 'deny') return notAuthorized('denied')
  if (result !== 'allow') return ignored(result === 'ignore' ? 'ignored' : 'the answer has no result')
  // Rules that are not kept would give the client more than its service wants to.
  if (fields['acl'] !== undefined && fields['acl'] !== null)
    return notAuthorized('the answer holds an acl, which this version does not support')
  const expiresAtMs = expiryOf(fields['expire_at'], nowMs)
  if (typeof expiresAtMs === 'string') return badCredentials(expiresAtMs)
  return accepted(isTrue(fields['is_superuser']), attributesOf(fields['client_attrs']), expiresAtMs)
}

function fieldsOf({ contentType, body }: HttpAnswer): Readonly<Record<string, unknown>> | undefined {
  if (/^application\/x-www-form-urlencoded\b/i.test(contentType)) return Object.fromEntries(new URLSearchParams(body))
  if (!/^application\/json\b/i.test(contentType)) return undefined
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}

/** Milliseconds since 1970, or what is wrong. */
function expiryOf(seconds: unknown, nowMs: number): number | undefined | string {
  if (seconds === undefined || seconds === null) return undefined
  if (typeof seconds !== 'number' || !Number.isInteger(seconds)) return 'expire_at is no whole number of seconds'
  if (seconds > SECONDS_MAX) return 'expire_at seems to be in milliseconds; expected seconds since 1970'
  return seconds * 1000 <= nowMs ? 'expire_at is past' : seconds * 1000
}
