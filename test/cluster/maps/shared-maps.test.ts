import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { OwnMap } from '../../../src/cluster/maps/own-map.ts'
import { entriesIn, MapsBench } from './maps-bench.ts'

function fill(map: OwnMap, count: number, prefix = 'ft/'): void {
  for (let i = 0; i < count; i += 1) assert.ok(map.set(`${prefix}${i}/+`, i % 3))
}

test('what a node says reaches the others at once, in one message a turn', () => {
  const bench = new MapsBench()
  const [a, b, c] = ['a', 'b', 'c'].map((node) => bench.start(node))
  bench.advance(5)
  const map = a!.maps.own('member/a', 1)
  map.set('ft/1', 7)
  bench.advance(20)
  bench.sent = []
  map.set('ft/2', 8)
  map.delete('ft/1')
  bench.advance(10)
  assert.deepEqual(b!.has('member/a'), { 'ft/2': 8 })
  assert.deepEqual(c!.has('member/a'), { 'ft/2': 8 })
  assert.equal(b!.owners.get('member/a'), 'a')
  assert.deepEqual(
    bench.sent.map(({ message }) => entriesIn(message)),
    [2],
  )
  assert.equal(a!.told.size, 0)
})

test('a node that joins has everything long before the next heartbeat', () => {
  const bench = new MapsBench()
  const a = bench.start('a')
  fill(a.maps.own('member/a', 1), 20_000)
  fill(a.maps.own('peer/x/1', 1), 50)
  bench.advance(3_510)
  const b = bench.start('b')
  bench.advance(300)
  assert.equal(Object.keys(b.has('member/a')).length, 20_000)
  assert.equal(Object.keys(b.has('peer/x/1')).length, 50)
  assert.deepEqual(
    b.maps.list().map(({ name, owner, life, size, state }) => [name, owner.node, life, size, state]),
    [
      ['member/a', 'a', 1, 20_000, 'in_sync'],
      ['peer/x/1', 'a', 1, 50, 'in_sync'],
    ],
  )
  assert.deepEqual(new Set(a.maps.list().map(({ state }) => state)), new Set(['own']))
})

for (const { what, changes, entriesMax } of [
  { what: 'a few changes: these', changes: 100, entriesMax: 100 },
  { what: 'more than the owner remembers: the buckets that differ', changes: 700, entriesMax: 1_400 },
]) {
  test(`a node that missed something gets, one heartbeat after it hears again, ${what}`, () => {
    const bench = new MapsBench()
    const limits = { journal: { opsMax: 500, bytesMax: 1e6 } }
    const [a, b] = [bench.start('a', limits), bench.start('b', limits)]
    const map = a.maps.own('member/a', 1)
    fill(map, 2_000)
    bench.advance(2_000)
    bench.network.loses = () => true
    fill(map, changes, 'fu/')
    bench.advance(5_000)
    bench.network.loses = () => false
    bench.sent = []
    bench.advance(1_100)
    assert.equal(Object.keys(b.has('member/a')).length, 2_000 + changes)
    assert.ok(bench.entriesSent() >= changes && bench.entriesSent() <= entriesMax, String(bench.entriesSent()))
    assert.deepEqual(b.gone, [])
  })
}

test('after a cut both sides are equal again without a heartbeat; all state of the coordination lost changes nothing', () => {
  const bench = new MapsBench()
  const [a, b] = [bench.start('a'), bench.start('b')]
  const [ofA, ofB] = [a.maps.own('member/a', 1), b.maps.own('member/b', 1)]
  fill(ofA, 100)
  fill(ofB, 100)
  bench.advance(2_000)
  b.coordination.cut()
  fill(ofA, 100, 'fa/')
  fill(ofB, 100, 'fb/')
  for (let i = 0; i < 50; i += 1) ofA.delete(`ft/${i}/+`)
  bench.advance(300_000)
  assert.equal(Object.keys(a.has('member/b')).length, 100)
  bench.network.wipe()
  b.coordination.heal()
  bench.advance(30)
  assert.equal(Object.keys(a.has('member/b')).length, 200)
  assert.equal(Object.keys(b.has('member/a')).length, 150)
})

