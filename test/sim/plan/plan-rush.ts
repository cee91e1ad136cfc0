/**
 * Traffic while things go wrong. What lanes promise shows in what flies at that moment, and flows at any time are rarely there: so many
 * faults get one that begins before them and ends after, of what somebody on the other side of a link wants.
 */
import type { SeededRandom } from '../world/random.ts'
import { matches } from '../oracle/topic-match.ts'
import type { PlannedClient, PlannedLink, PlannedPublishes, Step } from './plan.ts'
import { logInt } from './weighted.ts'

export type RushScene = {
  readonly links: readonly PlannedLink[]
  readonly clients: readonly PlannedClient[]
  readonly steps: readonly Step[]
  readonly quietMs: number
  /** All that anybody publishes. */
  readonly topics: readonly string[]
}

/** Deeds that cost connections of links, or delay them. */
const ROUGH = new Set<string>(['cut', 'reset', 'crash', 'freeze', 'slow', 'link', 'disk_full'])
const RUSHES_MAX = 3
const MESSAGES_MAX = 60
const BEFORE_MS_MAX = 2_000
const AFTER_MS = 3_000
/** Of a long fault the beginning matters. */
const LASTS_MS_MAX = 15_000

/** The same clients, some of which publish more. */
export function addRushes(scene: RushScene, random: SeededRandom): PlannedClient[] {
  const added = new Map<string, PlannedPublishes[]>()
  const rough = scene.steps.filter(({ deed }) => ROUGH.has(deed.type))
  let rushes = 0
  for (const step of rough) {
    if (rushes === RUSHES_MAX) break
    if (!random.chance(0.6)) continue
    const wanted = wantedAt(scene, step.atMs)
    if (wanted.length === 0) continue
    const { publisher, topic } = random.pick(wanted)
    added.set(publisher, [...(added.get(publisher) ?? []), planRush(scene, step, topic, random)])
    rushes += 1
  }
  return scene.clients.map((client) => ({
    ...client,
    publishes: [...client.publishes, ...(added.get(client.name) ?? [])],
  }))
}

type Wanted = { readonly publisher: string; readonly topic: string }

/** What somebody has subscribed to by then in a cluster whose link asks for it, and who may publish it on the other side. */
function wantedAt({ links, clients, topics }: RushScene, atMs: number): Wanted[] {
  return links.flatMap(({ cluster, peer, link }) => {
    const filters = clients
      .filter((client) => client.cluster === cluster)
      .flatMap(({ subscriptions }) => subscriptions)
      .filter(({ filter, qos, fromMs, untilMs }) => {
        return qos > 0 && !filter.startsWith('$share') && fromMs < atMs && (untilMs === null || untilMs > atMs)
      })
    const asked = topics.filter(
      (topic) =>
        filters.some(({ filter }) => matches(filter, topic)) && link.topics?.some((filter) => matches(filter, topic)),
    )
    const publishers = clients.filter((client) => client.cluster === peer)
    return publishers.flatMap(({ name }) => asked.map((topic) => ({ publisher: name, topic })))
  })
}

function planRush(
  { quietMs }: RushScene,
  { atMs, lastsMs }: Step,
  topic: string,
  random: SeededRandom,
): PlannedPublishes {
  const fromMs = Math.max(1_000, atMs - random.int(100, BEFORE_MS_MAX))
  const untilMs = Math.min(quietMs, atMs + Math.min(lastsMs, LASTS_MS_MAX) + AFTER_MS)
  const everyMs = Math.max(logInt(random, 20, 500), Math.ceil((untilMs - fromMs) / MESSAGES_MAX))
  const count = Math.max(1, Math.floor((untilMs - fromMs) / everyMs))
  return {
    topic,
    qos: random.chance(0.6) ? 1 : 2,
    retain: false,
    payloadBytes: 0,
    expirySeconds: null,
    fromMs,
    everyMs,
    count,
  }
}
