/** What a durable link takes over into the next life of its node: its messages under their numbers, and where all of them stand. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { InboundLedger } from '../../../src/lanes/inbound-ledger.ts'
import { DurableLinks } from '../../../src/link/durable/durable-links.ts'
import { LinkProcess, noLimits } from './link-process.ts'
import { LinkStore } from './link-store.ts'

const start = (settings = {}) => LinkProcess.start(new LinkStore(), 10, settings)

test('after a crash all that was promised is there, in order, under its old numbers, and new messages come behind it', async () => {
  const first = await start()
  for (const name of ['p-1', 'p-2']) first.take(name)
  await first.flush()
  first.take('p-3', 2)
  await first.flush()
  const batches = first.launch()
  const numbers = batches.map(({ id, epoch, lane, sequence }) => [id, epoch, lane, sequence])
  const second = await first.crash(11)
  assert.equal(second.outbox.backlog, 3)
  second.take('p-4')
  await second.flush()
  const again = second.launch()
  assert.deepEqual(
    again.slice(0, 2).map(({ id, epoch, lane, sequence }) => [id, epoch, lane, sequence]),
    numbers,
  )
  assert.deepEqual(
    again.map(({ isResent }) => isResent),
    [true, true, false],
  )
  assert.equal(again[2]!.epoch, 11)
  assert.ok(again[2]!.id > again[1]!.id)
  assert.deepEqual(second.deliver(again), ['p-1', 'p-2', 'p-3', 'p-4'])
  await second.flush()
  const third = await second.crash(12)
  assert.deepEqual([third.outbox.count, third.balances().delivered, third.balances().matched], [0, 4, 4])
})

test('nothing is launched that is not on the disk', async () => {
  const first = await start()
  first.outbox.connected()
  const debt = first.take('p-1')
  assert.equal(first.launch().length, 0)
  first.turns()
  assert.equal(first.launch().length, 0)
  await first.store.settle()
  assert.equal(debt?.isPaid, true)
  assert.equal(first.launch().length, 1)
})

test('QoS 0 waits for nothing, goes at once, and is counted as shed if it went with the process', async () => {
  const first = await start()
  assert.equal(first.take('p-1', 0), undefined)
  first.take('p-2')
  await first.flush()
  const second = await first.crash(11)
  assert.deepEqual(
    [second.outbox.count, second.balances().matched, second.balances().dropped],
    [1, 2, { shed_qos0: 1 }],
  )
  second.take('p-3', 0)
  const names = second.launch().map(({ sequence }) => sequence)
  assert.equal(names.includes(0), true)
})

test('the ledger goes on where it was: as of the last commit, never out of balance', async () => {
  const first = await start()
  for (let i = 1; i <= 5; i += 1) first.take(`p-${i}`)
  await first.flush()
  first.deliver(first.launch())
  await first.flush()
  for (let i = 6; i <= 8; i += 1) first.take(`p-${i}`)
  await first.flush()
  const before = first.balances()
  // What was delivered since is not known to the next life: it is sent again, under its old number.
  first.deliver(first.launch())
  const second = await first.crash(11)
  assert.deepEqual(second.balances(), before)
  second.deliver(second.launch())
  assert.deepEqual({ ...second.balances() }, { ...before, delivered: 8, queued: 0, inflight: 0 })
})

test('a reset of the ledger outlives the process, too', async () => {
  const first = await start()
  first.take('p-1')
  await first.flush()
  first.deliver(first.launch())
  first.take('p-2')
  first.outbox.ledger.reset()
  await first.flush()
  const second = await first.crash(11)
  assert.deepEqual([second.balances().matched, second.balances().delivered], [1, 0])
})

test('limits hold over a restart, and those that were made smaller meanwhile', async () => {
  const first = await start()
  for (let i = 1; i <= 20; i += 1) {
    first.take(`p-${i}`)
    await first.flush()
  }
  const second = await first.crash(11, { limits: { ...noLimits, countMax: 5 } })
  const { queued, dropped, matched } = second.balances()
  assert.deepEqual([queued, dropped, matched], [5, { queue_full: 15 }, 20])
  await second.flush()
  assert.equal(second.store.count('outbox'), 5)
  const delivered: string[] = []
  while (second.outbox.count > 0) delivered.push(...second.deliver(second.launch()))
  assert.deepEqual(delivered, ['p-16', 'p-17', 'p-18', 'p-19', 'p-20'])
})

test('a link that is durable no more delivers what is there, and then leaves nothing', async () => {
  const first = await start()
  first.take('p-1')
  await first.flush()
  const second = await first.crash(11, { durable: false })
  assert.equal(second.take('p-2'), undefined)
  assert.equal(second.store.count('outbox'), 1)
  assert.deepEqual(second.deliver(second.launch()), ['p-1', 'p-2'])
  await second.flush()
  assert.deepEqual([second.store.count('outbox'), second.store.count('ledgers')], [0, 0])
})

test('durable can be switched on and off while the link runs', async () => {
  const first = await start({ durable: false })
  assert.equal(first.take('p-1'), undefined)
  first.durable.edit(true)
  const debt = first.take('p-2')
  assert.equal(debt?.isPaid, false)
  await first.flush()
  assert.equal(debt?.isPaid, true)
  assert.deepEqual([first.store.count('outbox') > 0, first.store.count('ledgers')], [true, 1])
  first.durable.edit(false)
  assert.equal(first.take('p-3'), undefined)
  assert.deepEqual(first.deliver(first.launch()), ['p-1', 'p-2', 'p-3'])
  await first.flush()
  assert.deepEqual([first.store.count('outbox'), first.store.count('ledgers')], [0, 0])
})

test('a link that is not durable asks nothing of the disk', async () => {
  const first = await start({ durable: false })
  assert.equal(first.take('p-1'), undefined)
  first.turns()
  first.clock.advance(1000)
  first.turns()
  assert.deepEqual(first.deliver(first.launch()), ['p-1'])
  first.turns()
  first.clock.advance(1000)
  first.turns()
  await first.links.flush()
  assert.deepEqual([first.store.pending.length, first.store.commits], [0, 0])
})

test('a link that is removed leaves nothing, and may come back under its name', async () => {
  const first = await start()
  first.take('p-1')
  await first.flush()
  const debt = first.take('p-2')
  first.outbox.clear()
  first.durable.remove()
  first.balances()
  await first.flush()
  assert.deepEqual([debt?.isPaid, first.store.count('outbox'), first.store.count('ledgers')], [true, 0, 0])
  const second = await first.crash(11)
  assert.deepEqual([second.outbox.count, second.balances().matched], [0, 0])
})

test('what was left by a link that is configured no more is given up, and it is said how much', async () => {
  const first = await start()
  first.take('p-1')
  first.take('p-2')
  await first.flush()
  const store = first.store.afterCrash()
  store.isPrompt = true
  const log: unknown[] = []
  const write = (fields: object, event: string) => void log.push({ event, ...fields })
  const links = new DurableLinks(store, {
    clock: first.clock,
    log: { debug: write, info: write, warn: write, error: write },
    defer: setImmediate,
  })
  await links.load()
  links.dropOthers(new Set())
  await links.flush()
  const lost = { link: 'b', queued: 2, batches: 1, reason: 'link_removed' }
  assert.deepEqual(log, [{ event: 'cluster_link_outbox_lost', ...lost }])
  assert.deepEqual([store.count('outbox'), store.count('ledgers')], [0, 0])
})

test('what a peer sent stands where it stood, unless its link is configured no more, or not to be kept', async () => {
  const first = await start()
  const ledger = new InboundLedger()
  first.links.keepInbound('b', () => ledger.snapshot())
  first.links.keepInbound('gone', () => ledger.snapshot())
  ledger.accept(5)
  ledger.refuse('duplicate', 2)
  ledger.maybeDuplicate(1)
  // Nothing else is to be written: it is, after a while.
  first.clock.advance(1100)
  first.turns()
  assert.equal(first.store.pending.length, 1)
  await first.store.settle()
  const second = await first.crash(11)
  const kept = second.links.claimInbound('b')
  assert.deepEqual(new InboundLedger(kept).snapshot(), ledger.snapshot())
  assert.equal(second.links.claimInbound('gone'), undefined)
  second.links.forgetInbound('b')
  await second.flush()
  const third = await second.crash(12)
  assert.equal(third.links.claimInbound('b'), undefined)
})

test('damage is named, and nothing is taken up', async () => {
  for (const table of ['outbox', 'ledgers'] as const) {
    const first = await start()
    first.take('p-1')
    await first.flush()
    const store = first.store.afterCrash()
    store.damage(table)
    await assert.rejects(LinkProcess.start(store, 11), {
      name: 'DamagedOutbox',
      message: new RegExp(`^1 damaged record of links in the store \\(${table} [0-9a-f]+: its checksum is wrong\\)`),
    })
  }
})

test('under backpressure publishers wait for room, and for the disk', async () => {
  const first = await start({ overflow: 'backpressure', limits: { ...noLimits, countMax: 10 } })
  const debts = Array.from({ length: 9 }, (_, i) => first.take(`p-${i + 1}`))
  await first.flush()
  // Room is there up to the mark of 0.8.
  assert.deepEqual(
    debts.map((debt) => debt?.isPaid),
    [...Array.from({ length: 7 }, () => true), false, false],
  )
  const room = first.take('p-10', 0)
  assert.equal(room, debts[8])
  first.deliver(first.launch().slice(0, 3))
  assert.equal(debts[8]?.isPaid, true)
  const again = [first.take('q-1'), first.take('q-2')].at(-1)
  first.deliver(first.launch())
  await first.flush()
  assert.equal(again?.isPaid, true)
})
