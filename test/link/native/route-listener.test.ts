import assert from 'node:assert/strict'
import test from 'node:test'
import type { ApplyResult } from '../../../src/routes/replica.ts'
import { linkClaim, type RouteStatement } from '../../../src/routes/route-frames.ts'
import { RouteListener } from '../../../src/link/native/route-listener.ts'

const claim = linkClaim('eu-west', 7)

function change(seq: number): RouteStatement {
  return { type: 'delta', claim, from: seq, keys: [`a/${seq}`], values: [1], answer: 'none' }
}

/** A listener that is in sync with nothing. Each change takes it so many milliseconds, and comes to what `outcome` says. */
function listening(changeMs: number, outcome: (applied: number) => ApplyResult['type'] = () => 'applied') {
  const applied: string[] = []
  let workedMs = 0
  let due: (() => void)[] = []
  /** All that waited for the next turn; what is put off again waits for the one after it. */
  const turn = (): void => {
    const calls = due
    due = []
    for (const call of calls) call()
  }
  const listener = new RouteListener(
    {
      clock: {
        nowMs: () => workedMs,
        after: (_ms, call) => {
          due.push(call)
          return { cancel: () => void (due = due.filter((other) => other !== call)) }
        },
      },
      pairs: () => [],
      apply: (ops) => {
        workedMs += changeMs
        applied.push(...ops.map(({ topicFilter }) => topicFilter))
        return outcome(applied.length)
      },
      left: () => {},
    },
    [1, 2],
  )
  listener.connected([1, 2], () => {})
  listener.prepare()
  assert.equal(listener.take({ type: 'heartbeat', claim, seq: 0, digest: { size: 0, lo: 0, hi: 0 } }), 'applied')
  turn()
  return { turn, listener, applied }
}

test('what takes long is dealt with in several turns, in order', () => {
  const { turn, listener, applied } = listening(3)
  for (let seq = 1; seq <= 5; seq += 1) assert.equal(listener.take(change(seq)), 'applied')
  assert.deepEqual(applied, ['a/1', 'a/2'])
  turn()
  assert.deepEqual(applied, ['a/1', 'a/2', 'a/3', 'a/4'])
  listener.take(change(6))
  turn()
  assert.deepEqual(applied, ['a/1', 'a/2', 'a/3', 'a/4', 'a/5', 'a/6'])
  turn()
  listener.take(change(7))
  assert.equal(applied.at(-1), 'a/7')
})

test('no more waits than may, whatever a peer says', () => {
  const { listener, applied } = listening(10)
  for (let seq = 1; seq <= 200; seq += 1) assert.equal(listener.take(change(seq)), 'applied')
  assert.equal(applied.length, 200 - 64)
  assert.equal(applied.at(-1), 'a/136')
})

test('whoever said too much while something waited hears of it at the next word', () => {
  const { turn, listener, applied } = listening(10, (count) => (count > 1 ? 'full' : 'applied'))
  for (let seq = 1; seq <= 3; seq += 1) assert.equal(listener.take(change(seq)), 'applied')
  turn()
  assert.deepEqual(applied, ['a/1', 'a/2'])
  assert.equal(listener.take(change(4)), 'full')
  listener.connected([1, 2], () => {})
  assert.equal(listener.take(change(4)), 'applied')
})

test('what waits is dealt with also after the connection is gone, and not after the end', () => {
  const { turn, listener, applied } = listening(10)
  for (let seq = 1; seq <= 3; seq += 1) listener.take(change(seq))
  listener.disconnected()
  turn()
  assert.deepEqual(applied, ['a/1', 'a/2'])
  listener.stop()
  turn()
  assert.deepEqual(applied, ['a/1', 'a/2'])
})
