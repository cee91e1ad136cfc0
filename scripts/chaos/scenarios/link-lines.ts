/** What else can happen to the line between two clusters. */
import { repeated, type Scenario } from './scenario.ts'

const clusters = [{ name: 'east' }, { name: 'west' }] as const
const unharmed = { loss: 'none', doubles: 'none', order: 'kept' } as const

export const linkLines: readonly Scenario[] = [
  {
    name: 'flapping',
    about: 'The link goes down for half of every second, twenty times.',
    clusters,
    timeline: repeated({ atMs: 500, forMs: 500, trouble: { type: 'link', fault: { type: 'cut' } } }, 1_000, 20),
    guarantees: { ...unharmed, healMsMax: 20_000 },
  },
  {
    name: 'one-way',
    about: 'What east sends on its connections to west goes nowhere for 20 s, then what west answers there.',
    clusters,
    timeline: [
      {
        atMs: 1_000,
        forMs: 20_000,
        trouble: { type: 'link', from: 'east', to: 'west', fault: { type: 'one_way', way: 'up' } },
      },
      {
        atMs: 45_000,
        forMs: 20_000,
        trouble: { type: 'link', from: 'east', to: 'west', fault: { type: 'one_way', way: 'down' } },
      },
    ],
    guarantees: { ...unharmed, healMsMax: 20_000 },
  },
  {
    name: 'half-open',
    about: 'Connections between the clusters stay open for 30 s, and nothing passes in them.',
    clusters,
    timeline: [{ atMs: 1_000, forMs: 30_000, trouble: { type: 'link', fault: { type: 'half_open' } } }],
    guarantees: { ...unharmed, healMsMax: 20_000 },
  },
  {
    name: 'resets',
    about: 'Connections are reset again and again, in the middle of packets.',
    clusters,
    traffic: { perSecond: 50 },
    timeline: repeated(
      { atMs: 500, forMs: 700, trouble: { type: 'link', fault: { type: 'reset', afterBytes: 4_321 } } },
      1_500,
      10,
    ),
    guarantees: { ...unharmed, healMsMax: 20_000 },
  },
  {
    name: 'bad-line',
    about: 'A line of 300 ms with jitter, of 64 kB/s, that tears what is written into small pieces and ends late.',
    clusters,
    timeline: [
      { atMs: 500, forMs: 20_000, trouble: { type: 'link', fault: { type: 'latency', ms: 300, jitterMs: 200 } } },
      { atMs: 500, forMs: 20_000, trouble: { type: 'link', fault: { type: 'bandwidth', bytesPerSecond: 64_000 } } },
      { atMs: 500, forMs: 20_000, trouble: { type: 'link', fault: { type: 'slicer', bytes: 40, varyBytes: 39 } } },
      { atMs: 500, forMs: 20_000, trouble: { type: 'link', fault: { type: 'slow_close', ms: 2_000 } } },
      { atMs: 10_000, forMs: 1_000, trouble: { type: 'link', fault: { type: 'reset' } } },
    ],
    guarantees: { ...unharmed, healMsMax: 20_000 },
  },
  {
    name: 'lost-packets',
    about: 'Between network namespaces a router drops every packet to west for 20 s, then a fifth of them for 20 s.',
    clusters,
    namespaces: true,
    timeline: [
      { atMs: 1_000, forMs: 20_000, trouble: { type: 'packets', to: 'west', percent: 100 } },
      { atMs: 40_000, forMs: 20_000, trouble: { type: 'packets', to: 'west', percent: 20 } },
    ],
    guarantees: { ...unharmed, healMsMax: 30_000 },
  },
  {
    name: 'tls-renewed',
    about:
      'Links over TLS, and every certificate is renewed under load; then new connections have to come about with them.',
    clusters,
    tls: true,
    traffic: { perSecond: 50 },
    timeline: [
      { atMs: 1_000, trouble: { type: 'renew_certificates' } },
      { atMs: 15_000, forMs: 1_000, trouble: { type: 'link', fault: { type: 'cut' } } },
      { atMs: 25_000, trouble: { type: 'renew_certificates' } },
    ],
    guarantees: { ...unharmed, healMsMax: 15_000 },
  },
]
