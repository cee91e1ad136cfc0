/**
 * What happens in the simulation of a seed. Most are small, since many small ones find more in the same time than a few large ones; some
 * have as many clusters and nodes as anybody runs.
 */
import { SeededRandom } from '../world/random.ts'
import type { Plan, PlannedCluster, PlannedLink, Range } from './plan.ts'
import { planClients, topics } from './plan-clients.ts'
import { CLOSED, planLink } from './plan-links.ts'
import { addRushes } from './plan-rush.ts'
import { planSteps } from './plan-steps.ts'
import { pickWeighted, type Weighted } from './weighted.ts'

/** How large everything is. */
export type Scale = {
  /** Of these and of nodes the fewer, the more often: what they cost grows faster than they do. */
  readonly clusters: Bounds
  /** Of one cluster. */
  readonly nodes: Bounds
  /** Of one cluster. */
  readonly clients: Bounds
  readonly steps: Bounds
  readonly quietMs: Bounds
}

type Bounds = readonly [min: number, max: number]

const scales: readonly Weighted<Scale>[] = [
  [76, { clusters: [2, 2], nodes: [1, 2], clients: [1, 3], steps: [0, 5], quietMs: [40_000, 120_000] }],
  [21, { clusters: [2, 3], nodes: [1, 3], clients: [1, 4], steps: [2, 9], quietMs: [60_000, 240_000] }],
  [3, { clusters: [3, 5], nodes: [1, 5], clients: [1, 3], steps: [4, 14], quietMs: [120_000, 300_000] }],
]

/**
 * How long everything may take to be well again. A peer that went without a word is found by its keep alive (90 s), what was lost at
 * first is sent again after 120 s at the latest (TCP), and then comes a handshake, which may have to wait for a lease and for its turn.
 */
const BOUND_MS = 300_000
/** Longer than a heartbeat. */
const SETTLE_MS = 20_000

/** In milliseconds, one way: within a rack, a region, a continent, the world. */
const nearby: readonly Weighted<Range>[] = [
  [6, { minMs: 0.1, maxMs: 0.6 }],
  [3, { minMs: 0.5, maxMs: 4 }],
  [1, { minMs: 1, maxMs: 25 }],
]
const faraway: readonly Weighted<Range>[] = [
  [4, { minMs: 0.2, maxMs: 2 }],
  [4, { minMs: 8, maxMs: 30 }],
  [2, { minMs: 40, maxMs: 90 }],
  [1, { minMs: 90, maxMs: 350 }],
]

/** The same seed, the same plan. @param seed any whole number from 0 */
export function planOf(seed: number): Plan {
  const random = new SeededRandom(seed).fork('plan')
  const scale = pickWeighted(random, scales)
  const quietMs = random.int(...scale.quietMs)
  const names = ['a', 'b', 'c', 'd', 'e'].slice(0, ratherFew(random, scale.clusters))
  const isClosed = random.chance(0.5)
  const clusters = names.map((name) => planCluster(name, scale, isClosed, random.fork(`cluster ${name}`)))
  const links = planGraph(names, random.fork('graph')).flatMap((pair) =>
    planPair(pair, isClosed, random.fork(pair.join(' '))),
  )
  const usual = planClients({ clusters, links, scale, quietMs }, random.fork('clients'))
  const steps = planSteps({ clusters, links, clients: usual, scale, quietMs, isClosed }, random.fork('steps'))
  const clients = addRushes({ links, clients: usual, steps, quietMs, topics }, random.fork('rushes'))
  return { seed, clusters, links, clients, steps, quietMs, boundMs: BOUND_MS, settleMs: SETTLE_MS }
}

function planCluster(name: string, scale: Scale, isClosed: boolean, random: SeededRandom): PlannedCluster {
  const nodes = ratherFew(random, scale.nodes)
  const isCoordinated = nodes > 1 || random.chance(0.2)
  const servers = isCoordinated && random.chance(0.35) ? 3 : 1
  return {
    name,
    nodes,
    isCoordinated,
    servers,
    config: isClosed ? CLOSED : {},
    latencyMs: pickWeighted(random, nearby),
  }
}

function ratherFew(random: SeededRandom, [min, max]: Bounds): number {
  let count = min
  while (count < max && random.chance(0.45)) count += 1
  return count
}

type Pair = readonly [string, string]

/** Which clusters are linked: a chain, a ring, a hub with spokes, or each with each. */
function planGraph(names: readonly string[], random: SeededRandom): Pair[] {
  const chain = names.slice(1).map((name, at): Pair => [names[at]!, name])
  if (names.length === 2) return chain
  const [hub = '', ...spokes] = names
  const ends: Pair = [hub, names.at(-1)!]
  return pickWeighted<Pair[]>(random, [
    [2, chain],
    [1, [...chain, ends]],
    [2, spokes.map((spoke): Pair => [hub, spoke])],
    [3, names.flatMap((one, at) => names.slice(at + 1).map((other): Pair => [one, other]))],
  ])
}

function planPair([one, other]: Pair, isClosed: boolean, random: SeededRandom): PlannedLink[] {
  const latencyMs = pickWeighted(random, faraway)
  const sides = [
    { cluster: one, peer: other },
    { cluster: other, peer: one },
  ]
  return sides.map((side) => ({ ...side, link: planLink(side, isClosed, random.fork(side.cluster)), latencyMs }))
}
