/** Clusters of real processes as a scenario wants them: every way between them, and between them and NATS, leads through a proxy. */
import { EventEmitter, once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../../../src/cli/demo/free-ports.ts'
import { findNatsServer } from '../../../src/cli/demo/nats-server.ts'
import type { Crossing, LedgerClaim } from '../checker/verdict.ts'
import { passed } from '../passed.ts'
import { type FaultyProxy, startProxy } from '../proxy.ts'
import type { ClusterPlan, Nodes, Scenario } from '../scenarios/scenario.ts'
import { ChaosNode } from './chaos-node.ts'
import { nodeFile } from './node-file.ts'
import { type ProxiedNats, startProxiedNats } from './proxied-nats.ts'

export type StageCluster = {
  readonly name: string
  readonly nodes: readonly ChaosNode[]
  readonly nats: ProxiedNats | undefined
  /** Before NATS, one for each node. */
  readonly doors: readonly FaultyProxy[]
}

/** The connections that nodes of one cluster make to one node of another. */
export type LinkWay = { readonly from: string; readonly to: string; readonly proxy: FaultyProxy }

export type Stage = {
  readonly clusters: readonly StageCluster[]
  readonly nodes: readonly ChaosNode[]
  readonly ways: readonly LinkWay[]
  /** What could not be staged as the scenario wants it, and what is done instead. */
  readonly notes: readonly string[]
  /** Rejects if a node ends by itself. */
  readonly failed: Promise<never>
  clusterOf(name: string): StageCluster
  /** Throws if the speaker is wanted and nobody is it. */
  find(nodes: Nodes): Promise<readonly ChaosNode[]>
  crossings(): readonly Crossing[]
  /** What the nodes that live say of what was lost and what may be double. */
  ledgers(): Promise<readonly LedgerClaim[]>
  /** Ends everything and removes what it wrote. Resolves with words of each node that did not end well. */
  close(): Promise<readonly string[]>
}

const HOST = '127.0.0.1'

/** Resolves when every node serves clients. Throws if this machine lacks something. */
export async function openStage({ clusters: plans }: Scenario): Promise<Stage> {
  if (plans.some(({ nats }) => nats !== undefined)) findNatsServer()
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-chaos-'))
  const clusters: StageCluster[] = []
  const ways: LinkWay[] = []
  const failures = new EventEmitter()
  const failed = once(failures, 'failed').then(([error]) => Promise.reject(error))
  // Whether or not anybody looks at it.
  failed.catch(() => undefined)
  const fail = (error: Error): void => void failures.emit('failed', error)
  const nodes = (): ChaosNode[] => clusters.flatMap((cluster) => cluster.nodes)

  const close = async (): Promise<string[]> => {
    const all = nodes()
    // A frozen one takes no other signal.
    for (const node of all) node.thaw()
    const ends = await Promise.all(all.map((node) => node.stop()))
    await Promise.all(clusters.map(({ nats }) => nats?.close() ?? Promise.resolve()))
    const proxies = [...ways.map(({ proxy }) => proxy), ...clusters.flatMap(({ doors }) => doors)]
    await Promise.all(proxies.map((proxy) => proxy.close()))
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
    return ends.flatMap((end, index) => (end === 0 ? [] : [`${all[index]!.name} ended with ${end}`]))
  }

  try {
    const ports = await portsOf(plans)
    for (const to of plans)
      for (const from of plans)
        if (from !== to)
          for (const port of ports.get(to.name)!)
            ways.push({
              from: from.name,
              to: to.name,
              proxy: await startProxy({ target: () => ({ host: HOST, port }) }),
            })
    for (const plan of plans)
      clusters.push(await buildCluster({ plan, plans, ports: ports.get(plan.name)!, ways, directory, fail }))
    await Promise.all(nodes().map((node) => node.start()))
  } catch (error) {
    await close()
    throw error
  }

  const clusterOf = (name: string): StageCluster => {
    const found = clusters.find((cluster) => cluster.name === name)
    if (found === undefined) throw new Error(`the scenario has no cluster ${name}`)
    return found
  }
  return {
    clusters,
    get nodes() {
      return nodes()
    },
    ways,
    notes: [],
    failed,
    clusterOf,
    find: async ({ cluster, which }) => {
      const all = clusterOf(cluster).nodes
      if (which === undefined) return all
      return [typeof which === 'number' ? all[which]! : await speakerOf(all, which.speaksTo)]
    },
    crossings: () =>
      plans.flatMap((from) =>
        plans.filter((to) => to !== from).map((to) => ({ from: from.name, to: to.name, topics: [`${from.name}/#`] })),
      ),
    ledgers: () => ledgersOf(clusters),
    close,
  }
}

async function portsOf(plans: readonly ClusterPlan[]): Promise<ReadonlyMap<string, readonly number[]>> {
  const counts = plans.map(({ nodes = 1 }) => nodes)
  const ports = await freePorts(counts.reduce((sum, count) => sum + count, 0))
  let taken = 0
  return new Map(plans.map(({ name }, index) => [name, ports.slice(taken, (taken += counts[index]!))]))
}

type Building = {
  readonly plan: ClusterPlan
  readonly plans: readonly ClusterPlan[]
  readonly ports: readonly number[]
  readonly ways: readonly LinkWay[]
  readonly directory: string
  readonly fail: (error: Error) => void
}

async function buildCluster({ plan, plans, ports, ways, directory, fail }: Building): Promise<StageCluster> {
  const nats = plan.nats === undefined ? undefined : await startProxiedNats(plan.nats)
  const doors: FaultyProxy[] = []
  const nodes: ChaosNode[] = []
  for (const [index, port] of ports.entries()) {
    const name = `${plan.name}${index + 1}`
    const own = join(directory, name)
    const server = nats?.servers[index % nats.servers.length]
    if (server !== undefined) doors.push(await startProxy({ target: () => ({ host: HOST, port: server.port }) }))
    const links = plans
      .filter((peer) => peer !== plan)
      .map((peer) => ({
        name: peer.name,
        server: ways
          .filter(({ from, to }) => from === plan.name && to === peer.name)
          .map(({ proxy }) => `${HOST}:${proxy.port}`)
          .join(','),
        topics: [`${peer.name}/#`],
        ...plan.link,
      }))
    const file = nodeFile({
      name,
      cluster: plan.name,
      port,
      directory: own,
      links,
      nats: doors[index] === undefined ? undefined : `nats://${HOST}:${doors[index].port}`,
      more: plan.config ?? {},
    })
    nodes.push(
      new ChaosNode({ name, cluster: plan.name, file, directory: own, url: `mqtt://${HOST}:${port}`, onFailure: fail }),
    )
  }
  return { name: plan.name, nodes, nats, doors }
}

const SPEAKER_DEADLINE_MS = 20_000
const LOOK_EVERY_MS = 100

async function speakerOf(nodes: readonly ChaosNode[], peer: string): Promise<ChaosNode> {
  for (const untilMs = performance.now() + SPEAKER_DEADLINE_MS; performance.now() < untilMs;) {
    const spoken = await Promise.all(nodes.map((node) => node.speaksTo()))
    const at = spoken.findIndex((peers) => peers.includes(peer))
    if (at >= 0) return nodes[at]!
    await passed(LOOK_EVERY_MS)
  }
  throw new Error(`nobody speaks to ${peer} for ${nodes[0]?.cluster}`)
}

/** A cluster's sums; what a node that is gone knew of is known no more. */
async function ledgersOf(clusters: readonly StageCluster[]): Promise<LedgerClaim[]> {
  const seen = await Promise.all(
    clusters.map(async ({ name, nodes }) => ({
      name,
      links: (await Promise.all(nodes.map((node) => node.links()))).flatMap((links) => links ?? []),
    })),
  )
  return seen.flatMap(({ name: from, links }) =>
    seen
      .filter(({ name }) => name !== from)
      .map(({ name: to, links: received }) => {
        const dropped: Record<string, number> = {}
        for (const link of links)
          if (link.peer === to)
            for (const [reason, count] of Object.entries(link.dropped)) dropped[reason] = (dropped[reason] ?? 0) + count
        const maybeDuplicate = received
          .filter(({ peer }) => peer === from)
          .reduce((sum, link) => sum + link.maybeDuplicate, 0)
        return { from, to, dropped, maybeDuplicate }
      }),
  )
}
