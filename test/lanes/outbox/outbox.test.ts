import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { imbalance, refusedByPeer } from '../../../src/lanes/ledger.ts'
import { markSent, readLinkFrame } from '../../../src/lanes/batches/link-frame.ts'
import type { BatchKeeper, OutboxBatch } from '../../../src/lanes/outbox/outbox-batch.ts'
import { Outbox, type OutboxOptions } from '../../../src/lanes/outbox/outbox.ts'
import type { OutboxLimits } from '../../../src/lanes/outbox/outbox-limits.ts'
import { PoolQueues } from '../../../src/lanes/outbox/pool-queues.ts'
import type { QoS } from '../../../src/packets/message.ts'
import { plain } from '../lane-messages.ts'
import { namesOf, publish, type Sample, WALL_MS } from './outbox-messages.ts'

const roomy: OutboxLimits = {
  bytesMax: 64_000_000,
  countMax: Number.POSITIVE_INFINITY,
  ageMsMax: Number.POSITIVE_INFINITY,
}

function outboxOf(limits: Partial<OutboxLimits> = {}, options: Partial<OutboxOptions> = {}): Outbox {
  return new Outbox({ epoch: 1, overflow: 'drop_oldest', ...options, limits: { ...roomy, ...limits } })
}

function accept(outbox: Outbox, name: string, sample: Sample = {}): ReturnType<Outbox['accept']> {
  const { atMs = 0 } = sample
  return outbox.accept(publish(name, sample), plain, atMs, WALL_MS + atMs)
}

function batches(outbox: Outbox, nowMs = 0, mayDrain = true): OutboxBatch[] {
  const found: OutboxBatch[] = []
  for (let batch = outbox.next(nowMs, mayDrain); batch !== undefined; batch = outbox.next(nowMs, mayDrain))
    found.push(batch)
  return found
}

function names(found: readonly OutboxBatch[]): string[] {
  return found.flatMap(({ frame }) => namesOf(frame))
}

function settleAll(outbox: Outbox, found: readonly OutboxBatch[]): void {
  for (const batch of found) outbox.settle(batch, { type: 'delivered' })
}

test('messages of one turn cross in one batch, those of QoS 0 in another', () => {
  const outbox = outboxOf()
  outbox.connected()
  for (const [name, qos] of [
    ['a', 1],
    ['b', 0],
    ['c', 2],
  ] as const)
    assert.equal(accept(outbox, name, { qos }), 'taken')
  const [numbered, qos0, ...more] = batches(outbox)
  assert.ok(numbered !== undefined && qos0 !== undefined && more.length === 0)
  assert.deepEqual([namesOf(numbered.frame), namesOf(qos0.frame)], [['a', 'c'], ['b']])
  assert.deepEqual([numbered.lane, numbered.sequence, qos0.sequence], [0, 2, 0])
  assert.deepEqual(outbox.ledger.snapshot(), {
    matched: 3,
    delivered: 1,
    inflight: 2,
    queued: 0,
    dropped: {},
    failed: {},
    retried: 0,
  })
  settleAll(outbox, [numbered])
  assert.deepEqual([outbox.count, outbox.bytes], [0, 0])
})

test('a message that came over a link neither waits nor counts', () => {
  const outbox = outboxOf()
  const message = { ...publish('x'), origin: 'cl.c' }
  assert.equal(outbox.accept(message, plain, 0, WALL_MS), 'not_ours')
  assert.equal(outbox.ledger.snapshot().matched, 0)
})

