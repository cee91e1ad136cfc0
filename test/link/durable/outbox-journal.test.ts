/** What a publisher was promised is on the disk; one commit serves many; a disk that fails loses nothing. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { DurableLinks } from '../../../src/link/durable/durable-links.ts'
import { decodeBatch } from '../../../src/link/durable/outbox-records.ts'
import type { Leading } from '../../../src/link/durable/outbox-journal.ts'
import type { LinkChange } from '../../../src/link/durable/outbox-store.ts'
import type { Debt } from '../../../src/link/broker-port.ts'
import { ManualClock } from '../manual-clock.ts'
import { FakeOutbox } from './fake-outbox.ts'
import { LinkStore } from './link-store.ts'

function start(names: readonly string[] = ['b'], store = new LinkStore(), lead?: () => Leading) {
  const clock = new ManualClock()
  const log: string[] = []
  const write = (_fields: object, event: string) => void log.push(event)
  const deferred: (() => void)[] = []
  const links = new DurableLinks(store, {
    clock,
    log: { debug: write, info: write, warn: write, error: write },
    defer: (call) => void deferred.push(call),
    ...(lead === undefined ? {} : { lead }),
  })
  const outboxes = names.map((name) => {
    const { keeper } = links.link(name)
    const outbox = new FakeOutbox(keeper)
    keeper.attach(outbox, () => undefined)
    return outbox
  })
  /** The next turn, and those after it in which something is due. */
  const turns = () => {
    while (deferred.length > 0) for (const call of deferred.splice(0)) call()
  }
  return { clock, log, links, outboxes, outbox: outboxes[0]!, store, turns }
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

function texts(store: LinkStore): string[] {
  return [...store.entriesAfter('outbox', undefined)].map(([key, value]) => {
    const { link, frame } = decodeBatch(key, value)
    return `${link} ${frame.toString()}`
  })
}

test('messages of one turn, for whichever link, are one commit; their publishers wait for it', async () => {
  const { outboxes, store, turns } = start(['b', 'c'])
  const debts = [outboxes[0]!.take('1'), outboxes[1]!.take('2'), outboxes[0]!.take('3')]
  assert.equal(new Set(debts).size, 1)
  assert.equal(store.pending.length, 0)
  turns()
  assert.equal(store.pending.length, 1)
  assert.deepEqual([debts[0]!.isPaid, outboxes[0]!.landed], [false, []])
  await store.settle()
  assert.deepEqual([debts[0]!.isPaid, outboxes[0]!.landed, outboxes[1]!.landed], [true, [1], [1]])
  assert.deepEqual(texts(store), ['b 1 3', 'c 2'])
})

test('what comes while a commit is on its way gathers for the next one', async () => {
  const { outbox, store, turns, clock } = start()
  const first = outbox.take('1')
  turns()
  const later = [outbox.take('2'), outbox.take('3')]
  turns()
  clock.advance(100)
  assert.equal(store.pending.length, 1)
  assert.notEqual(later[0], first)
  await store.settle()
  assert.deepEqual([first.isPaid, later[0]!.isPaid], [true, false])
  turns()
  clock.advance(20)
  await store.settle()
  assert.deepEqual([later[0]!.isPaid, outbox.landed, texts(store)], [true, [1, 2], ['b 1', 'b 2 3']])
})

test('what is done with before its commit begins is not written, and its publisher need not wait for a batch', async () => {
  const { outbox, store, turns } = start()
  const first = outbox.take('1')
  turns()
  const second = outbox.take('2')
  outbox.seal()
  outbox.settle(2)
  await store.settle()
  turns()
  await store.settle()
  await settled()
  assert.deepEqual([first.isPaid, second.isPaid, texts(store), outbox.landed], [true, true, ['b 1'], [1]])
})

test('what is done with is removed with a later commit, or by itself after a while', async () => {
  const { outbox, store, turns, clock } = start()
  outbox.take('1')
  turns()
  await store.settle()
  outbox.settle(1)
  turns()
  assert.equal(store.pending.length, 0)
  clock.advance(50)
  turns()
  await store.settle()
  assert.deepEqual(texts(store), [])
  // Done with while its commit was on its way.
  outbox.take('2')
  clock.advance(20)
  turns()
  outbox.settle(2)
  await store.settle()
  assert.deepEqual([texts(store), outbox.landed], [['b 2'], [1]])
  clock.advance(50)
  turns()
  await store.settle()
  assert.deepEqual(texts(store), [])
})

