import assert from 'node:assert/strict'
import test from 'node:test'
import { resolveConfig } from '../../../src/config/resolve-config.ts'
import { hostOf } from '../world/world.ts'
import type { Deed, Plan } from './plan.ts'
import { planOf } from './plan-of.ts'

const plans = Array.from({ length: 1_000 }, (_, seed) => planOf(seed))

test('a plan is plain JSON, and the same each time', () => {
  for (const [seed, plan] of plans.slice(0, 50).entries()) {
    assert.deepEqual(JSON.parse(JSON.stringify(plan)), plan)
    assert.deepEqual(planOf(seed), plan)
  }
  assert.notDeepEqual({ ...plans[1], seed: 0 }, { ...plans[2], seed: 0 })
})

test('plans have 2 to 5 clusters of 1 to 5 nodes, and most are small', () => {
  for (const { clusters } of plans) {
    assert(clusters.length >= 2 && clusters.length <= 5)
    assert(clusters.every(({ nodes }) => nodes >= 1 && nodes <= 5))
  }
  assert(plans.some(({ clusters }) => clusters.length === 5))
  assert(plans.some(({ clusters }) => clusters.some(({ nodes }) => nodes === 5)))
  assert(plans.filter((plan) => nodesOf(plan) <= 4).length > plans.length / 2)
})

test('every cluster is linked to another, from both sides, with a configuration that is good', () => {
  for (const { seed, clusters, links } of plans.slice(0, 200)) {
    for (const { cluster, peer } of links)
      assert(
        links.some((back) => back.cluster === peer && back.peer === cluster),
        `seed ${seed}: ${cluster} to ${peer}`,
      )
    for (const { name, config } of clusters) {
      const own = links.filter(({ cluster }) => cluster === name)
      assert(own.length > 0, `seed ${seed}: ${name}`)
      const entries = own.map(({ peer, link }) => ({ ...link, name: peer, server: `${peer}:1883` }))
      const resolved = resolveConfig({ ...config, cluster: { name, links: entries } })
      assert.equal(resolved.type, 'ok', `seed ${seed}: ${JSON.stringify(resolved)}`)
    }
  }
})

test('links that operators set are good, too', () => {
  for (const { seed, steps } of plans)
    for (const { deed } of steps) {
      if (deed.type !== 'link' || deed.change === null) continue
      const links = [{ ...deed.change, name: deed.peer, server: 'h:1883' }]
      const resolved = resolveConfig({ cluster: { name: deed.cluster, links } })
      assert.equal(resolved.type, 'ok', `seed ${seed}: ${JSON.stringify(resolved)}`)
    }
})

test('steps come in order, are over before it is to be quiet, and name who is there', () => {
  for (const { seed, clusters, clients, steps, quietMs } of plans) {
    const hosts = new Set([
      ...clusters.flatMap(({ name, nodes }) => Array.from({ length: nodes }, (_, at) => hostOf(name, at))),
      ...clients.map(({ name }) => `client:${name}`),
    ])
    let lastMs = 0
    for (const { atMs, lastsMs, deed } of steps) {
      assert(atMs >= lastMs && lastsMs > 0 && atMs + lastsMs <= quietMs, `seed ${seed}: ${atMs} for ${lastsMs}`)
      lastMs = atMs
      for (const host of hostsIn(deed)) assert(hosts.has(host), `seed ${seed}: ${host}`)
      if ('from' in deed)
        assert.equal(
          deed.from.find((host) => deed.to.includes(host)),
          undefined,
          `seed ${seed}`,
        )
      if ('apart' in deed) assert.equal(clusters.find(({ name }) => name === deed.cluster)?.servers, 3, `seed ${seed}`)
    }
  }
})

test('clients publish and unsubscribe before it is to be quiet', () => {
  for (const { seed, clients, quietMs } of plans)
    for (const { name, subscriptions, publishes } of clients) {
      for (const { fromMs, everyMs, count } of publishes)
        assert(count >= 1 && fromMs + everyMs * (count - 1) <= quietMs, `seed ${seed}: ${name}`)
      for (const { fromMs, untilMs } of subscriptions)
        assert(fromMs < quietMs && (untilMs ?? quietMs) <= quietMs, `seed ${seed}: ${name}`)
    }
})

test('every fault that there is comes up', () => {
  const seen = new Set<string>()
  for (const { deed } of plans.flatMap(({ steps }) => steps)) {
    const { type } = deed
    seen.add('how' in deed ? `${type} ${deed.how}` : type)
    if (deed.type === 'cut') seen.add(`cut ${deed.isOneWay ? 'one way' : 'both ways'}`)
    if (deed.type === 'clock') seen.add(`clock ${deed.byMs > 0 ? 'forward' : 'back'}`)
    if (deed.type === 'crash' && deed.losesDisk) seen.add('crash with loss of the disk')
    if (deed.type === 'link') seen.add(`link ${deed.change === null ? 'deleted' : 'edited'}`)
  }
  for (const fault of [
    'cut reset',
    'cut vanish',
    'cut one way',
    'cut both ways',
    'reset',
    'slow',
    'crash kill',
    'crash power',
    'crash stop',
    'crash with loss of the disk',
    'freeze',
    'clock forward',
    'clock back',
    'disk slow',
    'disk full',
    'coordination_cut vanish',
    'coordination_cut reset',
    'coordination_split',
    'coordination_server kill',
    'coordination_server freeze',
    'coordination_slow',
    'coordination_wipe',
    'link edited',
    'link deleted',
    'link_misnamed',
    'echo',
    'client_drops',
    'client_doubles',
    'client_away',
    'client_trespasses',
  ])
    assert(seen.has(fault), fault)
})

test('in every plan somebody publishes what somebody in another cluster may hear', () => {
  for (const { seed, clients } of plans) {
    const [listening, speaking] = [new Set<string>(), new Set<string>()]
    for (const { cluster, subscriptions, publishes } of clients) {
      if (subscriptions.length > 0) listening.add(cluster)
      if (publishes.length > 0) speaking.add(cluster)
    }
    assert(listening.has('a') && speaking.has('b'), `seed ${seed}`)
  }
})

function hostsIn(deed: Deed): readonly string[] {
  if ('from' in deed) return [...deed.from, ...deed.to]
  if ('nodes' in deed) return deed.nodes
  if (deed.type === 'client_doubles') return [`client:${deed.client}`]
  if ('node' in deed) return [deed.node]
  return 'client' in deed ? [`client:${deed.client}`] : []
}

function nodesOf({ clusters }: Plan): number {
  return clusters.reduce((sum, { nodes }) => sum + nodes, 0)
}
