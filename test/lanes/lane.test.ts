/** A sender and a receiver over a bus that loses, repeats and reorders what it is given, while either side starts anew. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { BATCH_MESSAGES_MAX, readLaneFrame, writeAck } from '../../src/lanes/batches/lane-frame.ts'
import { LaneReceiver } from '../../src/lanes/lane-receiver.ts'
import { LaneSender, PROBE_MS, SILENCE_MS_MAX } from '../../src/lanes/lane-sender.ts'
import { readBatch } from '../../src/lanes/batches/read-batch.ts'
import type { LaneLimits } from '../../src/lanes/send-buffer.ts'
import { messageOf, plain, somebody, textOf } from './lane-messages.ts'

const limits: LaneLimits = {
  batchBytesMax: 200,
  frameBytesMax: 10_000,
  bufferBytesMax: 1_000_000,
  bufferMessagesMax: 1_000,
  qos0MessagesMax: 20,
  windowBytesMax: 2_000,
  windowBatchesMax: 4,
}

type Flying = { readonly from: string; readonly frame: Buffer }

class World {
  readonly toReceiver: Flying[] = []
  readonly toSender: Flying[] = []
  /** By process of the receiver: what it was given. */
  readonly delivered = new Map<string, string[]>()
  /** What was acknowledged to be safe, or would be in the next answer. */
  readonly safe = new Set<string>()
  /** All that was sent, by process and epoch of the sender. */
  readonly sent: string[] = []
  sender: LaneSender
  senderBoot = 's1'
  receiverBoot = 'r1'
  nowMs = 0
  mark = 0
  #lives = 1
  #receivers = new Map<string, LaneReceiver>()
  /** What the receiver was given and has not yet safe. */
  #unsafe: { readonly boot: string; readonly epoch: number; readonly sequence: number; readonly texts: string[] }[] = []

  constructor() {
    this.sender = new LaneSender(1, limits)
    this.delivered.set(this.receiverBoot, [])
  }

  get life(): string {
    return `${this.senderBoot}/${this.sender.epoch}`
  }

  send(count: number): void {
    for (let i = 0; i < count; i += 1) {
      this.mark += 1
      const text = `${this.life} ${this.mark}`
      this.sent.push(text)
      assert.equal(this.sender.add(messageOf(text, 1, somebody), plain, this.mark, this.nowMs), undefined)
    }
  }

  pump(): void {
    for (let frame = this.sender.next(this.nowMs); frame !== undefined; frame = this.sender.next(this.nowMs))
      this.toReceiver.push({ from: this.senderBoot, frame })
  }

  /** Hands on the frame at this place. */
  receive(at: number): void {
    const [flying] = this.toReceiver.splice(at % Math.max(1, this.toReceiver.length), 1)
    if (flying === undefined) return
    const receiver = this.#receivers.get(flying.from) ?? new LaneReceiver(flying.from)
    this.#receivers.set(flying.from, receiver)
    const frame = readLaneFrame(flying.frame)
    assert.ok(frame.type === 'batch' || frame.type === 'begin')
    if (frame.type === 'begin') {
      if (receiver.begin(frame)) this.#answer(receiver, receiver.taken < frame.last)
      return
    }
    const verdict = receiver.judge(frame.epoch, frame.sequence)
    if (verdict === 'deliver') {
      const batch = readBatch(flying.frame)
      assert.ok(batch.type === 'messages')
      const texts = batch.publications.map(textOf)
      this.delivered.get(this.receiverBoot)!.push(...texts)
      this.#unsafe.push({ boot: flying.from, epoch: frame.epoch, sequence: frame.sequence, texts })
    } else if (verdict === 'duplicate') this.#answer(receiver, false)
    else if (verdict !== 'late' && receiver.tellMissing()) this.#answer(receiver, true)
  }

  /** What it was given so far is safe. */
  keep(): void {
    for (const { boot, epoch, sequence, texts } of this.#unsafe) {
      const receiver = this.#receivers.get(boot)!
      for (const text of texts) this.safe.add(text)
      if (receiver.keep(epoch, sequence)) this.#answer(receiver, false)
    }
    this.#unsafe = []
  }

  #answer(receiver: LaneReceiver, isMissing: boolean): void {
    this.toSender.push({ from: this.receiverBoot, frame: writeAck(receiver.ack(isMissing)) })
  }

  hear(at: number): void {
    const [flying] = this.toSender.splice(at % Math.max(1, this.toSender.length), 1)
    if (flying === undefined) return
    const frame = readLaneFrame(flying.frame)
    assert.ok(frame.type === 'ack')
    if (frame.boot === this.senderBoot) this.sender.acknowledged(frame, flying.from, this.nowMs)
    this.#checkSafe()
  }

  /** Nothing counts as acknowledged that is not safe. */
  #checkSafe(): void {
    for (const text of this.sent) {
      const isOfThisLane = text.startsWith(`${this.life} `)
      const isAcknowledged = Number(text.split(' ')[1]) < this.sender.oldestMark
      if (isOfThisLane && isAcknowledged) assert.ok(this.safe.has(text), `${text} is acknowledged, and not safe`)
    }
  }

  advance(ms: number): void {
    this.nowMs += ms
    this.sender.tick(this.nowMs)
  }

  restartReceiver(): void {
    this.receiverBoot = `r${++this.#lives}`
    this.delivered.set(this.receiverBoot, [])
    this.#receivers = new Map()
    this.#unsafe = []
  }

  restartSender(): void {
    this.senderBoot = `s${++this.#lives}`
    this.sender = new LaneSender(1, limits)
  }

  /** The sender gives up the lane, and opens another one. */
  forget(): string[] {
    const texts = this.sender.unacknowledged().flatMap((frame) => {
      const batch = readBatch(frame)
      assert.ok(batch.type === 'messages')
      return batch.publications.map(textOf)
    })
    this.sender = new LaneSender(this.sender.epoch + 1, limits)
    return texts
  }

  /** From now on everything arrives, in order. */
  settle(): void {
    for (let round = 0; this.sender.isWaiting; round += 1) {
      assert.ok(round < 1_000, 'the lane does not come to rest')
      this.pump()
      while (this.toReceiver.length > 0) this.receive(0)
      this.keep()
      while (this.toSender.length > 0) this.hear(0)
      this.advance(PROBE_MS)
    }
  }
}

