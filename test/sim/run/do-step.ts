/** Does a step of a plan, and ends it when it is over; what was done is told to the oracle. */
import { answerTopic, messageTopic, routeTopic } from '../../../src/link/inbound/link-topic.ts'
import type { SimulatedClient } from '../clients/simulated-client.ts'
import type { Act } from '../oracle/acts.ts'
import type { Deed, Range, Step } from '../plan/plan.ts'
import type { SimulatedJetStream } from '../world/jetstream/simulated-jetstream.ts'
import type { SimulatedNode } from '../world/simulated-node.ts'
import type { World } from '../world/world.ts'
import type { Operator } from './operator.ts'

export type StepPorts = {
  readonly world: World
  readonly operator: Operator
  readonly clients: ReadonlyMap<string, SimulatedClient>
  /** Of each way between hosts, when nothing slows it down. */
  readonly latencyOf: (from: string, to: string) => Range
  readonly did: (act: Untimed) => void
}

/** An act of which the time is now. */
export type Untimed = Act extends infer One ? (One extends Act ? Omit<One, 'atMs'> : never) : never

type End = () => void

const nothing: End = () => undefined
const SLOW_DISK_MS = { minMs: 20, maxMs: 800 }

export function planStep(step: Step, ports: StepPorts): void {
  const { time } = ports.world
  time.after(step.atMs - time.nowMs, () => {
    const end = begin(step.deed, ports)
    if (end !== nothing) time.after(step.lastsMs, end)
  })
}

function begin(deed: Deed, ports: StepPorts): End {
  const { world, operator, did } = ports
  switch (deed.type) {
    case 'cut':
    case 'reset':
    case 'slow':
    case 'echo':
      return disturb(deed, ports)
    case 'crash':
      return crash(deed, nodeOf(world, deed.node), ports)
    case 'freeze':
      return freeze(nodeOf(world, deed.node), ports)
    case 'clock':
      nodeOf(world, deed.node).wallOffsetMs += deed.byMs
      did({ type: 'clock_set', node: deed.node, byMs: deed.byMs })
      return nothing
    case 'disk':
      return fillDisk(deed.how, nodeOf(world, deed.node), did)
    case 'coordination_cut':
    case 'coordination_split':
    case 'coordination_server':
    case 'coordination_slow':
    case 'coordination_wipe':
      return disturbCoordination(deed, ports)
    case 'link': {
      const undo = operator.change(deed.cluster, deed.peer, deed.change)
      return deed.isUndone ? undo : nothing
    }
    case 'link_misnamed':
      return operator.misname(deed.cluster, deed.peer, deed.name)
    case 'client_drops':
    case 'client_doubles':
    case 'client_away':
    case 'client_trespasses':
      return bother(deed, ports)
  }
}

// ---- the network

function disturb(
  deed: Deed & { readonly type: 'cut' | 'reset' | 'slow' | 'echo' },
  { world, latencyOf, did }: StepPorts,
): End {
  const { network } = world
  const pairs = deed.from.flatMap((from) => deed.to.map((to) => [from, to] as const)).filter(([a, b]) => a !== b)
  const hosts = [...new Set(pairs.flat())]
  did({ type: 'network_disturbed', hosts, how: deed.type })
  const mended = (): void => did({ type: 'network_mended', hosts })
  const bothWays = pairs.flatMap(([from, to]) => [[from, to] as const, [to, from] as const])
  if (deed.type === 'reset') {
    for (const [from, to] of pairs) network.resetAll(from, to)
    mended()
    return nothing
  }
  if (deed.type === 'cut') {
    const mend = (deed.isOneWay ? pairs : bothWays).map(([from, to]) => network.cut(from, to, deed.how))
    return () => {
      for (const one of mend) one()
      mended()
    }
  }
  if (deed.type === 'echo') {
    const quiet = pairs.map(([from, to]) => network.echo(from, to))
    return () => {
      for (const one of quiet) one()
      mended()
    }
  }
  for (const [from, to] of bothWays) network.setLatency(from, to, deed.latencyMs)
  return () => {
    for (const [from, to] of bothWays) network.setLatency(from, to, latencyOf(from, to))
    mended()
  }
}

// ---- nodes

function crash(
  { how, losesDisk }: Deed & { readonly type: 'crash' },
  node: SimulatedNode,
  { world, operator, did }: StepPorts,
): End {
  const { host } = node
  if (how === 'stop') node.stop()
  else if (how === 'power') node.vanish()
  else node.kill()
  did({ type: how === 'stop' ? 'node_stopped' : 'node_killed', node: host })
  return () => {
    // One that takes too long to stop is killed, as service managers do.
    if (how === 'stop' && node.isRunning) {
      node.kill()
      did({ type: 'node_killed', node: host })
    }
    if (losesDisk && !node.isRunning) {
      node.disk.wipe()
      did({ type: 'disk_lost', node: host })
      for (const [name, { nodes }] of world.clusters) if (nodes.includes(node)) operator.diskLost(name)
    }
    node.start()
    did({ type: 'node_started', node: host })
  }
}

