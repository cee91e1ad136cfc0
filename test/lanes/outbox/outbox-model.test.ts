import test from 'node:test'
import fc from 'fast-check'
import type { OutboxLimits, OverflowPolicy } from '../../../src/lanes/outbox/outbox-limits.ts'
import type { QoS } from '../../../src/packets/message.ts'
import { World } from './outbox-world.ts'

type Step = { readonly name: string; readonly rest: readonly unknown[]; readonly run: (world: World) => void }

const limits: fc.Arbitrary<OutboxLimits> = fc.record({
  bytesMax: fc.constantFrom(1_500, 6_000, 60_000, 4_000_000),
  countMax: fc.constantFrom(1, 3, 12, 200, 2_000, Number.POSITIVE_INFINITY),
  ageMsMax: fc.constantFrom(3_000, 60_000, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY),
})
const overflow = fc.constantFrom<OverflowPolicy>('drop_oldest', 'drop_newest', 'backpressure')
const few = fc.integer({ min: 1, max: 6 })

/** One that fails is shown with its name. */
function step<T extends readonly unknown[]>(
  weight: number,
  name: string,
  args: fc.Arbitrary<T>,
  run: (world: World, ...rest: T) => void,
): fc.WeightedArbitrary<Step> {
  return { weight, arbitrary: args.map((rest) => ({ name, rest, run: (world: World) => run(world, ...rest) })) }
}

function steps(qos: fc.Arbitrary<QoS>): fc.Arbitrary<Step> {
  const sending = fc.record({
    from: fc.constantFrom('a', 'b', 'c', 'd'),
    qos,
    bytes: fc.constantFrom(10, 10, 10, 60, 300, 2_000, 30_000, 90_000),
    expirySeconds: fc.constantFrom(undefined, undefined, undefined, 1, 5, 100),
  })
  const nothing = fc.constant<[]>([])
  const frameBytes = fc.constantFrom(Number.POSITIVE_INFINITY, 100_000, 250, 150)
  const refusedWith = fc.constantFrom(0, 0, 0, 0, 0, 0x97)
  const mayNumber = fc.constantFrom(true, true, true, false)
  return fc.oneof(
    step(12, 'accept', fc.tuple(sending, fc.constantFrom(1, 1, 1, 5, 20)), (world, row, times) =>
      world.accept(row, times),
    ),
    step(8, 'send', fc.tuple(few, fc.boolean(), mayNumber), (world, ...row) => world.send(...row)),
    step(5, 'arrive', fc.tuple(few, refusedWith), (world, ...row) => world.arrive(...row)),
    step(5, 'answer', fc.tuple(few), (world, times) => world.answer(times)),
    step(3, 'connect', fc.tuple(frameBytes), (world, most) => world.connect(most)),
    step(2, 'cut', fc.tuple(fc.nat(4)), (world, arrived) => world.cut(arrived)),
    step(1, 'seal', nothing, (world) => world.outbox.seal()),
    step(1, 'sweep', nothing, (world) => world.sweep()),
    step(2, 'wait', fc.tuple(fc.integer({ min: 1, max: 2_000 })), (world, ms) => void (world.nowMs += ms)),
    step(1, 'limit', fc.tuple(limits, overflow), (world, ...row) => world.limit(...row)),
    step(5, 'beginCommit', nothing, (world) => world.beginCommit()),
    step(5, 'endCommit', nothing, (world) => world.endCommit()),
    step(2, 'restart', fc.tuple(fc.nat(4)), (world, arrived) => world.restart(arrived)),
  )
}

for (const { when, qos, isDurable } of [
  { when: 'in memory, with QoS 0', qos: fc.constantFrom<QoS>(0, 1, 1, 2), isDurable: false },
  { when: 'on the disk, over restarts', qos: fc.constantFrom<QoS>(1, 2), isDurable: true },
])
  test(`property: each message is delivered once and in order or stands in the ledger, limits hold: ${when}`, () => {
    fc.assert(
      fc.property(limits, overflow, fc.array(steps(qos), { maxLength: 120, size: 'max' }), (first, policy, all) => {
        const world = new World(first, policy, isDurable)
        for (const { run } of all) run(world)
        world.drain()
      }),
      { numRuns: 200, seed: 20 },
    )
  })
