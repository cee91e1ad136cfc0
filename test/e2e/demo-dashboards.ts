/** Goes where the demo says that it can be watched, as it says to log in. */
import assert from 'node:assert/strict'
import { setTimeout as passed } from 'node:timers/promises'

/** A dashboard's name on the screen, and the one link that its API answers after the login. */
export type Visit = { readonly name: string; readonly link: string }

const PATIENCE_MS = 60_000
const PAUSE_MS = 500

export async function visitDashboards(screen: string): Promise<Visit[]> {
  const said = [...screen.matchAll(/^ {2}dashboard of (\S+) {2}(http:\/\/127\.0\.0\.1:\d+) {2}(\S+) \/ (\S+)$/gm)]
  return Promise.all(
    said.map(async ([, name = '', url = '', username = '', password = '']) => {
      const { token } = await answerOf<{ readonly token: string }>(`${url}/api/v5/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username, password }),
      })
      const headers = { authorization: `Bearer ${token}` }
      const links = await answerOf<{ readonly name: string }[]>(`${url}/api/v5/cluster/links`, { headers })
      return { name, link: links.map((link) => link.name).join(', ') }
    }),
  )
}

/** Where this machine is slow, its node may just be killed: then it is back after some seconds. */
async function answerOf<Answer>(url: string, request: RequestInit): Promise<Answer> {
  const untilMs = performance.now() + PATIENCE_MS
  for (;;) {
    const response = await fetch(url, request).catch((error: unknown) => {
      if (performance.now() > untilMs) throw error
    })
    if (response === undefined) {
      await passed(PAUSE_MS)
      continue
    }
    const text = await response.text()
    assert.equal(response.status, 200, `${url}: ${text}`)
    return JSON.parse(text) as Answer
  }
}
