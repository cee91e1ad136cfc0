import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { DrainPace, drainWeight } from '../../../src/link/native/drain-pace.ts'

type Receiver = {
  /** There and back, milliseconds. */
  readonly roundTripMs: number
  /** Messages that it takes in a millisecond. */
  readonly perMs: number
}

/**
 * A receiver that takes one batch after the other. Batches of backlog of a thousand messages go to it as the pace allows, and a live
 * message every so many milliseconds.
 */
function drain({ roundTripMs, perMs }: Receiver, liveEveryMs: number, forMs: number) {
  const pace = new DrainPace()
  const messages = 1_000
  const weight = drainWeight(64_000, messages)
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
      pace.drained(weight)
      send(messages, nowMs, (tookMs, atMs) => {
        pace.drainAnswered(weight, tookMs, atMs)
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
    assert.ok(perMs > receiver.perMs * 0.6, `${perMs} of ${receiver.perMs} a millisecond`)
  })

  test(`with live messages about, a receiver ${where} keeps time for them, and the backlog crosses all the same`, () => {
    const { perMs, lateMs } = drain(receiver, 2, 5_000)
    const batchMs = 1_000 / receiver.perMs
    assert.ok(lateMs <= Math.max(2 * batchMs, receiver.roundTripMs + batchMs), `late by ${lateMs} ms`)
    assert.ok(perMs > receiver.perMs * 0.2, `${perMs} of ${receiver.perMs} a millisecond`)
  })
}

test('a batch larger than any portion goes, alone', () => {
  const pace = new DrainPace()
  const weight = drainWeight(10_000_000, 1)
  assert.equal(pace.mayDrain(0), true)
  pace.drained(weight)
  assert.equal(pace.mayDrain(0), false)
  pace.drainAnswered(weight, 5, 5)
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
        if (drains) pace.drained(1_000)
        nowMs += tookMs
        if (drains) pace.drainAnswered(1_000, tookMs, nowMs)
        else if (live) pace.liveAnswered(tookMs, nowMs)
        assert.equal(pace.mayDrain(nowMs + 1_000), true)
      }
    }),
  )
})
