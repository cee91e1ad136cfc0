/** Several nodes of a cluster and a peer whose connection lands now on this one, now on that: all of them know what it wants. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { decodeRouteMessage, encodeRouteMessage, type RouteMessage } from '../../../src/link/emqx/route-ops.ts'
import { BenchClient, GateBench, publishOf } from './gate-bench.ts'
import { MapsCluster, type MapsNode } from './maps-cluster.ts'

class Cluster {
  readonly maps = new MapsCluster()
  readonly nodes = new Map<string, { readonly bench: GateBench; readonly member: MapsNode }>()
  #clients = 0

  constructor(...names: readonly string[]) {
    for (const name of names) this.start(name)
  }

  start(name: string, boot = '1'): GateBench {
    const member = this.maps.join(name, boot)
    const bench = new GateBench('cl.b', member)
    this.nodes.set(name, { bench, member })
    bench.setLink('cl.a')
    return bench
  }

  member(name: string): MapsNode {
    return this.#node(name).member
  }

  /** Everybody has heard of everything. */
  settle(): void {
    // What was put off to a later turn is done first.
    for (const { bench } of this.nodes.values()) bench.clock.pass(0)
    this.maps.settle()
    for (const { bench } of this.nodes.values()) bench.clock.pass(0)
  }

  bench(name: string): GateBench {
    return this.#node(name).bench
  }

  away(name: string, isAway: boolean): void {
    this.settle()
    const { coordination } = this.#node(name).member
    if (isAway) coordination.cut()
    else coordination.heal()
  }

  kill(name: string): void {
    this.settle()
    const { bench, member } = this.#node(name)
    bench.gate.stop()
    this.nodes.delete(name)
    this.maps.kill(member)
  }

  pass(ms: number): void {
    // Days are not lived through by the second.
    const stepMs = ms > 1_000_000 ? ms / 50 : 500
    this.settle()
    for (let left = ms; left > 0; left -= stepMs) {
      for (const { bench } of this.nodes.values()) bench.clock.pass(Math.min(left, stepMs))
      this.settle()
    }
  }

  /** The routes that are attached on each node: the same on all. */
  routes(): string[] {
    this.settle()
    const [first, ...others] = [...this.nodes.values()].map(({ bench }) => bench.routes('cl.a'))
    for (const routes of others) assert.deepEqual(routes, first)
    return first ?? []
  }

  facts(): string[] {
    this.settle()
    return [...this.nodes.values()].map(({ bench }) => bench.gate.inboundFact('cl.a').state)
  }

  /** A new connection of the actor; `undefined` in `needBootstrap` if it was turned away. */
  async land(name: string, incarnation = 1, actor = 'n1') {
    this.settle()
    return this.landUnsettled(name, incarnation, actor)
  }

  /** What was put off to a later turn is still to be done. */
  async landUnsettled(name: string, incarnation = 1, actor = 'n1') {
    this.#clients += 1
    const client = new BenchClient(`c${this.#clients}`)
    const bench = this.bench(name)
    const say = (message: RouteMessage) =>
      bench.gate.publish(
        client,
        publishOf('$LINK/cluster/route/cl.a', encodeRouteMessage(message), {
          properties: { responseTopic: `$LINK/cluster/resp/cl.a/${actor}`, correlationData: Buffer.from('1') },
        }),
      )
    say({ type: 'actor_init', actor, incarnation, targetCluster: 'cl.b', protocolVersion: 1 })
    await Promise.resolve()
    this.settle()
    const ack = decodeRouteMessage(client.sent[0]?.payload ?? Buffer.alloc(0))
    const needBootstrap = ack.type === 'actor_init_ack' && ack.result === 'ok' ? ack.needBootstrap : undefined
    return {
      client,
      needBootstrap,
      add: (...routes: string[]) => say({ type: 'route', actor, incarnation, ops: opsOf('add', routes) }),
      remove: (...routes: string[]) => say({ type: 'route', actor, incarnation, ops: opsOf('delete', routes) }),
      beat: () => say({ type: 'heartbeat', actor, incarnation }),
      close: () => bench.gate.closed(client),
    }
  }

  #node(name: string) {
    const node = this.nodes.get(name)
    if (node === undefined) throw new Error(`${name} is gone`)
    return node
  }
}

