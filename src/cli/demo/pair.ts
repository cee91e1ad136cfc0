/**
 * Two linked clusters of one node each, devices on one side, subscribers on the other, and an account of what crosses.
 * `bytes_saved_ratio` compares every byte between the clusters, both ways, with what the devices wrote.
 */
import { dashboardLines } from './dashboards.ts'
import type { NodeProcess } from './node-process.ts'
import { allArrived, after, drawer, type Outcome, type Show } from './show.ts'
import { openStage, RECEIVING, SENDING, type Stage } from './stage.ts'
import { createTally, isClean, type Summary } from './tally.ts'
import { startDevices, startSubscribers } from './traffic.ts'
import { invitation, line, savedRatio, screen, type LinkLine, type Snapshot } from './view.ts'

const TOPICS = Array.from({ length: 1000 }, (_, index) => `devices/${String(index).padStart(4, '0')}/reading`)
/** Every hundredth. */
const WANTED = TOPICS.filter((_, index) => index % 100 === 42)
const PER_SECOND = 2000
const DEVICE_CONNECTIONS = 20
const ONCE_MS = 5000
const DRAW_EVERY_MS = 1000

type Account = Summary & { readonly bytes_saved_ratio: number }

/** Good unless a message was lost or doubled. Rejects if the stage could not be held. */
export async function showPair(show: Show): Promise<Outcome> {
  show.say(['Starting two clusters, linked both ways ...'])
  const stage = await openStage(!show.isBrief)
  try {
    const account = await perform(stage, show)
    return { isGood: isClean(account), account, verdict: verdict(account) }
  } finally {
    for (const code of await stage.close()) if (code !== 0) process.stderr.write(`a node ended with ${code}\n`)
  }
}

/** Lets traffic run until it is to end, then waits for what is on its way. */
async function perform(stage: Stage, { say, isBrief, asked }: Show): Promise<Account> {
  const { sending, receiving } = stage
  const tally = createTally(new Set(WANTED))
  const readers = WANTED.map((topic, index) => ({
    clientId: `reader-${index}`,
    port: receiving.mqttPort,
    topicFilter: topic,
    probeTopic: topic,
    arrived: (sequence: number, arrivedAt: string, latencyMs: number) => tally.arrived(sequence, arrivedAt, latencyMs),
  }))
  const subscribers = await startSubscribers(readers, { probePorts: [sending.mqttPort], keepsSessions: false })
  const ports = { sending: sending.mqttPort, receiving: receiving.mqttPort }
  say(['', ...invitation(ports), ...dashboardLines(stage.dashboards), ''])

  const linkBytesBefore = stage.linkBytes()
  const startedMs = performance.now()
  const devices = await startDevices({
    ports: [sending.mqttPort],
    topics: TOPICS,
    perSecond: PER_SECOND,
    connections: DEVICE_CONNECTIONS,
    keepsSessions: false,
    acknowledged: (sequence, topic) => tally.acknowledged(sequence, topic),
  })
  const snapshot = (): Snapshot => ({
    elapsedMs: performance.now() - startedMs,
    summary: tally.summary(),
    bytesPublished: devices.bytesWritten(),
    bytesCrossed: stage.linkBytes() - linkBytesBefore,
    links: [
      { name: `${SENDING} -> ${RECEIVING}`, ...linkState(sending, RECEIVING, receiving, SENDING) },
      { name: `${RECEIVING} -> ${SENDING}`, ...linkState(receiving, SENDING, sending, RECEIVING) },
    ],
  })
  const draw = drawer(
    () => screen(snapshot()),
    () => line(snapshot()),
  )
  const drawing = isBrief ? undefined : setInterval(draw, DRAW_EVERY_MS)
  try {
    await Promise.race([isBrief ? after(ONCE_MS, asked) : asked, failWhenGone(sending), failWhenGone(receiving)])
    clearInterval(drawing)
    await devices.quiet()
    await allArrived(subscribers, () => tally.missing.size === 0)
    const last = snapshot()
    return { ...last.summary, bytes_saved_ratio: savedRatio(last) }
  } finally {
    clearInterval(drawing)
    await Promise.all([devices.close(), subscribers.close()])
  }
}

async function failWhenGone(node: NodeProcess): Promise<never> {
  throw new Error(`${node.name} ended by itself (${await node.gone}): ${JSON.stringify(node.log.at(-1))}`)
}

/** Of the link of one node to the other one, which hears what is spoken on it. */
function linkState(node: NodeProcess, link: string, peer: NodeProcess, back: string): Omit<LinkLine, 'name'> {
  const event = node.linkStatus(link)
  const status = event?.['status']
  const reasons = event?.['reasons']
  return {
    status: typeof status === 'string' ? status : 'unknown',
    reasons: Array.isArray(reasons) ? reasons.map(String) : [],
    isNative: peer.log.some(({ msg, link: from }) => msg === 'cluster_link_native_peer' && from === back),
  }
}

function verdict(account: Account): string[] {
  const { published, expected, crossed, lost, duplicated, latency_ms, bytes_saved_ratio } = account
  return [
    '',
    `${published} published, ${expected} subscribed on the far side, ${crossed} crossed: ${lost} lost, ${duplicated} doubled`,
    `${(bytes_saved_ratio * 100).toFixed(1)} % of the bytes saved, latency p50 ${latency_ms.p50} ms, p99 ${latency_ms.p99} ms`,
  ]
}