const ofSuccessor = (text: string): boolean => text.startsWith('s1/2 ')

type Step = { readonly what: string; readonly act: (world: World) => void }

const place = fc.nat(20)
const step = (what: string, act: (world: World) => void): Step => ({ what, act })
const ordinary: fc.Arbitrary<Step>[] = [
  fc.integer({ min: 1, max: 8 }).map((count) => step(`send ${count}`, (world) => world.send(count))),
  fc.constant(step('pump', (world) => world.pump())),
  place.map((at) => step(`receive ${at}`, (world) => world.receive(at))),
  fc.constant(step('receive first', (world) => world.receive(0))),
  fc.constant(step('keep', (world) => world.keep())),
  place.map((at) => step(`hear ${at}`, (world) => world.hear(at))),
  fc.constant(step('hear first', (world) => world.hear(0))),
  place.map((at) => step(`lose frame ${at}`, (world) => world.toReceiver.splice(at, 1))),
  place.map((at) => step(`lose answer ${at}`, (world) => world.toSender.splice(at, 1))),
  place.map((at) => step(`repeat frame ${at}`, ({ toReceiver }) => toReceiver.push(...toReceiver.slice(at, at + 1)))),
  place.map((at) => step(`repeat answer ${at}`, ({ toSender }) => toSender.push(...toSender.slice(at, at + 1)))),
  fc.integer({ min: 1, max: 1_200 }).map((ms) => step(`wait ${ms}`, (world) => world.advance(ms))),
  fc.constant(step('reconnect', (world) => world.sender.reconnected(world.nowMs))),
]
const restarts: fc.Arbitrary<Step>[] = [
  fc.constant(step('receiver starts anew', (world) => world.restartReceiver())),
  fc.constant(step('sender starts anew', (world) => world.restartSender())),
]
const steps = (kinds: fc.Arbitrary<Step>[]) =>
  fc.array(fc.oneof(...kinds), { maxLength: 120, size: 'max' }).map((list) => ({
    list,
    toString: () => list.map(({ what }) => what).join(', '),
  }))

/** Of one lane, as one process of the receiver got it: in order, and each once. */
function assertOrder(texts: readonly string[]): void {
  const last = new Map<string, number>()
  for (const text of texts) {
    const [life, number] = text.split(' ')
    assert.ok(Number(number) > (last.get(life!) ?? 0), `${text} comes after ${last.get(life!)}`)
    last.set(life!, Number(number))
  }
}

test('while both processes live, each message arrives once and in order, whatever the bus does', () => {
  fc.assert(
    fc.property(steps(ordinary), ({ list }) => {
      const world = new World()
      for (const { act } of list) act(world)
      world.settle()
      assert.deepEqual(world.delivered.get('r1'), world.sent)
    }),
    { numRuns: 300 },
  )
})

test('when either side starts anew, each process gets a message at most once, in order, and nothing of a living sender is lost', () => {
  fc.assert(
    fc.property(steps([...ordinary, ...ordinary, ...restarts]), ({ list }) => {
      const world = new World()
      for (const { act } of list) act(world)
      world.settle()
      for (const texts of world.delivered.values()) assertOrder(texts)
      // Of a process that is gone, what it had kept is gone too.
      const everywhere = new Set([...world.delivered.values()].flat())
      for (const text of world.sent) {
        if (text.startsWith(`${world.life} `)) assert.ok(everywhere.has(text), `${text} is lost`)
      }
    }),
    { numRuns: 300 },
  )
})

