/** Two clusters of one node each that are linked both ways over relays that cut. Nodes can be killed and started again. */
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type LinkFile, type NodeProcess, startNodeProcess } from '../../../src/cli/demo/node-process.ts'
import { type Cluster, linkTo, nodeFile, reserve, temporaryDirectory } from '../clusters.ts'
import { type Ledgers, ledgersOf } from '../ledgers.ts'
import { longQueues } from '../cluster/traffic.ts'
import { type CuttingRelay, startCuttingRelay } from './cutting-relay.ts'

export type PairOptions = {
  /** What each wants of the other. */
  readonly topics: readonly string[]
  /** More settings of both links. */
  readonly link?: Partial<LinkFile>
  /** And of one side's alone. */
  readonly links?: readonly [Partial<LinkFile>, Partial<LinkFile>]
}

export class Pair {
  /** The nodes as they run now. */
  readonly nodes: NodeProcess[] = []
  /** In front of each node, for what the other one sends there. */
  readonly relays: readonly CuttingRelay[]
  readonly clusters: readonly Cluster[]
  readonly #options: PairOptions
  readonly #directory = temporaryDirectory()

  constructor(clusters: readonly Cluster[], relays: readonly CuttingRelay[], options: PairOptions) {
    this.clusters = clusters
    this.relays = relays
    this.#options = options
  }

  /**
   * Starts a node, with what it has on its disk. Resolves when it serves clients.
   * @param more settings of its link that differ this time
   */
  async start(t: TestContext, at: number, more: Partial<LinkFile> = {}): Promise<NodeProcess> {
    const own = this.clusters[at]!
    const peer = this.clusters[1 - at]!
    const { topics, link, links } = this.#options
    const server = `127.0.0.1:${this.relays[1 - at]!.port}`
    const file = nodeFile(
      own,
      [linkTo(peer, topics, { server, ...link, ...links?.[at], ...more })],
      join(this.#directory, own.name),
    )
    const debug = { socket: this.socket(at) }
    const node = await startNodeProcess({ ...file, ...longQueues, debug }, this.#directory)
    t.after(() => node.kill())
    this.nodes[at] = node
    return node
  }

  /** Its debug socket. */
  socket(at: number): string {
    return join(this.#directory, `${this.clusters[at]!.name}.sock`)
  }

  /** What one of them says of its link's messages. */
  ledgers(at: number): Promise<Ledgers> {
    return ledgersOf(this.socket(at), this.clusters[1 - at]!.name)
  }

  /** Resolves when both halves run. */
  async running(): Promise<void> {
    await Promise.all(this.nodes.map((node, at) => node.waitForStatus(this.clusters[1 - at]!.name, 'running')))
  }
}

export async function startPair(t: TestContext, options: PairOptions): Promise<Pair> {
  const clusters = await Promise.all([reserve('cl-a'), reserve('cl-b')])
  const relays = await Promise.all(clusters.map(({ port }) => startCuttingRelay(() => port)))
  for (const relay of relays) t.after(() => relay.close())
  const pair = new Pair(clusters, relays, options)
  await Promise.all([pair.start(t, 0), pair.start(t, 1)])
  await pair.running()
  return pair
}
