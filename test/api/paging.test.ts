import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as z from 'zod'
import { pageFrom, pageQuery, paginate, silentOf } from '../../src/api/paging.ts'

const all = Array.from({ length: 25 }, (_, index) => index)

for (const { when, page, limit, data, hasnext } of [
  { when: 'the first', page: 1, limit: 10, data: all.slice(0, 10), hasnext: true },
  { when: 'the last', page: 3, limit: 10, data: all.slice(20), hasnext: false },
  { when: 'one that ends where the list does', page: 5, limit: 5, data: all.slice(20), hasnext: false },
  { when: 'one past the end', page: 4, limit: 10, data: [], hasnext: false },
  { when: 'one that holds all', page: 1, limit: 100, data: all, hasnext: false },
])
  test(`a page: ${when}`, () =>
    assert.deepEqual(paginate(all, { page, limit }), { data, meta: { page, limit, count: 25, hasnext } }))

test('who was silent is named, and nobody is when all answered', () => {
  const silent = silentOf([
    { node: 'a', type: 'ok', result: 1 },
    { node: 'b', type: 'failed', reason: 'no answer in 2000 ms' },
  ])
  assert.deepEqual(silent, [{ node: 'b', reason: 'no answer in 2000 ms' }])
  assert.deepEqual(pageFrom([], 0, { page: 1, limit: 10 }, silent).meta.silent, silent)
  assert.equal('silent' in pageFrom([], 0, { page: 1, limit: 10 }).meta, false)
})

test('a query: text becomes numbers, what is absent its default, and what is out of bounds is refused', () => {
  const query = z.object(pageQuery)
  assert.deepEqual(query.parse({}), { page: 1, limit: 100 })
  assert.deepEqual(query.parse({ page: '3', limit: '1000' }), { page: 3, limit: 1000 })
  for (const wrong of [{ page: '0' }, { limit: '0' }, { limit: '1001' }, { page: 'x' }, { limit: '1.5' }])
    assert.equal(query.safeParse(wrong).success, false, JSON.stringify(wrong))
})
