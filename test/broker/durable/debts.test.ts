/** What links owe for a message is waited for: by PUBACK and PUBREC, and by the socket of whoever publishes at QoS 0. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { Debts } from '../../../src/broker/durable/debts.ts'
import type { Debt, PassingPublish, RouteSink } from '../../../src/link/broker-port.ts'
import { ManualClock } from '../manual-clock.ts'
import type { RawClient } from '../raw-client.ts'
import { publish, subscribe, TestBroker } from '../test-broker.ts'
import { MemoryStore } from './memory-store.ts'

class TestDebt implements Debt {
  isPaid = false
  calls: ((error?: unknown) => void)[] = []

  whenPaid(call: (error?: unknown) => void): void {
    if (this.isPaid) call()
    else this.calls.push(call)
  }

  pay(): void {
    this.isPaid = true
    for (const call of this.calls.splice(0)) call()
  }

  fail(error: unknown): void {
    for (const call of this.calls.splice(0)) call(error)
  }
}

/** A link that owes what the test says. */
class TestSink implements RouteSink {
  readonly id: string
  isFailing = false
  debt: TestDebt | undefined
  readonly taken: string[] = []

  constructor(id: string) {
    this.id = id
  }

  accept(passing: PassingPublish): Debt | undefined {
    this.taken.push(passing.toMessage().payload.toString())
    return this.debt
  }
}

async function startWithLinks(t: TestContext, ...filters: readonly string[]) {
  const clock = new ManualClock()
  const started = await TestBroker.start(t, {}, clock)
  const sinks = filters.map((filter, i) => {
    const sink = new TestSink(`link:${i}`)
    started.broker.addRoute(filter, sink)
    return sink
  })
  return { started, broker: started.broker, clock, sinks, publisher: await started.client('p') }
}

test('PUBACK and PUBREC wait until the debt is paid, and later ones behind them, whatever they are for', async (t) => {
  const { sinks, publisher } = await startWithLinks(t, 'far/#')
  const [first, second] = [new TestDebt(), new TestDebt()]
  sinks[0]!.debt = first
  publisher.send(
    publish('here', '', { qos: 1, messageId: 1 }),
    publish('far/1', '', { qos: 1, messageId: 2 }),
    publish('far/2', '', { qos: 2, messageId: 3 }),
    publish('here', '', { qos: 1, messageId: 4 }),
  )
  assert.equal((await publisher.next('puback')).messageId, 1)
  await publisher.nothingMore()
  sinks[0]!.debt = second
  publisher.send(publish('far/3', '', { qos: 1, messageId: 5 }))
  await publisher.nothingMore()
  // However many messages wait for it, a debt is asked but once by a connection.
  assert.deepEqual([first.calls.length, second.calls.length], [1, 0])
  second.pay()
  await publisher.nothingMore()
  first.pay()
  assert.equal((await publisher.next('puback')).messageId, 2)
  assert.equal((await publisher.next('pubrec')).messageId, 3)
  assert.equal((await publisher.next('puback')).messageId, 4)
  assert.equal((await publisher.next('puback')).messageId, 5)
})

test('a message that two links take waits for both, in whichever order they pay', async (t) => {
  for (const order of [
    [0, 1],
    [1, 0],
  ] as const) {
    const { sinks, publisher } = await startWithLinks(t, 'far/#', '#')
    for (const sink of sinks) sink.debt = new TestDebt()
    publisher.send(publish('far', '', { qos: 1, messageId: 1 }), publish('far', '', { qos: 1, messageId: 2 }))
    await publisher.nothingMore()
    sinks[order[0]]!.debt!.pay()
    await publisher.nothingMore()
    sinks[order[1]]!.debt!.pay()
    assert.equal((await publisher.next('puback')).messageId, 1)
    assert.equal((await publisher.next('puback')).messageId, 2)
  }
})

test('messages for the same two links share one debt, and what is paid is not carried along', () => {
  const debts = new Debts()
  const [a, b, c] = [new TestDebt(), new TestDebt(), new TestDebt()]
  const sum = debts.join(a, b)
  assert.equal(debts.join(a, b), sum)
  assert.equal(debts.join(sum, b), sum)
  assert.equal(debts.join(undefined, a), a)
  assert.equal(debts.join(a, undefined), a)
  assert.equal(debts.join(a, a), a)
  a.pay()
  assert.equal(debts.join(a, b), b)
  const later = debts.join(sum, c)
  let told = 0
  later!.whenPaid((error) => {
    assert.equal(error, undefined)
    told += 1
  })
  b.pay()
  assert.deepEqual([later!.isPaid, told], [false, 0])
  c.pay()
  assert.deepEqual([later!.isPaid, told], [true, 1])
})

test('the disk and the debt are both waited for', async (t) => {
  const { broker, started, clock, sinks } = await startWithLinks(t, 'kept/#')
  const store = new MemoryStore()
  broker.open(store)
  const away = await started.client('away', 5, { clean: false, properties: { sessionExpiryInterval: 3600 } })
  await subscribe(away, 'kept/#')
  await away.destroy()
  await started.connections(1)
  clock.advance(1000)
  await broker.journal.flush()
  store.isPrompt = false
  const publisher = await started.client('q')
  for (const isDiskFirst of [true, false]) {
    const debt = new TestDebt()
    sinks[0]!.debt = debt
    publisher.send(publish('kept/1', '', { qos: 1, messageId: 1 }))
    while (store.pending.length === 0) {
      clock.advance(1)
      await new Promise((resolve) => setImmediate(resolve))
    }
    if (isDiskFirst) store.settle()
    else debt.pay()
    await publisher.nothingMore()
    if (isDiskFirst) debt.pay()
    else store.settle()
    assert.equal((await publisher.next('puback')).messageId, 1)
  }
})