test('a node that starts anew with the same content: nothing is sent of it, and nothing is told', () => {
  const bench = new MapsBench()
  const a = bench.start('a')
  const b = bench.start('b')
  fill(a.maps.own('member/a', 1), 500)
  bench.advance(2_000)
  bench.kill('a')
  bench.advance(2_000)
  b.slices = []
  bench.network.loses = () => true
  const again = bench.start('a')
  fill(again.maps.own('member/a', 2), 500)
  bench.advance(100)
  bench.network.loses = () => false
  bench.sent = []
  bench.advance(1_000)
  assert.equal(b.maps.list()[0]?.life, 2)
  assert.equal(bench.entriesSent(), 0)
  assert.deepEqual([b.slices, b.gone], [[], []])
})

test('a node that starts anew with other content: what is in both never goes, and the rest goes when the new is there', () => {
  const bench = new MapsBench()
  const a = bench.start('a')
  const b = bench.start('b')
  fill(a.maps.own('member/a', 1), 300)
  bench.advance(2_000)
  bench.kill('a')
  const again = bench.start('a')
  const map = again.maps.own('member/a', 2)
  fill(map, 100)
  fill(map, 300, 'fu/')
  const told = b.told.get('member/a')!
  for (let i = 0; i < 2_000 && (b.gone.length < 200 || told.size < 400); i += 1) {
    bench.advance(1)
    if (b.gone.length > 0) assert.ok([...told.keys()].filter((key) => key.startsWith('fu/')).length === 300)
  }
  assert.deepEqual(b.has('member/a'), Object.fromEntries(map.entries()))
  assert.equal(b.gone.length, 200)
})

test('a node whose clock was set back takes a higher life than its former process had', () => {
  const bench = new MapsBench()
  const b = bench.start('b')
  fill(bench.start('a').maps.own('member/a', 1_000), 10)
  bench.advance(2_000)
  bench.kill('a')
  const again = bench.start('a')
  const map = again.maps.own('member/a', 5)
  map.set('fnew', 1)
  bench.advance(2_000)
  assert.equal(map.life, 1_001)
  assert.deepEqual(b.has('member/a'), { fnew: 1 })
  assert.equal(again.logged('map_life_raised'), 1)
})

test('another node takes a map over: the former owner has a copy, what both say is never gone, and own listeners are told only what differs', () => {
  const bench = new MapsBench()
  const [a, b, c] = ['a', 'b', 'c'].map((node) => bench.start(node))
  const former = a!.maps.own('peer/x/1', 1)
  fill(former, 50)
  const seen: string[] = []
  b!.maps.watch(
    'peer/',
    {
      changed: (_name, _owner, changes) => seen.push(...changes.map(({ key, value }) => `${key}=${value}`)),
      dropped: () => assert.fail(),
    },
    { own: true },
  )
  const by: string[] = []
  former.onSuperseded(({ node }) => by.push(node))
  bench.advance(2_000)
  seen.length = 0
  const map = b!.maps.own('peer/x/1', 2)
  assert.equal(map.size, 50)
  map.delete('ft/0/+')
  map.set('fnew', 1)
  bench.advance(2_000)
  assert.deepEqual(by, ['b'])
  assert.equal(former.isOwned, false)
  assert.equal(former.set('late', 1), false)
  for (const member of [a!, c!]) {
    assert.deepEqual(member.has('peer/x/1'), Object.fromEntries(map.entries()))
    assert.equal(member.owners.get('peer/x/1'), 'b')
  }
  assert.deepEqual([c!.gone, c!.dropped], [['ft/0/+'], []])
  assert.deepEqual(b!.dropped, ['peer/x/1'])
  assert.deepEqual(seen, ['ft/0/+=undefined', 'fnew=1'])
})

test('who comes back after another node has taken its map over believes it, also if that one is gone', () => {
  const bench = new MapsBench()
  const [a, b] = ['a', 'b', 'c'].map((node) => bench.start(node))
  const former = a!.maps.own('peer/x/1', 1)
  former.set('old', 1)
  bench.advance(2_000)
  a!.coordination.cut()
  b!.maps.own('peer/x/1', 2).set('new', 1)
  bench.advance(2_000)
  bench.kill('b')
  a!.coordination.heal()
  bench.advance(2_000)
  assert.equal(former.isOwned, false)
  assert.equal(bench.members.get('c')!.owners.get('peer/x/1'), 'b')
})

