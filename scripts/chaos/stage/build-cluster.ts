/** A cluster as a scenario describes it, before its processes are started. */
import { join } from 'node:path'
import { type FaultyProxy, startProxy } from '../proxy.ts'
import type { ClusterPlan } from '../scenarios/scenario.ts'
import type { Certificates } from './certificates.ts'
import { ChaosNode } from './chaos-node.ts'
import type { Namespaces } from './namespaces.ts'
import { nodeFile } from './node-file.ts'
import { type ProxiedNats, startProxiedNats } from './proxied-nats.ts'
import { mountSmallDisk, type SmallDisk } from './small-disk.ts'

export type StageCluster = {
  readonly name: string
  readonly nodes: readonly ChaosNode[]
  readonly nats: ProxiedNats | undefined
  /** Before NATS, one for each node. */
  readonly doors: readonly FaultyProxy[]
  /** One for each node, or none. */
  readonly disks: readonly SmallDisk[]
}

/** Where nodes listen. */
export type Seat = {
  readonly name: string
  readonly port: number
  /** For links, if they speak TLS. */
  readonly tlsPort: number | undefined
}

/** Of the whole stage. */
export type Grounds = {
  readonly plans: readonly ClusterPlan[]
  readonly directory: string
  readonly seats: ReadonlyMap<string, readonly Seat[]>
  /** `server` of a link from one cluster to another. */
  readonly serverOf: (from: string, to: string) => string
  readonly certificates: Certificates | undefined
  readonly namespaces: Namespaces | undefined
  readonly onFailure: (error: Error) => void
}

export const HOST = '127.0.0.1'

/** Servers and disks are there when it resolves; what is there already goes with `closeCluster` if it rejects. */
export async function buildCluster(plan: ClusterPlan, grounds: Grounds): Promise<StageCluster> {
  const doors: FaultyProxy[] = []
  const disks: SmallDisk[] = []
  const nats = plan.nats === undefined ? undefined : await startProxiedNats(plan.nats)
  try {
    const nodes: ChaosNode[] = []
    for (const [index, seat] of grounds.seats.get(plan.name)!.entries()) {
      const server = nats?.servers[index % nats.servers.length]
      const door = server && (await startProxy({ target: () => ({ host: HOST, port: server.port }) }))
      if (door !== undefined) doors.push(door)
      const directory = join(grounds.directory, seat.name)
      if (plan.diskMb !== undefined) disks.push(await mountSmallDisk(join(directory, 'data'), plan.diskMb))
      await grounds.certificates?.issue(seat.name)
      nodes.push(nodeOf(plan, seat, grounds, door))
    }
    return { name: plan.name, nodes, nats, doors, disks }
  } catch (error) {
    await closeCluster({ name: plan.name, nodes: [], nats, doors, disks })
    throw error
  }
}

/** Resolves with words of each node that did not end well. */
export async function closeCluster({ nodes, nats, doors, disks }: StageCluster): Promise<readonly string[]> {
  // A frozen one takes no other signal.
  for (const node of nodes) node.thaw()
  const ends = await Promise.all(nodes.map((node) => node.stop()))
  await nats?.close()
  await Promise.all(doors.map((door) => door.close()))
  await Promise.all(disks.map((disk) => disk.remove()))
  return ends.flatMap((end, index) => (end === 0 ? [] : [`${nodes[index]!.name} ended with ${end}`]))
}

function nodeOf(plan: ClusterPlan, seat: Seat, grounds: Grounds, door: FaultyProxy | undefined): ChaosNode {
  const { plans, certificates, namespaces, onFailure } = grounds
  const { name, port, tlsPort } = seat
  const directory = join(grounds.directory, name)
  const at = plans.indexOf(plan)
  const tls =
    certificates && tlsPort !== undefined
      ? { port: tlsPort, authority: certificates.authority, ...certificates.of(name) }
      : undefined
  const ssl = tls && { enable: true, cacertfile: tls.authority, certfile: tls.certfile, keyfile: tls.keyfile }
  const links = plans
    .filter((peer) => peer !== plan)
    .map((peer) => ({
      name: peer.name,
      server: grounds.serverOf(plan.name, peer.name),
      topics: [`${peer.name}/#`],
      ...(ssl === undefined ? {} : { ssl }),
      ...plan.link,
    }))
  const file = nodeFile({
    name,
    cluster: plan.name,
    port,
    directory,
    links,
    nats: door && `nats://${HOST}:${door.port}`,
    tls,
    address: namespaces && '0.0.0.0',
    more: plan.config ?? {},
  })
  return new ChaosNode({
    name,
    cluster: plan.name,
    file,
    directory,
    url: `mqtt://${namespaces?.clientAddressOf(at) ?? HOST}:${port}`,
    ...(namespaces === undefined ? {} : { within: namespaces.within(at) }),
    onFailure,
  })
}
