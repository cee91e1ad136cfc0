import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createActor, fromPromise } from 'xstate'
import { type ClaimOutcome, leaseMachine, leaseState, type LeaseEvent } from '../../actors/lease.ts'
import { ManualClock } from '../broker/manual-clock.ts'

const settled = () => new Promise((resolve) => setImmediate(resolve))

/** The machine with a TTL of 3 s, and everything it asked for. */
function start({ random = 0.5 } = {}) {
  const clock = new ManualClock()
  const asked: string[] = []
  let isConnected = true
  const claims: ((outcome: ClaimOutcome | Error) => void)[] = []
  const machine = leaseMachine.provide({
    actors: {
      claim: fromPromise<ClaimOutcome>(
        () =>
          new Promise((resolve, reject) => {
            asked.push('claim')
            claims.push((outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome)))
          }),
      ),
    },
    actions: { renew: () => asked.push('renew'), look: () => asked.push('look'), weigh: () => {} },
  })
  const actor = createActor(machine, {
    clock: {
      setTimeout: (call: () => void, ms: number) => clock.after(ms, call),
      clearTimeout: (timer: { cancel(): void } | undefined) => timer?.cancel(),
    },
    input: {
      name: 'l',
      ttlMs: 3_000,
      random: () => random,
      nowMs: () => clock.steadyMs(),
      isConnected: () => isConnected,
    },
  }).start()
  const send = (...events: LeaseEvent[]) => {
    for (const event of events) actor.send(event)
  }
  const answer = async (outcome: ClaimOutcome | Error) => {
    claims.at(-1)?.(outcome)
    await settled()
  }
  return {
    clock,
    asked,
    send,
    answer,
    state: () => leaseState(actor.getSnapshot()),
    reason: () => actor.getSnapshot().context.reason,
    connect: (connected: boolean) => {
      isConnected = connected
      if (connected) send({ type: 'connected' })
    },
    take: async () => {
      send({ type: 'record_free', reason: 'test', rivals: false })
      clock.advance(0)
      await answer({ type: 'claimed', askedAtMs: clock.steadyMs() })
    },
  }
}

const seen = { type: 'holder_seen', reason: 'b holds it' } as const

test('a follower that sees no change of the record for the TTL claims it', async () => {
  const { clock, asked, state, answer } = start()
  clock.advance(3_099)
  assert.equal(state(), 'follower')
  clock.advance(1)
  assert.equal(state(), 'candidate')
  assert.deepEqual(asked, ['look', 'look', 'claim'])
  await answer({ type: 'claimed', askedAtMs: clock.steadyMs() })
  assert.equal(state(), 'holder')
})

test('each sign of life gives the holder a whole TTL again, and nobody looks', () => {
  const { clock, asked, send, state } = start()
  for (let n = 0; n < 20; n++) {
    clock.advance(1_000)
    send(seen)
  }
  assert.equal(state(), 'follower')
  assert.deepEqual(asked, [])
})

for (const { when, rivals, random, delayMs } of [
  { when: 'that others see too is claimed after a random while', rivals: true, random: 0.5, delayMs: 100 },
  { when: 'that is nobody else’s business is claimed at once', rivals: false, random: 0.5, delayMs: 0 },
])
  test(`a free record ${when}`, () => {
    const { clock, send, state } = start({ random })
    send({ type: 'record_free', reason: 'b released it', rivals })
    if (delayMs > 0) {
      clock.advance(delayMs - 1)
      assert.equal(state(), 'follower')
    }
    clock.advance(delayMs > 0 ? 1 : 0)
    assert.equal(state(), 'candidate')
  })

test('who hurried and sees that the record is held again follows', () => {
  const { clock, send, state } = start()
  send({ type: 'record_free', reason: 'b released it', rivals: true }, seen)
  clock.advance(2_000)
  assert.equal(state(), 'follower')
})

test('while not connected nobody is overdue; afterwards the holder has a whole TTL', () => {
  const { clock, connect, state } = start()
  connect(false)
  clock.advance(60_000)
  assert.equal(state(), 'follower')
  connect(true)
  clock.advance(3_099)
  assert.equal(state(), 'follower')
  clock.advance(1)
  assert.equal(state(), 'candidate')
})

test('while the record can’t be read nobody is overdue, and looking goes on; afterwards the holder has a whole TTL', () => {
  const { clock, asked, send, state } = start()
  for (let n = 0; n < 20; n++) {
    clock.advance(2_000)
    send({ type: 'unanswered' })
  }
  assert.equal(state(), 'follower')
  assert.equal(asked.length, 20)
  clock.advance(3_099)
  assert.equal(state(), 'follower')
  clock.advance(1)
  assert.equal(state(), 'candidate')
})