test('to own a map under a lower life than a known owner has is to be superseded', () => {
  const bench = new MapsBench()
  const [a, b] = [bench.start('a'), bench.start('b')]
  a.maps.own('peer/x/1', 9).set('k', 1)
  bench.advance(2_000)
  const late = b.maps.own('peer/x/1', 3)
  const by: string[] = []
  late.onSuperseded(({ node }) => by.push(node))
  bench.advance(2_000)
  assert.deepEqual(by, ['a'])
  assert.deepEqual(b.has('peer/x/1'), { k: 1 })
})

test('of two owners with the same life one is believed by all', () => {
  const bench = new MapsBench()
  const [a, b, c] = ['a', 'b', 'c'].map((node) => bench.start(node))
  const [ofA, ofB] = [a!.maps.own('peer/x/1', 1), b!.maps.own('peer/x/1', 1)]
  ofA.set('a', 1)
  ofB.set('b', 1)
  bench.advance(3_000)
  assert.deepEqual([ofA.isOwned, ofB.isOwned], [false, true])
  assert.deepEqual([a!.has('peer/x/1'), c!.has('peer/x/1')], [{ b: 1 }, { b: 1 }])
})

test('copies outlive their owner until they are dropped: then all is taken back in slices', () => {
  const bench = new MapsBench()
  const [a, b] = [bench.start('a'), bench.start('b')]
  fill(a.maps.own('member/a', 1), 2_500)
  bench.advance(2_000)
  bench.kill('a')
  bench.advance(100_000)
  assert.equal(Object.keys(b.has('member/a')).length, 2_500)
  b.slices = []
  b.maps.drop('member/a')
  assert.deepEqual(b.slices, [])
  bench.advance(5)
  assert.deepEqual(b.slices, [1_000, 1_000, 500])
  assert.deepEqual([b.dropped, b.maps.list(), b.maps.copy('member/a')], [['member/a'], [], undefined])
})

test('a copy that was dropped while its owner lives is here again', () => {
  const bench = new MapsBench()
  const [a, b] = [bench.start('a'), bench.start('b')]
  fill(a.maps.own('member/a', 1), 1_500)
  bench.advance(2_000)
  b.maps.drop('member/a')
  bench.advance(2_000)
  assert.deepEqual(b.dropped, ['member/a'])
  assert.equal(Object.keys(b.has('member/a')).length, 1_500)
})

test('a released map stays where copies of it are', () => {
  const bench = new MapsBench()
  const [a, b] = [bench.start('a'), bench.start('b')]
  const map = a.maps.own('peer/x/1', 1)
  map.set('k', 1)
  bench.advance(100)
  map.release()
  assert.equal(map.set('l', 1), false)
  bench.advance(5_000)
  assert.deepEqual([a.maps.list(), b.has('peer/x/1')], [[], { k: 1 }])
  a.maps.own('peer/x/1', 2)
  bench.advance(2_000)
  assert.deepEqual(b.has('peer/x/1'), {})
})

test('a node that owns a map anew goes on with it under a higher life', () => {
  const bench = new MapsBench()
  const [a, b] = [bench.start('a'), bench.start('b')]
  const former = a.maps.own('peer/x/1', 5)
  fill(former, 30)
  bench.advance(2_000)
  bench.sent = []
  const map = a.maps.own('peer/x/1', 3)
  assert.deepEqual([map.life, map.size, former.isOwned, former.set('k', 1)], [6, 30, false, false])
  former.release()
  bench.advance(2_000)
  assert.equal(bench.entriesSent(), 0)
  map.set('k', 2)
  bench.advance(10)
  assert.equal(b.has('peer/x/1')['k'], 2)
  map.outlive(4)
  assert.equal(map.life, 6)
  map.outlive(8)
  bench.advance(10)
  assert.equal(b.maps.list()[0]?.life, 9)
  assert.equal(bench.entriesSent(), 1)
})

test('a listener that comes later is told what is there; one that throws is logged, one that stopped hears nothing', () => {
  const bench = new MapsBench()
  const [a, b] = [bench.start('a'), bench.start('b')]
  const map = a.maps.own('member/a', 1)
  fill(map, 1_200)
  bench.advance(2_000)
  const told = new Map<string, number | undefined>()
  const changed = (_name: string, _owner: object, changes: readonly { key: string; value: number | undefined }[]) => {
    for (const { key, value } of changes) told.set(key, value)
  }
  const stop = b.maps.watch('member/', { changed, dropped: () => {} })
  b.maps.watch('peer/', { changed: () => assert.fail(), dropped: () => assert.fail() })
  b.maps.watch('member/', {
    changed: () => {
      throw new Error('on purpose')
    },
    dropped: () => {},
  })
  bench.advance(5)
  assert.equal(told.size, 1_200)
  assert.ok(b.logged('map_listener_failed') > 0)
  stop()
  map.set('late', 1)
  bench.advance(100)
  assert.ok(!told.has('late'))
  assert.equal(b.has('member/a')['late'], 1)
})