for (const { when, limits, overflow = 'drop_oldest', pushed, left, dropped } of [
  {
    when: 'at the limit the oldest QoS 0 goes before older QoS 1',
    limits: { countMax: 3 },
    pushed: [{ name: 'a' }, { name: 'b', qos: 0 }, { name: 'c', qos: 0 }, { name: 'd' }],
    left: ['a', 'c', 'd'],
    dropped: { shed_qos0: 1 },
  },
  {
    when: 'without QoS 0 the oldest message goes',
    limits: { countMax: 2 },
    pushed: [{ name: 'a' }, { name: 'b', qos: 2 }, { name: 'c' }],
    left: ['b', 'c'],
    dropped: { queue_full: 1 },
  },
  {
    when: 'QoS 0 drives out nothing that is worth more',
    limits: { countMax: 2 },
    pushed: [{ name: 'a' }, { name: 'b' }, { name: 'c', qos: 0 }],
    left: ['a', 'b'],
    dropped: { shed_qos0: 1 },
  },
  {
    when: 'the limit of bytes counts what a batch takes besides its messages',
    limits: { bytesMax: 2_000 },
    pushed: [{ name: 'a' }, { name: 'b' }, { name: 'c' }, { name: 'd' }, { name: 'e' }, { name: 'f' }],
    left: ['b', 'c', 'd', 'e', 'f'],
    dropped: { queue_full: 1 },
  },
  {
    when: 'a message that could never fit drives out nothing',
    limits: { bytesMax: 2_000 },
    pushed: [{ name: 'a' }, { name: 'b', bytes: 2_000 }],
    left: ['a'],
    dropped: { queue_full: 1 },
  },
  {
    when: 'of drop_newest the newcomer goes',
    limits: { countMax: 2 },
    overflow: 'drop_newest',
    pushed: [{ name: 'a' }, { name: 'b' }, { name: 'c' }],
    left: ['a', 'b'],
    dropped: { queue_full: 1 },
  },
  {
    when: 'of drop_newest it goes too if it has QoS 0, but QoS 0 goes for it if not',
    limits: { countMax: 2 },
    overflow: 'drop_newest',
    pushed: [{ name: 'a', qos: 0 }, { name: 'b' }, { name: 'c', qos: 0 }, { name: 'd' }],
    left: ['b', 'd'],
    dropped: { shed_qos0: 2 },
  },
  {
    when: 'under backpressure limits hold as well',
    limits: { countMax: 2 },
    overflow: 'backpressure',
    pushed: [{ name: 'a' }, { name: 'b' }, { name: 'c' }],
    left: ['a', 'b'],
    dropped: { queue_full: 1 },
  },
] as const) {
  for (const isConnected of [false, true])
    test(`${when}${isConnected ? ', connected' : ''}`, () => {
      const outbox = outboxOf(limits, { overflow })
      if (isConnected) outbox.connected()
      for (const { name, ...sample } of pushed) accept(outbox, name, sample)
      outbox.connected()
      const got: string[] = []
      for (let found = batches(outbox); found.length > 0; found = batches(outbox)) {
        got.push(...names(found))
        settleAll(outbox, found)
      }
      assert.deepEqual(got.toSorted(), left)
      assert.deepEqual(outbox.ledger.snapshot().dropped, dropped)
      assert.equal(imbalance(outbox.ledger.snapshot()), 0)
    })
}

test('a full outbox loses little at once: a batch is a small part of it', () => {
  const outbox = outboxOf({ countMax: 6_400 })
  for (let i = 0; i < 6_401; i += 1) accept(outbox, `${i}`)
  assert.deepEqual(outbox.ledger.snapshot().dropped, { queue_full: 100 })
})

test('a batch has 64 KiB at most, but for a message that is larger alone', () => {
  const outbox = outboxOf()
  outbox.connected()
  for (const [name, bytes] of [
    ['a', 30_000],
    ['b', 30_000],
    ['c', 30_000],
    ['d', 100_000],
    ['e', 10],
  ] as const)
    accept(outbox, name, { bytes })
  assert.deepEqual(
    batches(outbox).map(({ frame }) => namesOf(frame)),
    [['a', 'b'], ['c'], ['d'], ['e']],
  )
})

test('what is in flight is never dropped, so a newcomer that needs its place is refused', () => {
  const outbox = outboxOf({ countMax: 1 })
  outbox.connected()
  accept(outbox, 'a')
  const [flying] = batches(outbox)
  assert.equal(accept(outbox, 'b'), 'queue_full')
  outbox.settle(flying!, { type: 'delivered' })
  assert.deepEqual(outbox.ledger.snapshot().dropped, { queue_full: 1 })
  assert.equal(outbox.ledger.snapshot().delivered, 1)
})

test('no more than half of the outbox flies, so that there is something that may be dropped', () => {
  const outbox = outboxOf({ countMax: 4 })
  outbox.connected()
  for (const name of ['a', 'b', 'c', 'd']) accept(outbox, name)
  assert.deepEqual(names(batches(outbox)), ['a', 'b'])
  assert.equal(accept(outbox, 'e'), 'taken')
  assert.deepEqual(outbox.ledger.snapshot().dropped, { queue_full: 1 })
})

