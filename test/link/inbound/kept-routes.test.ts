/** What the peer of a durable link wants outlives the process that heard it, until the peer says otherwise. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { LinkConfig } from '../../../src/config/config.ts'
import { DurableLinks } from '../../../src/link/durable/durable-links.ts'
import { DamagedOutbox } from '../../../src/link/durable/outbox-records.ts'
import { encodeRouteMessage, type RouteMessage } from '../../../src/link/emqx/route-ops.ts'
import type { RouteOp } from '../../../src/routes/route-op.ts'
import { LinkStore } from '../durable/link-store.ts'
import { ManualClock } from '../manual-clock.ts'
import { BenchClient, GateBench, publishOf } from './gate-bench.ts'
import { MapsCluster, type MapsNode } from './maps-cluster.ts'
import { answerTopic, peer, routeTopic, Speaker } from './native-speaker.ts'

const filters = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `site/${from + n}/x`)
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** A life of a node with a link to the peer. */
class Life {
  readonly store: LinkStore
  readonly clock = new ManualClock()
  readonly links: DurableLinks
  readonly bench: GateBench

  private constructor(store: LinkStore, member?: MapsNode) {
    this.store = store
    this.links = new DurableLinks(store, {
      clock: this.clock,
      log: silent,
      defer: (call) => void this.clock.after(0, call),
    })
    this.bench = new GateBench('cl.b', member, this.links)
  }

  static async start(store = new LinkStore(), link: Partial<LinkConfig> = {}, member?: MapsNode): Promise<Life> {
    const life = new Life(store, member)
    await life.links.load()
    life.bench.setLink(peer, { durable: true, ...link })
    await life.bench.gate.restore()
    return life
  }

  /** All is on the disk that is to be there. */
  async flush(): Promise<void> {
    this.store.isPrompt = true
    await this.links.flush()
    this.store.isPrompt = false
  }

  async crash(link: Partial<LinkConfig> = {}, member?: MapsNode): Promise<Life> {
    return await Life.start(this.store.afterCrash(), link, member)
  }

  get routes(): string[] {
    return this.bench.routes(peer)
  }

  get state(): string {
    return this.bench.gate.inboundFact(peer).state
  }
}

/** An actor of a peer of EMQX's dialect. */
class Emqx {
  readonly client = new BenchClient('emqx')
  readonly #bench: GateBench
  readonly #actor: string

  constructor({ bench }: Life, actor: string, incarnation: number) {
    this.#bench = bench
    this.#actor = actor
    const properties = { responseTopic: answerTopic, correlationData: Buffer.from('1') }
    const init = { type: 'actor_init', actor, incarnation, targetCluster: 'cl.b', protocolVersion: 1 } as const
    bench.gate.publish(this.client, publishOf(routeTopic, encodeRouteMessage(init), { properties }))
  }

