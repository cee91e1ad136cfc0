/** Somebody must be able to log in: where there is no user one is made, and its password told once if nobody chose it. */
import { randomBytes } from 'node:crypto'
import type { ApiLog } from '../api-server.ts'
import type { Accounts } from './accounts.ts'

export type FirstUser = { readonly username: string; readonly password: string | undefined }

/** Resolves when there is a user, here or on another member. */
export async function ensureUser(accounts: Accounts, { username, password }: FirstUser, log: ApiLog): Promise<void> {
  await accounts.known
  if (accounts.users.length > 0) return
  const made = password ?? randomBytes(12).toString('base64url')
  const user = { username, password: made, role: 'administrator', description: 'the first user' } as const
  const isOurs = await accounts.addFirstUser(user)
  // The one secret that is ever logged: nobody could know it otherwise.
  if (isOurs && password === undefined) log.warn({ username, password: made }, 'dashboard_password_made')
}