test('a lane that is given up gives back what is not acknowledged, and its successor begins anew', () => {
  fc.assert(
    fc.property(steps(ordinary), steps(ordinary), ({ list: before }, { list: after }) => {
      const world = new World()
      for (const { act } of before) act(world)
      const back = world.forget()
      const kept = world.sent.filter((text) => !back.includes(text))
      for (const text of kept) assert.ok(world.safe.has(text))
      assert.deepEqual([...kept, ...back], world.sent)
      for (const { act } of after) act(world)
      world.settle()
      const texts = world.delivered.get('r1')!
      assertOrder(texts)
      assert.deepEqual(texts.filter(ofSuccessor), world.sent.filter(ofSuccessor))
    }),
    { numRuns: 200 },
  )
})

test('within its limits nothing is dropped; beyond them the oldest that was never sent is, and the sum holds', () => {
  const tight: LaneLimits = { ...limits, bufferBytesMax: 3_000, bufferMessagesMax: 30, qos0MessagesMax: 5 }
  const action = fc.oneof(
    fc.record({ type: fc.constant('send' as const), qos: fc.constantFrom(0 as const, 1 as const), bytes: fc.nat(400) }),
    fc.constant({ type: 'send' as const, qos: 1 as const, bytes: 20_000 }),
    fc.constant({ type: 'pump' as const }),
    fc.record({ type: fc.constant('ack' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  )
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200, size: 'max' }), (actions) => {
      const sender = new LaneSender(1, tight)
      let mark = 0
      let last = 0
      for (const act of actions) {
        if (act.type === 'send') {
          const reason = sender.add(messageOf('x'.repeat(act.bytes), act.qos, somebody), plain, ++mark, 0)
          assert.equal(reason === 'too_large', act.bytes > 10_000)
        } else if (act.type === 'pump') {
          for (let frame = sender.next(0); frame !== undefined; frame = sender.next(0)) {
            const read = readLaneFrame(frame)
            if (read.type === 'batch') last = Math.max(last, read.sequence)
          }
        } else {
          const kept = Math.floor(last * act.share)
          const ack = { type: 'ack', epoch: 1, kept, expected: kept + 1, isMissing: false, boot: 's' } as const
          sender.acknowledged(ack, 'r', 0)
        }
        const { sent, acknowledged, waiting, waitingQos0, waitingBytes, dropped } = sender.snapshot(0)
        assert.equal(sent, acknowledged + waiting + (dropped.queue_full ?? 0))
        assert.ok(waiting <= 30 && waitingQos0 <= 5, `${waiting} and ${waitingQos0} messages wait`)
        assert.ok(waitingBytes <= 3_000, `${waitingBytes} bytes wait`)
      }
    }),
    { numRuns: 300 },
  )
})

test('what is dropped is the oldest that was never sent: what flies stays, and no number is missing', () => {
  const sender = new LaneSender(1, { ...limits, bufferMessagesMax: 8, windowBatchesMax: 1, batchBytesMax: 1_000 })
  const add = (n: number) => sender.add(messageOf(`${n}`, 1, somebody), plain, n, 0)
  for (const n of [1, 2]) add(n)
  const first = sender.next(0)!
  for (let n = 3; n <= 9; n += 1) add(n)
  assert.equal(sender.snapshot(0).dropped.queue_full, 6)
  sender.acknowledged({ type: 'ack', epoch: 1, kept: 1, expected: 2, isMissing: false, boot: 's' }, 'r', 0)
  const second = sender.next(0)!
  assert.deepEqual(textsOf(first), ['1', '2'])
  assert.deepEqual(textsOf(second), ['9'])
  assert.deepEqual(readLaneFrame(second), { type: 'batch', epoch: 1, sequence: 2 })
})

test('QoS 0 goes unnumbered, waits while the receiver is behind, and is shed first', () => {
  const sender = new LaneSender(1, { ...limits, windowBatchesMax: 1, qos0MessagesMax: 2 })
  sender.add(messageOf('a', 1, somebody), plain, 1, 0)
  sender.add(messageOf('z', 0, somebody), plain, 0, 0)
  const numbered = sender.next(0)!
  const unnumbered = sender.next(0)!
  assert.deepEqual([textsOf(numbered), textsOf(unnumbered)], [['a'], ['z']])
  assert.deepEqual(readLaneFrame(unnumbered), { type: 'batch', epoch: 1, sequence: 0 })
  sender.add(messageOf('b', 1, somebody), plain, 2, 0)
  for (const text of ['u', 'v', 'w']) sender.add(messageOf(text, 0, somebody), plain, 0, 0)
  assert.equal(sender.next(0), undefined)
  sender.acknowledged({ type: 'ack', epoch: 1, kept: 1, expected: 2, isMissing: false, boot: 's' }, 'r', 0)
  assert.deepEqual([textsOf(sender.next(0)!), textsOf(sender.next(0)!)], [['b'], ['w']])
  assert.deepEqual(sender.snapshot(0).dropped, { shed_qos0: 2 })
})

