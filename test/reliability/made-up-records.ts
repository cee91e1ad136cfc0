/** A record of each kind in which all holds, for tests that then spoil one figure. */
import type { Kind, RecordOf } from '../../scripts/reliability/run-record.ts'

export type Records = { [K in Kind]: RecordOf<K> }

const COMMIT = '0123456789abcdef0123456789abcdef01234567'

const header = {
  commit: COMMIT,
  at: '2026-01-02T03:04:05.678Z',
  minutes: 12.5,
  machine: { processor: 'Some CPU', cores: 2, memoryGiB: 8, node: 'v20.19.0', system: 'linux x64' },
} as const

/** New ones at each call. */
export function madeUpRecords(): Records {
  return {
    sim: {
      ...header,
      kind: 'sim',
      command: 'npm run sim -- --minutes 10',
      seeds: 1200,
      from: 1,
      to: 1200,
      failures: [],
      virtualHours: 100,
      realSeconds: 600,
      speedFactor: 600,
      faults: { crash: 300, partition: 200 },
      messages: { in: 90_000, delivered: 80_000, expired: 120, dropped: { queue_full: 7 }, doubled: 0 },
      healingMs: [1200, 900, 31_000, 1500, 1300],
    },
    mutants: {
      ...header,
      kind: 'mutants',
      command: 'npm run sim:mutants',
      mutants: [
        { name: 'dedup off', caughtBySeed: 3, seedsTried: 3 },
        { name: 'origin not stamped', caughtBySeed: 14, seedsTried: 14 },
      ],
    },
    model: {
      ...header,
      kind: 'model',
      command: 'npm run model',
      systems: [
        { system: 'lease', states: 5000, transitions: 20_000, depth: 30, isExhaustive: true, violations: [] },
        {
          system: 'lane window',
          states: 7000,
          transitions: 30_000,
          depth: 25,
          isExhaustive: true,
          bounds: '4 batches, 2 cuts',
          violations: [],
        },
      ],
    },
    chaos: {
      ...header,
      kind: 'chaos',
      command: 'npm run chaos',
      scenarios: [
        {
          name: 'link cut for 5 s',
          seconds: 20,
          faults: { cut: 1 },
          judgement: [
            { qos: 0, accepted: 10, due: 10, delivered: 9, lost: 1, doubled: 0, outOfOrder: 0, misdelivered: 0 },
            { qos: 1, accepted: 10, due: 20, delivered: 20, lost: 0, doubled: 0, outOfOrder: 0, misdelivered: 0 },
          ],
          dropped: { shed_qos0: 1 },
          healingMs: [1400],
          failures: [],
          remarks: ['no namespaces here: the proxy cut the link'],
        },
      ],
    },
    soak: {
      ...header,
      kind: 'soak',
      command: 'npm run soak -- --minutes 5',
      processes: 4,
      faults: { 'link cut': 4 },
      slopes: [
        {
          process: 'us-east-1',
          life: 1,
          figure: 'heap after collection',
          unit: 'MiB',
          samples: 60,
          median: 20,
          perHour: 0.5,
          perHourAtLeast: -0.5,
          perHourMax: 30,
          isFlat: true,
        },
        {
          process: 'us-east-1',
          life: 1,
          figure: 'handles',
          unit: '',
          samples: 60,
          median: 20,
          perHour: 0.5,
          perHourAtLeast: -0.5,
          perHourMax: 30,
          isFlat: true,
        },
      ],
      messages: { acknowledged: 1000, due: 2000, delivered: 2000, lost: 0, doubled: 1 },
      operations: { connect: 50 },
      healingMs: [800],
      failures: [],
    },
    fuzz: {
      ...header,
      kind: 'fuzz',
      command: 'npm run fuzz -- --seconds 20',
      seed: 42,
      targets: [{ target: 'publish', executions: 100_000, seconds: 20, slowestMs: 3.4, findings: [] }],
    },
  }
}