/** Of `filter` or `filter|id`. */
function opsOf(type: 'add' | 'delete', routes: readonly string[]) {
  return routes
    .map((route) => route.split('|'))
    .map(([topicFilter = '', id = topicFilter]) => ({ type, topicFilter, id }))
}

test('what a peer wants of one node is attached to the outboxes of all', async () => {
  const cluster = new Cluster('b1', 'b2', 'b3')
  const actor = await cluster.land('b1')
  actor.add('a', 'b|id1', 'b|id2', 'c')
  assert.deepEqual(cluster.routes(), ['a', 'b', 'c'])
  actor.remove('a', 'b|id1')
  assert.deepEqual(cluster.routes(), ['b', 'c'])
  actor.remove('b|id2')
  assert.deepEqual(cluster.routes(), ['c'])
  assert.deepEqual(cluster.facts(), ['live', 'live', 'live'])
  assert.equal(cluster.bench('b3').gate.inboundStatus('cl.a')?.actors[0]?.incarnation, 1)
})

test('a node that comes later knows what the peer wants', async () => {
  const cluster = new Cluster('b1')
  const actor = await cluster.land('b1')
  actor.add('a')
  cluster.start('b2')
  assert.deepEqual(cluster.routes(), ['a'])
})

test('an actor that lands on another node resumes there, and nothing is told that is known', async () => {
  const cluster = new Cluster('b1', 'b2', 'b3')
  const first = await cluster.land('b1')
  first.add('a', 'b')
  first.close()
  cluster.settle()
  const told: string[] = []
  cluster.member('b3').maps.watch('peer/', {
    changed: (_name, _owner, changes) => void told.push(...changes.map(({ key }) => key)),
    dropped: () => {},
  })
  cluster.settle()
  told.length = 0
  const second = await cluster.land('b2')
  assert.equal(second.needBootstrap, false)
  assert.deepEqual(told, ['.life'])
  assert.deepEqual(cluster.routes(), ['a', 'b'])
  second.remove('a')
  second.add('c')
  assert.deepEqual(cluster.routes(), ['b', 'c'])
  const third = await cluster.land('b1')
  assert.equal(third.needBootstrap, false)
  third.add('d')
  assert.deepEqual(cluster.routes(), ['b', 'c', 'd'])
})

test('one connection of an actor is believed: the node that it left ends its own', async () => {
  const cluster = new Cluster('b1', 'b2')
  const first = await cluster.land('b1')
  const other = await cluster.land('b1', 5, 'n2')
  await cluster.land('b2')
  assert.equal(first.client.disconnected?.reasonCode, 0x8e)
  assert.equal(other.client.disconnected, undefined)
  assert.notEqual(cluster.bench('b1').gate.inboundFact('cl.a').state, 'refused')
  first.add('late')
  assert.deepEqual(cluster.routes(), [])
})

test('an older life is turned away on every node', async () => {
  const cluster = new Cluster('b1', 'b2')
  const newer = await cluster.land('b1', 8)
  newer.add('a')
  const zombie = await cluster.land('b2', 7)
  assert.equal(zombie.client.disconnected?.reasonCode, 131)
  assert.equal(newer.client.disconnected, undefined)
  newer.add('b')
  assert.deepEqual(cluster.routes(), ['a', 'b'])
})

