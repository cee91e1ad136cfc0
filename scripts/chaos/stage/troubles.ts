/** How each trouble is made on a stage, and how it ends. */
import { passed } from '../passed.ts'
import type { FaultyProxy } from '../proxy.ts'
import type { FaultSettings } from '../faults/faults.ts'
import type { Trouble } from '../scenarios/scenario.ts'
import type { ChaosNode } from './chaos-node.ts'
import type { Stage } from './chaos-stage.ts'

/** A trouble that has begun. */
export type Begun = {
  /** Who is concerned, in words. */
  readonly whom: string
  /** Since when there is trouble, by `performance.now()`, if something had to be waited for first. */
  readonly fromMs?: number
  /** Clusters of which a process lost its memory. */
  readonly crashes?: readonly string[]
  /** Resolves when all is as it was, as far as it depends on the stage. */
  end(): Promise<void>
}

/** Resolves when it has begun; for what ends by itself, when it is over. */
export async function begin(stage: Stage, trouble: Trouble): Promise<Begun> {
  switch (trouble.type) {
    case 'link':
      return onWays(
        stage.ways
          .filter(({ from, to }) => (trouble.from ?? from) === from && (trouble.to ?? to) === to)
          .map(({ proxy }) => proxy),
        trouble.fault,
        `${trouble.from ?? 'all'} to ${trouble.to ?? 'all'}`,
      )
    case 'nats': {
      const nodes = await stage.find(trouble.nodes)
      const doors = nodes.map((node) => doorOf(stage, node))
      return onWays(doors, trouble.fault, `${namesOf(nodes)} to NATS`)
    }
    case 'nats_split': {
      const nodes = await stage.find(trouble.nodes)
      const ways = new Set(nodes.flatMap((node) => serverWaysOf(stage, node)))
      return onWays([...ways], trouble.fault, `the server of ${namesOf(nodes)}`)
    }
    case 'nats_kill':
      return killNats(stage, trouble.cluster)
    case 'kill':
      return kill(stage, trouble)
    case 'rolling_restart':
      return rollingRestart(stage, trouble)
    case 'freeze': {
      const nodes = await stage.find(trouble.nodes)
      for (const node of nodes) node.freeze()
      return {
        whom: namesOf(nodes),
        end: async () => {
          for (const node of nodes) node.thaw()
        },
      }
    }
    case 'clock': {
      const nodes = await stage.find(trouble.nodes)
      for (const node of nodes) node.setClock(trouble.byMs)
      return {
        whom: `${namesOf(nodes)} by ${trouble.byMs / 1000} s`,
        end: async () => {
          for (const node of nodes) node.setClock(0)
        },
      }
    }
    case 'disk_full':
      return fillDisks(stage, await stage.find(trouble.nodes))
    case 'renew_certificates':
      await stage.renewCertificates()
      return { whom: 'all', end: async () => {} }
    case 'packets':
      return dropPackets(stage, trouble)
  }
}

/** For the report: what kind of fault it is. */
export function kindOf(trouble: Trouble): string {
  if (trouble.type === 'link') return trouble.fault.type
  if ('fault' in trouble) return `${trouble.type}_${trouble.fault.type}`
  if (trouble.type === 'kill') return trouble.isEmptied === true ? 'sigkill_emptied' : 'sigkill'
  return trouble.type
}

async function onWays(proxies: readonly FaultyProxy[], fault: FaultSettings, whom: string): Promise<Begun> {
  const installed = await Promise.all(proxies.map((proxy) => proxy.add(fault)))
  return {
    whom,
    end: async () => {
      await Promise.all(installed.map((one) => one.remove()))
    },
  }
}

function doorOf(stage: Stage, node: ChaosNode): FaultyProxy {
  const { nodes, doors } = stage.clusterOf(node.cluster)
  const door = doors[nodes.indexOf(node)]
  if (door === undefined) throw new Error(`${node.name} meets nobody over NATS`)
  return door
}