test('no turn does much: slices, messages and pieces are bounded however large the maps are', () => {
  const bench = new MapsBench()
  const a = bench.start('a')
  const owned = Array.from({ length: 6 }, (_, i) => a.maps.own(`peer/x/${i}`, 1))
  for (const map of owned) fill(map, 8_000)
  const early = bench.start('early')
  let turns = a.turns
  bench.advance(1)
  // All turns that come without a pause are one moment of the simulated clock.
  turns = a.turns - turns
  const flushed = bench.sent.filter(({ from, message }) => from === 'a' && entriesIn(message) > 0)
  assert.ok(flushed.length > 20 && flushed.length <= turns, `${flushed.length} messages in ${turns} turns`)
  bench.advance(3_000)
  bench.sent = []
  const b = bench.start('b')
  let pulls = 0
  let pieces = 0
  for (let i = 0; i < 500; i += 1) {
    bench.advance(1)
    for (const { from, message, payload } of bench.sent) {
      if (from === 'b' && message.type === 'question' && message.question.type === 'pull') pulls += 1
      if (entriesIn(message) > 0) pieces += 1
      assert.ok(pulls - pieces <= 2, `${pulls} asked, ${pieces} answered`)
      assert.ok(entriesIn(message) <= 1_000)
      assert.ok(payload.length <= 80_000, String(payload.length))
    }
    bench.sent = []
  }
  for (const member of [early, b]) {
    assert.ok(member.toldInTurnMax > 500 && member.toldInTurnMax <= 1_000, String(member.toldInTurnMax))
    for (const map of owned) assert.equal(Object.keys(member.has(map.name)).length, 8_000)
  }
})

test('what a map cannot hold is refused and said once', () => {
  const bench = new MapsBench()
  const a = bench.start('a', { entriesMax: 2, ownMax: 1 })
  const map = a.maps.own('member/a', 1)
  assert.ok(map.set('x', 1) && map.set('y', 1))
  assert.deepEqual([map.set('z', 1), map.set('k'.repeat(70_000), 1), map.set('\ud800', 1)], [false, false, false])
  assert.ok(map.set('x', 2) && map.delete('y'))
  assert.equal(map.set('\ud800', 1), false)
  assert.equal(a.logged('map_entry_refused'), 1)
  assert.throws(() => map.set('x', 0.5), RangeError)
  assert.throws(() => a.maps.own('member/b', 2), RangeError)
  assert.throws(() => a.maps.own('member/b', -1), RangeError)
  assert.throws(() => a.maps.own('', 1), RangeError)
})

test('the longest key goes alone', () => {
  const bench = new MapsBench()
  const [a, b] = [bench.start('a'), bench.start('b')]
  const map = a.maps.own('member/a', 1)
  for (const letter of ['x', 'y', 'z']) map.set(`f${letter.repeat(65_535)}`, 1)
  bench.advance(2_000)
  assert.equal(Object.keys(b.has('member/a')).length, 3)
  bench.start('c')
  bench.advance(900)
  assert.equal(Object.keys(bench.members.get('c')!.has('member/a')).length, 3)
})

test('copies beyond the limits are not begun', () => {
  const bench = new MapsBench()
  const [a, b] = [bench.start('a'), bench.start('b', { copiesPerOwnerMax: 2 })]
  for (let i = 0; i < 5; i += 1) a.maps.own(`peer/x/${i}`, 1).set('k', 1)
  bench.advance(5_000)
  assert.equal(b.maps.list().length, 2)
  assert.equal(b.logged('map_copy_refused'), 1)
})