test('messages expire by age and by their own interval while nothing moves and the window is full', () => {
  const outbox = outboxOf({ ageMsMax: 5_000 })
  outbox.connected()
  accept(outbox, 'flying')
  const [flying] = batches(outbox)
  accept(outbox, 'aged')
  accept(outbox, 'brief', { expirySeconds: 2 })
  assert.equal(outbox.nextExpiryMs, 2_000)
  assert.equal(outbox.sweep(1_999), 0)
  assert.equal(outbox.sweep(2_000), 1)
  assert.equal(outbox.nextExpiryMs, 5_000)
  assert.equal(outbox.sweep(5_000), 1)
  assert.equal(outbox.nextExpiryMs, Number.POSITIVE_INFINITY)
  assert.deepEqual(outbox.ledger.snapshot().dropped, { expired: 2 })
  outbox.disconnected()
  assert.equal(outbox.sweep(5_000), 1, 'what flew on a connection that is gone is as old as ever')
  outbox.settle(flying!, { type: 'delivered' })
  assert.equal(imbalance(outbox.ledger.snapshot()), 0)
})

test('what flew goes again as it was: a message in it that has expired may have arrived, and keeps its batch as it is', () => {
  const outbox = outboxOf()
  outbox.connected()
  accept(outbox, 'brief', { expirySeconds: 1 })
  accept(outbox, 'long')
  const [first] = batches(outbox)
  const frame = Buffer.from(first!.frame)
  outbox.disconnected()
  assert.equal(outbox.sweep(10_000), 0)
  outbox.connected()
  const [second] = batches(outbox, 10_000)
  assert.deepEqual([second!.frame, second!.isResent, first!.id], [frame, true, second!.id])
})

test('an expired message is never launched, swept or not, and one that comes expired is not taken', () => {
  const outbox = outboxOf({ ageMsMax: 100_000 })
  accept(outbox, 'brief', { expirySeconds: 1 })
  accept(outbox, 'long')
  assert.equal(outbox.accept(publish('dead', { expirySeconds: 1 }), plain, 2_000, WALL_MS + 2_000), 'expired')
  outbox.connected()
  assert.deepEqual(names(batches(outbox, 1_000)), ['long'])
  assert.deepEqual(outbox.ledger.snapshot().dropped, { expired: 2 })
})

test('a clock that is set makes nothing expire that waits', () => {
  const outbox = outboxOf()
  accept(outbox, 'brief', { expirySeconds: 10 })
  accept(outbox, 'briefer', { expirySeconds: 5 })
  const later = publish('after', { expirySeconds: 10, atMs: 1e9 })
  assert.equal(outbox.accept(later, plain, 2_000, WALL_MS + 1e9), 'taken')
  assert.equal(outbox.sweep(4_999), 0)
  assert.equal(outbox.sweep(5_000), 1)
  assert.equal(outbox.sweep(9_999), 0)
  outbox.connected()
  assert.deepEqual(names(batches(outbox, 9_999)), ['brief', 'after'])
})

test('a sweep does little at a time, and says that there is more', () => {
  const outbox = outboxOf({ countMax: 128 })
  outbox.connected()
  for (let i = 0; i < 40; i += 1) accept(outbox, `${i}`, { expirySeconds: i % 2 === 0 ? 1 : 100 })
  assert.equal(outbox.sweep(1_000), 8)
  assert.equal(outbox.nextExpiryMs, 1_000)
  assert.equal(outbox.sweep(1_000) + outbox.sweep(1_000), 12)
  assert.equal(outbox.nextExpiryMs, 100_000)
})

test('an epoch is unused until the first batch with a number goes; one of QoS 0 has none', () => {
  const outbox = outboxOf({}, { epoch: 7 })
  outbox.connected()
  accept(outbox, 'a', { qos: 0 })
  assert.equal(batches(outbox).length, 1)
  assert.equal(outbox.unusedEpoch, 7)
  accept(outbox, 'b')
  assert.equal(outbox.unusedEpoch, 7)
  assert.equal(outbox.next(0, true)?.epoch, 7)
  assert.equal(outbox.unusedEpoch, undefined)
})