test('a newer life on another node makes before it breaks, everywhere', async () => {
  const cluster = new Cluster('b1', 'b2', 'b3')
  const older = await cluster.land('b1', 1)
  older.add('kept', 'dropped', 'both|x')
  const newer = await cluster.land('b2', 2)
  assert.equal(newer.needBootstrap, true)
  assert.equal(older.client.disconnected?.reasonCode, 0x8e)
  assert.deepEqual(cluster.routes(), ['both', 'dropped', 'kept'])
  newer.add('kept', 'new', 'both|y')
  cluster.pass(2_000)
  newer.beat()
  assert.deepEqual(cluster.routes(), ['both', 'kept', 'new'])
  newer.remove('both|y')
  assert.deepEqual(cluster.routes(), ['kept', 'new'])
})

test('an actor that lands elsewhere amid its bootstrap says everything again, and what it has not named goes', async () => {
  const cluster = new Cluster('b1', 'b2')
  const first = await cluster.land('b1', 1)
  first.add('a', 'b', 'c')
  const second = await cluster.land('b1', 2)
  second.add('a')
  second.close()
  const third = await cluster.land('b2', 2)
  assert.equal(third.needBootstrap, true)
  assert.deepEqual(cluster.routes(), ['a', 'b', 'c'])
  third.add('a', 'b')
  cluster.pass(2_000)
  third.beat()
  assert.deepEqual(cluster.routes(), ['a', 'b'])
})

const batch = (name: string): string[] => Array.from({ length: 4_000 }, (_, index) => `${name}/${index}/state`)

test('a large batch is attached at once and shared in slices, whatever comes and goes meanwhile', async () => {
  const cluster = new Cluster('a', 'b')
  const actor = await cluster.land('a')
  const [first, second] = [batch('first'), batch('second')]
  actor.add(...first)
  assert.equal(cluster.bench('a').routes('cl.a').length, first.length)
  const [map] = cluster.member('a').maps.list()
  assert.ok(map!.size < first.length / 2, `${map!.size} at once`)
  // The end of the first batch is not shared yet, and the second comes behind it.
  const gone = [...first.slice(0, 5), ...first.slice(-5)]
  actor.remove(...gone)
  actor.add(...second, first[0]!)
  assert.deepEqual(
    cluster.routes(),
    [first[0]!, ...first.slice(5, -5), ...second].toSorted((one, other) => (one < other ? -1 : 1)),
  )
})

test('an actor that lands elsewhere before a large batch of it was shared says everything again', async () => {
  const cluster = new Cluster('a', 'b')
  const actor = await cluster.land('a')
  const wanted = Array.from({ length: 4_000 }, (_, index) => `many/${index}`)
  actor.add('few')
  cluster.settle()
  actor.add(...wanted)
  // What is told so far arrives, and no more is.
  cluster.maps.settle()
  const next = await cluster.landUnsettled('b')
  assert.equal(next.needBootstrap, true)
  next.add('few', ...wanted)
  assert.deepEqual(cluster.routes(), ['few', ...wanted].toSorted())
})

test('an actor that is heard on one node is heard on all, however long', async () => {
  const cluster = new Cluster('b1', 'b2')
  const actor = await cluster.land('b1')
  actor.add('a')
  for (let beat = 0; beat < 20; beat += 1) {
    cluster.pass(10_000)
    actor.beat()
    assert.deepEqual(cluster.facts(), ['live', 'live'])
  }
})

test('an actor that falls silent is stale on all nodes at once, keeps its routes for stale_ttl, and may return', async () => {
  const cluster = new Cluster('b1', 'b2')
  const actor = await cluster.land('b1')
  actor.add('a')
  cluster.pass(29_000)
  assert.ok(!cluster.facts().includes('stale'))
  cluster.pass(1_000)
  assert.deepEqual(cluster.facts(), ['stale', 'stale'])
  assert.deepEqual(cluster.routes(), ['a'])
  actor.beat()
  assert.deepEqual(cluster.facts(), ['live', 'live'])
  cluster.pass(30_000)
  cluster.pass(86_400_000)
  assert.deepEqual(cluster.routes(), [])
  assert.deepEqual(cluster.facts(), ['absent', 'absent'])
})

