/** The clock of the open loop: nothing before its start, again and again from then on, nothing after its end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startPacer } from '../../../scripts/bench/link/pacer.ts'

test('a pacer begins when it is told to, and stops for good', async () => {
  const startMs = performance.now() + 30
  const ticksMs: number[] = []
  let enough: (() => void) | undefined
  const three = new Promise<void>((resolve) => (enough = resolve))
  const pacer = startPacer(startMs, 500, () => {
    ticksMs.push(performance.now())
    if (ticksMs.length === 3) enough?.()
  })
  await three
  await pacer.stop()
  const { length } = ticksMs
  // A tenth of a millisecond for two clocks that are read one after the other.
  assert.ok(ticksMs[0]! > startMs - 0.1, `${ticksMs[0]! - startMs} ms after its start`)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(ticksMs.length, length)
})
