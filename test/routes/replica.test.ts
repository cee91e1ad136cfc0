import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Replica } from '../../src/routes/replica.ts'
import type { ReplicaEffect } from '../../src/routes/replica.ts'
import type { RouteOp } from '../../src/routes/route-op.ts'

const timing = { actorTtlMs: 30_000, staleTtlMs: 3_600_000, bootstrapQuietMs: 2_000, bootstrapStartMs: 10_000 }

test('a filter under several ids is one route, and goes with its last id', () => {
  const peer = started('n1')
  assert.deepEqual(peer.apply('n1', add('c/b', 'id1'), add('c/b', 'id2')), ['+c/b'])
  assert.deepEqual(peer.apply('n1', del('c/b', 'id1')), [])
  assert.deepEqual(peer.apply('n1', del('c/b', 'id1')), [], 'the same deletion again')
  assert.deepEqual(peer.apply('n1', del('c/b', 'other')), [], 'a pair that never was')
  assert.deepEqual(peer.apply('n1', del('c/b', 'id2')), ['-c/b'])
})

test('a filter that two actors want is one route, and goes with the last of them', () => {
  const peer = started('n1', 'n2')
  assert.deepEqual(peer.apply('n1', add('a')), ['+a'])
  assert.deepEqual(peer.apply('n2', add('a')), [])
  assert.deepEqual(peer.apply('n1', del('a')), [])
  assert.deepEqual(peer.apply('n2', del('a')), ['-a'])
})

test('the same route twice is one', () => {
  const peer = started('n1')
  assert.deepEqual(peer.apply('n1', add('a'), add('a'), del('a')), ['+a', '-a'])
})

test('make before break: a route wanted by two lives is never absent in between', () => {
  const peer = started('n1')
  peer.apply('n1', add('kept'), add('dropped'))
  assert.equal(peer.init('n1', 2), 'reincarnated')
  assert.deepEqual(peer.taken(), [])
  assert.deepEqual(peer.wanted(), ['dropped', 'kept'])
  peer.pass(5_000)
  assert.deepEqual(peer.apply('n1', add('kept'), add('new')), ['+new'])
  peer.pass(1_999)
  assert.deepEqual(peer.taken(), [], 'the bootstrap may go on')
  peer.heartbeat('n1')
  assert.deepEqual(peer.taken(), [], 'a sign of life does not end it')
  peer.pass(1)
  peer.heartbeat('n1')
  assert.deepEqual(peer.taken(), ['-dropped', 'swept n1'])
  assert.deepEqual(peer.wanted(), ['kept', 'new'])
})

test('each batch of a bootstrap puts the sweep off', () => {
  const peer = started('n1')
  peer.apply('n1', add('old'), add('last'))
  peer.init('n1', 2)
  for (const topicFilter of ['a', 'b', 'c', 'last']) {
    peer.pass(1_500)
    peer.apply('n1', add(topicFilter))
    assert.ok(peer.wanted().includes('old'))
  }
  peer.pass(2_000)
  peer.heartbeat('n1')
  assert.deepEqual(peer.wanted(), ['a', 'b', 'c', 'last'])
})

test('a bootstrap without routes sweeps too, later', () => {
  const peer = started('n1')
  peer.apply('n1', add('old'))
  peer.init('n1', 2)
  peer.pass(9_999)
  peer.heartbeat('n1')
  assert.deepEqual(peer.wanted(), ['old'])
  peer.pass(1)
  peer.heartbeat('n1')
  assert.deepEqual(peer.wanted(), [])
})

test('a bootstrap that gets stuck on its way sweeps nothing, however long nothing comes', () => {
  const peer = started('n1')
  peer.apply('n1', add('a'), add('b'))
  peer.init('n1', 2)
  peer.pass(25_000)
  assert.deepEqual(peer.wanted(), ['a', 'b'], 'nothing came after the handshake')
  peer.apply('n1', add('a'))
  peer.pass(25_000)
  assert.deepEqual(peer.wanted(), ['a', 'b'], 'nothing came after the first batch')
  peer.apply('n1', add('b'))
  peer.pass(2_000)
  peer.heartbeat('n1')
  assert.deepEqual(peer.taken(), ['swept n1'])
})