function serverWaysOf(stage: Stage, node: ChaosNode): readonly FaultyProxy[] {
  const { nodes, nats } = stage.clusterOf(node.cluster)
  if (nats === undefined || nats.servers.length < 2) throw new Error(`${node.cluster} has no NATS to be split`)
  return nats.waysOf(nodes.indexOf(node) % nats.servers.length)
}

async function killNats(stage: Stage, cluster: string): Promise<Begun> {
  const { nats } = stage.clusterOf(cluster)
  if (nats === undefined) throw new Error(`${cluster} has no NATS`)
  await Promise.all(nats.servers.map((server) => server.kill()))
  return {
    whom: `NATS of ${cluster}`,
    end: async () => {
      await Promise.all(nats.servers.map((server) => server.restart()))
    },
  }
}

const LEARNING_DEADLINE_MS = 60_000
const LOOK_EVERY_MS = 50

async function kill(stage: Stage, trouble: Extract<Trouble, { readonly type: 'kill' }>): Promise<Begun> {
  const { nodes: which, isEmptied = false, whileLearning } = trouble
  if (whileLearning !== undefined) await learning(stage, which.cluster, whileLearning)
  const nodes = await stage.find(which)
  const fromMs = performance.now()
  await Promise.all(nodes.map((node) => node.kill()))
  if (isEmptied) for (const node of nodes) node.empty()
  return {
    whom: `${namesOf(nodes)}${isEmptied ? ', its disk emptied' : ''}`,
    fromMs,
    crashes: [...new Set(nodes.map(({ cluster }) => cluster))],
    end: async () => {
      await Promise.all(nodes.map((node) => node.start()))
    },
  }
}

/** Resolves when some other cluster knows more than so many routes of this one. */
async function learning(stage: Stage, cluster: string, routes: number): Promise<void> {
  const peers = stage.nodes.filter((node) => node.cluster !== cluster)
  for (const untilMs = performance.now() + LEARNING_DEADLINE_MS; performance.now() < untilMs;) {
    const seen = (await Promise.all(peers.map((node) => node.links()))).flatMap((links) => links ?? [])
    if (seen.some((link) => link.peer === cluster && link.routes.peers > routes)) return
    await passed(LOOK_EVERY_MS)
  }
  throw new Error(`nobody learned more than ${routes} routes of ${cluster}`)
}

/** One is away at a time; it is over when the last one serves again. */
async function rollingRestart(
  stage: Stage,
  { cluster, pauseMs }: Extract<Trouble, { readonly type: 'rolling_restart' }>,
): Promise<Begun> {
  const { nodes } = stage.clusterOf(cluster)
  for (const [index, node] of nodes.entries()) {
    if (index > 0) await passed(pauseMs)
    const code = await node.stop()
    if (code !== 0) throw new Error(`${node.name} ended with ${code} when it was asked to`)
    await node.start()
  }
  return { whom: `the nodes of ${cluster}`, end: async () => {} }
}

function fillDisks(stage: Stage, nodes: readonly ChaosNode[]): Begun {
  const filled = nodes.map((node) => {
    const { nodes: all, disks } = stage.clusterOf(node.cluster)
    const disk = disks[all.indexOf(node)]
    if (disk === undefined) throw new Error(`${node.name} has no disk of its own`)
    return disk.fill()
  })
  return {
    whom: namesOf(nodes),
    end: async () => {
      for (const disk of filled) disk.free()
    },
  }
}

async function dropPackets(
  stage: Stage,
  { to, percent }: Extract<Trouble, { readonly type: 'packets' }>,
): Promise<Begun> {
  const { namespaces, clusters, notes } = stage
  if (namespaces === undefined) throw new Error('the scenario has no namespaces')
  const at = clusters.findIndex(({ name }) => name === to)
  const dropping = await namespaces.drop(at, percent)
  if (dropping.remark !== undefined) notes.add(dropping.remark)
  return { whom: `${percent} % to ${to}`, end: () => dropping.end() }
}

const namesOf = (nodes: readonly ChaosNode[]): string => nodes.map(({ name }) => name).join(', ')