test('what flew when the connection went goes again first, in the same order, under the same numbers', () => {
  const outbox = outboxOf({ countMax: 64 })
  outbox.connected()
  for (const name of ['a', 'b', 'c', 'd']) accept(outbox, name)
  const flown = [outbox.next(0, true), outbox.next(0, true), outbox.next(0, true)].map((batch) => batch!)
  outbox.settle(flown[1]!, { type: 'delivered' })
  outbox.disconnected()
  outbox.settle(flown[0]!, { type: 'delivered' })
  outbox.connected()
  accept(outbox, 'e')
  const again = [outbox.next(0, true)]
  outbox.disconnected()
  outbox.connected()
  const all = batches(outbox)
  assert.deepEqual(names(all), ['a', 'c', 'd', 'e'], 'the late answer for a changes nothing')
  assert.deepEqual(
    all.map(({ isResent }) => isResent),
    [true, true, false, false],
  )
  assert.equal(again[0]!.sequence, all[0]!.sequence)
  const { matched, delivered, retried, inflight } = outbox.ledger.snapshot()
  assert.deepEqual([matched, delivered, retried, inflight], [5, 1, 3, 4])
})

test('a publisher stays behind his own backlog, others pass it', () => {
  const outbox = outboxOf({ countMax: 6_400 })
  for (let i = 0; i < 250; i += 1) accept(outbox, `old-${i}`, { from: i < 150 ? 'early' : 'slow' })
  assert.equal(outbox.backlog, 250)
  outbox.connected()
  for (const from of ['slow', 'fast']) accept(outbox, from, { from })
  assert.deepEqual(names(batches(outbox, 0, false)), ['fast'])
  assert.equal(outbox.next(0, true)?.messages, 100)
  assert.equal(outbox.next(0, true)?.messages, 100)
  accept(outbox, 'early', { from: 'early' })
  assert.deepEqual(names(batches(outbox, 0, false)), ['early'], 'nothing of his waits any more')
  assert.deepEqual(names(batches(outbox)).at(-1), 'slow')
  accept(outbox, 'slow-again', { from: 'slow' })
  assert.deepEqual(names(batches(outbox, 0, false)), ['slow-again'])
})

test('what waits beyond 256 KiB is a backlog, which goes when nothing else is there', () => {
  const outbox = outboxOf()
  outbox.connected()
  for (let i = 0; i < 12; i += 1) accept(outbox, `${i}`, { bytes: 30_000, from: `${i % 3}` })
  const live = batches(outbox, 0, false)
  assert.deepEqual([live.at(-1)!.lane, names(live).length, outbox.backlog], [0, 9, 3])
  accept(outbox, 'x', { from: 'x' })
  accept(outbox, 'zero', { from: 'x', qos: 0 })
  assert.deepEqual(names(batches(outbox)), ['x', 'zero', '9', '10', '11'])
})

test('while the window is full, QoS 0 alone goes', () => {
  const outbox = outboxOf()
  outbox.connected()
  accept(outbox, 'a')
  accept(outbox, 'b', { qos: 0 })
  assert.deepEqual(namesOf(outbox.next(0, true, false)!.frame), ['b'])
  assert.equal(outbox.next(0, true, false), undefined)
})

test('a batch that is too long for the connection goes in pieces, what alone is too long not at all', () => {
  for (const hasFlown of [false, true]) {
    const outbox = outboxOf()
    if (hasFlown) outbox.connected()
    for (const [name, bytes] of [
      ['a', 50],
      ['b', 50],
      ['c', 500],
      ['d', 50],
    ] as const)
      accept(outbox, name, { bytes })
    const [whole] = hasFlown ? batches(outbox) : []
    outbox.disconnected()
    outbox.connected(200)
    const pieces = batches(outbox)
    assert.deepEqual(
      pieces.map(({ frame }) => namesOf(frame)),
      [['a'], ['b'], ['d']],
    )
    assert.ok(pieces.every(({ frame }) => frame.length <= 200))
    assert.deepEqual(
      pieces.map(({ sequence }) => sequence),
      [1, 2, 4],
    )
    assert.equal(pieces[2]!.sequence, whole?.sequence ?? 4)
    for (const { frame, sequence, lane } of pieces) {
      const head = readLinkFrame(frame, 200)
      assert.ok(head.type === 'batch' && head.sequence === sequence && head.lane === lane)
    }
    assert.deepEqual(outbox.ledger.snapshot().dropped, { too_large: 1 })
    settleAll(outbox, pieces)
    assert.deepEqual([outbox.count, outbox.bytes], [0, 0])
  }
})