test('a bootstrap that is cut off sweeps nothing before it was taken up again', () => {
  const peer = started('n1')
  peer.apply('n1', add('a'), add('b'))
  peer.init('n1', 2)
  peer.apply('n1', add('a'))
  peer.replica.disconnected('n1', 2)
  peer.pass(29_000)
  assert.deepEqual(peer.wanted(), ['a', 'b'])
  assert.equal(peer.init('n1', 2), 'resumed')
  peer.pass(5_000)
  peer.apply('n1', add('a'), add('b'))
  peer.pass(2_000)
  peer.heartbeat('n1')
  assert.deepEqual(peer.taken(), ['swept n1'])
  assert.deepEqual(peer.wanted(), ['a', 'b'])
})

test('the end of an older connection does not hold up the sweep', () => {
  const peer = started('n1')
  peer.apply('n1', add('a'))
  peer.init('n1', 2)
  peer.replica.disconnected('n1', 1)
  peer.pass(10_000)
  peer.heartbeat('n1')
  assert.deepEqual(peer.wanted(), [])
})

test('a deletion within the bootstrap takes the route of the former life as well', () => {
  const peer = started('n1')
  peer.apply('n1', add('a'))
  peer.init('n1', 2)
  assert.deepEqual(peer.apply('n1', del('a')), ['-a'])
})

test('a third life before the second has bootstrapped keeps the routes of both', () => {
  const peer = started('n1')
  peer.apply('n1', add('first'), add('both', 'x'))
  peer.init('n1', 2)
  peer.apply('n1', add('second'), add('both', 'y'))
  peer.init('n1', 3)
  assert.deepEqual(peer.wanted(), ['both', 'first', 'second'])
  assert.deepEqual(peer.apply('n1', del('both', 'x')), [])
  assert.deepEqual(peer.apply('n1', add('second'), del('both', 'y')), ['-both'])
  peer.pass(2_000)
  peer.heartbeat('n1')
  assert.deepEqual(peer.wanted(), ['second'])
})

test('an older life is outdated, and so are its operations and heartbeats', () => {
  const peer = started('n1')
  peer.init('n1', 5)
  assert.equal(peer.init('n1', 4), 'outdated')
  assert.equal(peer.replica.apply('n1', 4, [add('x')], peer.nowMs).type, 'outdated')
  assert.equal(peer.replica.heartbeat('n1', 4, peer.nowMs).type, 'outdated')
  assert.equal(peer.replica.heartbeat('n9', 4, peer.nowMs).type, 'unknown_actor')
  assert.equal(peer.replica.apply('n9', 4, [add('x')], peer.nowMs).type, 'unknown_actor')
  assert.deepEqual(peer.wanted(), [])
})

test('stale but buffering: a silent peer keeps its routes until stale_ttl', () => {
  const peer = started('n1')
  peer.apply('n1', add('a'))
  peer.pass(29_999)
  assert.equal(peer.replica.stale, false)
  peer.pass(1)
  assert.deepEqual(peer.taken(), ['stale n1'])
  assert.equal(peer.replica.stale, true)
  peer.pass(3_599_999)
  assert.deepEqual(peer.wanted(), ['a'])
  peer.pass(1)
  assert.deepEqual(peer.taken(), ['-a', 'cleaned n1 outage'])
  assert.equal(peer.replica.stale, false)
})

test('a peer is late when half of its lease went by in silence, and no longer once any of its actors is heard', () => {
  const peer = started('n1', 'n2')
  peer.pass(14_999)
  assert.equal(peer.replica.late, false)
  peer.pass(1)
  assert.equal(peer.replica.late, true)
  peer.heartbeat('n2')
  assert.equal(peer.replica.late, false)
})