test('whatever comes from the bus, nothing throws, and what is malformed is logged', () => {
  const bench = new MapsBench()
  const [a, b] = [bench.start('a'), bench.start('b')]
  fill(a.maps.own('member/a', 1), 20)
  fill(b.maps.own('member/b', 1), 20)
  bench.advance(2_000)
  const payloads = bench.sent.map(({ payload }) => payload)
  assert.ok(payloads.length > 5)
  const mutated = fc
    .tuple(fc.nat({ max: payloads.length - 1 }), fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 }))
    .map(([which, edits]) => {
      const payload = Buffer.from(payloads[which] ?? [])
      for (const [at, byte] of edits) payload[at % payload.length] = byte
      return payload
    })
  const evil = bench.network.join('evil', 'boot')
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), mutated), (payload) => {
      evil.broadcast('maps', Buffer.from(payload))
      bench.advance(2)
    }),
    { numRuns: 1_000 },
  )
  assert.ok(b.logged('map_message_malformed') > 100)
  assert.equal(b.logged('map_listener_failed'), 0)
})

test('nothing is sent, told or begun after stop', () => {
  const bench = new MapsBench()
  const [a, b] = [bench.start('a'), bench.start('b')]
  const map = a.maps.own('member/a', 1)
  bench.advance(2_000)
  b.maps.stop()
  a.maps.stop()
  bench.sent = []
  map.set('k', 1)
  bench.advance(10_000)
  assert.deepEqual([bench.sent, b.slices], [[], []])
})

const steps = fc.oneof(
  { weight: 10, arbitrary: fc.record({ type: fc.constant('set' as const), at: fc.nat(), value: fc.nat({ max: 2 }) }) },
  { weight: 8, arbitrary: fc.record({ type: fc.constant('delete' as const), at: fc.nat() }) },
  { weight: 10, arbitrary: fc.record({ type: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 700 }) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('cut' as const), at: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('heal' as const), at: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('loss' as const), percent: fc.constantFrom(0, 30, 100) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('restart' as const), at: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('takeOver' as const), at: fc.nat() }) },
)

test('whatever happens to members and their network, one heartbeat after it is over all have the same', () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 60 }), fc.nat(), (taken, seed) => {
      const bench = new MapsBench()
      const nodes = ['a', 'b', 'c']
      const limits = { journal: { opsMax: 10, bytesMax: 1_000 }, message: { opsMax: 4, bytesMax: 1_000 } }
      let life = 1
      let random = seed
      const start = (node: string): void => {
        const member = bench.start(node, limits)
        // The clock of this node is often behind.
        member.maps.own(`member/${node}`, life % 3).set(`of ${node}`, life)
      }
      for (const node of nodes) start(node)
      const owns = (node: string) => bench.members.get(node)!.maps
      let speaker = 'a'
      let peer: OwnMap | undefined = owns(speaker).own('peer', life)
      const isCut = new Set<string>()
      for (const step of taken) {
        const node = nodes['at' in step ? step.at % 3 : 0]!
        const { coordination } = bench.members.get(node)!
        if (step.type === 'set') peer?.set(`k${step.at % 20}`, step.value)
        else if (step.type === 'delete') peer?.delete(`k${step.at % 20}`)
        else if (step.type === 'advance') bench.advance(step.ms)
        else if (step.type === 'cut') {
          isCut.add(node)
          coordination.cut()
        } else if (step.type === 'heal') {
          isCut.delete(node)
          coordination.heal()
        } else if (step.type === 'loss') {
          bench.network.loses = () => (random = (random * 1_103_515_245 + 12_345) % 2 ** 31) % 100 < step.percent
        } else if (step.type === 'restart') {
          bench.kill(node)
          isCut.delete(node)
          if (node === speaker) peer = undefined
          life += 1
          start(node)
        } else if (
          owns(node)
            .list()
            .every(({ name, state }) => name !== 'peer' || state !== 'own')
        ) {
          life += 1
          speaker = node
          peer = owns(node).own('peer', life)
        }
      }
      for (const node of isCut) bench.members.get(node)!.coordination.heal()
      bench.network.loses = () => false
      // A question that was lost just before is asked again after that; then one heartbeat.
      bench.advance(2_100)
      for (const node of nodes) {
        for (const other of nodes) {
          const own = bench.members
            .get(other)!
            .maps.list()
            .find(({ name }) => name === `member/${other}`)
          assert.equal(own?.state, 'own')
          if (other === node) continue
          const view = owns(node).copy(`member/${other}`)
          assert.equal(view?.state, 'in_sync', `${node} of ${other}`)
          assert.equal(view.size, 1)
        }
        if (peer?.isOwned !== true || node === speaker) continue
        assert.deepEqual(bench.members.get(node)!.has('peer'), Object.fromEntries(peer.entries()), node)
      }
    }),
    { numRuns: 150 },
  )
})
