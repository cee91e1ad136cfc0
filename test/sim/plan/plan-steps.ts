/** What goes wrong, and what people do meanwhile. */
import type { SeededRandom } from '../world/random.ts'
import { hostOf } from '../world/world.ts'
import type { Deed, PlannedClient, PlannedCluster, PlannedLink, Step } from './plan.ts'
import { planCoordinationDeed } from './plan-coordination.ts'
import { planEdit } from './plan-links.ts'
import type { Scale } from './plan-of.ts'
import { logInt, pickSome, pickWeighted, type Weighted } from './weighted.ts'

export type Scene = {
  readonly clusters: readonly PlannedCluster[]
  readonly links: readonly PlannedLink[]
  readonly clients: readonly PlannedClient[]
  readonly scale: Scale
  readonly quietMs: number
  /** Whether what only peers may do is for them alone. */
  readonly isClosed: boolean
}

/** The first moments belong to the start. */
const FIRST_MS = 3_000
const LASTS_MS = { min: 100, max: 120_000 }
/** Of wall clocks, either way. */
const CLOCK_MS_MAX = 7_200_000

type MakeDeed = (scene: Scene, random: SeededRandom) => Deed

const deeds: readonly Weighted<MakeDeed>[] = [
  [16, cutSomebody],
  [7, resetSomebody],
  [5, slowSomebody],
  [3, (scene, random) => ({ type: 'echo', ...anyEnds(scene, random) })],
  [13, crashNode],
  [5, (scene, random) => ({ type: 'freeze', node: anyNode(scene, random) })],
  [4, moveClock],
  [4, (scene, random) => ({ type: 'disk', node: anyNode(scene, random), how: random.pick(['slow', 'full']) })],
  [14, changeLink],
  [2, misnameLink],
  [14, botherClient],
]

export function planSteps(scene: Scene, random: SeededRandom): Step[] {
  const coordinated = scene.clusters.filter(({ isCoordinated }) => isCoordinated)
  const choices: readonly Weighted<MakeDeed>[] =
    coordinated.length === 0
      ? deeds
      : [...deeds, [14, (_, chance) => planCoordinationDeed(chance.pick(coordinated), chance)]]
  const steps = Array.from({ length: random.int(...scene.scale.steps) }, (_, number) =>
    planStep(scene, choices, random.fork(`step ${number}`)),
  )
  return steps.toSorted((one, other) => one.atMs - other.atMs)
}

function planStep(scene: Scene, choices: readonly Weighted<MakeDeed>[], random: SeededRandom): Step {
  const { quietMs } = scene
  const atMs = random.int(FIRST_MS, quietMs - 10_000)
  const lastsMs = Math.min(logInt(random, LASTS_MS.min, LASTS_MS.max), quietMs - atMs)
  return { atMs, lastsMs, deed: pickWeighted(random, choices)(scene, random) }
}

export function hostsOf({ name, nodes }: PlannedCluster): string[] {
  return Array.from({ length: nodes }, (_, at) => hostOf(name, at))
}

function anyNode({ clusters }: Scene, random: SeededRandom): string {
  return random.pick(hostsOf(random.pick(clusters)))
}

// ---- the network

type Ends = { readonly from: readonly string[]; readonly to: readonly string[] }

/** Who does not reach whom: two clusters, parts of them, a node and everybody, a client and its cluster. */
function anyEnds({ clusters, links, clients }: Scene, random: SeededRandom): Ends {
  const hosts = clusters.flatMap(hostsOf)
  const hostsNamed = (name: string): string[] => clusters.filter((cluster) => cluster.name === name).flatMap(hostsOf)
  const link = random.pick(links)
  const [ours, theirs] = [hostsNamed(link.cluster), hostsNamed(link.peer)]
  const node = random.pick(hosts)
  const choices: Weighted<Ends>[] = [
    [5, { from: ours, to: theirs }],
    [3, { from: [random.pick(ours)], to: theirs }],
    [2, { from: [random.pick(ours)], to: [random.pick(theirs)] }],
    [2, { from: [node], to: hosts.filter((host) => host !== node) }],
  ]
  const apart = pickSome(random, hosts, random.int(1, hosts.length - 1))
  choices.push([1, { from: apart, to: hosts.filter((host) => !apart.includes(host)) }])
  if (clients.length > 0) {
    const client = random.pick(clients)
    choices.push([2, { from: [`client:${client.name}`], to: hostsNamed(client.cluster) }])
  }
  return pickWeighted(random, choices)
}

function cutSomebody(scene: Scene, random: SeededRandom): Deed {
  const { from, to } = anyEnds(scene, random)
  const isTurned = random.chance(0.5)
  return {
    type: 'cut',
    from: isTurned ? to : from,
    to: isTurned ? from : to,
    how: random.chance(0.3) ? 'reset' : 'vanish',
    isOneWay: random.chance(0.35),
  }
}

function resetSomebody(scene: Scene, random: SeededRandom): Deed {
  return { type: 'reset', ...anyEnds(scene, random) }
}

function slowSomebody(scene: Scene, random: SeededRandom): Deed {
  const minMs = logInt(random, 1, 1_000)
  return { type: 'slow', ...anyEnds(scene, random), latencyMs: { minMs, maxMs: minMs * random.int(1, 8) } }
}

// ---- nodes

function crashNode(scene: Scene, random: SeededRandom): Deed {
  const how = pickWeighted<'kill' | 'power' | 'stop'>(random, [
    [5, 'kill'],
    [3, 'power'],
    [3, 'stop'],
  ])
  return { type: 'crash', node: anyNode(scene, random), how, losesDisk: random.chance(0.15) }
}

function moveClock(scene: Scene, random: SeededRandom): Deed {
  const byMs = logInt(random, 500, CLOCK_MS_MAX)
  return { type: 'clock', node: anyNode(scene, random), byMs: random.chance(0.5) ? byMs : -byMs }
}

// ---- people

function changeLink({ links }: Scene, random: SeededRandom): Deed {
  const { cluster, peer, link } = random.pick(links)
  const change = random.chance(0.15) ? null : { ...link, ...planEdit(link, random) }
  return { type: 'link', cluster, peer, change, isUndone: random.chance(0.8) }
}

function misnameLink({ links }: Scene, random: SeededRandom): Deed {
  const { cluster, peer } = random.pick(links)
  return { type: 'link_misnamed', cluster, peer, name: `not-${peer}` }
}

function botherClient(scene: Scene, random: SeededRandom): Deed {
  const { name: client, cluster } = random.pick(scene.clients)
  const nodes = scene.clusters.find(({ name }) => name === cluster)?.nodes ?? 1
  return pickWeighted<Deed>(random, [
    [4, { type: 'client_drops', client, moves: random.chance(0.5) }],
    [3, { type: 'client_doubles', client, node: random.int(0, nodes - 1) }],
    [3, { type: 'client_away', client }],
    [scene.isClosed ? 1 : 0, { type: 'client_trespasses', client }],
  ])
}
