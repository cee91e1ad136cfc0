/** Who subscribes and who publishes, what and when. */
import type { QoS } from '../../../src/packets/message.ts'
import type { SeededRandom } from '../world/random.ts'
import type { PlannedClient, PlannedCluster, PlannedLink, PlannedPublishes, PlannedSubscription } from './plan.ts'
import type { Scale } from './plan-of.ts'
import { logInt, pickWeighted, type Weighted } from './weighted.ts'

export type ClientScene = {
  readonly clusters: readonly PlannedCluster[]
  readonly links: readonly PlannedLink[]
  readonly scale: Scale
  readonly quietMs: number
}

/** Few, so that who publishes finds who subscribed. */
export const topics = ['t/a', 't/b', 't/a/x', 't/b/x', 'u/a', 'u/b', 'v/a']
const filters: readonly Weighted<string>[] = [
  [4, 't/a'],
  [3, 't/b'],
  [3, 't/#'],
  [2, 't/+/x'],
  [2, 'u/a'],
  [2, 'u/+'],
  [1, '+/a'],
  [1, 'v/a'],
  [1, '#'],
]
const qoss: readonly Weighted<QoS>[] = [
  [2, 0],
  [5, 1],
  [3, 2],
]
const payloadLengths: readonly Weighted<number>[] = [
  [12, 0],
  [3, 300],
  [1, 5_000],
]
/** No flow has more: what matters is when they come. */
const MESSAGES_MAX = 40
/** When the world has begun to work. */
const START_MS = 4_000

export function planClients(scene: ClientScene, random: SeededRandom): PlannedClient[] {
  return scene.clusters.flatMap((cluster, at) => {
    const count = random.int(...scene.scale.clients)
    return Array.from({ length: count }, (_, number) =>
      // The first two clusters hear each other whatever else is planned: the second speaks, the first listens.
      planClient(
        scene,
        cluster,
        { name: `${cluster.name}-c${number + 1}`, isFirst: number === 0, at },
        random.fork(`${cluster.name} ${number}`),
      ),
    )
  })
}

type Which = { readonly name: string; readonly isFirst: boolean; readonly at: number }

function planClient(
  scene: ClientScene,
  cluster: PlannedCluster,
  { name, isFirst, at }: Which,
  random: SeededRandom,
): PlannedClient {
  const role = pickWeighted<'listens' | 'speaks' | 'both'>(random, [
    [3, 'listens'],
    [3, 'speaks'],
    [3, 'both'],
  ])
  const listens = role !== 'speaks' || (isFirst && at === 0)
  const speaks = role !== 'listens' || (isFirst && at === 1)
  return {
    name,
    cluster: cluster.name,
    node: random.int(0, cluster.nodes - 1),
    version: random.chance(0.75) ? 5 : 4,
    expirySeconds: random.chance(0.65)
      ? pickWeighted(random, [
          [1, 20],
          [6, 3_600],
        ])
      : 0,
    subscriptions: listens
      ? Array.from({ length: random.int(1, 3) }, () => planFilter(random)).flatMap((filter, index, all) =>
          all.indexOf(filter) === index ? planWindows(filter, scene.quietMs, random) : [],
        )
      : [],
    publishes: speaks ? Array.from({ length: random.int(1, 3) }, () => planFlow(scene.quietMs, random)) : [],
  }
}

function planFilter(random: SeededRandom): string {
  const filter = pickWeighted(random, filters)
  return random.chance(0.1) ? `$share/g/${filter}` : filter
}

/** Most are there from the beginning and stay; others come, go and come back. */
function planWindows(filter: string, quietMs: number, random: SeededRandom): PlannedSubscription[] {
  const qos = pickWeighted(random, qoss)
  if (random.chance(0.6)) return [{ filter, qos, fromMs: random.int(0, 3_000), untilMs: null }]
  const windows: PlannedSubscription[] = []
  let fromMs = random.int(0, quietMs / 2)
  while (fromMs < quietMs && windows.length < 5) {
    const untilMs = fromMs + logInt(random, 50, quietMs)
    // The last may stay.
    const stays = untilMs >= quietMs || random.chance(0.2)
    windows.push({ filter, qos, fromMs, untilMs: stays ? null : untilMs })
    if (stays) break
    fromMs = untilMs + logInt(random, 20, 20_000)
  }
  return windows
}

function planFlow(quietMs: number, random: SeededRandom): PlannedPublishes {
  const fromMs = random.int(START_MS, quietMs * 0.8)
  const everyMs = logInt(random, 10, 5_000)
  const count = Math.max(1, Math.min(random.int(1, MESSAGES_MAX), Math.floor((quietMs - fromMs) / everyMs)))
  return {
    topic: random.pick(topics),
    qos: pickWeighted(random, qoss),
    retain: random.chance(0.12),
    payloadBytes: pickWeighted(random, payloadLengths),
    expirySeconds: random.chance(0.12) ? logInt(random, 1, 60) : null,
    fromMs,
    everyMs,
    count,
  }
}
