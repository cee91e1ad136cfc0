import assert from 'node:assert/strict'
import test from 'node:test'
import { LinkRoutes } from '../../src/routes/link-routes.ts'
import type { RouteStatement } from '../../src/routes/route-frames.ts'
import { RouteCopy } from '../../src/routes/route-copy.ts'
import { RouteSource } from '../../src/routes/route-source.ts'
import type { HashKey } from '../../src/topics/keyed-hash.ts'

const options = { routesMax: 100, answerMs: 900, pullsMax: 2 }

function told(incarnation: number, hashKey: HashKey, interest: readonly string[]): LinkRoutes {
  const source = new RouteSource(['#'])
  const routes = new LinkRoutes({ source, cluster: 'eu-west', incarnation, hashKey })
  for (const topicFilter of interest) source.add(topicFilter)
  while (routes.isBusy) routes.work(10)
  return routes
}

/** All that is said until nobody has anything to say. Returns the kinds of what the copy said. */
function talk(routes: LinkRoutes, copy: RouteCopy, first: RouteStatement): string[] {
  const said: string[] = []
  copy.take(first)
  for (let reply = copy.reply(0); reply !== undefined; reply = copy.reply(0)) {
    said.push(reply.type)
    const answer = reply.type === 'confirm' ? routes.confirm(reply) : routes.answer(reply)
    if (answer !== undefined) copy.take(answer)
    while (copy.isBusy) copy.work(10)
  }
  return said
}

test('each heartbeat is answered with what the copy has, and nothing else is said while it has all', () => {
  const key: HashKey = [1, 2]
  const routes = told(1, key, ['a', 'b/+'])
  const copy = new RouteCopy(options, key)
  copy.connected(key)
  assert.equal(talk(routes, copy, routes.heartbeat()).at(-1), 'confirm')
  assert.ok(routes.isConfirmed)
  routes.disconnected()
  assert.equal(routes.isConfirmed, false)
  copy.connected(key)
  assert.deepEqual(talk(routes, copy, routes.heartbeat()), ['confirm'])
  assert.deepEqual(routes.confirmed, { seq: 0, size: 2 })
})

test('a word of a former life confirms nothing, nor one of changes that were never made', () => {
  const routes = told(2, [1, 2], ['a'])
  routes.confirm({ type: 'confirm', claim: { ...routes.claim, life: 1 }, seq: 1, size: 1 })
  routes.confirm({ type: 'confirm', claim: routes.claim, seq: 2, size: 1 })
  assert.equal(routes.confirmed, undefined)
})

test('under another hash key the routes are sorted anew, and then compared', () => {
  const before = told(1, [1, 2], ['a', 'b', 'c'])
  const copy = new RouteCopy(options, [1, 2])
  copy.connected([1, 2])
  talk(before, copy, before.heartbeat())
  copy.connected([3, 4])
  assert.equal(copy.state, 'sorting')
  const after = told(2, [3, 4], ['a', 'b', 'c'])
  assert.deepEqual(copy.take(after.heartbeat()), [], 'the next one will do')
  assert.deepEqual([...copy.filters()].toSorted(), ['a', 'b', 'c'])
  while (copy.isBusy) copy.work(1)
  assert.deepEqual(talk(after, copy, after.heartbeat()), ['confirm'])
})

test('a goodbye while routes are sorted anew takes all away, and whoever connects then is heard', () => {
  const before = told(1, [1, 2], ['a', 'b', 'c'])
  const copy = new RouteCopy(options, [1, 2])
  copy.connected([1, 2])
  talk(before, copy, before.heartbeat())
  const after = told(2, [3, 4], ['a', 'b', 'c', 'd'])
  copy.connected([3, 4])
  copy.work(1)
  copy.take(after.goodbye('deleted'))
  while (copy.isBusy) copy.work(1)
  assert.equal(copy.size, 0)
  const last = told(3, [3, 4], ['a', 'e'])
  copy.connected([3, 4])
  assert.equal(talk(last, copy, last.heartbeat()).at(-1), 'confirm')
  assert.deepEqual([...copy.filters()].toSorted(), ['a', 'e'])
})
