import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { createActor, createMachine } from 'xstate'
import { DebugClient, debugPort, lamps, openDebugSocket, type Answer } from './debug-fixture.ts'

test('who watches is told of transitions until they go', async (t) => {
  const { history, lamp } = lamps()
  const client = new DebugClient(t, await openDebugSocket(t, debugPort({ actors: history })))
  assert.deepEqual((await client.ask('actors.watch'))['result'], { watching: null })
  lamp.send({ type: 'press' })
  assert.deepEqual(await client.next(), {
    jsonrpc: '2.0',
    method: 'actors.transition',
    params: { actor: 'eu/lamp', atMs: 3_000, event: 'press', from: 'off', to: 'on' },
  })
  // One may ask meanwhile.
  assert.ok('result' in (await client.ask('log.level')))
})

test('one may watch an actor and those below it alone, and another one after it', async (t) => {
  const { history, lamp } = lamps()
  const client = new DebugClient(t, await openDebugSocket(t, debugPort({ actors: history })))
  await client.ask('actors.watch', { actor: 'eu' })
  lamp.send({ type: 'press' })
  assert.match(JSON.stringify(await client.next()), /"actor":"eu\/lamp".*"to":"on"/)
  // A neighbour whose name begins alike.
  createActor(createMachine({}), { inspect: history.inspector(() => ({ id: 'eu-2', parent: undefined })) }).start()
  await client.ask('actors.watch', { actor: 'eu/lamp' })
  lamp.send({ type: 'press' })
  // Told once: the second watch has taken the place of the first.
  assert.match(JSON.stringify(await client.next()), /"to":"off"/)
  lamp.send({ type: 'press' })
  assert.match(JSON.stringify(await client.next()), /"to":"on"/)
})

test('nothing is kept for a watcher who has gone', async (t) => {
  const { history } = lamps()
  let watchers = 0
  const actors = {
    actors: () => history.actors(),
    actor: (id: string) => history.actor(id),
    of: (id: string) => history.of(id),
    onTransition: (listener: Parameters<typeof history.onTransition>[0]) => {
      const stop = history.onTransition(listener)
      watchers += 1
      return () => {
        watchers -= 1
        stop()
        gone.dispatchEvent(new Event('gone'))
      }
    },
  }
  const gone = new EventTarget()
  const client = new DebugClient(t, await openDebugSocket(t, debugPort({ actors })))
  await client.ask('actors.watch')
  assert.equal(watchers, 1)
  const told = once(gone, 'gone')
  client.socket.destroy()
  await told
  assert.equal(watchers, 0)
})

test('a slow watcher is told how many transitions it missed, and goes on', async (t) => {
  const { history, lamp } = lamps()
  const client = new DebugClient(t, await openDebugSocket(t, debugPort({ actors: history })))
  await client.ask('actors.watch')
  client.socket.pause()
  const presses = 20_000
  for (let i = 0; i < presses; i += 1) lamp.send({ type: 'press', failure: { reason: 'x'.repeat(200) } })
  client.socket.resume()
  let told = 0
  let answer: Answer = await client.next()
  for (; answer['method'] === 'actors.transition'; answer = await client.next()) told += 1
  assert.equal(answer['method'], 'actors.missed')
  assert.deepEqual(answer['params'], { missed: presses - told })
  assert.ok(told > 0 && told < presses)
  lamp.send({ type: 'press' })
  assert.equal((await client.next())['method'], 'actors.transition')
})