function freeze(node: SimulatedNode, { world, did }: StepPorts): End {
  const { process } = node
  if (process === undefined) return nothing
  process.freeze()
  did({ type: 'node_frozen', node: node.host })
  return () => {
    process.thaw(world.random)
    did({ type: 'node_thawed', node: node.host })
  }
}

function fillDisk(how: 'slow' | 'full', { disk, host }: SimulatedNode, did: StepPorts['did']): End {
  if (how === 'slow') {
    disk.commitMs = SLOW_DISK_MS
    return () => disk.heal()
  }
  disk.fullChance = 1
  did({ type: 'disk_full', node: host })
  return () => {
    disk.heal()
    did({ type: 'disk_mended', node: host })
  }
}

// ---- the coordination

type CoordinationDeed = Deed extends infer One
  ? One extends Deed & { readonly type: `coordination_${string}` }
    ? One
    : never
  : never

function disturbCoordination(deed: CoordinationDeed, { world, did }: StepPorts): End {
  const { cluster } = deed
  const jetStream = world.clusters.get(cluster)?.jetStream
  if (jetStream === undefined) throw new Error(`${cluster} coordinates through nothing`)
  did({ type: 'coordination_disturbed', cluster, how: deed.type })
  const mend = mendOf(deed, jetStream, world)
  const mended = (): void => {
    mend()
    did({ type: 'coordination_mended', cluster })
  }
  if (mend !== nothing) return mended
  mended()
  return nothing
}

function mendOf(deed: CoordinationDeed, jetStream: SimulatedJetStream, world: World): End {
  switch (deed.type) {
    case 'coordination_cut': {
      const { how, direction, servers } = deed
      const cut = { how, ...(direction === 'both' ? {} : { direction }), ...(servers === null ? {} : { servers }) }
      const mend = deed.nodes.map((host) => jetStream.cut(nodeOf(world, host).name, cut))
      return () => {
        for (const one of mend) one()
      }
    }
    case 'coordination_split':
      return jetStream.split(deed.apart)
    case 'coordination_server': {
      const { server, how } = deed
      if (how === 'kill') jetStream.kill(server)
      else jetStream.freeze(server)
      return () => (how === 'kill' ? jetStream.start(server) : jetStream.thaw(server))
    }
    case 'coordination_slow': {
      const before = jetStream.latencyMs
      jetStream.latencyMs = deed.latencyMs
      return () => void (jetStream.latencyMs = before)
    }
    case 'coordination_wipe':
      jetStream.wipe()
      return nothing
  }
}

// ---- clients

type ClientDeed = Deed & { readonly type: 'client_drops' | 'client_doubles' | 'client_away' | 'client_trespasses' }

function bother(deed: ClientDeed, { world, clients }: StepPorts): End {
  const client = clients.get(deed.client)
  if (client === undefined) throw new Error(`no client is called ${deed.client}`)
  const { cluster } = client.identity
  const nodes = world.clusters.get(cluster)?.nodes ?? []
  switch (deed.type) {
    case 'client_drops':
      if (deed.moves) client.moveTo(world.random.pick(nodes).host)
      else client.drop()
      return nothing
    case 'client_doubles':
      client.takeOver(nodes[deed.node % nodes.length]?.host ?? client.node)
      return nothing
    case 'client_away':
      client.disconnect()
      return () => client.connect()
    case 'client_trespasses':
      trespass(client, [...world.clusters.keys()])
      return nothing
  }
}

/** Asks for all that is said on links, in the names of all clusters, its own among them, and speaks there. */
function trespass(client: SimulatedClient, clusters: readonly string[]): void {
  const actors = clusters.flatMap((receiver) => clusters.map((sender) => answerTopic(receiver, sender)))
  const topics = [...clusters.flatMap((name) => [routeTopic(name), messageTopic(name)]), ...actors]
  const filters = ['$LINK/#', '$LINK/cluster/msg/+', '$share/spies/$LINK/#', ...topics]
  for (const filter of filters) client.subscribe({ filter, qos: 1 })
  for (const topic of topics) client.publish({ topic, qos: 1 })
  for (const filter of filters) client.unsubscribe(filter)
}

function nodeOf(world: World, host: string): SimulatedNode {
  const found = world.nodes.find((node) => node.host === host)
  if (found === undefined) throw new Error(`no node is called ${host}`)
  return found
}
