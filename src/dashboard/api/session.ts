/** Who is logged in. Kept for this tab only, so that another user of the same browser does not inherit it. */
import { signal } from '@preact/signals'

export type Role = 'administrator' | 'viewer'
export type Session = {
  readonly token: string
  readonly username: string
  readonly role: Role
  readonly expires_at: string
}

const KEY = 'isthmus.session'

export const session = signal<Session | undefined>(kept())
/** Why somebody who was in is asked again. */
export const farewell = signal('')

/** Whether to show what changes things: the API refuses it to a viewer anyway. */
export const mayChange = (): boolean => session.value?.role === 'administrator'

export function beginSession(begun: Session): void {
  sessionStorage.setItem(KEY, JSON.stringify(begun))
  farewell.value = ''
  session.value = begun
}

export function endSession(why = ''): void {
  sessionStorage.removeItem(KEY)
  farewell.value = why
  session.value = undefined
}

function kept(): Session | undefined {
  const text = sessionStorage.getItem(KEY)
  if (text === null) return undefined
  return JSON.parse(text) as Session
}