test('what the peer refuses has failed, and only once', () => {
  const outbox = outboxOf()
  outbox.connected()
  accept(outbox, 'a')
  const [batch] = batches(outbox)
  outbox.settle(batch!, { type: 'failed', reason: refusedByPeer(0x97) })
  outbox.settle(batch!, { type: 'delivered' })
  const { delivered, failed } = outbox.ledger.snapshot()
  assert.deepEqual([delivered, failed], [0, { 'refused_by_peer(0x97)': 1 }])
})

test('a removed link drops what waits and what flies', () => {
  const outbox = outboxOf({ countMax: 64 })
  outbox.connected()
  for (const [name, qos] of [
    ['a', 1],
    ['b', 1],
    ['c', 0],
  ] as const)
    accept(outbox, name, { qos })
  const flying = outbox.next(0, true)
  outbox.clear()
  outbox.settle(flying!, { type: 'delivered' })
  assert.deepEqual(outbox.ledger.snapshot().dropped, { link_removed: 3 })
  assert.deepEqual([outbox.bytes, outbox.count, outbox.hasOpen, outbox.next(0, true)], [0, 0, false, undefined])
})

for (const { overflow, left } of [
  { overflow: 'drop_oldest', left: ['d', 'e'] },
  { overflow: 'drop_newest', left: ['a', 'b'] },
] as const)
  test(`a smaller limit holds at once, by ${overflow}`, () => {
    const outbox = outboxOf({ countMax: 64 })
    for (const name of ['a', 'b', 'c', 'd', 'e']) accept(outbox, name)
    outbox.limit({ ...roomy, countMax: 2 }, overflow)
    outbox.connected()
    const got: string[] = []
    for (let found = batches(outbox); found.length > 0; found = batches(outbox)) {
      got.push(...names(found))
      settleAll(outbox, found)
    }
    assert.deepEqual(got, left)
    assert.equal(imbalance(outbox.ledger.snapshot()), 0)
  })

test('under backpressure publishers wait while it is nearly full', () => {
  const outbox = outboxOf({ countMax: 10 }, { overflow: 'backpressure' })
  outbox.connected()
  for (let i = 0; i < 7; i += 1) accept(outbox, `${i}`)
  assert.equal(outbox.isFull, false)
  accept(outbox, 'x')
  assert.equal(outbox.isFull, true)
  settleAll(outbox, batches(outbox))
  assert.equal(outbox.isFull, false)
  outbox.limit({ ...roomy, countMax: 3 }, 'drop_oldest')
  assert.equal(outbox.isFull, false)
})

class Shelf implements BatchKeeper {
  readonly kept = new Map<number, OutboxBatch>()
  keep(batch: OutboxBatch): void {
    this.kept.set(batch.id, batch)
  }
  forget({ id }: OutboxBatch): void {
    this.kept.delete(id)
  }
}

test('nothing of QoS 1 and 2 goes before it is kept, and it is kept until it is done with', () => {
  const keeper = new Shelf()
  const outbox = outboxOf({}, { keeper })
  outbox.connected()
  accept(outbox, 'a')
  accept(outbox, 'b', { qos: 0 })
  assert.deepEqual(names(batches(outbox)), ['b'])
  assert.equal(outbox.hasOpen, true)
  outbox.seal()
  assert.equal(outbox.hasOpen, false)
  assert.equal(outbox.next(0, true), undefined)
  const [batch] = keeper.kept.values()
  outbox.kept(batch!)
  settleAll(outbox, batches(outbox))
  assert.equal(keeper.kept.size, 0)
})

test('what was kept comes back as a backlog under its old epoch, and its publishers are behind it', () => {
  const keeper = new Shelf()
  const before = outboxOf({}, { keeper, epoch: 5 })
  for (const [name, sample] of [
    ['a', {}],
    ['b', { expirySeconds: 10 }],
    ['c', { from: 'q', expirySeconds: 60 }],
  ] as const)
    accept(before, name, sample)
  before.seal()
  const stored = [...keeper.kept.values()].map(({ id, frame }) => ({ id, frame }))
  // Another process, whose steady clock begins elsewhere.
  const after = outboxOf({ ageMsMax: 30_000 }, { keeper, epoch: 6 })
  const broken = { id: 99, frame: Buffer.from('what is this') }
  assert.deepEqual(after.restore([...stored, broken], 70_000, WALL_MS + 11_000), [broken])
  assert.deepEqual([after.count, after.backlog, after.ledger.snapshot().matched], [3, 3, 3])
  assert.equal(after.nextExpiryMs, 69_000, 'its time has come meanwhile')
  assert.equal(after.sweep(70_000), 1)
  assert.equal(after.nextExpiryMs, 89_000, 'it is as old as it was')
  after.connected()
  accept(after, 'd', { from: 'p', atMs: 70_000 })
  accept(after, 'e', { from: 'r', atMs: 70_000 })
  after.seal()
  for (const batch of keeper.kept.values()) after.kept(batch)
  const [live, old, behind, ...more] = batches(after, 70_000)
  assert.deepEqual(
    [live, old, behind].map((batch) => namesOf(batch!.frame)),
    [['e'], ['a', 'c'], ['d']],
  )
  assert.deepEqual(
    [live, old, behind].map((batch) => batch!.epoch),
    [6, 5, 6],
  )
  assert.deepEqual([old!.isResent, behind!.isResent, more.length], [true, false, 0])
  assert.ok(live!.id > old!.id && behind!.id > old!.id)
})

