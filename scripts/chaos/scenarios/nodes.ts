/** What happens to nodes: they are killed, stopped, emptied, and their clocks and disks fail. */
import type { Scenario } from './scenario.ts'

/** What a node has acknowledged outlives it. */
const durable = { durable: true } as const
/** A node that died does not know what of the last had arrived, at its peer or at its own clients. */
const afterCrash = { loss: 'none', doubles: 'told', order: 'kept' } as const

export const nodeScenarios: readonly Scenario[] = [
  {
    name: 'both-killed',
    about: 'Every node of both clusters is killed at once, and started 2 s later.',
    clusters: [
      { name: 'east', link: durable },
      { name: 'west', link: durable },
    ],
    timeline: [
      { atMs: 1_000, forMs: 2_000, trouble: { type: 'kill', nodes: { cluster: 'east' } } },
      { atMs: 1_000, forMs: 2_000, trouble: { type: 'kill', nodes: { cluster: 'west' } } },
    ],
    guarantees: { ...afterCrash, healMsMax: 15_000 },
  },
  {
    name: 'peer-emptied',
    about: 'The only node of west is killed and comes back on an empty disk: it knows nothing of anybody.',
    clusters: [{ name: 'east' }, { name: 'west' }],
    timeline: [{ atMs: 1_000, forMs: 2_000, trouble: { type: 'kill', nodes: { cluster: 'west' }, isEmptied: true } }],
    guarantees: { loss: 'crash', doubles: 'told', order: 'kept', healMsMax: 15_000 },
  },
  {
    name: 'clock',
    about: 'The clock of east jumps an hour ahead, that of west an hour back, and both return.',
    clusters: [{ name: 'east' }, { name: 'west' }],
    timeline: [
      { atMs: 1_000, forMs: 15_000, trouble: { type: 'clock', nodes: { cluster: 'east' }, byMs: 3_600_000 } },
      { atMs: 5_000, forMs: 15_000, trouble: { type: 'clock', nodes: { cluster: 'west' }, byMs: -3_600_000 } },
      { atMs: 8_000, forMs: 1_000, trouble: { type: 'link', fault: { type: 'cut' } } },
    ],
    guarantees: { loss: 'none', doubles: 'none', order: 'kept', healMsMax: 15_000 },
  },
  {
    name: 'disk-full',
    about: 'The disk of east is full for 15 s, with a durable link and kept sessions on it.',
    clusters: [
      { name: 'east', link: durable, diskMb: 64 },
      { name: 'west', link: durable },
    ],
    timeline: [
      { atMs: 1_000, forMs: 15_000, trouble: { type: 'disk_full', nodes: { cluster: 'east' } } },
      { atMs: 5_000, forMs: 5_000, trouble: { type: 'link', fault: { type: 'cut' } } },
    ],
    guarantees: { loss: 'none', doubles: 'none', order: 'kept', healMsMax: 20_000 },
  },
]
