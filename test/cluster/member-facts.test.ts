import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type FactMaps,
  type FactsOfAnother,
  type LocalInterest,
  type LocalInterestChange,
  MemberFacts,
} from '../../src/cluster/member-facts.ts'
import { ManualClock } from '../broker/manual-clock.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** Maps of a node alone, and what others would say put in by hand. */
class Maps implements FactMaps {
  readonly owned = new Map<string, number>()
  readonly copies = new Map<string, Map<string, number>>()
  state = 'in_sync'
  #listener: Parameters<FactMaps['watch']>[1] | undefined

  own() {
    return {
      set: (key: string, value: number) => void this.owned.set(key, value),
      delete: (key: string) => void this.owned.delete(key),
      release: () => this.owned.clear(),
    }
  }

  watch(_namePrefix: string, listener: Parameters<FactMaps['watch']>[1]): () => void {
    this.#listener = listener
    return () => (this.#listener = undefined)
  }

  isTold = true

  copy(name: string): FactsOfAnother | undefined {
    const copy = this.copies.get(name)
    if (copy === undefined) return undefined
    return { state: this.state, get: (key) => copy.get(key), entries: () => copy.entries() }
  }

  list(): readonly { readonly name: string }[] {
    return Array.from(this.copies.keys(), (name) => ({ name }))
  }

  drop(name: string): void {
    this.copies.delete(name)
  }

  says(node: string, key: string, value: number | undefined, owner = node): void {
    const copy = this.copies.get(`member/${node}`) ?? new Map<string, number>()
    this.copies.set(`member/${node}`, copy)
    if (value === undefined) copy.delete(key)
    else copy.set(key, value)
    this.#listener?.changed(`member/${node}`, { node: owner, boot: 'b' }, [{ key, value }])
  }
}

function setup(interest: readonly LocalInterest[] = []) {
  const clock = new ManualClock()
  const maps = new Maps()
  const held = new Set<string>()
  const ready = new Map<string, boolean>()
  const listeners = new Set<(change: LocalInterestChange) => void>()
  const facts = new MemberFacts(
    {
      self: { node: 'n1', boot: 'b1' },
      maps,
      routes: {
        localInterest: () => interest,
        onLocalInterest: (listener) => {
          listeners.add(listener)
          return () => void listeners.delete(listener)
        },
        addMemberRoute: (node, topicFilter) => void held.add(`${node} ${topicFilter}`),
        removeMemberRoute: (node, topicFilter) => void held.delete(`${node} ${topicFilter}`),
        addMemberGroup: (node, share, topicFilter, isReady) => {
          held.add(`${node} $share/${share}/${topicFilter}`)
          ready.set(`${share}/${topicFilter}`, isReady)
        },
        removeMemberGroup: (node, share, topicFilter) => void held.delete(`${node} $share/${share}/${topicFilter}`),
      },
      claims: {
        claimed: (node, clientId, stamp) => void held.add(`${node} session ${clientId} ${stamp}`),
        unclaimed: (node, clientId) => {
          for (const one of held) if (one.startsWith(`${node} session ${clientId} `)) held.delete(one)
        },
      },
      clock,
      log: silent,
    },
    1,
  )
  return {
    clock,
    maps,
    facts,
    ready,
    held: () => [...held].toSorted(),
    tell: (change: LocalInterestChange) => listeners.forEach((listener) => listener(change)),
  }
}

test('what this node wants is said to the others: as it is at the start, and each change', () => {
  const { maps, facts, tell } = setup([{ kind: 'filter', topicFilter: 'a/#', isKept: false }])
  tell({ type: 'added', entry: { kind: 'group', shareName: 'g', topicFilter: 'b/+', isKept: true } })
  facts.claim('client', 7)
  assert.deepEqual(
    [...maps.owned],
    [
      ['fa/#', 1],
      ['gg/b/+', 3],
      ['sclient', 7],
    ],
  )
  tell({ type: 'removed', entry: { kind: 'filter', topicFilter: 'a/#', isKept: false } })
  facts.unclaim('client')
  assert.deepEqual([...maps.owned.keys()], ['gg/b/+'])
})

test('a member that has left keeps the destinations of sessions that outlive their connections, and nothing else', () => {
  const { clock, maps, facts, held, ready } = setup()
  facts.present('n2')
  for (const [key, value] of [
    ['fplain', 1],
    ['fkept', 3],
    ['gg/plain', 1],
    ['gg/kept', 3],
    ['sclient', 5],
  ] as const)
    maps.says('n2', key, value)
  const all = ['n2 $share/g/kept', 'n2 $share/g/plain', 'n2 kept', 'n2 plain', 'n2 session client 5']
  assert.deepEqual(held(), all)
  facts.absent('n2', 'left')
  clock.advance(1)
  assert.deepEqual(held(), ['n2 $share/g/kept', 'n2 kept'])
  assert.equal(ready.get('g/kept'), false, 'others go before it')
  facts.present('n2')
  clock.advance(1)
  assert.deepEqual(held(), all)
  assert.equal(ready.get('g/kept'), true)
  facts.forget('n2')
  clock.advance(1)
  assert.deepEqual(held(), [])
  assert.equal(maps.copies.size, 0)
})

test('a silent member keeps all its destinations for a minute, but neither its sessions nor its turn in groups', () => {
  const { clock, maps, facts, held, ready } = setup()
  facts.present('n2')
  for (const [key, value] of [
    ['fplain', 1],
    ['fkept', 3],
    ['gg/plain', 1],
    ['sclient', 5],
  ] as const)
    maps.says('n2', key, value)
  facts.absent('n2', 'silent')
  clock.advance(59_999)
  assert.deepEqual(held(), ['n2 $share/g/plain', 'n2 kept', 'n2 plain'])
  assert.equal(ready.get('g/plain'), false)
  clock.advance(2)
  assert.deepEqual(held(), ['n2 kept'])
  facts.present('n2')
  clock.advance(1)
  assert.equal(ready.get('g/plain'), true)
  facts.absent('n2', 'silent')
  clock.advance(50_000)
  facts.present('n2')
  clock.advance(50_000)
  assert.equal(held().length, 4, 'what it was given to speak again ended when it spoke')
})

test('a member is known when all that it says has come and was told', () => {
  const { maps, facts } = setup()
  facts.present('n2')
  assert.equal(facts.isKnown('n2'), false, 'nothing came')
  maps.says('n2', 'fplain', 1)
  assert.equal(facts.isKnown('n2'), true)
  maps.isTold = false
  assert.equal(facts.isKnown('n2'), false)
  maps.isTold = true
  maps.state = 'repairing'
  assert.equal(facts.isKnown('n2'), false)
})

test('what a member said before it was seen counts from when it is there', () => {
  const { clock, maps, facts, held } = setup()
  maps.says('n2', 'fplain', 1)
  assert.deepEqual(held(), [])
  facts.present('n2')
  clock.advance(1)
  assert.deepEqual(held(), ['n2 plain'])
  maps.says('n2', 'fplain', undefined)
  assert.deepEqual(held(), [])
})

test('a great many entries come and go in slices, and a member that returns meanwhile is whole again', () => {
  const { clock, maps, facts, held } = setup()
  facts.present('n2')
  for (let i = 0; i < 2_500; i++) maps.says('n2', `f${i}`, 1)
  assert.equal(held().length, 2_500)
  facts.absent('n2', 'left')
  assert.equal(held().length, 1_500, 'one slice')
  facts.present('n2')
  clock.advance(1)
  assert.equal(held().length, 2_500)
})

for (const [what, key] of [
  ['a filter that is none', 'fa/#/b'],
  ['a group without a filter', 'gonly'],
  ['a group without a name', 'g/a'],
  ['a kind that a later version may have', 'xa'],
] as const)
  test(`what a member says and can't be understood is passed over: ${what}`, () => {
    const { maps, facts, held } = setup()
    facts.present('n2')
    maps.says('n2', key, 1)
    maps.says('n2', key, undefined)
    assert.deepEqual(held(), [])
  })

test('nobody speaks for another node', () => {
  const { maps, facts, held } = setup()
  facts.present('n2')
  maps.says('n2', 'fa', 1, 'n3')
  assert.deepEqual(held(), [])
})

test('a node that joins while another one is away hears of the others who is awaited there', () => {
  const old = setup()
  old.facts.present('n2')
  old.maps.says('n2', 'fplain', 1)
  old.maps.says('n2', 'fkept', 3)
  old.maps.says('n2', 'gg/kept', 3)
  old.maps.says('n2', 'sclient', 3)
  old.facts.present('n3')
  old.maps.says('n3', 'fkept', 3)
  const awaited = old.facts.awaitedBut(new Set(['n1', 'n3', 'n4']))
  assert.deepEqual([...awaited], [['n2', ['fkept', 'gg/kept']]])

  const { clock, maps, facts, held } = setup()
  for (const [node, keys] of awaited) facts.awaitAt(node, keys)
  assert.deepEqual(held(), ['n2 $share/g/kept', 'n2 kept'])
  assert.deepEqual([...facts.awaitedBut(new Set(['n1']))], [['n2', ['fkept', 'gg/kept']]], 'it tells the next one')
  // It is back, and wants less than before.
  facts.present('n2')
  maps.says('n2', 'fkept', 3)
  assert.deepEqual(held(), ['n2 $share/g/kept', 'n2 kept'])
  clock.advance(11_000)
  assert.deepEqual(held(), ['n2 kept'])
})

test('what others say of a node counts for nothing once the node speaks for itself', () => {
  const { facts, maps, held } = setup()
  maps.says('n2', 'fkept', 3)
  facts.awaitAt('n2', ['fother'])
  facts.awaitAt('n1', ['fours'])
  facts.present('n3')
  facts.awaitAt('n3', ['fother'])
  assert.deepEqual(held(), ['n2 kept'])
})

test('a node that does not come back is not awaited for ever', () => {
  const { facts, held } = setup()
  facts.awaitAt('n2', ['fkept'])
  facts.forget('n2')
  assert.deepEqual(held(), [])
})
