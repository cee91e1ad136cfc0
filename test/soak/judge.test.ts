/** Which samples of a process are judged to be flat: noise, bursts and a start are, a leak is not, however slow the machine. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { slopesOf, type ProcessSample } from '../../scripts/soak/judge.ts'
import { seeded } from '../../scripts/soak/seeded.ts'

const EVERY_MS = 5_000

/** Three minutes of a healthy process on a busy machine. */
function healthy(seed: number, count = 36): ProcessSample[] {
  const random = seeded(seed)
  return Array.from({ length: count }, (_, index) => {
    const isWarm = index > count / 3
    return {
      atMs: index * EVERY_MS + random() * 1_000,
      heapMiB: 40 - (isWarm ? 0 : 8 - index / 2) + random() * 2,
      externalMiB: 20 + random() * 2,
      rssMiB: 130 - (isWarm ? 0 : 30) + random() * 15,
      resources: { TCPSocketWrap: 8 + Math.floor(random() * 6), Timeout: 30 },
      timers: 45 + Math.floor(random() * 12),
      // Others have the processor every now and then.
      delayMs: { p50: random() * (random() < 0.3 ? 30 : 2), p99: random() * (random() < 0.3 ? 400 : 20) },
      cpuPercent: 3 + random() * 5,
    }
  })
}

/** @param spoil what a leak adds after so many minutes */
function growing(seed: number, count: number, spoil: (sample: ProcessSample, minutes: number) => ProcessSample) {
  return healthy(seed, count).map((sample) => spoil(sample, sample.atMs / 60_000))
}

const growingFigures = (samples: readonly ProcessSample[], isBeside = true): string[] =>
  slopesOf([{ process: 'a', life: 1, samples }], isBeside).flatMap(({ figure, isFlat }) => (isFlat ? [] : [figure]))

test('a healthy process is flat in each figure, among many seeds', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const slopes = slopesOf([{ process: 'a', life: 1, samples: healthy(seed) }], true)
    assert.equal(slopes.length, 8)
    assert.deepEqual(
      slopes.filter(({ isFlat }) => !isFlat),
      [],
      `seed ${seed}`,
    )
  }
})

for (const { leak, figure, spoil } of [
  {
    leak: '4 MiB a minute on the heap',
    figure: 'heap after collection',
    spoil: (sample: ProcessSample, minutes: number) => ({ ...sample, heapMiB: sample.heapMiB + 4 * minutes }),
  },
  {
    leak: '5 MiB a minute of buffers',
    figure: 'external memory',
    spoil: (sample: ProcessSample, minutes: number) => ({ ...sample, externalMiB: sample.externalMiB + 5 * minutes }),
  },
  {
    leak: 'a socket every 4 s',
    figure: 'handles',
    spoil: (sample: ProcessSample, minutes: number) => {
      const sockets = (sample.resources['TCPSocketWrap'] ?? 0) + Math.floor(minutes * 15)
      return { ...sample, resources: { ...sample.resources, TCPSocketWrap: sockets } }
    },
  },
  {
    leak: 'a timer each second',
    figure: 'timers',
    spoil: (sample: ProcessSample, minutes: number) => ({
      ...sample,
      timers: sample.timers + Math.floor(minutes * 60),
    }),
  },
  {
    leak: 'an event loop that is held up longer and longer',
    figure: 'event-loop delay, median',
    spoil: (sample: ProcessSample, minutes: number) => ({
      ...sample,
      delayMs: { ...sample.delayMs, p50: sample.delayMs.p50 + 80 * minutes },
    }),
  },
  {
    leak: 'work that grows with what was done',
    figure: 'processor',
    spoil: (sample: ProcessSample, minutes: number) => ({ ...sample, cpuPercent: sample.cpuPercent + 20 * minutes }),
  },
])
  test(`${leak} is found in three minutes: ${figure}`, () => {
    for (let seed = 1; seed <= 50; seed++)
      assert.deepEqual(growingFigures(growing(seed, 36, spoil)), [figure], `seed ${seed}`)
  })

function tenMebibytesAnHour(sample: ProcessSample, minutes: number): ProcessSample {
  return { ...sample, heapMiB: sample.heapMiB + minutes / 6 }
}

test('what would take a node hours to die of is found in an hour', () => {
  assert.deepEqual(growingFigures(growing(1, 720, tenMebibytesAnHour), false), ['heap after collection'])
  assert.deepEqual(growingFigures(growing(1, 36, tenMebibytesAnHour)), [], 'too little to be seen in three minutes')
  assert.deepEqual(growingFigures(healthy(1, 720)), [])
})

test('a machine that is taken away in the middle of it is no leak', () => {
  const samples = healthy(3).map((sample, index) =>
    index < 24 ? sample : { ...sample, delayMs: { p50: sample.delayMs.p50 + 35, p99: sample.delayMs.p99 + 500 } },
  )
  assert.deepEqual(growingFigures(samples), [])
})

test('each life of a process is judged by itself, and one that was too short is not', () => {
  const slopes = slopesOf(
    [
      { process: 'a', life: 1, samples: healthy(1, 10) },
      { process: 'a', life: 2, samples: healthy(2) },
    ],
    true,
  )
  assert.deepEqual([...new Set(slopes.map(({ life }) => life))], [2])
})