test('a renewal that was taken for lost and is answered after the next one takes nothing back', async () => {
  const { clock, send, state, take } = start()
  await take()
  clock.advance(1_000)
  const lateMs = clock.steadyMs()
  clock.advance(1_000)
  send({ type: 'renewed', askedAtMs: clock.steadyMs() }, { type: 'renewed', askedAtMs: lateMs })
  clock.advance(2_999)
  assert.equal(state(), 'holder')
  clock.advance(1)
  assert.equal(state(), 'lapsed')
})

for (const { when, outcome } of [
  { when: 'is refused', outcome: { type: 'refused', reason: 'another was faster' } as const },
  { when: 'gets no answer', outcome: new Error('lost') },
])
  test(`a candidate whose claim ${when} follows`, async () => {
    const { clock, answer, state } = start()
    clock.advance(3_100)
    await answer(outcome)
    assert.equal(state(), 'follower')
  })

test('a candidate that is not answered at all follows after a TTL', () => {
  const { clock, state } = start()
  clock.advance(3_100)
  clock.advance(3_000)
  assert.equal(state(), 'follower')
})

test('after a claim without an answer nobody hurries', async () => {
  const { clock, answer, send, state } = start()
  clock.advance(3_100)
  await answer(new Error('lost'))
  send({ type: 'record_free', reason: 'b left', rivals: true })
  clock.advance(999)
  assert.equal(state(), 'follower')
  clock.advance(1)
  assert.equal(state(), 'candidate')
})

test('a claim that was granted long ago is made again', async () => {
  const { clock, answer, state, asked } = start()
  clock.advance(3_100)
  await answer({ type: 'claimed', askedAtMs: clock.steadyMs() - 3_000 })
  assert.equal(state(), 'candidate')
  assert.deepEqual(asked, ['look', 'look', 'claim', 'claim'])
})

test('a holder renews three times in a TTL, and stays as long as it is answered', async () => {
  const { clock, asked, send, state, take } = start()
  await take()
  asked.length = 0
  for (let n = 0; n < 10; n++) {
    clock.advance(1_000)
    send({ type: 'renewed', askedAtMs: clock.steadyMs() })
  }
  assert.equal(state(), 'holder')
  assert.equal(asked.length, 10)
})

test('a holder that can’t renew lapses a TTL after the last time, goes on asking, and is the holder again when answered', async () => {
  const { clock, asked, send, state, reason, take } = start()
  await take()
  clock.advance(2_999)
  assert.equal(state(), 'holder')
  clock.advance(1)
  assert.equal(state(), 'lapsed')
  asked.length = 0
  clock.advance(5_000)
  assert.deepEqual(asked, ['renew', 'renew', 'renew', 'renew', 'renew'])
  send({ type: 'renewed', askedAtMs: clock.steadyMs() })
  assert.equal(state(), 'holder')
  assert.equal(reason(), 'the record is still its own')
})

test('an answer that waited longer than a TTL makes nobody the holder', async () => {
  const { clock, asked, send, state, take } = start()
  await take()
  const askedAtMs = clock.steadyMs()
  clock.advance(10_000)
  asked.length = 0
  send({ type: 'renewed', askedAtMs })
  assert.equal(state(), 'lapsed')
  assert.deepEqual(asked, ['renew'])
})

for (const when of ['holder', 'lapsed'] as const)
  test(`a ${when} that sees another’s name on the record follows`, async () => {
    const { clock, send, state, take } = start()
    await take()
    if (when === 'lapsed') clock.advance(4_000)
    assert.equal(state(), when)
    send({ type: 'superseded', reason: 'b holds it' })
    assert.equal(state(), 'follower')
    clock.advance(3_100)
    assert.equal(state(), 'candidate')
  })

for (const event of ['connected', 'doubted'] as const)
  test(`a holder asks at once when ${event === 'connected' ? 'the connection is back' : 'the record may have changed'}`, async () => {
    const { asked, send, take } = start()
    await take()
    asked.length = 0
    send({ type: event })
    assert.deepEqual(asked, ['renew'])
  })

test('what was released is contested no more', async () => {
  const { clock, asked, send, state, take } = start()
  await take()
  send({ type: 'release' })
  asked.length = 0
  clock.advance(60_000)
  assert.equal(state(), 'follower')
  assert.deepEqual(asked, [])
})
