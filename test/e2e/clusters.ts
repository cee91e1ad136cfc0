/** Clusters of one node each, as real processes with files and ports of their own; gone when the test is. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type LinkFile, type NodeFile, type NodeProcess, startNodeProcess } from '../../src/cli/demo/node-process.ts'
import { freePort } from '../../src/cli/demo/free-ports.ts'
import { type Relay, startRelay } from '../../src/cli/demo/relay.ts'

export type Cluster = { readonly name: string; readonly port: number }

/** A name and a port that nobody else has; the node comes with `startCluster`. */
export async function reserve(name: string): Promise<Cluster> {
  return { name, port: await freePort() }
}

/** A link to that cluster, wanting `topics` from it. `more` overrides and adds fields. */
export function linkTo(peer: Cluster, topics: readonly string[], more: Partial<LinkFile> = {}): LinkFile {
  return { name: peer.name, server: `127.0.0.1:${peer.port}`, topics, ...more }
}

export function nodeFile(cluster: Cluster, links: readonly LinkFile[], dataDir: string): NodeFile {
  return {
    node: { name: `${cluster.name}@127.0.0.1`, data_dir: dataDir },
    cluster: { name: cluster.name, links },
    listeners: { tcp: { default: { bind: `127.0.0.1:${cluster.port}` } } },
  }
}

/** Gone when this file's tests are over: by then nobody writes there any more, whatever a test has started. */
export function temporaryDirectory(): string {
  if (directories.length === 0)
    process.once('exit', () => {
      for (const directory of directories) rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
    })
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-test-'))
  directories.push(directory)
  return directory
}

const directories: string[] = []

/** Resolves when the node serves clients. It is killed when the test ends, should it still live. */
export async function startCluster(t: TestContext, cluster: Cluster, links: readonly LinkFile[]): Promise<NodeProcess> {
  const directory = temporaryDirectory()
  const node = await startNodeProcess(nodeFile(cluster, links, join(directory, 'data')), directory)
  t.after(() => node.kill())
  return node
}

/** Two clusters, linked both ways, running. `aWants` lists what A wants of B, `bWants` what B wants of A. */
export async function linkedPair(
  t: TestContext,
  { aWants, bWants }: { readonly aWants: readonly string[]; readonly bWants: readonly string[] },
): Promise<{ readonly a: NodeProcess; readonly b: NodeProcess }> {
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const [a, b] = await Promise.all([
    startCluster(t, clusterA, [linkTo(clusterB, aWants)]),
    startCluster(t, clusterB, [linkTo(clusterA, bWants)]),
  ])
  await Promise.all([a.waitForStatus('cl-b', 'running'), b.waitForStatus('cl-a', 'running')])
  return { a, b }
}

/** Runs two clusters: A sends to B through a relay, and B wants `t/#`. Returns when both halves of the link run. */
export async function relayedPair(t: TestContext) {
  const [clusterA, clusterB] = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const toB = await relayTo(t, clusterB)
  const [a, b] = await Promise.all([
    startCluster(t, clusterA, [linkTo(toB.cluster, [])]),
    startCluster(t, clusterB, [linkTo(clusterA, ['t/#'])]),
  ])
  await Promise.all([a.waitForStatus('cl-b', 'running'), b.waitForStatus('cl-a', 'running')])
  return { a, b, toB }
}

/** A relay in front of a cluster, to count or cut what goes there. */
export async function relayTo(t: TestContext, cluster: Cluster): Promise<Relay & { readonly cluster: Cluster }> {
  const relay = await startRelay()
  t.after(() => relay.close())
  relay.pointAt(cluster.port)
  return { ...relay, cluster: { name: cluster.name, port: relay.port } }
}

/** The reasons that a node gives for a link's state, as one text. */
export const reasonsOf = (node: NodeProcess, link: string): string =>
  JSON.stringify(node.linkStatus(link)?.['reasons'] ?? [])

/** Resolves when the newest reasons of the link match. */
export async function waitForReason(node: NodeProcess, link: string, reason: RegExp): Promise<void> {
  if (reason.test(reasonsOf(node, link))) return
  await node.waitFor(
    `reason ${reason} of ${link}`,
    (event) =>
      event.msg === 'cluster_link_status' && event['link'] === link && reason.test(JSON.stringify(event['reasons'])),
    node.log.length,
  )
}
