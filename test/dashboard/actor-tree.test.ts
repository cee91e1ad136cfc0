/** Actors as lines of a tree, and as the live stream changes them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  shortState,
  treeLines,
  withTransitions,
  type Actor,
  type TreeView,
} from '../../src/dashboard/actors/actor-tree.ts'

const actor = (id: string, parent: string | null, state = 'up'): Actor => {
  return { id, parent, state, since_at: '2026-01-01T00:00:00.000Z', restarts: 0 }
}
const actors = [
  actor('eu/forwarding', 'eu'),
  actor('top', null),
  actor('eu', 'top'),
  actor('eu/forwarding/10', 'eu/forwarding'),
  actor('eu/forwarding/2', 'eu/forwarding'),
]
const nodes = [{ node: 'n1', actors, truncated: false }]
const shown = (view: Partial<TreeView>): string[] =>
  treeLines(nodes, { opened: new Map(), search: '', ...view }).map(
    ({ actor, depth, below }) => `${'.'.repeat(depth)}${actor?.id ?? 'n1'} ${below}`,
  )

for (const { when, view, lines } of [
  { when: 'nobody opened anything', view: {}, lines: ['n1 5', '.top 4', '..eu 3', '...eu/forwarding 2'] },
  { when: 'a line is closed', view: { opened: new Map([['n1 top', false]]) }, lines: ['n1 5', '.top 4'] },
  {
    when: 'a line is opened',
    view: { opened: new Map([['n1 eu/forwarding', true]]) },
    lines: ['n1 5', '.top 4', '..eu 3', '...eu/forwarding 2', '....eu/forwarding/2 0', '....eu/forwarding/10 0'],
  },
  {
    when: 'one is searched, with those above it',
    view: { search: 'forwarding/10' },
    lines: ['n1 5', '.top 4', '..eu 3', '...eu/forwarding 2', '....eu/forwarding/10 0'],
  },
  { when: 'none fits', view: { search: 'xyz' }, lines: [] },
])
  test(`the tree when ${when}`, () => assert.deepEqual(shown(view), lines))

test('each actor stands in the tree once, whoever says to be whose child', () => {
  const id = fc.constantFrom('a', 'b', 'c', 'd', 'e')
  fc.assert(
    fc.property(fc.uniqueArray(fc.record({ id, parent: fc.option(id) }), { selector: (one) => one.id }), (those) => {
      const actors = those.map(({ id, parent }) => actor(id, parent))
      const opened = new Map(those.map(({ id }) => [`n ${id}`, true]))
      const lines = treeLines([{ node: 'n', actors, truncated: false }], { opened, search: '' })
      const ids = lines.flatMap(({ actor }) => actor?.id ?? [])
      assert.deepEqual(ids.toSorted(), those.map(({ id }) => id).toSorted())
    }),
  )
})

test('a transition changes its actor; one of an actor that is not known asks for all anew', () => {
  const news = { node: 'n1', at: '2026-01-02T00:00:00.000Z', event: 'e', from: 'up', to: 'down' }
  const changed = withTransitions(nodes, [{ ...news, actor: 'eu' }])
  assert.equal(changed.isStale, false)
  assert.equal(changed.nodes[0]?.actors.find(({ id }) => id === 'eu')?.state, 'down')
  assert.equal(withTransitions(nodes, [{ ...news, actor: 'new' }]).isStale, true)
  assert.equal(withTransitions(nodes, [{ node: 'n1', skipped: 3 }]).isStale, true)
})

for (const [state, short] of [
  ['session.established.native.agreement.agreed | changes.idle', 'agreed | idle'],
  ['routeSync.running | forwarding.running', 'running'],
  ['up', 'up'],
] as const)
  test(`the state ${state} is ${short}`, () => assert.equal(shortState(state), short))
