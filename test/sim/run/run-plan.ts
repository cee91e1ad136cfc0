/** Runs a plan: makes its world, does what it says when it says so, and asks the oracle all the while whether what must hold does. */
import type { ConfigInput } from '../../../src/config/config-schema.ts'
import type { LinkConfig } from '../../../src/config/config.ts'
import { resolveConfig } from '../../../src/config/resolve-config.ts'
import { History } from '../clients/history.ts'
import type { Act } from '../oracle/acts.ts'
import { Oracle } from '../oracle/oracle.ts'
import type { Violation } from '../oracle/violation.ts'
import type { Plan, Range } from '../plan/plan.ts'
import { nodePort } from '../world/facts-of-node.ts'
import { SeededRandom } from '../world/random.ts'
import { type ClusterSpec, serversOf, World } from '../world/world.ts'
import { planStep, type Untimed } from './do-step.ts'
import { clientHost, Flows } from './flows.ts'
import { Looks, OFTEN_MS } from './looks.ts'
import { type LinkBody, Operator, termsOf } from './operator.ts'
import { restartNodes } from './restart.ts'

export type Outcome = {
  /** The first that was found: the run ends with it. */
  readonly violation: Violation | undefined
  /** How long it took after the last fault until all was well, virtual milliseconds; `undefined` if it did not come to that. */
  readonly healedMs: number | undefined
  readonly history: History
  readonly acts: readonly Act[]
  readonly world: World
}

/** Between hosts of which no plan says more. */
const NEAR_MS: Range = { minMs: 0.1, maxMs: 1 }

/** @param useChance see `simulatePlatform` */
export async function runPlan(plan: Plan, useChance: (random: SeededRandom) => void): Promise<Outcome> {
  const random = new SeededRandom(plan.seed)
  useChance(random.fork('platform'))
  const world = new World(
    random,
    plan.clusters.map((cluster) => specOf(plan, cluster.name)),
  )
  const history = new History()
  const acts: Act[] = []
  const oracle = new Oracle({
    history,
    nodes: [...world.clusters].flatMap(([name, { nodes }]) => nodes.map((node) => nodePort(name, node))),
    topics: [...new Set(plan.clients.flatMap(({ publishes }) => publishes.map(({ topic }) => topic)))],
  })
  const did = (act: Untimed): void => {
    const timed: Act = { ...act, atMs: world.time.nowMs }
    acts.push(timed)
    oracle.acted(timed)
  }
  const latencyOf = spread(plan, world)
  const flows = new Flows(plan, world, history)
  const operator = new Operator(
    {
      time: world.time,
      clusters: world.clusters,
      changed: (cluster, peer, terms, askedMs) => did({ type: 'link_set', cluster, peer, terms, askedMs }),
    },
    plan.links.map((link) => {
      const body = bodyOf(plan, link)
      return { cluster: link.cluster, body, terms: termsOf(resolved(link.cluster, body)) }
    }),
  )
  restartNodes(world, acts, did)
  begin(plan, world, did)
  for (const step of plan.steps) planStep(step, { world, operator, clients: flows.clients, latencyOf, did })
  const outcome = (violation: Violation | undefined, healedMs?: number): Outcome => {
    return { violation, healedMs, history, acts, world }
  }

  const hasLoop = (): boolean => oracle.hasLoop()
  const { nodes } = world
  const looks = new Looks({
    happened: () =>
      acts.length + history.connections.length + nodes.reduce((sum, { log, lives }) => sum + lives + log.told, 0),
    traffic: () => history.messages.length + history.arrivals.length,
    planned: momentsOf(plan),
  })
  while (world.time.nowMs < plan.quietMs) {
    await world.time.runUntil(Math.min(plan.quietMs, looks.nextMs(world.time.nowMs)), hasLoop)
    const violation = oracle.step(world.time.nowMs)[0]
    if (violation !== undefined) return outcome(violation)
  }
  did({ type: 'quiet' })
  for (let wellMs: number | undefined; ;) {
    const lookedMs = world.time.nowMs
    await world.time.runUntil(wellMs === undefined ? lookedMs + OFTEN_MS : looks.nextMs(lookedMs), hasLoop)
    const { nowMs } = world.time
    const violation = oracle.step(nowMs)[0]
    if (violation !== undefined) return outcome(violation)
    if (!flows.isDone || !operator.isDone || !oracle.isSettled(nowMs)) wellMs = undefined
    else wellMs ??= nowMs
    if (wellMs !== undefined && nowMs - wellMs >= plan.settleMs)
      return outcome(oracle.end(nowMs)[0], wellMs - plan.quietMs)
    if (nowMs >= plan.quietMs + plan.boundMs) return outcome(oracle.end(nowMs)[0])
  }
}

