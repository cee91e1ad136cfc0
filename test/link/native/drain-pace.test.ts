import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { BACKLOG_MESSAGES_MAX } from '../../../src/lanes/outbox/outbox.ts'
import { DrainPace, drainWeight } from '../../../src/link/native/drain-pace.ts'

type Receiver = {
  /** There and back, milliseconds. */
  readonly roundTripMs: number
  /** Messages that it takes in a millisecond. */
  readonly perMs: number
}

/**
 * A receiver that takes one batch after the other. Batches of backlog go to it as the pace allows, and a live
 * message every so many milliseconds.
 */
function drain({ roundTripMs, perMs }: Receiver, liveEveryMs: number, forMs: number) {
  const pace = new DrainPace()
  const messages = BACKLOG_MESSAGES_MAX
  const weight = drainWeight(64 * messages, messages)
  const answers: { readonly atMs: number; readonly answer: () => void }[] = []
  const lateMs: number[] = []
  let freeAtMs = 0
  let crossed = 0
  const send = (work: number, nowMs: number, answer: (tookMs: number, atMs: number) => void) => {
    freeAtMs = Math.max(freeAtMs, nowMs + roundTripMs / 2) + work / perMs
    const atMs = freeAtMs + roundTripMs / 2
    answers.push({ atMs, answer: () => answer(atMs - nowMs, atMs) })
  }
  for (let nowMs = 0; nowMs < forMs; nowMs += 0.25) {
    answers.sort((one, other) => one.atMs - other.atMs)
    while ((answers[0]?.atMs ?? Infinity) <= nowMs) answers.shift()?.answer()
    if (nowMs % liveEveryMs === 0) {
      pace.livePassed(nowMs)
      send(1, nowMs, (tookMs, atMs) => {
        pace.liveAnswered(tookMs, atMs)
        lateMs.push(tookMs - roundTripMs)
      })
    }
    while (pace.mayDrain(nowMs)) {
      pace.drained(weight, messages, nowMs)
      send(messages, nowMs, (tookMs, atMs) => {
        pace.drainAnswered(weight, messages, tookMs, atMs)
        crossed += messages
      })
    }
  }
  lateMs.sort((one, other) => one - other)
  return { perMs: crossed / forMs, lateMs: lateMs[Math.floor(lateMs.length * 0.99)] ?? 0 }
}

for (const { where, receiver } of [
  { where: 'on one machine', receiver: { roundTripMs: 0.5, perMs: 500 } },
  { where: 'in another town', receiver: { roundTripMs: 20, perMs: 500 } },
  { where: 'that is slow', receiver: { roundTripMs: 1, perMs: 50 } },
]) {
  test(`with nobody else about, a receiver ${where} is kept busy`, () => {
    const { perMs } = drain(receiver, Infinity, 5_000)
    assert.ok(perMs > receiver.perMs * 0.4, `${perMs} of ${receiver.perMs} a millisecond`)
  })

  test(`with live messages about, a receiver ${where} keeps time for them, and the backlog crosses all the same`, () => {
    const { perMs, lateMs } = drain(receiver, 2, 5_000)
    const batchMs = BACKLOG_MESSAGES_MAX / receiver.perMs
    assert.ok(lateMs <= Math.max(2 * batchMs, receiver.roundTripMs + batchMs), `late by ${lateMs} ms`)
    assert.ok(perMs > receiver.perMs * 0.1, `${perMs} of ${receiver.perMs} a millisecond`)
  })
}

test('a batch larger than any portion goes, alone', () => {
  const pace = new DrainPace()
  const weight = drainWeight(10_000_000, 1)
  assert.equal(pace.mayDrain(0), true)
  pace.drained(weight, 1, 0)
  assert.equal(pace.mayDrain(0), false)
  pace.drainAnswered(weight, 1, 5, 5)
  assert.equal(pace.mayDrain(5), true)
})

test('property: whatever the peer does, once it has answered all, the backlog goes on within a second', () => {
  const answer = fc.record({ tookMs: fc.double({ min: 0, max: 60_000, noNaN: true }), live: fc.boolean() })
  fc.assert(
    fc.property(fc.array(answer, { maxLength: 200 }), (answers) => {
      const pace = new DrainPace()
      let nowMs = 0
      for (const { tookMs, live } of answers) {
        if (live) pace.livePassed(nowMs)
        const drains = pace.mayDrain(nowMs)
        if (drains) pace.drained(1_000, 10, nowMs)
        nowMs += tookMs
        if (drains) pace.drainAnswered(1_000, 10, tookMs, nowMs)
        else if (live) pace.liveAnswered(tookMs, nowMs)
        assert.equal(pace.mayDrain(nowMs + 1_000), true)
      }
    }),
  )
})

/**
 * A session whose client takes so many messages in a millisecond, at the other end of a line. The peer answers when the session's
 * queue is a quarter full at most, as `Crowd` has it. Returns how long the queue became, and what the client took in a millisecond.
 */
function drainInto(perMs: number, roundTripMs: number, queueMax: number) {
  const pace = new DrainPace()
  const weight = drainWeight(64 * BACKLOG_MESSAGES_MAX, BACKLOG_MESSAGES_MAX)
  const stepMs = 0.5
  const forMs = 10_000
  const coming: number[] = []
  const waiting: number[] = []
  const answers: { readonly atMs: number; readonly sentMs: number }[] = []
  let queue = 0
  let longest = 0
  let taken = 0
  for (let nowMs = 0; nowMs < forMs; nowMs += stepMs) {
    const now = Math.min(queue, perMs * stepMs)
    queue -= now
    taken += now
    while ((coming[0] ?? Infinity) + roundTripMs / 2 <= nowMs) {
      queue += BACKLOG_MESSAGES_MAX
      waiting.push(coming.shift()!)
    }
    longest = Math.max(longest, queue)
    if (queue <= queueMax / 4)
      for (const sentMs of waiting.splice(0)) answers.push({ atMs: nowMs + roundTripMs / 2, sentMs })
    while ((answers[0]?.atMs ?? Infinity) <= nowMs) {
      const { sentMs } = answers.shift()!
      pace.drainAnswered(weight, BACKLOG_MESSAGES_MAX, nowMs - sentMs, nowMs)
    }
    while (pace.mayDrain(nowMs)) {
      pace.drained(weight, BACKLOG_MESSAGES_MAX, nowMs)
      coming.push(nowMs)
    }
  }
  return { longest, takenPerMs: taken / forMs }
}

for (const roundTripMs of [0.5, 5, 50, 200])
  for (const perMs of [0.5, 2, 10, 50])
    test(`a client that takes ${perMs} a millisecond, ${roundTripMs} ms away: its queue never overflows, and it has to do`, () => {
      const { longest, takenPerMs } = drainInto(perMs, roundTripMs, 1_000)
      assert.ok(longest <= 1_032, `${longest} in the queue`)
      // Where it would take more than there is on the line, it is the line that it waits for.
      const isPossible = Math.min(perMs, (5 * BACKLOG_MESSAGES_MAX) / roundTripMs)
      assert.ok(takenPerMs >= 0.4 * isPossible, `${takenPerMs} of ${perMs} a millisecond`)
    })