test('of one silent actor among others the routes go on all nodes', async () => {
  const cluster = new Cluster('b1', 'b2')
  const silent = await cluster.land('b1', 1, 'n1')
  silent.add('silent', 'shared')
  const living = await cluster.land('b2', 1, 'n2')
  living.add('shared')
  for (let beat = 0; beat < 8; beat += 1) {
    cluster.pass(10_000)
    living.beat()
  }
  assert.deepEqual(cluster.routes(), ['shared'])
})

test('when the node dies on which the peer landed its routes gather messages still, and go after stale_ttl', async () => {
  const cluster = new Cluster('b1', 'b2', 'b3')
  const actor = await cluster.land('b1')
  actor.add('a')
  cluster.kill('b1')
  assert.deepEqual(cluster.facts(), ['live', 'live'])
  cluster.pass(30_000)
  assert.deepEqual(cluster.facts(), ['stale', 'stale'])
  cluster.pass(86_390_000)
  assert.deepEqual(cluster.routes(), ['a'])
  cluster.pass(10_000)
  assert.deepEqual(cluster.routes(), [])
})

test('a peer whose node died says everything again on the next one: the dead node may have taken routes along', async () => {
  const cluster = new Cluster('b1', 'b2', 'b3')
  const actor = await cluster.land('b1')
  actor.add('a')
  cluster.away('b1', true)
  actor.add('unheard')
  cluster.kill('b1')
  const again = await cluster.land('b2')
  assert.equal(again.needBootstrap, true)
  assert.deepEqual(cluster.routes(), ['a'])
  again.add('a', 'unheard')
  cluster.pass(10_000)
  assert.deepEqual(cluster.routes(), ['a', 'unheard'])
  cluster.start('b1', '2')
  assert.deepEqual(cluster.routes(), ['a', 'unheard'])
})

test('a node dies on which the peer landed, comes back with nothing, and gets the peer again: the others keep what it wants until it has said so', async () => {
  const cluster = new Cluster('b1', 'b2', 'b3')
  const actor = await cluster.land('b1')
  actor.add('a', 'b', 'c')
  cluster.kill('b1')
  cluster.start('b1', '2')
  const again = await cluster.land('b1')
  assert.equal(again.needBootstrap, true)
  assert.deepEqual(cluster.bench('b2').routes('cl.a'), ['a', 'b', 'c'])
  again.add('a', 'c')
  assert.deepEqual(cluster.bench('b2').routes('cl.a'), ['a', 'b', 'c'])
  again.remove('c')
  for (let beats = 0; beats < 4; beats += 1) {
    cluster.pass(10_000)
    again.beat()
  }
  assert.deepEqual(cluster.routes(), ['a'])
  again.remove('a')
  assert.deepEqual(cluster.routes(), [])
})

test('a node that was cut off and woke up with an older landing gives it up, and learns what it missed', async () => {
  const cluster = new Cluster('b1', 'b2')
  const first = await cluster.land('b1')
  first.add('a')
  cluster.away('b1', true)
  const second = await cluster.land('b2')
  second.add('b')
  first.add('zombie')
  cluster.away('b1', false)
  cluster.settle()
  assert.equal(first.client.disconnected?.reasonCode, 0x8e)
  assert.equal(second.client.disconnected, undefined)
  assert.deepEqual(cluster.routes(), ['a', 'b'])
})

test('a zombie that lands on a node which knows nothing yet is given up as soon as that node hears of the newer life', async () => {
  const cluster = new Cluster('b1', 'b2')
  cluster.away('b2', true)
  const newer = await cluster.land('b1', 8)
  newer.add('a')
  const zombie = await cluster.land('b2', 7)
  zombie.add('old')
  cluster.away('b2', false)
  cluster.settle()
  assert.equal(zombie.client.disconnected?.reasonCode, 0x8e)
  assert.equal(newer.client.disconnected, undefined)
  assert.deepEqual(cluster.routes(), ['a'])
})

