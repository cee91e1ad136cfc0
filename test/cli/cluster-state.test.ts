import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodePhase, StageNode } from '../../src/cli/demo/cluster-stage.ts'
import { lookAt } from '../../src/cli/demo/cluster-state.ts'
import type { Fields } from '../../src/cli/fields.ts'

/** A node that answers with these rows, or rejects where there are none. */
function node(name: string, phase: NodePhase, rows: Readonly<Record<string, readonly Fields[]>> = {}): StageNode {
  return {
    name,
    cluster: 'a',
    mqttPort: 1883,
    kills: 0,
    phase,
    kill: async () => undefined,
    restart: async () => undefined,
    ask: async (method) => {
      const field = method.replace('.list', '')
      const answer = rows[field]
      if (answer === undefined) throw new Error('nobody answers')
      return { [field]: answer }
    },
  }
}

const member = (name: string, state: string, slot: number): Fields => ({ node: `${name}@127.0.0.1`, state, slot })

test('a node that answers is up, with its slot, its leases, and its link in words', async () => {
  const rows = {
    members: [member('a1', 'up', 2)],
    leases: [
      { name: 'b', state: 'holder' },
      { name: 'c', state: 'follower' },
    ],
    links: [{ name: 'b', state: 'degraded', reasons: ['heartbeats late'], routes: { ours: 1, peers: 3 } }],
  }
  const [state] = await lookAt([node('a1', 'up', rows)])
  assert.deepEqual(state, {
    name: 'a1',
    cluster: 'a',
    mqttPort: 1883,
    state: 'up',
    slot: 2,
    holds: ['b'],
    link: 'degraded, heartbeats late',
    routes: 3,
  })
})

for (const { when, phase, seenAs, state } of [
  { when: 'is gone, and still up for the others', phase: 'gone', seenAs: 'up', state: 'killed' },
  { when: 'is gone, and the others miss it', phase: 'gone', seenAs: 'lost', state: 'lost' },
  { when: 'is on its way back', phase: 'starting', seenAs: 'lost', state: 'starting' },
  { when: 'runs and does not answer', phase: 'up', seenAs: 'up', state: 'up' },
] as const) {
  test(`a node that ${when} is ${state}, and the others know its slot`, async () => {
    const [first] = await lookAt([node('a1', phase), node('a2', 'up', { members: [member('a1', seenAs, 4)] })])
    assert.equal(first?.state, state)
    assert.equal(first?.slot, 4)
    assert.deepEqual([first?.holds, first?.link, first?.routes], [[], '-', undefined])
  })
}
