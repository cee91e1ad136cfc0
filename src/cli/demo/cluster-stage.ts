/**
 * The stage of the demo of clusters: three nodes and two as processes, a `nats-server` for each cluster, links both ways
 * which name all nodes of the other side.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Fields } from '../fields.ts'
import { SocketClient } from '../inspect/socket-client.ts'
import { type Dashboard, dashboardFile, makeLogin } from './dashboards.ts'
import { freePorts } from './free-ports.ts'
import { findNatsServer, type NatsServer, startNatsServer } from './nats-server.ts'
import { type NodeFile, type NodeProcess, startNodeProcess } from './node-process.ts'
import { RECEIVING, SENDING } from './stage.ts'

/** `gone`: there is no process; `starting`: there is one that does not serve clients yet. */
export type NodePhase = 'gone' | 'starting' | 'up'

export type StageNode = {
  readonly name: string
  readonly cluster: string
  readonly mqttPort: number
  /** How often it was killed. */
  readonly kills: number
  readonly phase: NodePhase
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** Starts it again on what it has on disk; resolves when it serves clients. */
  restart(): Promise<void>
  /** Asks over its debug socket. Rejects if it does not answer. */
  ask(method: string): Promise<Fields>
}

export type ClusterStage = {
  /** Those of `us-east`, then those of `eu-west`. */
  readonly nodes: readonly StageNode[]
  /** Of the first node of each cluster, or none. */
  readonly dashboards: readonly Dashboard[]
  /** Rejects if a node ends that was not killed. */
  readonly failed: Promise<never>
  /** Ends all nodes in order and removes what they wrote. Resolves with how each ended. */
  close(): Promise<readonly (number | string)[]>
}

const NODES = { [SENDING]: 3, [RECEIVING]: 2 } as const

const QUEUE_MAX = 100_000

/** Resolves when all nodes serve clients. `isWatched`: with dashboards. Throws if this machine has no `nats-server`. */
export async function openClusterStage(isWatched: boolean): Promise<ClusterStage> {
  findNatsServer()
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-demo-'))
  const nats: NatsServer[] = []
  const nodes: DemoNode[] = []
  const dashboards: Dashboard[] = []
  const login = makeLogin()
  const close = async (): Promise<(number | string)[]> => {
    const ended = await Promise.all(nodes.map((node) => node.stop()))
    await Promise.all(nats.map((server) => server.stop()))
    rmSync(directory, { recursive: true, force: true })
    return ended
  }
  try {
    nats.push(...(await Promise.all([startNatsServer(), startNatsServer()])))
    const [forSending = 0, forReceiving = 0, ...ports] = await freePorts(2 + NODES[SENDING] + NODES[RECEIVING])
    const portsOf = { [SENDING]: ports.slice(0, NODES[SENDING]), [RECEIVING]: ports.slice(NODES[SENDING]) }
    // A browser finds it again where it was when its node is back.
    const dashboardPorts = { [SENDING]: forSending, [RECEIVING]: forReceiving }
    const clusters = [
      { name: SENDING, peer: RECEIVING, topics: ['commands/#'], nats: nats[0]!.url },
      { name: RECEIVING, peer: SENDING, topics: ['devices/#'], nats: nats[1]!.url },
    ] as const
    for (const { name, peer, topics, nats: natsUrl } of clusters) {
      const server = portsOf[peer].map((port) => `127.0.0.1:${port}`).join(',')
      for (const [index, port] of portsOf[name].entries()) {
        const node = `${name}-${index + 1}`
        const address = `127.0.0.1:${dashboardPorts[name]}`
        const isShown = isWatched && index === 0
        if (isShown) dashboards.push({ name: node, address, login })
        const file = {
          node: { name: `${node}@127.0.0.1`, data_dir: join(directory, node) },
          cluster: { name, links: [{ name: peer, server, topics, durable: true }], nats: { servers: [natsUrl] } },
          listeners: { tcp: { default: { bind: `127.0.0.1:${port}` } } },
          debug: { socket: join(directory, `${node}.sock`) },
          ...(isShown ? { dashboard: dashboardFile(address, login) } : {}),
          // However long a node is away: by default a session keeps the newest 1,000 messages.
          mqtt: { max_mqueue_len: QUEUE_MAX },
        }
        nodes.push(new DemoNode(node, port, file, directory))
      }
    }
    const failed = new Promise<never>((_, reject) => {
      for (const node of nodes) node.onFailure = reject
    })
    // Whether or not anybody looks at it.
    failed.catch(() => undefined)
    await Promise.all(nodes.map((node) => node.restart()))
    return { nodes, dashboards, failed, close }
  } catch (error) {
    await close()
    throw error
  }
}

class DemoNode implements StageNode {
  readonly name: string
  readonly mqttPort: number
  readonly #file: NodeFile & { readonly debug: { readonly socket: string } }
  readonly #directory: string
  #process: NodeProcess | undefined
  #phase: NodePhase = 'gone'
  #kills = 0
  onFailure: (error: Error) => void = () => undefined

  constructor(name: string, mqttPort: number, file: NodeFile & { debug: { socket: string } }, directory: string) {
    this.name = name
    this.mqttPort = mqttPort
    this.#file = file
    this.#directory = directory
  }

  get cluster(): string {
    return this.#file.cluster.name
  }

  get kills(): number {
    return this.#kills
  }

  get phase(): NodePhase {
    return this.#phase
  }

  async kill(): Promise<void> {
    const running = this.#leave()
    this.#kills++
    await running?.kill()
  }

  async restart(): Promise<void> {
    this.#phase = 'starting'
    const started = await startNodeProcess(this.#file, this.#directory)
    this.#phase = 'up'
    this.#process = started
    void this.#watch(started)
  }

  async #watch(started: NodeProcess): Promise<void> {
    const code = await started.gone
    if (this.#process !== started) return
    this.#leave()
    this.onFailure(new Error(`${this.name} ended by itself (${code}): ${JSON.stringify(started.log.at(-1))}`))
  }

  async ask(method: string): Promise<Fields> {
    const client = await SocketClient.open(this.#file.debug.socket)
    try {
      return await client.call(method)
    } finally {
      client.close()
    }
  }

  /** SIGTERM; 0 for one that does not run. */
  async stop(): Promise<number | string> {
    return (await this.#leave()?.stop()) ?? 0
  }

  /** From now on its end is no failure. */
  #leave(): NodeProcess | undefined {
    const running = this.#process
    this.#process = undefined
    this.#phase = 'gone'
    return running
  }
}
