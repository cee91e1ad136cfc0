import assert from 'node:assert/strict'
import test from 'node:test'
import type { Plan, Step } from './plan.ts'
import { planOf } from './plan-of.ts'
import { shrink } from './shrink.ts'
import { storyOf } from './story.ts'

/** A large one. */
function largePlan(): Plan {
  for (let seed = 0; ; seed += 1) {
    const plan = planOf(seed)
    if (plan.clusters.length >= 4 && plan.steps.filter(isCrash).length >= 2) return plan
  }
}

function isCrash({ deed }: Step): boolean {
  return deed.type === 'crash'
}

function fails({ clients, steps, links }: Plan): boolean {
  const publishesEnough = clients.some(({ publishes }) => publishes.some(({ count }) => count >= 3))
  return publishesEnough && links.length > 0 && steps.some((step) => isCrash(step) && step.lastsMs >= 500)
}

test('what is left is what it needs to fail, and no shorter time would do', async () => {
  const plan = largePlan()
  assert(fails(plan))
  let runs = 0
  const smallest = await shrink(plan, (it) => Promise.resolve((runs += 1) > 0 && fails(it)), 1_000)
  assert(fails(smallest))
  assert.equal(smallest.clusters.length, 2)
  assert.equal(smallest.clusters.reduce((sum, { nodes }) => sum + nodes, 0) <= 6, true)
  assert.equal(smallest.links.length, 2)
  assert.equal(smallest.steps.length, 1)
  assert(smallest.steps[0]!.lastsMs < 1_000)
  assert.equal(smallest.clients.length, 1)
  assert.equal(smallest.clients[0]!.subscriptions.length, 0)
  assert.equal(smallest.clients[0]!.publishes.length, 1)
  assert(smallest.clients[0]!.publishes[0]!.count <= 5)
  assert(smallest.quietMs < plan.quietMs)
  assert(runs < 200, `${runs} runs`)
})

test('one that fails whatever is left out becomes two clusters in which nothing happens', async () => {
  const smallest = await shrink(largePlan(), () => Promise.resolve(true))
  assert.deepEqual([smallest.steps, smallest.clients], [[], []])
  assert(smallest.clusters.every(({ nodes }) => nodes === 1))
})

test('one that fails only as it is stays, and nobody waits for ever', async () => {
  const plan = largePlan()
  let runs = 0
  const smallest = await shrink(plan, () => Promise.resolve((runs += 1) < 0), 50)
  assert.equal(smallest, plan)
  assert(runs <= 50, `${runs} runs`)
})

test('steps never name who was left out', async () => {
  for (let seed = 0; seed < 100; seed += 1) {
    const plan = planOf(seed)
    const names = new Set<string>()
    await shrink(
      plan,
      (it) => {
        const hosts = new Set(
          it.clusters.flatMap(({ name, nodes }) => Array.from({ length: nodes }, (_, at) => `${name}${at + 1}`)),
        )
        for (const { name } of it.clients) hosts.add(`client:${name}`)
        for (const { deed } of it.steps) {
          const named = 'from' in deed ? [...deed.from, ...deed.to] : 'nodes' in deed ? deed.nodes : []
          for (const host of named) if (!hosts.has(host)) names.add(`${seed}: ${host}`)
          if ('cluster' in deed && !it.clusters.some(({ name }) => name === deed.cluster))
            names.add(`${seed}: ${deed.cluster}`)
          if ('client' in deed && !it.clients.some(({ name }) => name === deed.client))
            names.add(`${seed}: ${deed.client}`)
        }
        for (const { cluster, node } of it.clients)
          if (!hosts.has(`${cluster}${node + 1}`)) names.add(`${seed}: client at ${cluster}${node + 1}`)
        return Promise.resolve(it.clusters.length > 2 || it.steps.length > 1)
      },
      40,
    )
    assert.deepEqual([...names], [])
  }
})

test('a story tells seed, commit, what did not hold, who there was, and what happened before', () => {
  const plan: Plan = {
    seed: 17,
    clusters: [
      { name: 'a', nodes: 2, isCoordinated: true, servers: 3, config: {}, latencyMs: { minMs: 1, maxMs: 2 } },
      { name: 'b', nodes: 1, isCoordinated: false, servers: 1, config: {}, latencyMs: { minMs: 1, maxMs: 2 } },
    ],
    links: [{ cluster: 'a', peer: 'b', link: { topics: ['t/#'], durable: true }, latencyMs: { minMs: 1, maxMs: 2 } }],
    clients: [],
    steps: [
      { atMs: 4_000, lastsMs: 12_500, deed: { type: 'crash', node: 'a2', how: 'power', losesDisk: false } },
      { atMs: 90_000, lastsMs: 1, deed: { type: 'coordination_wipe', cluster: 'a' } },
    ],
    quietMs: 100_000,
    boundMs: 1,
    settleMs: 1,
  }
  const violation = { invariant: 'order' as const, atMs: 20_250, subject: 'a to b', words: 'message 2 came before 1' }
  const story = storyOf(plan, { violation })
  assert.match(story, /^seed 17, commit [0-9a-f]{40}(-dirty)?: order \(4 of what must hold\) did not hold: a to b\n/)
  assert.deepEqual(story.split('\n').slice(1), [
    '  cluster a: 2 nodes, NATS on 3 servers',
    '  cluster b: 1 node',
    '  link    a to b: wants t/#, durable, retained live, pool of 8',
    '        4 s  a2 without power; after 12.5 s started',
    '     20.3 s  order found: message 2 came before 1',
    '  again:  npm run sim -- --seed 17',
  ])
})