test('a heartbeat renews the lease', () => {
  const peer = started('n1')
  for (let beat = 0; beat < 10; beat += 1) {
    peer.pass(20_000)
    peer.heartbeat('n1')
  }
  assert.deepEqual(peer.taken(), [])
})

test('a stale peer that returns says everything again, and loses nothing meanwhile', () => {
  const peer = started('n1')
  peer.apply('n1', add('a'), add('b'))
  peer.pass(100_000)
  peer.taken()
  assert.equal(peer.init('n1', 1), 'revived')
  assert.equal(peer.replica.stale, false)
  assert.deepEqual(peer.apply('n1', add('a')), [])
  peer.pass(2_000)
  peer.heartbeat('n1')
  assert.deepEqual(peer.taken(), ['-b', 'swept n1'])
})

test('one actor silent while its sibling lives goes by its lease, and takes only what it alone wanted', () => {
  const peer = started('n1', 'n2')
  peer.apply('n1', add('shared'), add('mine'))
  peer.apply('n2', add('shared'))
  for (let beat = 0; beat < 3; beat += 1) {
    peer.pass(10_000)
    peer.heartbeat('n2')
  }
  assert.deepEqual(peer.taken(), ['stale n1', '-mine', 'cleaned n1 silent'])
  assert.deepEqual(peer.wanted(), ['shared'])
})

test('in an outage actors turn stale together, though their leases end at different times', () => {
  const peer = started('n1', 'n2')
  peer.apply('n1', add('a'))
  peer.pass(8_000)
  peer.heartbeat('n2')
  peer.pass(40_000)
  assert.deepEqual(peer.taken(), ['stale n1', 'stale n2'])
  assert.deepEqual(peer.wanted(), ['a'])
})

test('the first actor back from an outage gives its siblings time to return', () => {
  const peer = started('n1', 'n2')
  peer.apply('n1', add('a'))
  peer.apply('n2', add('b'))
  peer.pass(100_000)
  peer.init('n2', 1)
  peer.apply('n2', add('b'))
  peer.pass(20_000)
  peer.heartbeat('n2')
  assert.deepEqual(peer.wanted(), ['a', 'b'])
  assert.equal(peer.init('n1', 1), 'revived')
  peer.apply('n1', add('a'))
  peer.pass(20_000)
  peer.heartbeat('n2')
  peer.pass(9_000)
  assert.deepEqual(peer.wanted(), ['a', 'b'])
})

test('an actor that does not return from an outage goes one lease after the others came back', () => {
  const peer = started('n1', 'n2')
  peer.apply('n1', add('a'))
  peer.pass(100_000)
  peer.taken()
  peer.init('n2', 1)
  peer.pass(29_000)
  peer.heartbeat('n2')
  assert.deepEqual(peer.taken().includes('-a'), false)
  peer.pass(1_000)
  assert.deepEqual(peer.taken(), ['-a', 'cleaned n1 silent'])
})

test('when the link goes all of it goes', () => {
  const peer = started('n1', 'n2')
  peer.apply('n1', add('a'), add('b'))
  peer.apply('n2', add('a'))
  peer.take(peer.replica.clear())
  assert.deepEqual(peer.taken(), ['-b', 'cleaned n1 link_gone', '-a', 'cleaned n2 link_gone'])
  assert.equal(peer.replica.heartbeat('n1', 1, 0).type, 'unknown_actor')
})

test('limits: actors and routes beyond them are refused, what came before stands', () => {
  const replica = new Replica(timing, { actorsMax: 1, routesMax: 2 })
  assert.equal(replica.init('n1', 1, 0).type, 'created')
  assert.equal(replica.init('n2', 1, 0).type, 'full')
  const result = replica.apply('n1', 1, [add('a'), add('b'), add('c'), add('d')], 0)
  assert.equal(result.type, 'full')
  assert.equal([...replica.filters()].length, 3)
  assert.equal(replica.apply('n1', 1, [del('a'), del('b')], 0).type, 'applied', 'there is room again')
})

