/** Lanes between the members of a simulated cluster. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { ClusterLog } from '../../../src/cluster/cluster-log.ts'
import { MemberLanes } from '../../../src/cluster/lanes/member-lanes.ts'
import type { LaneOptions } from '../../../src/cluster/lanes/outbound-lanes.ts'
import type { Directive } from '../../../src/lanes/batches/batch-writer.ts'
import { BatchWriter } from '../../../src/lanes/batches/batch-writer.ts'
import { numberBatch, writeAck, writeBegin } from '../../../src/lanes/batches/lane-frame.ts'
import { SILENCE_MS_MAX } from '../../../src/lanes/lane-sender.ts'
import type { QoS } from '../../../src/packets/message.ts'
import { ManualClock } from '../../broker/manual-clock.ts'
import { messageOf, plain, somebody, textOf } from '../../lanes/lane-messages.ts'
import { type SimulatedCoordination, SimulatedNetwork } from '../sim/simulated-coordination.ts'

/** How long it takes at most to see that a member is silent: lanes look four times a second. */
const SILENT_MS = SILENCE_MS_MAX + 250

class Node {
  readonly lanes: MemberLanes
  readonly coordination: SimulatedCoordination
  readonly delivered: string[] = []
  readonly directives: Directive[] = []
  readonly events: string[] = []
  /** Whether what was delivered is safe at once. */
  keepsAtOnce = true
  kept = 0
  readonly #calls: (() => void)[] = []

  constructor(network: SimulatedNetwork, clock: ManualClock, node: string, boot: string, options?: LaneOptions) {
    this.coordination = network.join(node, boot)
    const tell = (_: object, event: string): void => void this.events.push(event)
    const log: ClusterLog = { debug: tell, info: tell, warn: tell, error: tell }
    const delivery = {
      deliver: (publication: Parameters<typeof textOf>[0], directive: Directive) => {
        const text = textOf(publication)
        if (text === 'poison') throw new Error('a fault in the broker')
        this.delivered.push(text)
        this.directives.push(directive)
      },
      kept: (call: () => void) => {
        const count = this.delivered.length
        this.#calls.push(() => {
          this.kept = Math.max(this.kept, count)
          call()
        })
        if (this.keepsAtOnce) this.keep()
      },
    }
    const defer = (call: () => void): void => void clock.after(0, call)
    this.lanes = new MemberLanes({ coordination: this.coordination, clock, log, defer, delivery }, options)
  }

  keep(): void {
    for (const call of this.#calls.splice(0)) call()
  }

  send(to: string, text: string, qos: QoS = 1, directive = plain): number {
    return this.lanes.send(to, messageOf(text, qos, somebody), directive)
  }

  /** The process is killed. */
  async kill(): Promise<void> {
    await this.coordination.close()
    this.lanes.stop()
  }
}

function cluster(options?: LaneOptions) {
  const clock = new ManualClock()
  const network = new SimulatedNetwork(clock)
  const start = (node: string, boot: string): Node => new Node(network, clock, node, boot, options)
  return { clock, network, start, a: start('a', 'a1'), b: start('b', 'b1') }
}

/** Long enough for messages and answers, far too short for a member to be silent. */
const A_WHILE_MS = 20

test('a member that ends takes nothing more, and owes until what it took is safe: nothing comes twice to its next process', async () => {
  const { clock, start, a, b } = cluster()
  b.keepsAtOnce = false
  a.send('b', 'one')
  clock.advance(A_WHILE_MS)
  b.lanes.rest()
  const mark = a.send('b', 'two')
  clock.advance(A_WHILE_MS)
  assert.deepEqual(b.delivered, ['one'])
  assert.equal(b.lanes.owes, true)
  b.keep()
  assert.equal(b.lanes.owes, false)
  clock.advance(A_WHILE_MS)
  await b.kill()
  const next = start('b', 'b2')
  clock.advance(SILENT_MS)
  assert.deepEqual(next.delivered, ['two'])
  assert.ok(a.lanes.settledMark >= mark)
})

