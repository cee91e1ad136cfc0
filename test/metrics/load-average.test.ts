import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LoadAverage, loadMinutes } from '../../src/metrics/load-average.ts'

/** What the averages are after these samples. */
function after(samples: readonly (readonly [count: number, sinceMs: number])[]): readonly string[] {
  const average = new LoadAverage()
  for (const [count, sinceMs] of samples) average.sample(count, sinceMs)
  return loadMinutes.map((minutes) => average.perMinute(minutes).toFixed(2))
}

for (const { when, samples, are } of [
  { when: 'nothing was seen yet', samples: [], are: ['0.00', '0.00', '0.00'] },
  { when: 'a minute brought 60', samples: [[60, 60_000]], are: ['37.93', '10.88', '3.87'] },
  // 60 a minute, less what the time before weighs: 60 * (1 - exp(-1/6)).
  { when: 'ten seconds brought 10', samples: [[10, 10_000]], are: ['9.21', '1.97', '0.66'] },
  {
    when: 'then nothing more comes for a minute',
    samples: [
      [60, 60_000],
      [60, 60_000],
    ],
    are: ['13.95', '8.90', '3.62'],
  },
  { when: 'no time has passed', samples: [[7, 0]], are: ['0.00', '0.00', '0.00'] },
] as const)
  test(`load averages: ${when}`, () => assert.deepEqual(after(samples), are))

test('a steady rate is what every average comes to, however it is sampled', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 100_000 }),
      fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 20 }),
      (perSecond, steps) => {
        let seconds = 0
        const average = new LoadAverage()
        for (let round = 0; round < 2000 && seconds < 15 * 60 * 20; round++) {
          const step = steps[round % steps.length]!
          seconds += step
          average.sample(perSecond * seconds, step * 1000)
        }
        const rest = Math.exp(-seconds / (15 * 60)) * perSecond * 60
        for (const minutes of loadMinutes)
          assert(Math.abs(average.perMinute(minutes) - perSecond * 60) <= rest + 1e-6 * perSecond * 60)
      },
    ),
    { numRuns: 50 },
  )
})
