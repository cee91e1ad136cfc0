/** What happens to clusters of several nodes, and to the NATS between them. */
import type { Scenario } from './scenario.ts'

const durable = { durable: true } as const
const three = { name: 'east', nodes: 3, nats: 1, link: durable } as const
const west = { name: 'west', link: durable } as const
const unharmed = { loss: 'none', doubles: 'none', order: 'kept' } as const
const speaker = { cluster: 'east', which: { speaksTo: 'west' } } as const

export const clusterScenarios: readonly Scenario[] = [
  {
    name: 'nats-split',
    about:
      'Of three NATS servers that of the lease holder is cut off from the others for 20 s: the holder is in the minority.',
    clusters: [{ ...three, nats: 3 }, west],
    timeline: [{ atMs: 1_000, forMs: 20_000, trouble: { type: 'nats_split', nodes: speaker, fault: { type: 'cut' } } }],
    guarantees: { ...unharmed, healMsMax: 30_000 },
  },
  {
    name: 'nats-killed',
    about: 'The one NATS server of a cluster of three is killed for 10 s.',
    clusters: [three, west],
    timeline: [{ atMs: 1_000, forMs: 10_000, trouble: { type: 'nats_kill', cluster: 'east' } }],
    guarantees: { ...unharmed, healMsMax: 20_000 },
  },
  {
    name: 'rolling-restart',
    about: 'The three nodes of a cluster are restarted, one after the other.',
    clusters: [three, west],
    timeline: [{ atMs: 1_000, trouble: { type: 'rolling_restart', cluster: 'east', pauseMs: 5_000 } }],
    guarantees: { ...unharmed, healMsMax: 20_000 },
  },
  {
    name: 'speaker-killed',
    about: 'Who speaks for a cluster of three is killed for 10 s.',
    clusters: [three, west],
    timeline: [{ atMs: 1_000, forMs: 10_000, trouble: { type: 'kill', nodes: speaker } }],
    guarantees: { loss: 'none', doubles: 'told', order: 'kept', healMsMax: 20_000 },
  },
  {
    name: 'speaker-frozen',
    about:
      'Who speaks for a cluster of three is stopped (SIGSTOP) for 15 s: long enough that another speaks meanwhile.',
    clusters: [three, west],
    timeline: [{ atMs: 1_000, forMs: 15_000, trouble: { type: 'freeze', nodes: speaker } }],
    // What it has in its sockets it takes when it goes on; who got the same instead of it could not ask it, and says so.
    guarantees: { ...unharmed, doubles: 'told', healMsMax: 20_000 },
  },
  {
    name: 'bootstrap-killed',
    about:
      'West has lost its memory and learns 200,000 routes of a cluster of three; who tells it is killed on the way.',
    clusters: [west, three],
    bulkFilters: 200_000,
    traffic: { perSecond: 5 },
    timeline: [
      { atMs: 1_000, forMs: 1_000, trouble: { type: 'kill', nodes: { cluster: 'west' }, isEmptied: true } },
      { atMs: 2_500, forMs: 8_000, trouble: { type: 'kill', nodes: speaker, whileLearning: 20_000 } },
    ],
    guarantees: { loss: 'crash', doubles: 'told', order: 'kept', healMsMax: 60_000 },
  },
]