test('what is sent in one turn arrives as one batch, and its marks are settled when the member has it safe', () => {
  const { clock, network, a, b } = cluster()
  let frames = 0
  network.loses = (from) => {
    if (from.node === 'a') frames += 1
    return false
  }
  const settled: number[] = []
  a.lanes.onSettled((mark) => settled.push(mark))
  b.keepsAtOnce = false
  const groups = { plain: false, groups: ['g/a/#', 'h/a/+'] }
  assert.deepEqual([a.send('b', 'one'), a.send('b', 'two', 2), a.send('b', 'three', 1, groups)], [1, 2, 3])
  clock.advance(A_WHILE_MS)
  assert.deepEqual(b.delivered, ['one', 'two', 'three'])
  assert.deepEqual(b.directives, [plain, plain, groups])
  assert.equal(frames, 1)
  assert.deepEqual([a.lanes.settledMark, settled], [0, []])
  b.keep()
  clock.advance(A_WHILE_MS)
  assert.deepEqual([a.lanes.settledMark, settled], [3, [3]])
  const [row] = a.lanes.list()
  assert.ok(row !== undefined && a.lanes.list().length === 1)
  const { member, receiverBoot, epoch, sent, acknowledged, waiting, waitingBytes, oldestAgeMs, isHeld } = row
  assert.deepEqual(
    { member, receiverBoot, epoch, sent, acknowledged, waiting, waitingBytes, oldestAgeMs, isHeld },
    {
      member: 'b',
      receiverBoot: 'b1',
      epoch: 1,
      sent: 3,
      acknowledged: 3,
      waiting: 0,
      waitingBytes: 0,
      oldestAgeMs: 0,
      isHeld: false,
    },
  )
  assert.deepEqual(
    b.lanes.listInbound().map(({ member, boot, taken, delivered }) => ({ member, boot, taken, delivered })),
    [{ member: 'a', boot: 'a1', taken: 1, delivered: 3 }],
  )
})

test('QoS 0 has nothing to wait for, and is not acknowledged', () => {
  const { clock, network, a, b } = cluster()
  let answers = 0
  network.loses = (from) => {
    if (from.node === 'b') answers += 1
    return false
  }
  assert.equal(a.send('b', 'one', 0), 0)
  clock.advance(A_WHILE_MS)
  assert.deepEqual([b.delivered, answers], [['one'], 0])
})

test('a settled mark waits for each of the members, and for none that is silent', () => {
  const { clock, start, a, b } = cluster()
  const c = start('c', 'c1')
  c.keepsAtOnce = false
  a.send('b', 'one')
  const mark = a.send('c', 'one')
  clock.advance(A_WHILE_MS)
  assert.equal(a.lanes.settledMark, mark - 1)
  c.keep()
  clock.advance(A_WHILE_MS)
  assert.equal(a.lanes.settledMark, mark)

  c.coordination.cut()
  const lost = a.send('c', 'two')
  clock.advance(SILENCE_MS_MAX - 100)
  assert.equal(a.lanes.settledMark, mark)
  clock.advance(SILENT_MS - SILENCE_MS_MAX + 100)
  assert.equal(a.lanes.settledMark, lost)
  assert.deepEqual(a.events, ['lane_member_silent'])
  assert.equal(a.send('c', 'three'), 0)
  c.keepsAtOnce = true
  c.coordination.heal()
  clock.advance(1_000)
  assert.deepEqual(c.delivered, ['one', 'two', 'three'])
  assert.deepEqual(b.delivered, ['one'])
  assert.deepEqual(a.events, ['lane_member_silent', 'lane_member_answers'])
  assert.ok(a.send('c', 'four') > lost)
})

for (const { who, cut } of [
  { who: 'the sender', cut: 'a' },
  { who: 'the receiver', cut: 'b' },
] as const) {
  test(`when ${who} is cut off for 30 s, all arrives once and in order, and nobody waits meanwhile`, () => {
    const world = cluster()
    const { clock, a, b } = world
    const sent: string[] = []
    const send = (): number => {
      sent.push(`${sent.length}`)
      return a.send('b', sent.at(-1)!)
    }
    for (let i = 0; i < 50; i += 1) send()
    clock.advance(1)
    world[cut].coordination.cut()
    for (let second = 0; second < 30; second += 1) {
      let mark = 0
      for (let i = 0; i < 20; i += 1) mark = Math.max(mark, send())
      clock.advance(SILENT_MS)
      assert.ok(a.lanes.settledMark >= mark, 'somebody waits')
    }
    assert.equal(a.lanes.list()[0]?.isHeld, true)
    world[cut].coordination.heal()
    send()
    clock.advance(3_000)
    assert.deepEqual(b.delivered, sent)
    assert.deepEqual(
      a.lanes.list().map(({ waiting, isHeld, dropped }) => ({ waiting, isHeld, dropped })),
      [{ waiting: 0, isHeld: false, dropped: {} }],
    )
  })
}