test('a receiver that acknowledges nothing is asked, then held, and waited for again when it answers', () => {
  const sender = new LaneSender(1, limits)
  sender.add(messageOf('a', 1, somebody), plain, 1, 0)
  assert.deepEqual(textsOf(sender.next(0)!), ['a'])
  sender.tick(PROBE_MS - 1)
  assert.equal(sender.next(PROBE_MS - 1), undefined)
  sender.tick(PROBE_MS)
  assert.deepEqual(readLaneFrame(sender.next(PROBE_MS)!), { type: 'begin', epoch: 1, base: 1, last: 1 })
  assert.equal(sender.isHeld, false)
  sender.tick(SILENCE_MS_MAX)
  assert.equal(sender.isHeld, true)
  const ack = { type: 'ack', epoch: 1, kept: 1, expected: 2, isMissing: false, boot: 's' } as const
  assert.equal(sender.acknowledged(ack, 'r', SILENCE_MS_MAX), true)
  assert.equal(sender.isHeld, false)
  assert.equal(sender.oldestMark, Number.POSITIVE_INFINITY)
})

test('a batch holds no more messages than a receiver takes in one turn', () => {
  const sender = new LaneSender(1, {
    ...limits,
    batchBytesMax: 1_000_000,
    windowBytesMax: 1_000_000,
    bufferMessagesMax: 100_000,
  })
  for (let mark = 1; mark <= BATCH_MESSAGES_MAX + 1; mark += 1) sender.add(messageOf('x', 1, somebody), plain, mark, 0)
  assert.deepEqual([textsOf(sender.next(0)!).length, textsOf(sender.next(0)!).length], [BATCH_MESSAGES_MAX, 1])
})

test('a lane that gets through again asks at once', () => {
  const sender = flying(1)
  assert.equal(sender.next(1), undefined)
  sender.reconnected(2)
  assert.deepEqual(readLaneFrame(sender.next(2)!), { type: 'begin', epoch: 1, base: 1, last: 1 })
})

test('what is acknowledged while it is sent again is passed over, and nothing after it is', () => {
  const sender = flying(3)
  sender.acknowledged({ type: 'ack', epoch: 1, kept: 0, expected: 1, isMissing: true, boot: 's' }, 'r', 0)
  assert.deepEqual(textsOf(sender.next(0)!), ['1'])
  sender.acknowledged({ type: 'ack', epoch: 1, kept: 1, expected: 2, isMissing: false, boot: 's' }, 'r', 0)
  assert.deepEqual([textsOf(sender.next(0)!), textsOf(sender.next(0)!)], [['2'], ['3']])
  assert.equal(sender.next(0), undefined)
})

test('an answer that a later one has overtaken makes nothing go again', () => {
  const sender = flying(3)
  sender.acknowledged({ type: 'ack', epoch: 1, kept: 1, expected: 4, isMissing: false, boot: 's' }, 'r', 0)
  sender.acknowledged({ type: 'ack', epoch: 1, kept: 1, expected: 2, isMissing: true, boot: 's' }, 'r', 0)
  assert.equal(sender.next(0), undefined)
})

for (const { when, kept, expected } of [
  { when: 'keeps what was never sent', kept: 2, expected: 3 },
  { when: 'expects more than what comes next', kept: 0, expected: 3 },
])
  test(`an answer that ${when} is not believed`, () => {
    const sender = new LaneSender(1, limits)
    sender.add(messageOf('a', 1, somebody), plain, 1, 0)
    sender.next(0)
    sender.acknowledged({ type: 'ack', epoch: 1, kept, expected, isMissing: true, boot: 's' }, 'r', 0)
    assert.equal(sender.oldestMark, 1)
    assert.equal(sender.next(0), undefined)
  })

/** A sender of which so many batches of one message fly. */
function flying(count: number): LaneSender {
  const sender = new LaneSender(1, limits)
  for (let mark = 1; mark <= count; mark += 1) {
    sender.add(messageOf(`${mark}`, 1, somebody), plain, mark, 0)
    assert.notEqual(sender.next(0), undefined)
  }
  return sender
}

function textsOf(frame: Buffer): string[] {
  const batch = readBatch(frame)
  assert.ok(batch.type === 'messages')
  return batch.publications.map(textOf)
}