test('a batch that follows a dropped one waits until the disk knows, even if it was kept before', () => {
  const keeper = new Shelf()
  const outbox = outboxOf({ countMax: 3 }, { keeper })
  outbox.connected()
  for (const name of ['a', 'b', 'c']) accept(outbox, name)
  outbox.seal()
  const kept = [...keeper.kept.values()]
  for (const batch of kept) outbox.kept(batch)
  accept(outbox, 'd')
  assert.equal(outbox.next(0, true), undefined)
  for (const batch of kept) outbox.kept(batch)
  assert.equal(outbox.next(0, true), undefined, 'that was said of what the disk had before')
  for (const batch of keeper.kept.values()) outbox.kept(batch)
  assert.deepEqual(namesOf(outbox.next(0, true)!.frame), ['b'])
})

test('what follows a batch that was refused waits until the disk knows', () => {
  const keeper = new Shelf()
  const outbox = outboxOf({ countMax: 64 }, { keeper })
  outbox.connected()
  for (const name of ['a', 'b']) accept(outbox, name)
  outbox.seal()
  for (const batch of keeper.kept.values()) outbox.kept(batch)
  outbox.settle(outbox.next(0, true)!, { type: 'failed', reason: refusedByPeer(0x97) })
  assert.equal(outbox.next(0, true), undefined)
  for (const batch of keeper.kept.values()) outbox.kept(batch)
  assert.deepEqual(names(batches(outbox)), ['b'])
})

test('pieces of what flew go before all else, though the disk has yet to get them', () => {
  const keeper = new Shelf()
  const outbox = outboxOf({}, { keeper })
  const keep = () => {
    outbox.seal()
    for (const batch of keeper.kept.values()) outbox.kept(batch)
  }
  outbox.connected()
  for (const name of ['a', 'b']) accept(outbox, name, { bytes: 100 })
  keep()
  assert.deepEqual(names(batches(outbox)), ['a', 'b'])
  outbox.disconnected()
  outbox.connected(200)
  accept(outbox, 'c')
  keep()
  assert.equal(outbox.next(0, true), undefined)
  assert.equal(outbox.take(0), undefined)
  keep()
  assert.deepEqual(names(batches(outbox)), ['a', 'b', 'c'])
})

test('lane 0 is sealed before lane 1, so that the order of a publisher is that of sealing too', () => {
  const keeper = new Shelf()
  const outbox = outboxOf({}, { keeper })
  outbox.connected()
  // The last of lane 0 leaves its batch open, and lane 1 has two full ones before the turn ends.
  for (let i = 0; i < 15; i += 1) accept(outbox, `${i}`, { bytes: 30_000 })
  outbox.seal()
  const stored = [...keeper.kept.values()].toSorted((one, other) => one.id - other.id)
  assert.deepEqual([...new Set(stored.map(({ lane }) => lane))], [0, 1])
  const after = outboxOf({}, { epoch: 2 })
  after.restore(stored, 0, WALL_MS)
  after.connected()
  assert.deepEqual(
    names(batches(after)),
    Array.from({ length: 15 }, (_, i) => `${i}`),
  )
})

test('a frame is marked before each sending', () => {
  const outbox = outboxOf()
  accept(outbox, 'a', { atMs: 7 })
  outbox.connected()
  const [batch] = batches(outbox, 1_000)
  const { frame, isResent } = batch!
  markSent(frame, WALL_MS + 1_000, isResent)
  const head = readLinkFrame(frame, 10_000)
  assert.ok(head.type === 'batch')
  assert.deepEqual([head.sentAtMs, head.isResent, head.epoch, head.lane], [WALL_MS + 1_000, false, 1, 1])
})