test('a batch that changed while it was written is launched only when the change is on the disk', async () => {
  const { outbox, store, turns, clock } = start()
  outbox.take('1 expired')
  turns()
  const batch = outbox.batches.get(1)!
  batch.frame = Buffer.from('1')
  outbox.keeper.keep(batch)
  await store.settle()
  assert.deepEqual([texts(store), outbox.landed], [['b 1 expired'], []])
  turns()
  clock.advance(20)
  await store.settle()
  assert.deepEqual([texts(store), outbox.landed], [['b 1'], [1]])
})

test('a disk that takes nothing: told once, tried again, nobody is promised anything, nothing is lost', async () => {
  const { outbox, store, turns, clock, log } = start()
  const told: unknown[] = []
  const first = outbox.take('1')
  first.whenPaid((error) => void told.push(error))
  turns()
  const second = outbox.take('2')
  const full = new Error('full')
  await store.settle(full)
  assert.deepEqual([outbox.keeper.isFailing, first.isPaid, told], [true, false, [full]])
  first.whenPaid((error) => void told.push(error))
  clock.advance(100)
  await store.settle(full)
  assert.deepEqual([told, log], [[full, full], ['outbox_write_failed']])
  first.whenPaid((error) => void told.push(error))
  clock.advance(200)
  await store.settle()
  assert.deepEqual([first.isPaid, second.isPaid, told.at(-1)], [true, true, undefined])
  assert.deepEqual([texts(store), outbox.landed, outbox.keeper.isFailing], [['b 1', 'b 2'], [1, 2], false])
  assert.deepEqual(log, ['outbox_write_failed', 'outbox_write_recovered'])
})

test('what was given up while the disk took nothing does not come back', async () => {
  const { outbox, store, turns, clock } = start()
  outbox.take('1')
  turns()
  outbox.take('2')
  await store.settle(new Error('full'))
  outbox.settle(1)
  clock.advance(100)
  await store.settle()
  assert.deepEqual([texts(store), outbox.landed], [['b 2'], [2]])
})

test('changes of somebody else go to disk with what links have to write, in one transaction', async () => {
  const { outbox, store, links, turns } = start()
  const debt = outbox.take('1')
  const other: LinkChange = { table: 'ledgers', key: Buffer.from('other'), value: Buffer.from('x') }
  const carried = links.carry((own) => store.commit([...own, other]))
  assert.equal(store.pending.length, 1)
  assert.equal(store.pending[0]!.changes.length, 2)
  turns()
  await store.settle()
  await carried
  assert.deepEqual([debt.isPaid, texts(store), store.count('ledgers')], [true, ['b 1'], 1])
  // Nothing is left to be written by itself.
  turns()
  assert.equal(store.pending.length, 0)
})

test('changes of somebody else wait for the commit that is on its way, and take along what it could not write', async () => {
  const { outbox, store, links, turns } = start()
  outbox.take('1')
  turns()
  const carried = links.carry((own) => store.commit(own))
  await settled()
  assert.equal(store.pending.length, 1)
  await store.settle(new Error('full'))
  await settled()
  assert.deepEqual([store.pending.length, store.pending[0]!.changes.length], [1, 1])
  await store.settle()
  await carried
  assert.deepEqual([texts(store), outbox.keeper.isFailing], [['b 1'], false])
})

test('a commit of links takes along what others have of the same messages, and waits if they can not write just now', async () => {
  const other: LinkChange = { table: 'ledgers', key: Buffer.from('other'), value: Buffer.from('x') }
  let leading: Leading = 'busy'
  const { outbox, store, links, turns, clock } = start(['b'], new LinkStore(), () => {
    if (leading === 'carried') void links.carry((own) => store.commit([...own, other]))
    return leading
  })
  const debt = outbox.take('1')
  turns()
  clock.advance(5)
  assert.deepEqual([store.pending.length, links.isCommitting], [0, false])
  leading = 'carried'
  clock.advance(1)
  assert.deepEqual([store.pending.length, store.pending[0]?.changes.length, links.isCommitting], [1, 2, true])
  leading = 'nothing'
  await store.settle()
  assert.deepEqual([debt.isPaid, texts(store), links.isCommitting], [true, ['b 1'], false])
  clock.advance(100)
  assert.equal(store.pending.length, 0)
})

test('where links have nothing to write, others commit as if they were not there', async () => {
  const { store, links } = start()
  const carried = links.carry((own) => store.commit([...own]))
  assert.equal(store.pending[0]!.changes.length, 0)
  await Promise.all([assert.rejects(carried, /full/), store.settle(new Error('full'))])
})

