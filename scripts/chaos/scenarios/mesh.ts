/** Three clusters, each linked with each, and whatever chance does to them. */
import type { Scenario, Step, Trouble } from './scenario.ts'

const NAMES = ['east', 'west', 'north'] as const
const durable = { durable: true } as const

/** The longest that a trouble of chance lasts, and the pause between two. */
const FOR_MS_MAX = 12_000
const PAUSE_MS_MIN = 4_000
const PAUSE_MS_MAX = 12_000

export const mesh: Scenario = {
  name: 'mesh',
  about: 'Three clusters in a full mesh, one of them of two nodes, under faults that chance chooses.',
  clusters: [
    { name: 'east', nodes: 2, nats: 1, link: durable },
    { name: 'west', link: durable },
    { name: 'north', link: durable },
  ],
  minutes: 10,
  timeline: randomSteps,
  settleMs: 5_000,
  guarantees: { loss: 'none', doubles: 'told', order: 'kept', healMsMax: 30_000 },
}

function randomSteps(random: () => number, minutes: number): readonly Step[] {
  const steps: Step[] = []
  const endMs = minutes * 60_000
  for (let atMs = 1_000; atMs < endMs - FOR_MS_MAX;) {
    const forMs = Math.round(500 + random() ** 2 * (FOR_MS_MAX - 500))
    steps.push({ atMs, forMs, trouble: randomTrouble(random) })
    // One process dies at a time; lines may fail while others do.
    atMs += Math.round(PAUSE_MS_MIN + forMs + random() * (PAUSE_MS_MAX - PAUSE_MS_MIN))
  }
  return steps
}

function randomTrouble(random: () => number): Trouble {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!
  const from = pick(NAMES)
  const to = pick(NAMES.filter((name) => name !== from))
  const node = { cluster: from, which: from === 'east' ? Math.floor(random() * 2) : 0 }
  return pick<() => Trouble>([
    () => ({ type: 'link', from, to, fault: { type: 'cut' } }),
    () => ({ type: 'link', fault: { type: 'cut' } }),
    () => ({ type: 'link', from, to, fault: { type: 'half_open' } }),
    () => ({ type: 'link', from, to, fault: { type: 'one_way', way: pick(['up', 'down'] as const) } }),
    () => ({ type: 'link', from, to, fault: { type: 'latency', ms: 200, jitterMs: 150 } }),
    () => ({ type: 'link', from, to, fault: { type: 'bandwidth', bytesPerSecond: 20_000 } }),
    () => ({ type: 'link', from, to, fault: { type: 'slicer', bytes: 30, varyBytes: 29 } }),
    () => ({ type: 'link', from, to, fault: { type: 'slow_close', ms: 3_000 } }),
    () => ({ type: 'link', from, to, fault: { type: 'reset', afterBytes: Math.ceil(random() * 10_000) } }),
    () => ({ type: 'nats', nodes: { cluster: 'east', which: Math.floor(random() * 2) }, fault: { type: 'half_open' } }),
    () => ({ type: 'nats_kill', cluster: 'east' }),
    () => ({ type: 'kill', nodes: node }),
    () => ({ type: 'freeze', nodes: node }),
    () => ({ type: 'clock', nodes: node, byMs: Math.round((random() * 2 - 1) * 7_200_000) }),
  ])()
}
