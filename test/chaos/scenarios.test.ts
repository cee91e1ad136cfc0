/** The scenarios as data: what the command line, the report and a repeated run rely on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '../../scripts/chaos/chance.ts'
import { scenarios, scenariosNamed } from '../../scripts/chaos/scenarios/all.ts'
import { type Nodes, repeated, type Scenario, type Step } from '../../scripts/chaos/scenarios/scenario.ts'

const stepsOf = ({ timeline }: Scenario, seed = 1): readonly Step[] =>
  typeof timeline === 'function' ? timeline(seeded(seed), 10) : timeline

test('each scenario has a name of its own that a shell takes as it is', () => {
  const names = scenarios.map(({ name }) => name)
  assert.equal(new Set(names).size, names.length)
  for (const name of names) assert.match(name, /^[a-z0-9]+(-[a-z0-9]+)*$/)
  assert.deepEqual(
    scenariosNamed(['mesh', 'flapping']).map(({ name }) => name),
    ['mesh', 'flapping'],
  )
  assert.equal(scenariosNamed([]), scenarios)
  assert.throws(() => scenariosNamed(['mash']), /there is no scenario mash/)
})

for (const scenario of scenarios)
  test(`${scenario.name}: what goes wrong goes wrong with somebody who is there, and ends`, () => {
    const clusters = new Map(scenario.clusters.map((plan) => [plan.name, plan]))
    const isThere = ({ cluster, which }: Nodes): void => {
      const { nodes = 1 } = clusters.get(cluster)!
      if (typeof which === 'number') assert.ok(which < nodes, `${cluster} has ${nodes} nodes`)
      else if (which !== undefined) assert.ok(clusters.has(which.speaksTo) && clusters.get(cluster)!.nats !== undefined)
    }
    const steps = stepsOf(scenario)
    assert.ok(steps.length > 0)
    for (const { atMs, forMs = 0, trouble } of steps) {
      assert.ok(atMs >= 0 && forMs >= 0 && Number.isFinite(atMs + forMs))
      if ('nodes' in trouble) isThere(trouble.nodes)
      if (trouble.type === 'link' || trouble.type === 'packets') {
        for (const name of [trouble.to, 'from' in trouble ? trouble.from : undefined])
          if (name !== undefined) assert.ok(clusters.has(name), name)
      }
      if (trouble.type === 'disk_full') assert.ok(clusters.get(trouble.nodes.cluster)!.diskMb !== undefined)
      if (trouble.type === 'renew_certificates') assert.equal(scenario.tls, true)
      if (trouble.type === 'packets') assert.equal(scenario.namespaces, true)
      if (trouble.type === 'nats_kill' || trouble.type === 'rolling_restart')
        assert.ok(clusters.get(trouble.cluster)!.nats)
    }
  })

test('chance makes the same timeline of the same seed, and another one of another, and keeps to its minutes', () => {
  const [mesh] = scenariosNamed(['mesh'])
  assert.ok(mesh)
  assert.deepEqual(stepsOf(mesh, 7), stepsOf(mesh, 7))
  assert.notDeepEqual(stepsOf(mesh, 7), stepsOf(mesh, 8))
  for (let seed = 1; seed <= 50; seed++)
    for (const { atMs, forMs = 0 } of stepsOf(mesh, seed)) assert.ok(atMs + forMs <= 10 * 60_000, `seed ${seed}`)
})

test('a step is repeated at equal distances', () => {
  const step: Step = { atMs: 500, forMs: 100, trouble: { type: 'link', fault: { type: 'cut' } } }
  assert.deepEqual(
    repeated(step, 1_000, 3).map(({ atMs }) => atMs),
    [500, 1_500, 2_500],
  )
})