test('flush waits for all, and gives up where the disk takes nothing', async () => {
  const { outbox, store, links } = start()
  store.isPrompt = true
  outbox.take('1')
  await links.flush()
  outbox.settle(1)
  outbox.take('2')
  await links.flush()
  assert.deepEqual(texts(store), ['b 2'])
  store.isPrompt = false
  outbox.take('3')
  const flushing = links.flush()
  await settled()
  await store.settle(new Error('full'))
  await flushing
  assert.deepEqual(texts(store), ['b 2'])
})

test('a link that is gone leaves nothing, and whoever waited for it is told', async () => {
  const { outboxes, store, turns, clock, links } = start(['b', 'c'])
  for (const outbox of outboxes) outbox.take('1')
  turns()
  await store.settle()
  const debt = outboxes[0]!.take('2')
  outboxes[0]!.clear()
  clock.advance(100)
  turns()
  await store.settle()
  assert.deepEqual([debt.isPaid, texts(store)], [true, ['c 1']])
  await links.flush()
})

type Step =
  | { readonly type: 'take' | 'settle'; readonly link: number }
  | { readonly type: 'turn' | 'wait' | 'commit' | 'fail' | 'carry' }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('take' as const), link: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('settle' as const), link: fc.nat(1) }) },
  { weight: 6, arbitrary: fc.record({ type: fc.constantFrom('turn' as const, 'wait', 'commit', 'fail', 'carry') }) },
)

test('whenever the process dies: what was promised and not done with is there, in order, and what was removed is not', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { outboxes, store, turns, clock, links } = start(['b', 'c'])
      const promises: { readonly text: string; readonly debt: Debt; readonly link: number }[] = []
      const done = new Set<string>()
      const carried: Promise<void>[] = []
      let n = 0
      for (const one of steps) {
        if (one.type === 'take') {
          const text = `m${++n}`
          promises.push({ text, link: one.link, debt: outboxes[one.link]!.take(text) })
        } else if (one.type === 'settle') {
          const outbox = outboxes[one.link]!
          // Only what was launched is delivered.
          const id = [...outbox.batches.keys()].find((key) => outbox.landed.includes(key))
          if (id !== undefined) {
            for (const text of outbox.batches.get(id)!.frame.toString().split(' ')) done.add(text)
            outbox.settle(id)
          }
        } else if (one.type === 'turn') turns()
        else if (one.type === 'wait') clock.advance(150)
        else if (one.type === 'carry') carried.push(links.carry((own) => store.commit([...own])).catch(() => undefined))
        else await store.settle(one.type === 'fail' ? new Error('full') : undefined)
        const found = texts(store.afterCrash()).flatMap((text) => text.split(' ').slice(1))
        for (const { text, debt } of promises)
          if (debt.isPaid && !done.has(text)) assert(found.includes(text), `${text} was promised`)
        for (const link of [0, 1]) {
          const own = promises.filter((promise) => promise.link === link).map(({ text }) => text)
          const kept = own.filter((text) => found.includes(text))
          const inOrder = found.filter((text) => own.includes(text))
          assert.deepEqual(inOrder, kept)
        }
      }
      store.isPrompt = true
      while (store.pending.length > 0) await store.settle()
      clock.advance(6000)
      turns()
      await links.flush()
      await Promise.all(carried)
      assert(promises.every(({ debt }) => debt.isPaid))
      const left = texts(store).flatMap((text) => text.split(' ').slice(1))
      assert.deepEqual(
        left.toSorted(),
        promises
          .map(({ text }) => text)
          .filter((text) => !done.has(text))
          .toSorted(),
      )
    }),
    { numRuns: 200 },
  )
})

test('what was given up is settled when it is off the disk, and not before', async () => {
  const { outbox, links, store, turns } = start()
  await links.settle()
  outbox.take('1')
  turns()
  await store.settle()
  outbox.keeper.forget(outbox.batches.get(1)!)
  let isSettled = false
  const settling = links.settle().then(() => (isSettled = true))
  turns()
  await settled()
  assert.deepEqual([isSettled, texts(store)], [false, ['b 1']])
  await store.settle()
  await settling
  assert.deepEqual(texts(store), [])
})

test('a disk that takes nothing is told to who waits for it', async () => {
  const { outbox, links, store, turns } = start()
  outbox.take('1')
  const settling = links.settle()
  turns()
  store.pending[0]!.settle(new Error('full'))
  await assert.rejects(settling, /full/)
})
