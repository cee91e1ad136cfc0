/** What ends a stream of `GET /live`, other than who reads it. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Credentials } from '../../../src/api/access/access-hook.ts'
import { createApiServer } from '../../../src/api/api-server.ts'
import { liveApi } from '../../../src/api/live/live-api.ts'
import type { LiveListener } from '../../../src/api/live/live-hub.ts'
import { ManualClock } from '../../link/manual-clock.ts'
import { type Answer, type Ask, asker, nodeWithApi } from '../node-with-api.ts'
import { openLive } from './open-live.ts'

const quiet = { warn() {}, error() {} }
const MEGABYTE = 1_000_000
/** What the kernel takes for a reader who does not read, and what may wait for it here. */
const UNREAD_MEGABYTES_MAX = 64
const HEARTBEAT_MS = 15_000

/** A hub that tells what the test says. */
class HubByHand {
  listener: LiveListener | undefined
  readonly left: Promise<void>
  #leave: () => void = () => undefined
  isLeft = false

  constructor() {
    this.left = new Promise((resolve) => (this.#leave = resolve))
  }

  listen(listener: LiveListener): () => void {
    this.listener = listener
    return () => {
      this.isLeft = true
      this.#leave()
    }
  }

  stop(): void {
    this.listener = undefined
  }
}

async function serve(t: TestContext, credentials: readonly Credentials[] = []) {
  const [hub, clock] = [new HubByHand(), new ManualClock()]
  const live = liveApi({ hub, clock, credentials, links: () => [], onAccess: () => () => undefined })
  const app = await createApiServer({ parts: [live], roots: [], log: quiet })
  t.after(() => app.close())
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as { port: number }
  return { hub, clock, port, url: `http://127.0.0.1:${port}` }
}

async function listening(hub: HubByHand): Promise<LiveListener> {
  while (hub.listener === undefined) await turn()
  return hub.listener
}

test('a reader who does not read is cut off before much waits for it', async (t) => {
  const { hub, port } = await serve(t)
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.on('error', () => undefined)
  socket.pause()
  socket.write('GET /api/v5/live HTTP/1.1\r\nhost: x\r\n\r\n')
  const listener = await listening(hub)
  let told = 0
  for (const data = JSON.stringify('x'.repeat(MEGABYTE)); !hub.isLeft; told += 1) {
    assert.ok(told < UNREAD_MEGABYTES_MAX, `${told} megabytes wait`)
    listener.tell('log', data)
    await turn()
  }
  // What it had not read is gone with the connection.
  await new Promise<void>((resolve) => void socket.once('close', () => resolve()).resume())
})

test('a reader who reads gets as much as there is', async (t) => {
  const { hub, url } = await serve(t)
  const live = await openLive(t, url, 'Bearer x', 'links')
  const listener = await listening(hub)
  const data = JSON.stringify('x'.repeat(MEGABYTE))
  for (let told = 0; told < 20; told += 1) {
    listener.tell('links', data)
    assert.equal(JSON.stringify((await live.next('links')).data).length, data.length)
  }
  assert.equal(hub.isLeft, false)
})

test('a stream whose token has ended goes with the next heartbeat', async (t) => {
  const reader = { name: 'ann', role: 'viewer', via: 'login' } as const
  let isGood = true
  const { hub, clock, url } = await serve(t, [{ identify: () => (isGood ? reader : undefined) }])
  const live = await openLive(t, url, 'Bearer x', 'links')
  await listening(hub)
  clock.advance(HEARTBEAT_MS)
  await turn()
  assert.equal(hub.isLeft, false)
  isGood = false
  clock.advance(HEARTBEAT_MS)
  await live.ended
  assert.equal(hub.isLeft, true)
})

test('a stream ends at once with what lets its reader in; others go on', async (t) => {
  const { ask, url, authorization } = await nodeWithApi(t)
  const other = await openLive(t, url, authorization, 'log')
  const password = 'password1'
  const ends: readonly (readonly [username: string, end: (own: Ask) => Promise<Answer<unknown>>])[] = [
    ['deleted', () => ask('/users/deleted', { method: 'DELETE' })],
    ['gone', (own) => own('/logout', { method: 'POST' })],
    [
      'changed',
      (own) => own('/users/changed/change_pwd', { method: 'POST', body: { old_pwd: password, new_pwd: 'password2' } }),
    ],
  ]
  for (const [username, end] of ends) {
    await ask('/users', { method: 'POST', body: { username, password, role: 'viewer', description: '' } })
    const login = await ask<{ token: string }>('/login', { method: 'POST', body: { username, password } })
    const bearer = `Bearer ${login.body.token}`
    const stream = await openLive(t, url, bearer, 'log')
    const { status } = await end(asker(url, bearer))
    assert.ok(status < 300, `${username}: ${status}`)
    // No heartbeat comes within the time that a test has.
    await stream.ended
  }
  await other.next('log')
})