  say(...ops: readonly RouteOp[]): void {
    const message: RouteMessage = { type: 'route', actor: this.#actor, incarnation: 1, ops }
    this.#bench.gate.publish(this.client, publishOf(routeTopic, encodeRouteMessage(message)))
  }

  add(...topicFilters: readonly string[]): void {
    this.say(...topicFilters.map((topicFilter): RouteOp => ({ type: 'add', topicFilter, id: topicFilter })))
  }

  beat(): void {
    const message: RouteMessage = { type: 'heartbeat', actor: this.#actor, incarnation: 1 }
    this.#bench.gate.publish(this.client, publishOf(routeTopic, encodeRouteMessage(message)))
  }

  delete(...topicFilters: readonly string[]): void {
    this.say(...topicFilters.map((topicFilter): RouteOp => ({ type: 'delete', topicFilter, id: topicFilter })))
  }
}

async function told(speaker: Speaker, life: Life, look?: () => void): Promise<BenchClient> {
  const client = new BenchClient('c')
  await speaker.connect(life.bench, client)
  speaker.talk(life.bench, client, look)
  return client
}

test('a route that is wanted throughout a restart is never away, and only what changed is told again', async () => {
  const first = await Life.start()
  await told(new Speaker(7, filters(0, 3_000)), first)
  await first.flush()

  const second = await first.crash()
  assert.deepEqual(second.routes, filters(0, 3_000).toSorted())
  assert.equal(second.state, 'stale')
  const next = new Speaker(8, filters(2, 3_002))
  const kept = filters(2, 3_000)
  await told(next, second, () => assert.ok(kept.every((filter) => second.bench.attached.has(`${filter} > ${peer}`))))
  assert.deepEqual(second.routes, filters(2, 3_002).toSorted())
  assert.equal(second.state, 'live')
  assert.ok(next.told < 50, `${next.told} entries`)

  await second.flush()
  assert.deepEqual((await second.crash()).routes, filters(2, 3_002).toSorted())
})

test('of an EMQX each node is restored, and swept when it has named anew what it wants', async () => {
  const first = await Life.start()
  const [one, two] = [new Emqx(first, 'e1@host', 5), new Emqx(first, 'e2@host', 6)]
  one.add('both', 'one', 'gone')
  one.say({ type: 'add', topicFilter: 'shared', id: '$share/g/shared' })
  two.add('both', 'two')
  await first.flush()

  const second = await first.crash()
  assert.deepEqual(second.routes, ['both', 'gone', 'one', 'shared', 'two'])
  const again = new Emqx(second, 'e1@host', 9)
  again.add('one')
  assert.deepEqual(second.routes, ['both', 'gone', 'one', 'shared', 'two'])
  second.bench.clock.pass(3_000)
  again.beat()
  assert.deepEqual(second.routes, ['both', 'one', 'two'])
  // The other one has its time to come back, and then goes: its sibling lives.
  second.bench.clock.pass(20_000)
  again.add('alive')
  second.bench.clock.pass(20_000)
  assert.deepEqual(second.routes, ['alive', 'one'])
  await second.flush()
  assert.deepEqual((await second.crash()).routes, ['alive', 'one'])
})

test('what nobody comes for goes after stale_ttl from the restart, and from the disk, too', async () => {
  const first = await Life.start()
  new Emqx(first, 'e1', 5).add('t/1')
  await first.flush()
  const second = await first.crash({ stale_ttl: 60_000 })
  second.bench.clock.pass(59_000)
  assert.deepEqual(second.routes, ['t/1'])
  second.bench.clock.pass(2_000)
  assert.deepEqual(second.routes, [])
  await second.flush()
  assert.equal(second.store.count('routes'), 0)
})

const ends: readonly { readonly when: string; readonly end: (life: Life) => void | Promise<void> }[] = [
  {
    when: 'a goodbye',
    end: async (life: Life) => {
      const speaker = new Speaker(8, ['t/1'])
      const client = await told(speaker, life)
      speaker.say(life.bench, client, speaker.routes!.goodbye('disabled'))
      life.bench.clock.pass(100)
    },
  },
  { when: 'the link is disabled', end: (life: Life) => life.bench.setLink(peer, { enable: false }) },
  { when: 'the link is deleted', end: (life: Life) => life.bench.deleteLink(peer) },
  { when: 'durable is switched off', end: (life: Life) => life.bench.setLink(peer, { durable: false }) },
]

for (const { when, end } of ends) {
  test(`nothing is kept after ${when}`, async () => {
    const first = await Life.start()
    await told(new Speaker(7, ['t/1', 't/2']), first)
    await first.flush()
    assert.notEqual(first.store.count('routes'), 0)
    const second = await first.crash()
    await end(second)
    await second.flush()
    assert.equal(second.store.count('routes'), 0)
    assert.deepEqual((await second.crash()).routes, [])
  })
}

for (const { when, link } of [
  { when: 'is disabled', link: { enable: false } },
  { when: 'is not durable any more', link: { durable: false } },
]) {
  test(`nothing is restored for a link that ${when} when the node starts, nor at any time later`, async () => {
    const first = await Life.start()
    new Emqx(first, 'e1', 5).add('t/1')
    await first.flush()
    const second = await first.crash(link)
    assert.deepEqual(second.routes, [])
    second.bench.setLink(peer, { enable: true, durable: true })
    assert.deepEqual(second.routes, [])
    await second.flush()
    assert.equal(second.store.count('routes'), 0)
  })
}

test('what a link left that is configured no more goes', async () => {
  const first = await Life.start()
  new Emqx(first, 'e1', 5).add('t/1')
  await first.flush()
  const links = new DurableLinks(first.store, { clock: first.clock, log: silent, defer: () => {} })
  await links.load()
  links.dropOthers(new Set(['another']))
  first.store.isPrompt = true
  await links.flush()
  assert.equal(first.store.count('routes'), 0)
})

test('durable can be switched on while the peer is there', async () => {
  const first = await Life.start(undefined, { durable: false })
  new Emqx(first, 'e1', 5).add('t/1', 't/2')
  await first.flush()
  assert.equal(first.store.count('routes'), 0)
  first.bench.setLink(peer, { durable: true })
  await first.flush()
  assert.deepEqual((await first.crash()).routes, ['t/1', 't/2'])
})

test('what is written is written again if the disk took nothing', async () => {
  const first = await Life.start()
  const actor = new Emqx(first, 'e1', 5)
  actor.add('t/1')
  const flushed = first.links.flush()
  await first.store.settle(new Error('no room'))
  await flushed
  actor.delete('t/1')
  actor.add('t/2')
  first.clock.advance(5_000)
  await first.store.settle()
  await first.flush()
  assert.deepEqual((await first.crash()).routes, ['t/2'])
})

test('a great deal is written in slices, and others have their turns in between', async () => {
  const first = await Life.start()
  await told(new Speaker(7, filters(0, 40_000)), first)
  const flushed = first.links.flush()
  let records = 0
  let commits = 0
  for (; first.store.pending.length > 0; commits += 1) {
    records = Math.max(records, first.store.pending[0]!.changes.length)
    await first.store.settle()
  }
  await flushed
  assert.ok(commits >= 4, `${commits} commits`)
  assert.ok(records <= 1_200, `${records} records`)
  assert.equal((await first.crash()).routes.length, 40_000)
})

test('damaged routes are found before anything is done', async () => {
  const first = await Life.start()
  new Emqx(first, 'e1', 5).add('t/1')
  await first.flush()
  first.store.damage('routes')
  await assert.rejects(first.crash(), DamagedOutbox)
})

test('property: whatever actors say and whenever a commit goes through, the next life knows what the last commit knew', async () => {
  const names = fc.constantFrom('a', 'b/+', 'c/#', 'd', 'e')
  const step = fc.oneof(
    fc.record({
      type: fc.constantFrom('add', 'delete'),
      actor: fc.nat(1),
      topicFilter: names,
      id: fc.constantFrom('', 'x', 'y'),
    }),
    fc.record({ type: fc.constantFrom('begin', 'settle', 'fail', 'return') }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      let life = await Life.start()
      const connect = () => [new Emqx(life, 'e1', 5), new Emqx(life, 'e2', 5)]
      let actors = connect()
      for (const one of steps) {
        if ('topicFilter' in one) {
          const { type, topicFilter, id } = one
          const isAdd = type === 'add'
          actors[one.actor]!.say({ type: isAdd ? 'add' : 'delete', topicFilter, id: id === '' ? topicFilter : id })
        } else if (one.type === 'begin') life.clock.advance(100)
        else if (one.type === 'settle') await life.store.settle()
        else if (one.type === 'fail') await life.store.settle(new Error('no room'))
        else {
          await settled(life)
          const { routes } = life
          life = await life.crash()
          assert.deepEqual(life.routes, routes)
          actors = connect()
        }
      }
      await settled(life)
      assert.deepEqual((await life.crash()).routes, life.routes)
    }),
    { numRuns: 100 },
  )
})

/** After commits on their way are over, and a disk that failed has taken what there is. */
async function settled(life: Life): Promise<void> {
  while (life.store.pending.length > 0) await life.store.settle()
  life.clock.advance(10_000)
  while (life.store.pending.length > 0) await life.store.settle()
  await life.flush()
}

test('in a cluster what the others know replaces what was restored', async () => {
  const maps = new MapsCluster()
  const one = await Life.start(undefined, {}, maps.join('b1'))
  const member = maps.join('b2')
  const two = await Life.start(undefined, {}, member)
  const settle = (...lives: readonly Life[]) => {
    for (let times = 0; times < 3; times += 1) {
      for (const { bench } of lives) bench.clock.pass(500)
      maps.settle()
      for (const { bench } of lives) bench.clock.pass(500)
    }
  }
  const actor = new Emqx(one, 'e1', 5)
  actor.add('stays', 'goes')
  settle(one, two)
  await two.flush()
  assert.deepEqual(two.routes, ['goes', 'stays'])
  two.bench.gate.stop()
  maps.kill(member)
  actor.delete('goes')
  actor.add('comes')
  settle(one)
  const back = await two.crash({}, maps.join('b2', '2'))
  assert.ok(back.routes.includes('stays'))
  for (let times = 0; times < 3; times += 1) {
    settle(one, back)
    assert.ok(back.routes.includes('stays'))
  }
  assert.deepEqual(back.routes, ['comes', 'stays'])
})

test('in a cluster nothing lives on of an actor that the others call gone', async () => {
  const maps = new MapsCluster()
  const one = await Life.start(undefined, {}, maps.join('b1'))
  const member = maps.join('b2')
  const two = await Life.start(undefined, {}, member)
  const settle = (...lives: readonly Life[]) => {
    for (let times = 0; times < 3; times += 1) {
      for (const { bench } of lives) bench.clock.pass(500)
      maps.settle()
      for (const { bench } of lives) bench.clock.pass(500)
    }
  }
  const client = new BenchClient('c')
  const speaker = new Speaker(7, ['t/1'])
  await speaker.connect(one.bench, client, () => settle(one, two))
  speaker.talk(one.bench, client)
  settle(one, two)
  await two.flush()
  assert.deepEqual(two.routes, ['t/1'])
  two.bench.gate.stop()
  maps.kill(member)
  speaker.say(one.bench, client, speaker.routes!.goodbye('deleted'))
  settle(one)
  const back = await two.crash({}, maps.join('b2', '2'))
  settle(one, back)
  assert.deepEqual(back.routes, [])
  await back.flush()
  assert.equal(back.store.count('routes'), 0)
})
