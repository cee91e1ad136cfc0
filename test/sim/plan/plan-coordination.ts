/** What goes wrong with that through which a cluster coordinates. */
import type { SeededRandom } from '../world/random.ts'
import { hostOf } from '../world/world.ts'
import type { Deed, PlannedCluster } from './plan.ts'
import { logInt, pickSome, pickWeighted } from './weighted.ts'

export function planCoordinationDeed({ name, nodes, servers }: PlannedCluster, random: SeededRandom): Deed {
  const cluster = name
  const hosts = Array.from({ length: nodes }, (_, at) => hostOf(name, at))
  const server = random.int(0, servers - 1)
  const minMs = logInt(random, 1, 400)
  return pickWeighted<Deed>(random, [
    [
      5,
      {
        type: 'coordination_cut',
        cluster,
        // Everybody, or somebody: the others then see them go.
        nodes: random.chance(0.4) ? hosts : pickSome(random, hosts, random.int(1, hosts.length)),
        servers: servers === 1 || random.chance(0.6) ? null : [server],
        how: random.chance(0.3) ? 'reset' : 'vanish',
        direction: pickWeighted<'both' | 'to_servers' | 'from_servers'>(random, [
          [4, 'both'],
          [1, 'to_servers'],
          [1, 'from_servers'],
        ]),
      },
    ],
    [servers === 1 ? 0 : 3, { type: 'coordination_split', cluster, apart: [server] }],
    [3, { type: 'coordination_server', cluster, server, how: random.chance(0.6) ? 'kill' : 'freeze' }],
    [1, { type: 'coordination_slow', cluster, latencyMs: { minMs, maxMs: minMs * random.int(1, 6) } }],
    [1, { type: 'coordination_wipe', cluster }],
  ])
}
