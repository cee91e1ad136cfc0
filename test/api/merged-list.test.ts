import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import * as z from 'zod'
import { type Call, MemberCalls } from '../../src/api/member-calls.ts'
import { mergedPage, type Range, rangeFields, type Slice, sliceOf } from '../../src/api/merged-list.ts'

const even = (one: number): boolean => one % 2 === 0

const list: Call<Range, Slice<string>> = { name: 'list', params: z.object(rangeFields) }

/** Members that answer, but for those that are silent; the first one is asked. */
function cluster(parts: Readonly<Record<string, readonly string[] | 'silent'>>) {
  const [self = '', ...others] = Object.keys(parts)
  const asked: { readonly node: string; readonly limit: number }[] = []
  const answerOf = (node: string, range: Range): Promise<Slice<string>> => {
    const part = parts[node]
    asked.push({ node, limit: range.limit })
    if (part === 'silent' || part === undefined) return Promise.reject(new Error('no answer in 2000 ms'))
    return sliceOf(part, range, { matches: undefined, total: part.length, show: (one) => one })
  }
  const calls = new MemberCalls({
    self,
    others: () => others,
    ask: (node, _kind, body) => {
      const { params } = z.object({ params: z.object(rangeFields) }).parse(body)
      return answerOf(node, params)
    },
    serve: () => undefined,
  })
  calls.serve(list, (range) => answerOf(self, range))
  return { calls, asked }
}

test('a page is a part of all parts, one after the other, whatever their lengths', async () => {
  const names = fc.array(fc.string({ maxLength: 3 }), { maxLength: 12 })
  const query = fc.record({ page: fc.integer({ min: 1, max: 6 }), limit: fc.integer({ min: 1, max: 9 }) })
  await fc.assert(
    fc.asyncProperty(names, names, names, query, async (a, b, c, { page, limit }) => {
      const { calls, asked } = cluster({ b, a, c })
      const { data, meta } = await mergedPage(calls, list, {}, { page, limit })
      const all = [...a, ...b, ...c]
      assert.deepEqual(data, all.slice((page - 1) * limit, page * limit))
      assert.equal(meta.count, all.length)
      assert.equal(meta.hasnext, data.length > 0 && page * limit < all.length)
      // Nobody is asked for more than there is to be shown.
      assert.equal(
        asked.reduce((sum, one) => sum + one.limit, 0),
        data.length,
      )
    }),
    { numRuns: 200 },
  )
})

test('a member that is silent is named, and the others make the page', async () => {
  const { calls } = cluster({ a: ['1', '2'], b: 'silent', c: ['3'] })
  const { data, meta } = await mergedPage(calls, list, {}, { page: 1, limit: 10 })
  assert.deepEqual(data, ['1', '2', '3'])
  assert.deepEqual(meta.silent, [{ node: 'b', reason: 'no answer in 2000 ms' }])
})

test('one member alone can be asked, and one that is none is not', async () => {
  const { calls, asked } = cluster({ a: ['1'], b: ['2'] })
  assert.deepEqual((await mergedPage(calls, list, {}, { page: 1, limit: 10 }, 'b')).data, ['2'])
  assert.deepEqual(asked, [{ node: 'b', limit: 10 }])
  await assert.rejects(mergedPage(calls, list, {}, { page: 1, limit: 10 }, 'd'), /there is no node d .* there are a, b/)
})

test('a long list lets others have their turn, and may change meanwhile', async () => {
  const all = new Map(Array.from({ length: 10_000 }, (_, number) => [number, number]))
  let turns = 0
  const count = (): void => {
    turns++
    all.delete(9_999 - turns)
    next = setImmediate(count)
  }
  let next = setImmediate(count)
  const slice = await sliceOf(all.values(), { start: 10, limit: 3 }, { matches: even, total: all.size, show: String })
  clearImmediate(next)
  assert.deepEqual(slice.entries, ['20', '22', '24'])
  assert.ok(turns >= 9, `${turns} turns`)
  assert.ok(slice.count < 5_000 && slice.count > 4_900, String(slice.count))
})