test('of two landings of one life on nodes that know nothing of each other one is believed', async () => {
  const cluster = new Cluster('b1', 'b2')
  cluster.away('b1', true)
  const clients = [(await cluster.land('b1')).client, (await cluster.land('b2')).client]
  cluster.away('b1', false)
  cluster.settle()
  assert.equal(clients.filter(({ disconnected }) => disconnected === undefined).length, 1)
})

test('a landing that turns out to be outdated gives way', async () => {
  const cluster = new Cluster('b1')
  const other = cluster.maps.join('b2')
  // Its life is not told.
  other.maps.own('peer/cl.a/n1', 1_000_000).set('ra', 1)
  const late = await cluster.land('b1')
  assert.equal(late.client.disconnected?.reasonCode, 0x8e)
  assert.deepEqual(cluster.routes(), ['a'])
})

test('an actor that went for good on its node goes on a node that was away, and may come again', async () => {
  const cluster = new Cluster('b1', 'b2', 'b3')
  const silent = await cluster.land('b1', 1, 'n1')
  silent.add('silent')
  const living = await cluster.land('b1', 1, 'n2')
  living.add('living')
  cluster.settle()
  cluster.away('b3', true)
  for (let beat = 0; beat < 8; beat += 1) {
    cluster.pass(10_000)
    living.beat()
  }
  cluster.away('b3', false)
  assert.deepEqual(cluster.routes(), ['living'])
  const again = await cluster.land('b2', 1, 'n1')
  assert.equal(again.needBootstrap, true)
  again.add('again')
  cluster.pass(12_000)
  assert.deepEqual(cluster.routes(), ['again', 'living'])
})

test('what the former owner said just before an actor came to us is known here too', async () => {
  const cluster = new Cluster('b1', 'b2')
  const first = await cluster.land('b1')
  const many = Array.from({ length: 5_000 }, (_, index) => `t/${index}`)
  first.add(...many)
  const second = await cluster.land('b2')
  assert.equal(second.needBootstrap, false)
  assert.equal(cluster.routes().length, 5_000)
  first.close()
  second.remove(...many.slice(10))
  const third = await cluster.land('b1', 2)
  assert.equal(third.needBootstrap, true)
  assert.equal(cluster.routes().length, 10)
  third.add('t/1')
  cluster.pass(3_000)
  third.beat()
  assert.deepEqual(cluster.routes(), ['t/1'])
})

for (const { what, change } of [
  { what: 'disabled', change: (bench: GateBench) => bench.setLink('cl.a', { enable: false }) },
  { what: 'removed', change: (bench: GateBench) => bench.deleteLink('cl.a') },
]) {
  test(`a link that is ${what} on one node after the other leaves nothing that comes back with it`, async () => {
    const cluster = new Cluster('b1', 'b2', 'b3')
    const actor = await cluster.land('b1')
    actor.add('a')
    for (const name of ['b3', 'b2', 'b1']) {
      cluster.settle()
      change(cluster.bench(name))
    }
    for (const name of ['b1', 'b2', 'b3']) cluster.bench(name).setLink('cl.a', { enable: true })
    assert.deepEqual(cluster.routes(), [])
    for (const { bench } of cluster.nodes.values()) assert.deepEqual(bench.gate.inboundStatus('cl.a')?.actors, [])
  })

  test(`a link that is ${what} clears on all nodes, and begins anew when it is back`, async () => {
    const cluster = new Cluster('b1', 'b2')
    const actor = await cluster.land('b1')
    actor.add('a')
    for (const { bench } of cluster.nodes.values()) change(bench)
    assert.deepEqual(cluster.routes(), [])
    for (const { bench, member } of cluster.nodes.values()) {
      assert.equal(bench.clock.armed, 0)
      assert.deepEqual(member.maps.list(), [])
      assert.equal(member.listeners.size, 0)
    }
    for (const { bench } of cluster.nodes.values()) bench.setLink('cl.a', { enable: true })
    const again = await cluster.land('b2')
    assert.equal(again.needBootstrap, true)
    again.add('b')
    assert.deepEqual(cluster.routes(), ['b'])
  })
}