/** Of all that it does. */
function momentsOf({ steps, clients }: Plan): number[] {
  return [
    ...steps.flatMap(({ atMs, lastsMs }) => [atMs, atMs + lastsMs]),
    ...clients.flatMap(({ subscriptions }) =>
      subscriptions.flatMap(({ fromMs, untilMs }) => [fromMs, untilMs ?? fromMs]),
    ),
  ]
}

function begin(plan: Plan, world: World, did: (act: Untimed) => void): void {
  for (const [cluster, { nodes }] of world.clusters)
    for (const { host } of nodes) did({ type: 'node_planned', node: host, cluster, hasStore: true })
  for (const link of plan.links)
    did({
      type: 'link_set',
      cluster: link.cluster,
      peer: link.peer,
      terms: termsOf(resolved(link.cluster, bodyOf(plan, link))),
    })
  for (const node of world.nodes) {
    node.start()
    did({ type: 'node_started', node: node.host })
  }
}

/** Everybody knows the way to everybody, and how long it is. */
function spread({ clusters, links, clients }: Plan, world: World): (from: string, to: string) => Range {
  const clusterOf = new Map([...world.clusters].flatMap(([name, { nodes }]) => nodes.map(({ host }) => [host, name])))
  for (const { name, cluster } of clients) clusterOf.set(clientHost(name), cluster)
  const within = new Map(clusters.map(({ name, latencyMs }) => [name, latencyMs]))
  const between = new Map(links.map(({ cluster, peer, latencyMs }) => [`${cluster} ${peer}`, latencyMs]))
  const latencyOf = (from: string, to: string): Range => {
    const [one, other] = [clusterOf.get(from), clusterOf.get(to)]
    if (one === undefined || other === undefined) return NEAR_MS
    if (one === other) return within.get(one) ?? NEAR_MS
    return between.get(`${one} ${other}`) ?? between.get(`${other} ${one}`) ?? NEAR_MS
  }
  for (const host of clusterOf.keys()) world.network.addHost(host)
  for (const from of clusterOf.keys())
    for (const to of clusterOf.keys()) if (from !== to) world.network.setLatency(from, to, latencyOf(from, to))
  return latencyOf
}

function specOf(plan: Plan, name: string): ClusterSpec {
  const cluster = plan.clusters.find((one) => one.name === name)
  if (cluster === undefined) throw new Error(`no plan has a cluster ${name}`)
  const { nodes, isCoordinated, servers, config } = cluster
  const links = plan.links.filter((link) => link.cluster === name).map((link) => bodyOf(plan, link))
  return { name, nodes, isCoordinated, servers, config, links }
}

function bodyOf(plan: Plan, { peer, link }: Plan['links'][number]): LinkBody {
  const nodes = plan.clusters.find(({ name }) => name === peer)?.nodes ?? 1
  return { ...link, name: peer, server: serversOf(peer, nodes) }
}

function resolved(cluster: string, body: LinkBody): LinkConfig {
  const input: ConfigInput = { cluster: { name: cluster, links: [body] } }
  const result = resolveConfig(input)
  if (result.type === 'invalid') throw new Error(`a plan has a link that is no good: ${JSON.stringify(result.errors)}`)
  return result.config.cluster.links[0]!
}