test('limits: lives that follow each other quickly do not pile up', () => {
  const replica = new Replica(timing, { actorsMax: 1, routesMax: 3 })
  for (let incarnation = 1; incarnation < 20; incarnation += 1) {
    replica.init('n1', incarnation, 0)
    replica.apply('n1', incarnation, [add(`${incarnation}/a`), add(`${incarnation}/b`)], 0)
    assert.ok([...replica.filters()].length <= 5)
  }
})

type Step =
  | { readonly type: 'ops'; readonly actor: string; readonly ops: readonly RouteOp[] }
  | { readonly type: 'init'; readonly actor: string; readonly by: 0 | 1 }
  | { readonly type: 'pass'; readonly ms: number }
  | { readonly type: 'heartbeat'; readonly actor: string }
  | { readonly type: 'cut'; readonly actor: string }

const actor = fc.constantFrom('n1', 'n2', 'n3')
const name = fc.constantFrom('a', 'b', 'c', '+', '#')
const op = fc.record({ type: fc.constantFrom('add', 'delete'), topicFilter: name, id: name })
const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant('ops'), actor, ops: fc.array(op, { maxLength: 6 }) }),
  fc.record({ type: fc.constant('init'), actor, by: fc.constantFrom(0, 1) }),
  fc.record({ type: fc.constant('pass'), ms: fc.constantFrom(1, 999, 2_000, 10_000, 30_000, 4_000_000) }),
  fc.record({ type: fc.constant('heartbeat'), actor }),
  fc.record({ type: fc.constant('cut'), actor }),
)

const whereTicksOnceDiffered: readonly Step[] = [
  { type: 'init', actor: 'n2', by: 0 },
  { type: 'pass', ms: 30_000 },
  { type: 'init', actor: 'n1', by: 0 },
  { type: 'pass', ms: 1 },
  { type: 'heartbeat', actor: 'n1' },
  { type: 'pass', ms: 30_000 },
]

test('effects are true transitions and always add up to what is wanted; nothing is due in the past', () => {
  fc.assert(
    fc.property(fc.array(stepArbitrary, { maxLength: 60 }), (steps) => {
      const peer = new Peer()
      for (const step of steps) {
        peer.do(step)
        assert.deepEqual([...peer.byEffects].toSorted(), peer.wanted())
        const { nextAtMs } = peer.replica.tick(peer.nowMs)
        assert.ok(nextAtMs === undefined || nextAtMs > peer.nowMs)
      }
    }),
    { numRuns: 300 },
  )
})

test('ticking only when told to gives the same as ticking every second', () => {
  fc.assert(
    fc.property(fc.array(stepArbitrary, { maxLength: 30 }), (steps) => {
      const lazy = new Peer()
      const eager = new Peer()
      for (const step of steps) {
        if (step.type === 'pass') {
          const ms = Math.min(step.ms, 100_000)
          lazy.pass(ms)
          for (let passed = 0; passed < ms; passed += 1_000) eager.passBlindly(Math.min(1_000, ms - passed))
        } else {
          lazy.do(step)
          eager.do(step)
        }
        assert.deepEqual(lazy.wanted(), eager.wanted())
        assert.deepEqual(lazy.replica.actors(), eager.replica.actors())
      }
    }),
    { numRuns: 1_000, examples: [[[...whereTicksOnceDiffered]]] },
  )
})

test('a new life that names everything again within its time never causes a gap', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string(), { maxLength: 30 }), fc.integer({ min: 1, max: 7 }), (filters, size) => {
      const peer = started('n1')
      peer.apply('n1', ...filters.map((topicFilter) => add(topicFilter)))
      peer.init('n1', 2)
      for (let at = 0; at < filters.length; at += size) {
        peer.pass(1_900)
        assert.deepEqual(peer.apply('n1', ...filters.slice(at, at + size).map((topicFilter) => add(topicFilter))), [])
      }
      peer.pass(20_000)
      assert.deepEqual(
        peer.taken().filter((effect) => effect.startsWith('-')),
        [],
      )
    }),
  )
})

