/** Goes on with a login as long as the page is open: nobody is thrown out while they look. */
import { effect } from '@preact/signals'
import { request } from '../api/request.ts'
import { beginSession, session, type Session } from '../api/session.ts'

/** A timer of a browser takes no longer times than 2^31 milliseconds. */
const WAIT_MS_MAX = 2 ** 31 - 1
const WAIT_MS_MIN = 5_000

/** Renews the token when half of its time is over; call once. */
export function keepSession(): void {
  effect(() => {
    const current = session.value
    if (current === undefined) return undefined
    const halfMs = (Date.parse(current.expires_at) - Date.now()) / 2
    const timer = setTimeout(() => void renew(current), Math.min(Math.max(halfMs, WAIT_MS_MIN), WAIT_MS_MAX))
    return () => clearTimeout(timer)
  })
}

async function renew(before: Session): Promise<void> {
  if (session.value !== before) return
  try {
    const renewed = await request<Session>('POST', 'login/renew')
    if (session.value === before) beginSession(renewed)
  } catch {
    // The node is away, and is asked again; or the token is over, which leads to the login by itself.
    setTimeout(() => void renew(before), WAIT_MS_MIN)
  }
}
