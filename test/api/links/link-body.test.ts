/** A long list of links is read in slices, to the same end as at once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readLinks, readLinksInSlices } from '../../../src/api/links/link-body.ts'

const bodyOf = (index: number) => ({ name: `peer-${index}`, server: '127.0.0.1:1883', topics: ['t/#'], clientid: 'c' })
const bodies: object[] = Array.from({ length: 65 }, (_, index) => bodyOf(index))

test('links that are read in slices are those that are read at once, with the secrets that are kept', async () => {
  const first = readLinks('us', [{ ...bodyOf(60), username: 'u', password: 'secret' }], [])
  assert.equal(first.type, 'ok')
  const wanted = bodies.with(60, { ...bodyOf(60), username: 'u', password: '******' })
  let turns = 0
  const read = await readLinksInSlices('us', wanted, first.links, async () => void (turns += 1))
  const atOnce = readLinks('us', wanted, first.links)
  assert.equal(atOnce.type, 'ok')
  assert.deepEqual(read, { links: atOnce.links, kept: first.links })
  assert.equal(read?.links[60]?.password, 'secret')
  assert.ok(turns > 1, `${turns} turns`)
})

for (const [what, list] of [
  ['one that is no good', [...bodies, { name: 'x' }]],
  ['two of one name in different slices', [...bodies, bodyOf(0)]],
] as const)
  test(`with ${what} the list is not taken`, async () => {
    assert.equal(await readLinksInSlices('us', list, [], () => Promise.resolve()), undefined)
    assert.equal(readLinks('us', list, []).type, 'invalid')
  })