function add(topicFilter: string, id = topicFilter): RouteOp {
  return { type: 'add', topicFilter, id }
}

function del(topicFilter: string, id = topicFilter): RouteOp {
  return { type: 'delete', topicFilter, id }
}

function started(...actors: readonly string[]): Peer {
  const peer = new Peer()
  for (const name of actors) assert.equal(peer.init(name, 1), 'created')
  peer.taken()
  return peer
}

/** A replica with its clock, and what its effects made of a set of filters. */
class Peer {
  readonly replica = new Replica(timing)
  readonly byEffects = new Set<string>()
  nowMs = 1_000_000
  readonly #incarnations = new Map<string, number>()
  #effects: string[] = []

  init(name: string, incarnation: number): string {
    const result = this.replica.init(name, incarnation, this.nowMs)
    if ('effects' in result) {
      this.take(result.effects)
      this.#incarnations.set(name, incarnation)
    }
    return result.type
  }

  /** The effects of these operations alone. */
  apply(name: string, ...ops: readonly RouteOp[]): string[] {
    const earlier = this.#effects
    this.#effects = []
    const result = this.replica.apply(name, this.#incarnations.get(name) ?? 0, ops, this.nowMs)
    if ('effects' in result) this.take(result.effects)
    const own = this.#effects
    this.#effects = earlier
    return own
  }

  heartbeat(name: string): void {
    const result = this.replica.heartbeat(name, this.#incarnations.get(name) ?? 0, this.nowMs)
    if ('effects' in result) this.take(result.effects)
  }

  do(step: Step): void {
    if (step.type === 'pass') this.pass(step.ms)
    else if (step.type === 'ops') this.apply(step.actor, ...step.ops)
    else if (step.type === 'heartbeat') this.heartbeat(step.actor)
    else if (step.type === 'cut') this.replica.disconnected(step.actor, this.#incarnations.get(step.actor) ?? 0)
    else this.init(step.actor, (this.#incarnations.get(step.actor) ?? 0) + step.by)
  }

  /** Lets time pass and ticks whenever the replica asked for it. */
  pass(ms: number): void {
    const endMs = this.nowMs + ms
    for (;;) {
      const { effects, nextAtMs } = this.replica.tick(this.nowMs)
      this.take(effects)
      if (nextAtMs === undefined || nextAtMs > endMs) break
      this.nowMs = nextAtMs
    }
    this.nowMs = endMs
    this.take(this.replica.tick(this.nowMs).effects)
  }

  passBlindly(ms: number): void {
    this.nowMs += ms
    this.take(this.replica.tick(this.nowMs).effects)
  }

  take(effects: readonly ReplicaEffect[]): void {
    for (const effect of effects) {
      if (effect.type === 'route_added') {
        assert.ok(!this.byEffects.has(effect.topicFilter), `${effect.topicFilter} was there`)
        this.byEffects.add(effect.topicFilter)
      }
      if (effect.type === 'route_removed') assert.ok(this.byEffects.delete(effect.topicFilter), effect.topicFilter)
      this.#effects.push(told(effect))
    }
  }

  taken(): string[] {
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  wanted(): string[] {
    const filters = [...this.replica.filters()]
    assert.equal(new Set(filters).size, filters.length)
    return filters.toSorted()
  }
}

function told(effect: ReplicaEffect): string {
  switch (effect.type) {
    case 'route_added':
      return `+${effect.topicFilter}`
    case 'route_removed':
      return `-${effect.topicFilter}`
    case 'actor_stale':
      return `stale ${effect.actor}`
    case 'actor_swept':
      return `swept ${effect.actor}`
    case 'actor_cleaned':
    default:
      return `cleaned ${effect.actor} ${effect.reason}`
  }
}