test('a member that was killed gets what it had not acknowledged when it is back', async () => {
  const { clock, start, a, b } = cluster()
  a.send('b', 'one')
  clock.advance(A_WHILE_MS)
  b.keepsAtOnce = false
  a.send('b', 'two')
  clock.advance(A_WHILE_MS)
  await b.kill()
  for (const text of ['three', 'four']) a.send('b', text)
  clock.advance(10_000)
  a.send('b', 'five')
  const again = start('b', 'b2')
  clock.advance(2_000)
  assert.deepEqual(again.delivered, ['two', 'three', 'four', 'five'])
  assert.equal(a.lanes.list()[0]?.receiverBoot, 'b2')
  assert.ok(a.send('b', 'six') > 0)
  clock.advance(A_WHILE_MS)
  assert.equal(again.delivered.at(-1), 'six')
})

test('a member that starts anew at once is not taken for the one before', async () => {
  const { clock, start, a, b } = cluster()
  for (const text of ['one', 'two', 'three']) {
    a.send('b', text)
    clock.advance(A_WHILE_MS)
  }
  await b.kill()
  const again = start('b', 'b2')
  const mark = a.send('b', 'four')
  clock.advance(A_WHILE_MS)
  assert.deepEqual([again.delivered, a.lanes.settledMark], [['four'], mark])
})

test('a sender that starts anew begins anew', async () => {
  const { clock, start, a, b } = cluster()
  for (const text of ['one', 'two']) {
    a.send('b', text)
    clock.advance(A_WHILE_MS)
  }
  await a.kill()
  const again = start('a', 'a2')
  const mark = again.send('b', 'three')
  clock.advance(A_WHILE_MS)
  assert.deepEqual([b.delivered, again.lanes.settledMark], [['one', 'two', 'three'], mark])
  assert.deepEqual(
    b.lanes.listInbound().map(({ boot }) => boot),
    ['a1', 'a2'],
  )
})

test('a member that is forgotten gives back what of QoS 1 and 2 it did not acknowledge, and holds nobody up', () => {
  const { clock, a, b } = cluster()
  a.send('b', 'one')
  clock.advance(A_WHILE_MS)
  b.coordination.cut()
  const groups = { plain: true, groups: ['g/t'] }
  a.send('b', 'two', 2, groups)
  a.send('b', 'zero', 0)
  clock.advance(A_WHILE_MS)
  const mark = a.send('b', 'three')
  const back = a.lanes.forget('b')
  assert.equal(a.lanes.settledMark, mark)
  assert.deepEqual(
    [...back].map(({ publication, directive }) => ({ text: textOf(publication), qos: publication.qos, directive })),
    [
      { text: 'two', qos: 2, directive: groups },
      { text: 'three', qos: 1, directive: plain },
    ],
  )
  assert.deepEqual([...a.lanes.forget('b')], [])
  assert.deepEqual(a.lanes.list(), [])
  b.coordination.heal()
  a.send('b', 'four')
  clock.advance(A_WHILE_MS)
  assert.deepEqual(b.delivered, ['one', 'four'])
})

test('what is forgotten in the turn in which it was sent is not sent any more', () => {
  const { clock, a, b } = cluster()
  a.send('b', 'one')
  assert.equal([...a.lanes.forget('b')].length, 1)
  clock.advance(A_WHILE_MS)
  assert.deepEqual(b.delivered, [])
})

test('a message that the bus does not take is refused; others go on', () => {
  const { clock, a, b } = cluster()
  const { payloadBytesMax } = a.coordination
  assert.equal(a.send('b', 'x'.repeat(payloadBytesMax)), 0)
  assert.ok(a.send('b', 'y'.repeat(payloadBytesMax - 200)) > 0)
  a.send('b', 'small')
  clock.advance(A_WHILE_MS)
  assert.deepEqual(
    b.delivered.map((text) => text.length),
    [payloadBytesMax - 200, 5],
  )
  assert.deepEqual(a.events, ['lane_messages_dropped'])
  assert.deepEqual(a.lanes.list()[0]?.dropped, { too_large: 1 })
})

