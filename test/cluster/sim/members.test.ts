/** Whatever happens to the nodes of a cluster: one holder, numbers that only grow, no slot twice, and in the end all agree. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Mishap, SimulatedMembers } from './simulated-members.ts'

const SEED = Number(process.env['ISTHMUS_SEED'] ?? 4)
const RUNS = Number(process.env['ISTHMUS_RUNS'] ?? 25)
const HOUR_MS = 3_600_000

const node = fc.nat(4)
const onNode = (type: 'cut' | 'heal' | 'kill' | 'leave' | 'start' | 'freeze' | 'thaw' | 'speak') =>
  fc.record({ type: fc.constant(type), node })
const wall = fc.record({
  type: fc.constant('wall' as const),
  node,
  byMs: fc.constantFrom(-HOUR_MS, HOUR_MS, -7_000, 7_000),
})
const mishap = fc.oneof(
  ...(['cut', 'heal', 'kill', 'leave', 'start', 'freeze', 'thaw', 'speak'] as const).map(onNode),
  wall,
)
const waits = fc.constantFrom(20, 200, 1_000, 3_000, 6_000)
const stories = (mishaps: fc.Arbitrary<Mishap>) => fc.array(fc.tuple(mishaps, waits), { maxLength: 20 })

async function play(nodeCount: number, story: readonly (readonly [Mishap, number])[]): Promise<void> {
  let seed = 1
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed / 2_147_483_647
  }
  const members = new SimulatedMembers(nodeCount, random)
  await members.begin()
  for (const [mishap, waitMs] of story) {
    await members.happen(mishap)
    await members.pass(waitMs)
  }
  await members.settle()
}

test('cuts, crashes, stops and set clocks never bring two holders or one slot twice', async () => {
  await fc.assert(fc.asyncProperty(fc.integer({ min: 2, max: 5 }), stories(mishap), play), {
    seed: SEED,
    numRuns: RUNS,
  })
})

test('after all records were lost, whatever else happened, there is one holder with the highest number', async () => {
  const wipe = fc.constant({ type: 'wipe' as const })
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 2, max: 5 }), stories(fc.oneof({ weight: 5, arbitrary: mishap }, wipe)), play),
    { seed: SEED, numRuns: RUNS },
  )
})

test('the simulation notices when nobody holds the lease', () => {
  const members = new SimulatedMembers(2, () => 0.5)
  assert.throws(() => members.checkLease())
})
