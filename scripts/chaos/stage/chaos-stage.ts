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
import { buildCluster, closeCluster, HOST, type Seat, type StageCluster } from './build-cluster.ts'
import { type Certificates, makeCertificates, untilShown } from './certificates.ts'
import type { ChaosNode } from './chaos-node.ts'
import { NotHere } from './command.ts'
import { makeNamespaces, type Namespaces } from './namespaces.ts'

/** The connections that nodes of one cluster make to one node of another. */
export type LinkWay = { readonly from: string; readonly to: string; readonly proxy: FaultyProxy }

export type Stage = {
  readonly clusters: readonly StageCluster[]
  readonly nodes: readonly ChaosNode[]
  /** None between clusters that stand in namespaces. */
  readonly ways: readonly LinkWay[]
  readonly namespaces: Namespaces | undefined
  /** In what it differs from what the scenario says. */
  readonly notes: Set<string>
  /** Rejects if a node ends by itself. */
  readonly failed: Promise<never>
  clusterOf(name: string): StageCluster
  /** Throws if the speaker is wanted and nobody is it. */
  find(nodes: Nodes): Promise<readonly ChaosNode[]>
  crossings(): readonly Crossing[]
  /** What the nodes that live say of what was lost and what may be double. */
  ledgers(): Promise<readonly LedgerClaim[]>
  /** Resolves when every listener shows its new certificate. */
  renewCertificates(): Promise<void>
  /** Ends everything and removes what it wrote. Resolves with words of each node that did not end well. */
  close(): Promise<readonly string[]>
}

/** Resolves when every node serves clients. Throws `NotHere` if this machine lacks something. */
export async function openStage(
  { clusters: plans, tls, namespaces: isApart }: Scenario,
  random: () => number,
): Promise<Stage> {
  if (plans.some(({ nats }) => nats !== undefined)) requireNats()
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-chaos-'))
  const clusters: StageCluster[] = []
  const ways: LinkWay[] = []
  let namespaces: Namespaces | undefined
  const failures = new EventEmitter()
  const failed = once(failures, 'failed').then(([error]) => Promise.reject(error))
  // Whether or not anybody looks at it.
  failed.catch(() => undefined)

  const close = async (): Promise<string[]> => {
    const words = await Promise.all(clusters.map(closeCluster))
    await Promise.all(ways.map(({ proxy }) => proxy.close()))
    await namespaces?.remove()
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
    return words.flat()
  }
  const seats = await seatsOf(plans, tls === true)
  let certificates: Certificates | undefined
  try {
    if (tls === true) certificates = await makeCertificates(join(directory, 'certificates'))
    if (isApart === true) namespaces = await makeNamespaces(plans.length, random)
    else ways.push(...(await proxiesBetween(plans, seats)))
    const grounds = {
      plans,
      directory,
      seats,
      serverOf: (from: string, to: string) => serverOf({ from, to, plans, seats, ways, namespaces }),
      certificates,
      namespaces,
      onFailure: (error: Error) => void failures.emit('failed', error),
    }
    for (const plan of plans) clusters.push(await buildCluster(plan, grounds))
    await Promise.all(clusters.flatMap(({ nodes }) => nodes).map((node) => node.start()))
  } catch (error) {
    await close()
    throw error
  }
  const nodes = clusters.flatMap((cluster) => cluster.nodes)
  const clusterOf = (name: string): StageCluster => {
    const found = clusters.find((cluster) => cluster.name === name)
    if (found === undefined) throw new Error(`the scenario has no cluster ${name}`)
    return found
  }
  return {
    clusters,
    nodes,
    ways,
    namespaces,
    notes: new Set(),
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
    renewCertificates: async () => {
      if (certificates === undefined) throw new Error('the scenario has no certificates')
      const renewed = certificates
      for (const { name } of nodes) await renewed.issue(name)
      const listening = [...seats.values()].flat()
      await Promise.all(listening.map(({ name, tlsPort }) => untilShown(tlsPort!, name, renewed)))
    },
    close,
  }
}

function requireNats(): void {
  try {
    findNatsServer()
  } catch (error) {
    throw new NotHere(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

async function seatsOf(plans: readonly ClusterPlan[], isTls: boolean): Promise<ReadonlyMap<string, readonly Seat[]>> {
  const names = plans.flatMap(({ name, nodes = 1 }) =>
    Array.from({ length: nodes }, (_, index) => ({ cluster: name, name: `${name}${index + 1}` })),
  )
  const ports = await freePorts(names.length * 2)
  const all = names.map(({ cluster, name }, index) => ({
    cluster,
    name,
    port: ports[index]!,
    tlsPort: isTls ? ports[names.length + index] : undefined,
  }))
  return new Map(plans.map(({ name }) => [name, all.filter(({ cluster }) => cluster === name)]))
}

/** From each cluster to each node of each other. */
async function proxiesBetween(
  plans: readonly ClusterPlan[],
  seats: ReadonlyMap<string, readonly Seat[]>,
): Promise<LinkWay[]> {
  const pairs = plans.flatMap((from) =>
    plans.filter((to) => to !== from).map((to) => ({ from: from.name, to: to.name })),
  )
  return Promise.all(
    pairs.flatMap(({ from, to }) =>
      seats.get(to)!.map(async ({ port, tlsPort = port }) => {
        const proxy = await startProxy({ target: () => ({ host: HOST, port: tlsPort }) })
        return { from, to, proxy }
      }),
    ),
  )
}

type Way = {
  readonly from: string
  readonly to: string
  readonly plans: readonly ClusterPlan[]
  readonly seats: ReadonlyMap<string, readonly Seat[]>
  readonly ways: readonly LinkWay[]
  readonly namespaces: Namespaces | undefined
}

function serverOf({ from, to, plans, seats, ways, namespaces }: Way): string {
  const at = plans.findIndex(({ name }) => name === to)
  const addresses =
    namespaces === undefined
      ? ways.filter((way) => way.from === from && way.to === to).map(({ proxy }) => `${HOST}:${proxy.port}`)
      : seats.get(to)!.map(({ port }) => `${namespaces.addressOf(at)}:${port}`)
  return addresses.join(',')
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