test('the buffer for a member that is away is bounded: the oldest that was never sent is dropped, and the log says so', () => {
  const { clock, a, b } = cluster({ bufferMessagesMax: 100, qos0MessagesMax: 10, batchBytesMax: 500 })
  b.coordination.cut()
  const texts = Array.from({ length: 1_000 }, (_, i) => `${i}`)
  for (const text of texts) {
    a.send('b', text)
    a.send('b', `zero ${text}`, 0)
    clock.advance(5)
  }
  const [row] = a.lanes.list()
  assert.ok(row !== undefined && row.waiting <= 100 && row.waitingQos0 <= 10)
  assert.equal(row.sent, row.waiting + (row.dropped.queue_full ?? 0))
  assert.ok(a.events.includes('lane_messages_dropped'))
  assert.ok(a.events.length < 10, a.events.join())
  b.coordination.heal()
  clock.advance(3_000)
  const numbered = b.delivered.filter((text) => !text.startsWith('zero'))
  assert.equal(numbered.length, row.waiting)
  assert.equal(numbered.at(-1), '999')
  assert.deepEqual(
    numbered,
    texts.filter((text) => numbered.includes(text)),
  )
})

test('what nobody can read is told once and dropped; a batch of which only the numbers can be read counts as taken', () => {
  const { clock, a, b } = cluster()
  const { bus } = b.coordination
  for (const bytes of [[], [0xc1], [1, 2, 3]]) bus.send('a', 'lanes', Buffer.from(bytes))
  clock.advance(A_WHILE_MS)
  assert.deepEqual([a.events, a.lanes.malformed], [['lane_frame_malformed'], 3])
  const writer = new BatchWriter()
  writer.add(messageOf('one', 1, somebody), plain)
  const frame = writer.finish(1)
  numberBatch(frame, 1)
  bus.send('a', 'lanes', frame.subarray(0, -1))
  clock.advance(A_WHILE_MS)
  assert.deepEqual(a.events, ['lane_frame_malformed', 'lane_batch_malformed'])
  writer.add(messageOf('two', 1, somebody), plain)
  const next = writer.finish(1)
  numberBatch(next, 2)
  bus.send('a', 'lanes', next)
  clock.advance(A_WHILE_MS)
  assert.deepEqual(a.delivered, ['two'])
  const [row] = a.lanes.listInbound()
  assert.deepEqual([row?.taken, row?.delivered, row?.malformed], [2, 1, 1])
})

test('an answer that is meant for another process, or for a lane that nobody opened, changes nothing', () => {
  const { clock, a, b } = cluster()
  b.keepsAtOnce = false
  a.send('b', 'one')
  clock.advance(A_WHILE_MS)
  const ack = { type: 'ack', epoch: 1, kept: 1, expected: 2, isMissing: false, boot: 'a0' } as const
  b.coordination.bus.send('a', 'lanes', writeAck(ack))
  a.coordination.bus.send('b', 'lanes', writeAck({ ...ack, boot: 'b1' }))
  clock.advance(A_WHILE_MS)
  assert.equal(a.lanes.settledMark, 0)
  b.coordination.bus.send('a', 'lanes', writeAck({ ...ack, boot: 'a1' }))
  clock.advance(A_WHILE_MS)
  assert.equal(a.lanes.settledMark, 1)
})

test('members that were never here take no memory beyond a limit', () => {
  const { clock, network, start, a } = cluster()
  for (let i = 0; i < 1_100; i += 1) {
    const stranger = network.join(`n${i}`, `boot ${i}`)
    stranger.bus.send('a', 'lanes', writeBegin({ type: 'begin', epoch: 1, base: 1, last: 0 }))
    clock.advance(2)
    network.nodes.delete(stranger)
  }
  assert.equal(a.lanes.listInbound().length, 1_024)
  for (const boot of ['c1', 'c2', 'c3']) start('c', boot).send('a', boot)
  clock.advance(A_WHILE_MS)
  assert.deepEqual(a.delivered, ['c1', 'c2', 'c3'])
  assert.equal(a.lanes.listInbound().filter(({ member }) => member === 'c').length, 2)
})