test('a new outbox on a node that only mirrors takes over the routes', async () => {
  const cluster = new Cluster('b1', 'b2')
  const actor = await cluster.land('b1')
  actor.add('a')
  cluster.settle()
  const { attached, sinks, gate } = cluster.bench('b2')
  sinks.set('cl.a', { id: 'second', accept: () => undefined })
  gate.linksChanged()
  assert.deepEqual([...attached], ['a > second'])
})

test('what strangers on the bus say is left out: no routes under $LINK, no keys that nobody knows', async () => {
  const cluster = new Cluster('b1')
  const stranger = cluster.maps.join('b9')
  const map = stranger.maps.own('peer/cl.a/n1', 1)
  cluster.settle()
  for (const [key, value] of [
    ['r$LINK/#', 1],
    ['r$share/g/a', 1],
    ['ra/#/b', 1],
    ['what', 1],
    ['', 1],
    ['.state', 77],
    ['rgood', 1],
  ] as const)
    map.set(key, value)
  assert.deepEqual(cluster.routes(), ['good'])
  assert.deepEqual(cluster.facts(), ['stale'])
})

test('a node that stops sets no more timers, and leaves what the peer wants to the others', async () => {
  const cluster = new Cluster('b1', 'b2')
  const actor = await cluster.land('b1')
  actor.add('a')
  const { gate, clock } = cluster.bench('b1')
  gate.stop()
  assert.equal(clock.armed, 0)
  actor.add('b')
  cluster.settle()
  assert.deepEqual(cluster.bench('b2').routes('cl.a'), ['a', 'b'])
})

type Step =
  | { readonly type: 'land'; readonly node: string; readonly by: 0 | 1 }
  | { readonly type: 'add' | 'remove'; readonly route: string }
  | { readonly type: 'pass'; readonly ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant('land'), node: fc.constantFrom('b1', 'b2', 'b3'), by: fc.constantFrom(0, 1) }),
  fc.record({
    type: fc.constantFrom('add', 'remove'),
    route: fc.constantFrom('a', 'b', 'c', 'b|1', 'b|2'),
  }),
  fc.record({ type: fc.constant('pass'), ms: fc.constantFrom(500, 3_000, 11_000) }),
)

test('wherever an actor lands and whatever it says, once it has named its routes all nodes have them and no others', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const cluster = new Cluster('b1', 'b2', 'b3')
      const wanted = new Set<string>()
      let incarnation = 1
      let actor = await cluster.land('b1')
      for (const one of steps) {
        if (one.type === 'land') {
          actor.close()
          incarnation += one.by
          actor = await cluster.land(one.node, incarnation)
          if (actor.needBootstrap !== false) actor.add(...wanted)
        } else if (one.type === 'pass') {
          cluster.pass(one.ms)
          actor.beat()
        } else if (one.type === 'add') {
          wanted.add(one.route)
          actor.add(one.route)
        } else {
          wanted.delete(one.route)
          actor.remove(one.route)
        }
        const filters = new Set([...wanted].map((route) => route.split('|')[0] ?? ''))
        const attached = new Set(cluster.routes())
        for (const topicFilter of filters) assert.ok(attached.has(topicFilter), `${topicFilter} is absent`)
      }
      cluster.pass(10_000)
      assert.deepEqual(cluster.routes(), [...new Set([...wanted].map((route) => route.split('|')[0] ?? ''))].toSorted())
    }),
    { numRuns: 60 },
  )
})