test('a debt that can not be paid ends the connection, and the message is not acknowledged', async (t) => {
  const { sinks, publisher } = await startWithLinks(t, 'far/#')
  const debt = new TestDebt()
  sinks[0]!.debt = debt
  publisher.send(publish('far/1', '', { qos: 1, messageId: 1 }))
  await publisher.nothingMore()
  debt.fail(new Error('full'))
  const last = await publisher.closed()
  assert.deepEqual(
    last.map((packet) => [packet.cmd, 'reasonCode' in packet && packet.reasonCode]),
    [['disconnect', 0x97]],
  )
})

test('what a failing link could not keep is refused and not taken, but for QoS 0', async (t) => {
  const { sinks, publisher, started } = await startWithLinks(t, 'far/#')
  sinks[0]!.isFailing = true
  publisher.send(publish('far/1', 'one', { qos: 1, messageId: 1 }), publish('far/1', 'two', { qos: 2, messageId: 2 }))
  assert.equal((await publisher.next('puback')).reasonCode, 0x97)
  assert.equal((await publisher.next('pubrec')).reasonCode, 0x97)
  publisher.send(publish('far/1', 'zero'), publish('here', '', { qos: 1, messageId: 3 }))
  assert.equal((await publisher.next('puback')).reasonCode, 0x10)
  assert.deepEqual(sinks[0]!.taken, ['zero'])
  // MQTT 3.1.1 has no word for it.
  const old = await started.client('old', 4)
  old.send(publish('far/1', 'three', { qos: 1, messageId: 1 }))
  assert.deepEqual(await old.closed(), [])
})

test('PUBLISH of QoS 2 that comes again over a new connection still waits for what the first one waited for', async (t) => {
  const { sinks, started } = await startWithLinks(t, 'far/#')
  const debt = new TestDebt()
  sinks[0]!.debt = debt
  const session = { clean: false, properties: { sessionExpiryInterval: 3600 } }
  const first = await started.client('q', 5, session)
  first.send(publish('far/1', 'once', { qos: 2, messageId: 7 }))
  await first.nothingMore()
  await first.destroy()
  const second = await started.client('q', 5, session)
  second.send(publish('far/1', 'once', { qos: 2, messageId: 7, dup: true }))
  await second.nothingMore()
  debt.pay()
  assert.equal((await second.next('pubrec')).messageId, 7)
  assert.deepEqual(sinks[0]!.taken, ['once'])
})

/** Resolves when the link has taken so many, and no more come while others are served. */
async function takes(sink: TestSink, count: number, other: RawClient): Promise<void> {
  while (sink.taken.length < count) await new Promise((resolve) => setImmediate(resolve))
  await other.nothingMore()
  assert.equal(sink.taken.length, count)
}

test('who publishes at QoS 0 is read once a second while a link has no room, finds that it is heard, and loses nothing', async (t) => {
  const { sinks, publisher, clock, started } = await startWithLinks(t, 'far/#')
  const other = await started.client('other')
  const debt = new TestDebt()
  const sink = sinks[0]!
  sink.debt = debt
  const sent = Array.from({ length: 60 }, (_, i) => String(i))
  const send = (from: number, to: number): void =>
    publisher.send(...sent.slice(from, to).map((payload) => publish('far', payload)))
  send(0, 50)
  publisher.send({ cmd: 'pingreq' })
  await takes(sink, 1, other)
  clock.advance(999)
  await takes(sink, 1, other)
  // What was read with it goes on, up to the PINGREQ by which its client knows that we live.
  clock.advance(1)
  await publisher.next('pingresp')
  await takes(sink, 50, other)
  send(50, 60)
  await takes(sink, 51, other)
  // It is asked but once, however often somebody waited for it.
  assert.equal(debt.calls.length, 1)
  sink.debt = undefined
  debt.pay()
  await takes(sink, 60, other)
  assert.deepEqual(sink.taken, sent)
})

test('who sends on at QoS 1 while a link is nearly full is taken one message a second from', async (t) => {
  const { sinks, publisher, clock, started } = await startWithLinks(t, 'far/#')
  const other = await started.client('other')
  const debt = Object.assign(new TestDebt(), { isPressing: true })
  const sink = sinks[0]!
  sink.debt = debt
  publisher.send(
    ...[1, 2, 3, 4].map((messageId) => ({ ...publish('far', String(messageId)), qos: 1 as const, messageId })),
  )
  for (let count = 1; count <= 3; count += 1) {
    await takes(sink, count, other)
    clock.advance(1_000)
  }
  await takes(sink, 4, other)
  sink.debt = undefined
  debt.pay()
  for (let count = 1; count <= 4; count += 1) assert.equal((await publisher.next('puback')).messageId, count)
})

test('a slowed publisher that goes is forgotten', async (t) => {
  const { sinks, publisher, clock, started } = await startWithLinks(t, 'far/#')
  const debt = new TestDebt()
  sinks[0]!.debt = debt
  publisher.send(publish('far', '0'), publish('far', '1'))
  const other = await started.client('other')
  await takes(sinks[0]!, 1, other)
  await publisher.destroy()
  await started.connections(1)
  debt.pay()
  clock.advance(5000)
  await takes(sinks[0]!, 1, other)
})