test('a fault of the broker at one message is told, and does not reach the others', () => {
  const { clock, a, b } = cluster()
  for (const text of ['one', 'poison', 'two']) a.send('b', text)
  clock.advance(A_WHILE_MS)
  assert.deepEqual([b.delivered, b.events, a.lanes.settledMark], [['one', 'two'], ['lane_delivery_failed'], 3])
})

test('what waits for the end of the turn goes out when the lanes are stopped; afterwards nothing does', () => {
  const { clock, a, b } = cluster()
  a.send('b', 'one')
  a.lanes.stop()
  assert.equal(a.send('b', 'two'), 0)
  clock.advance(A_WHILE_MS)
  assert.deepEqual(b.delivered, ['one'])
})

test('a member that stops acknowledges what it got last', () => {
  const { clock, a, b } = cluster()
  b.coordination.bus.listen('lanes', () => {
    b.lanes.stop()
    b.coordination.cut()
  })
  const mark = a.send('b', 'one')
  clock.advance(A_WHILE_MS)
  assert.deepEqual([b.delivered, a.lanes.settledMark], [['one'], mark])
})

test('what the bus takes at most may become less', () => {
  const { clock, a, b } = cluster()
  const payloadBytesMax = { value: 1_000 }
  Object.defineProperty(a.coordination, 'payloadBytesMax', { get: () => payloadBytesMax.value })
  a.send('b', 'x'.repeat(500))
  payloadBytesMax.value = 400
  assert.equal(a.send('b', 'y'.repeat(500)), 0)
  a.send('b', 'small')
  payloadBytesMax.value = 1_000
  clock.advance(A_WHILE_MS)
  assert.deepEqual(
    b.delivered.map((text) => text.length),
    [500, 5],
  )
})

test('however the bus loses messages and connections, each arrives once and in order, and marks never fall', () => {
  const step = fc.record({
    sends: fc.array(fc.constantFrom('b', 'c'), { maxLength: 5 }),
    waitMs: fc.nat(700),
    cut: fc.constantFrom('a', 'b', 'c', undefined, undefined, undefined),
    loses: fc.array(fc.boolean(), { maxLength: 4 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
      const { clock, network, start, a, b } = cluster({ windowBatchesMax: 3, batchBytesMax: 300 })
      const c = start('c', 'c1')
      const nodes = { a, b, c }
      const sent = { b: [] as string[], c: [] as string[] }
      let settled = 0
      a.lanes.onSettled((mark) => {
        assert.ok(mark > settled)
        settled = mark
      })
      for (const { sends, waitMs, cut, loses } of steps) {
        let frame = 0
        network.loses = () => loses[frame++] ?? false
        for (const to of sends) {
          const text = `${to} ${sent[to].length}`
          sent[to].push(text)
          a.send(to, text)
        }
        if (cut !== undefined) nodes[cut].coordination.cut()
        clock.advance(waitMs)
        for (const { coordination } of [a, b, c]) if (!coordination.isConnected) coordination.heal()
      }
      network.loses = () => false
      for (let i = 0; i < 40; i += 1) clock.advance(500)
      assert.deepEqual([b.delivered, c.delivered], [sent.b, sent.c])
      assert.ok(a.lanes.list().every(({ waiting, isHeld }) => waiting === 0 && !isHeld))
    }),
    { numRuns: 100 },
  )
})

test('while members answer within a second, no mark is settled before its message is safe', () => {
  const step = fc.record({ sends: fc.nat(6), waitMs: fc.nat(400), keeps: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
      const { clock, a, b } = cluster({ windowBatchesMax: 3, batchBytesMax: 300 })
      b.keepsAtOnce = false
      a.lanes.onSettled((mark) => assert.ok(mark <= b.kept, `${mark} is settled, ${b.kept} are kept`))
      let mark = 0
      for (const [at, { sends, waitMs, keeps }] of steps.entries()) {
        for (let i = 0; i < sends; i += 1) mark = a.send('b', `${i}`)
        clock.advance(waitMs)
        if (keeps || at % 2 === 0) b.keep()
      }
      for (let i = 0; i < 40 && a.lanes.settledMark < mark; i += 1) {
        b.keep()
        clock.advance(100)
      }
      assert.equal(a.lanes.settledMark, mark)
    }),
    { numRuns: 100 },
  )
})
