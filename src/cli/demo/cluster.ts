/**
 * Three nodes linked with two, devices that publish in one cluster, a subscriber at every node of both, and somebody who kills
 * a node every ten seconds: what was acknowledged arrives nevertheless.
 */
import { type ClusterAccount, type ClusterSummary, createClusterAccount, isHeld } from './cluster-account.ts'
import { type ClusterStage, openClusterStage } from './cluster-stage.ts'
import { lookAt, type NodeState } from './cluster-state.ts'
import {
  clusterInvitation,
  clusterLine,
  clusterScreen,
  type ClusterSnapshot,
  clusterVerdict,
  type Kill,
  killLine,
} from './cluster-view.ts'
import { dashboardLines } from './dashboards.ts'
import { nextVictim } from './kills.ts'
import { after, allArrived, drawer, type Outcome, type Show } from './show.ts'
import { SENDING } from './stage.ts'
import { type Devices, startDevices, startSubscribers, type Subscribers } from './traffic.ts'

const TOPICS = Array.from({ length: 30 }, (_, index) => `devices/${String(index).padStart(2, '0')}/reading`)
const PER_SECOND = 50
const DEVICE_CONNECTIONS = 6
const DRAW_EVERY_MS = 1000

const FIRST_KILL_MS = 2000
const KILL_EVERY_MS = 10_000
/** Long enough that the others miss it (`member_ttl`), and that another speaks for the cluster (`lease_ttl`). */
const DOWN_MS = 5000
const KILLS_ONCE = 2
/** How long devices go on after the last kill of `--once`. */
const SETTLE_MS = 1000
/** How long devices may wait for their last PUBACKs. */
const QUIET_MS = 10_000

type Account = ClusterSummary & {
  readonly kills: readonly { readonly node: string; readonly at_s: number; readonly held: readonly string[] }[]
}

/** Good unless something was lost. Rejects if the stage could not be held. */
export async function showCluster(show: Show): Promise<Outcome> {
  show.say(['Starting a cluster of three nodes and one of two, linked both ways ...'])
  const stage = await openClusterStage(!show.isBrief)
  try {
    const { summary, kills } = await perform(stage, show)
    const account: Account = {
      ...summary,
      kills: kills.map(({ node, atMs, held }) => ({ node, at_s: Math.round(atMs / 100) / 10, held })),
    }
    return { isGood: isHeld(summary), account, verdict: clusterVerdict(summary, kills) }
  } finally {
    for (const code of await stage.close()) if (code !== 0) process.stderr.write(`a node ended with ${code}\n`)
  }
}

type Performance = { readonly summary: ClusterSummary; readonly kills: readonly Kill[] }

/** Lets traffic run and kills nodes until it is to end, then waits for what is on its way. */
async function perform(stage: ClusterStage, show: Show): Promise<Performance> {
  const { nodes, failed } = stage
  const subscribed = nodes.map(({ name, cluster }) => ({ node: name, cluster }))
  const account = createClusterAccount(new Set(TOPICS), subscribed)
  const sendingPorts = nodes.filter(({ cluster }) => cluster === SENDING).map(({ mqttPort }) => mqttPort)
  const readers = nodes.map(({ name, mqttPort }) => ({
    clientId: `reader-at-${name}`,
    port: mqttPort,
    topicFilter: 'devices/#',
    probeTopic: 'devices/probe',
    arrived: (sequence: number, topic: string, latencyMs: number) => account.arrived(name, sequence, topic, latencyMs),
  }))
  const subscribers = await Promise.race([
    startSubscribers(readers, { probePorts: sendingPorts, keepsSessions: true }),
    failed,
  ])
  const dashboards = dashboardLines(
    stage.dashboards,
    ' (when its node is killed, a dashboard is away until it is back)',
  )
  show.say(['', ...clusterInvitation(nodes), ...dashboards, ''])

  const startedMs = performance.now()
  const elapsedMs = (): number => performance.now() - startedMs
  const devices = await startDevices({
    ports: sendingPorts,
    topics: TOPICS,
    perSecond: PER_SECOND,
    connections: DEVICE_CONNECTIONS,
    keepsSessions: true,
    acknowledged: (sequence, topic) => account.acknowledged(sequence, topic),
  })
  const kills: Kill[] = []
  const drawing = show.isBrief ? undefined : startDrawing(stage, account, kills, elapsedMs)
  try {
    await Promise.race([killInTurn({ stage, account, subscribers, kills, elapsedMs }, show), failed])
    await quiet(devices)
    await allArrived(subscribers, () => account.isComplete())
    return { summary: account.summary(), kills }
  } finally {
    drawing?.stop()
    await Promise.all([devices.close(), subscribers.close()])
  }
}

type Running = {
  readonly stage: ClusterStage
  readonly account: ClusterAccount
  readonly subscribers: Subscribers
  readonly kills: Kill[]
  readonly elapsedMs: () => number
}

/** Until it was asked to end, or has killed often enough; then every node is up again. */
async function killInTurn(running: Running, { isBrief, asked, say }: Show): Promise<void> {
  const { stage, account, subscribers, kills, elapsedMs } = running
  const { nodes } = stage
  let isAsked = false
  void asked.then(() => (isAsked = true))
  const killsMax = isBrief ? KILLS_ONCE : Infinity
  for (let dueMs = FIRST_KILL_MS; kills.length < killsMax; dueMs += KILL_EVERY_MS) {
    await after(Math.max(0, dueMs - elapsedMs()), asked)
    if (isAsked) return
    const states = await lookAt(nodes)
    const candidates = nodes.map((node, index) => ({
      name: node.name,
      kills: node.kills,
      isHolder: states[index]!.holds.length > 0,
    }))
    const victim = nextVictim(candidates, kills.at(-1)?.node)!
    const index = candidates.indexOf(victim)
    const kill: Kill = { node: victim.name, atMs: elapsedMs(), held: states[index]!.holds }
    await nodes[index]!.kill()
    kills.push(kill)
    if (isBrief || !process.stdout.isTTY) say([killLine(kill)])
    await after(DOWN_MS, asked)
    await nodes[index]!.restart()
    kills[kills.length - 1] = { ...kill, backAtMs: elapsedMs() }
    // One failure at a time: what a node missed is in the memory of the others until it has caught up.
    const { newest } = account
    await allArrived(subscribers, () => account.isComplete(newest))
  }
  await after(SETTLE_MS, asked)
}

/** What is never acknowledged was never promised. */
async function quiet(devices: Devices): Promise<void> {
  await after(QUIET_MS, devices.quiet())
}

function startDrawing(
  { nodes }: ClusterStage,
  account: ClusterAccount,
  kills: readonly Kill[],
  elapsedMs: () => number,
): { stop(): void } {
  let states: readonly NodeState[] = []
  let isLooking = false
  const snapshot = (): ClusterSnapshot => ({ elapsedMs: elapsedMs(), summary: account.summary(), nodes: states, kills })
  const draw = drawer(
    () => clusterScreen(snapshot()),
    () => clusterLine(snapshot()),
  )
  const look = async (): Promise<void> => {
    if (isLooking) return
    isLooking = true
    states = await lookAt(nodes)
    isLooking = false
    if (!isStopped) draw()
  }
  let isStopped = false
  const timer = setInterval(() => void look(), DRAW_EVERY_MS)
  return {
    stop: () => {
      isStopped = true
      clearInterval(timer)
    },
  }
}
