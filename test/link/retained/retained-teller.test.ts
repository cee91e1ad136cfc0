import assert from 'node:assert/strict'
import test from 'node:test'
import { BatchWriter } from '../../../src/lanes/batches/batch-writer.ts'
import { readBatch } from '../../../src/lanes/batches/read-batch.ts'
import { RetainedTeller } from '../../../src/link/retained/retained-teller.ts'
import { toldDirective } from '../../../src/link/retained/told-message.ts'
import type { Publication } from '../../../src/packets/publication.ts'
import { ManualClock } from '../manual-clock.ts'
import { OwnTopics } from './own-topics.ts'

function start() {
  const clock = new ManualClock()
  const source = new OwnTopics()
  const told: Publication[] = []
  const logged: [event: string, fields: object][] = []
  const log = (fields: object, event: string): void => void logged.push([event, fields])
  const link = { isUp: true, waiting: 0, drains: true, knowsVersions: true }
  const teller = new RetainedTeller({
    link: 'peer',
    source,
    clock,
    log: { debug: log, info: log, warn: log, error: log },
    mayTell: () => link.isUp,
    knowsVersions: () => link.knowsVersions,
    hasRoom: () => link.waiting < 1_000,
    tell: (message) => {
      const writer = new BatchWriter()
      writer.add(message, toldDirective)
      const read = readBatch(writer.finish(1))
      assert(read.type === 'messages')
      assert.deepEqual(read.directives, [toldDirective])
      told.push(read.publications[0]!)
      if (!link.drains) link.waiting += 1
    },
  })
  return { clock, source, told, logged, link, teller }
}

const topicsOf = (told: readonly Publication[]): string[] => told.map(({ topic }) => topic)

test('a route that appears is told of, as of the time of publishing, and that is logged', () => {
  const { clock, source, told, logged, teller } = start()
  const atMs = clock.nowMs() - 60_000
  source.set('t/1', atMs, 'one', 90)
  source.set('t/2', atMs - 1, '')
  teller.routeAdded('t/#')
  clock.advance(1_000)
  assert.deepEqual(topicsOf(told), ['t/2', 't/1'])
  const message = told[1]!.toMessage()
  assert.deepEqual([message.payload.toString(), message.retain, message.timestampMs], ['one', true, atMs])
  assert.equal(message.properties?.messageExpiryInterval, 90)
  assert.equal(told[1]!.expirySecondsLeft(clock.nowMs() - 1_000), 30)
  assert.deepEqual(logged, [['cluster_link_retained_told', { link: 'peer', messages: 2 }]])
  assert.deepEqual(teller.progress, { routes: 0, topics: 0, told: 2 })
  assert.equal(clock.timers, 0)
})

test('many are told some at a time, and no more while others wait to cross', () => {
  const { clock, source, told, link, teller } = start()
  for (let i = 0; i < 5_000; i += 1) source.set(`t/${i}`, i, 'x')
  link.drains = false
  teller.routeAdded('#')
  clock.advance(60_000)
  assert.ok(told.length >= 1_000 && told.length < 1_300, `${told.length}`)
  assert.equal(teller.progress.topics, 5_000 - told.length)
  link.waiting = 0
  clock.advance(60_000)
  assert.ok(told.length < 2_600, `${told.length}`)
  link.drains = true
  link.waiting = 0
  let before = told.length
  while (told.length < 5_000) {
    clock.advance(10)
    assert.ok(told.length - before <= 400, `${told.length - before} at once`)
    before = told.length
  }
  clock.advance(1_000)
  assert.deepEqual(
    topicsOf(told),
    Array.from({ length: 5_000 }, (_, i) => `t/${i}`),
  )
})

test('while the peer is away nothing is told and nothing ticks; then it goes on where it was', () => {
  const { clock, source, told, link, teller } = start()
  for (let i = 0; i < 1_000; i += 1) source.set(`t/${i}`, i, 'x')
  link.isUp = false
  teller.routeAdded('t/#')
  assert.equal(clock.timers, 0)
  link.isUp = true
  teller.wake()
  clock.advance(520)
  assert.ok(told.length > 0 && told.length < 1_000, `${told.length}`)
  link.isUp = false
  clock.advance(1_000)
  assert.equal(clock.timers, 0)
  const before = told.length
  assert.ok(before < 1_000)
  link.isUp = true
  teller.wake()
  clock.advance(5_000)
  assert.equal(told.length, 1_000)
  teller.wake()
  clock.advance(5_000)
  assert.deepEqual([told.length, clock.timers], [1_000, 0])
})

test('what changed or went since it was found is told as it is', () => {
  const { clock, source, told, teller } = start()
  for (let i = 0; i < 400; i += 1) source.set(`t/${i}`, i, 'x')
  teller.routeAdded('t/#')
  clock.advance(500)
  source.set('t/398', clock.nowMs(), 'new')
  source.delete('t/399')
  clock.advance(1_000)
  assert.equal(told.length, 399)
  assert.equal(
    told
      .find(({ topic }) => topic === 't/398')
      ?.toMessage()
      .payload.toString(),
    'new',
  )
})

test('another node tells from now on: it is told anew when it is ours again, but not what was told completely', () => {
  const { clock, source, told, teller } = start()
  for (let i = 0; i < 1_000; i += 1) source.set(`t/${i}`, i, 'x')
  source.set('u', 1, 'x')
  teller.routeAdded('u')
  clock.advance(1_000)
  teller.routeAdded('t/#')
  clock.advance(520)
  teller.abandon()
  assert.equal(clock.timers, 0)
  told.length = 0
  teller.wake()
  clock.advance(5_000)
  assert.equal(told.length, 1_000)
})