type Taken = {
  readonly type: 'accept' | 'take' | 'settle' | 'putBack' | 'sweep' | 'wait' | 'reshape' | 'limit' | 'fetch'
}

const operation = fc.record<Taken & { from: string; qos: QoS; bytes: number; expirySeconds: number; pick: number }>({
  type: fc.constantFrom(
    'accept',
    'accept',
    'accept',
    'fetch',
    'fetch',
    'take',
    'take',
    'settle',
    'settle',
    'putBack',
    'sweep',
    'wait',
    'reshape',
    'limit',
  ),
  from: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  qos: fc.constantFrom<QoS>(0, 1, 2),
  bytes: fc.integer({ min: 1, max: 40 }),
  expirySeconds: fc.constantFrom(0, 1, 2, 3, 1_000),
  pick: fc.nat(100),
})

test('property: the ledger balances, limits hold and each publisher’s order survives whatever happens', () => {
  fc.assert(
    fc.property(
      fc.array(operation, { maxLength: 150, size: 'max' }),
      fc.constantFrom(4, 12, 200),
      (operations, most) => {
        let limits: OutboxLimits = { bytesMax: 5_000, countMax: most, ageMsMax: 4_000 }
        const outbox = new Outbox({ epoch: 1, limits, overflow: 'drop_oldest' })
        const queues = new PoolQueues(outbox, 3)
        outbox.takenBy(queues)
        outbox.connected()
        const flying: NonNullable<ReturnType<PoolQueues['take']>>[] = []
        const lastOf = new Map<string, number>()
        let nowMs = 0
        let serial = 0
        for (const { type, pick, ...sample } of operations) {
          const { count, bytes } = outbox
          if (type === 'accept') accept(outbox, `${(serial += 1)}`, { ...sample, atMs: nowMs })
          else if (type === 'fetch') queues.refill(() => true, nowMs, WALL_MS + nowMs)
          else if (type === 'take') {
            const entry = queues.take(pick % queues.queueCount, nowMs)
            if (entry !== undefined) flying.push(entry)
          } else if (type === 'settle') {
            const [entry] = flying.splice(pick % Math.max(flying.length, 1), 1)
            const outcome = pick % 2 === 0 ? ({ type: 'delivered' } as const) : refused
            if (entry !== undefined) queues.settle(entry, outcome)
          } else if (type === 'putBack') queues.putBack(pick % queues.queueCount)
          else if (type === 'sweep') {
            outbox.sweep(nowMs)
            queues.sweep(nowMs)
          } else if (type === 'wait') nowMs += pick * 20
          else if (type === 'reshape') queues.reshape((pick % 4) + 1)
          else outbox.limit((limits = { ...limits, countMax: (pick % 20) + 1 }), 'drop_oldest')

          const ledger = outbox.ledger.snapshot()
          assert.equal(imbalance(ledger), 0)
          assert.equal(ledger.queued + ledger.inflight, outbox.count)
          assert.ok(outbox.bytes <= Math.max(limits.bytesMax, bytes) && outbox.bytes >= 0)
          assert.ok(outbox.count <= Math.max(limits.countMax, count), 'a limit is never exceeded by what comes later')
        }
        for (let index = 0; index < queues.queueCount; index += 1) queues.putBack(index)
        queues.refill(() => false, nowMs, WALL_MS + nowMs)
        for (let index = 0; index < queues.queueCount; index += 1)
          for (let entry = queues.take(index, nowMs); entry !== undefined; entry = queues.take(index, nowMs)) {
            const { from, qos, payload } = entry.message
            const stream = `${from} ${Math.min(qos, 1)}`
            const number = Number(payload.toString().split(' ')[0])
            assert.ok(number > (lastOf.get(stream) ?? 0), `${number} of ${stream} after ${lastOf.get(stream)}`)
            lastOf.set(stream, number)
            queues.settle(entry, { type: 'delivered' })
          }
        assert.deepEqual([outbox.count, outbox.bytes, outbox.ledger.snapshot().queued], [0, 0, 0])
      },
    ),
    { numRuns: 200 },
  )
})

const refused = { type: 'failed', reason: refusedByPeer(0x97) } as const
