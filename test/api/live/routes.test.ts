import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Paces } from '../../../src/api/links/paces.ts'
import { walkRoutes } from '../../../src/api/links/walk-routes.ts'
import { nodeWithApi } from '../node-with-api.ts'

const defer = (call: () => void): void => queueMicrotask(call)

test('pages side by side are all that the search lets through, each once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.stringMatching(/^[ab]{1,4}$/)),
      fc.integer({ min: 1, max: 5 }),
      fc.option(fc.constantFrom('a', 'ab'), { nil: undefined }),
      async (filters, limit, search) => {
        const wanted = filters.filter((filter) => search === undefined || filter.includes(search))
        const pages: string[] = []
        for (let start = 0; start <= wanted.length; start += limit) {
          const count = search === undefined ? filters.length : undefined
          const found = await walkRoutes(filters, { start, limit, search, count }, { steadyMs: () => 0, defer })
          assert.deepEqual([found.count, found.isComplete], [wanted.length, true])
          pages.push(...found.filters)
        }
        assert.deepEqual(pages, wanted)
      },
    ),
    { numRuns: 50 },
  )
})

test('a long walk lets others work, and ends', async () => {
  let nowMs = 0
  let turns = 0
  function* endless(): Generator<string> {
    for (let index = 0; ; index += 1) {
      nowMs += 0.01
      yield `a/${index}`
    }
  }
  const walk = {
    steadyMs: () => nowMs,
    defer: (call: () => void) => {
      turns += 1
      queueMicrotask(call)
    },
  }
  const found = await walkRoutes(endless(), { start: 0, limit: 3, search: 'a', count: undefined }, walk)
  assert.deepEqual([found.filters, found.isComplete], [['a/0', 'a/1', 'a/2'], false])
  assert.ok(turns > 100 && found.count > 100_000)
})

test('a pace is told once enough was seen of it, and begins anew with what is counted', () => {
  const paces = new Paces()
  assert.deepEqual(paces.look('eu', 10, 90, 0), { per_second: null, seconds_left: null })
  assert.deepEqual(paces.look('eu', 12, 88, 100), { per_second: null, seconds_left: null })
  assert.deepEqual(paces.look('eu', 30, 70, 2_000), { per_second: 10, seconds_left: 7 })
  assert.deepEqual(paces.look('eu', 5, 95, 3_000), { per_second: null, seconds_left: null })
  assert.deepEqual(paces.look('eu', 5, 95, 5_000), { per_second: 0, seconds_left: null })
})

test('what a link that goes nowhere has of routes and progress', async (t) => {
  const links = [{ name: 'eu', server: '127.0.0.1:1', topics: ['#'] }]
  const { ask } = await nodeWithApi(t, { cluster: { name: 'us', links } })
  for (const direction of ['peers', 'ours']) {
    const { status, body } = await ask(`/cluster/links/eu/routes?direction=${direction}&search=x`)
    const meta = { page: 1, limit: 100, count: 0, hasnext: false }
    assert.deepEqual([status, body], [200, { data: [], meta, node: 'n1@127.0.0.1', complete: true }])
  }
  assert.deepEqual((await ask('/cluster/links/eu/progress')).body, {
    nodes: [{ node: 'n1@127.0.0.1', routes: null, backlog: null, retained: null }],
  })
  assert.equal((await ask('/cluster/links/nobody/routes')).status, 404)
  assert.equal((await ask('/cluster/links/eu/routes?direction=up')).status, 400)
})
