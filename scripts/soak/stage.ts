/**
 * Where a soak takes place: two nodes of `us-east` over a real `nats-server`, linked with `eu-west`, which speaks the native dialect
 * with them and EMQX's with `ap-south`. All links go through relays, so that they can be cut. One of the nodes is killed now and then;
 * the others live as long as the soak does.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePorts } from '../../src/cli/demo/free-ports.ts'
import { findNatsServer, type NatsServer, startNatsServer } from '../../src/cli/demo/nats-server.ts'
import { type LinkFile, type NodeFile, type NodeProcess, startNodeProcess } from '../../src/cli/demo/node-process.ts'
import { type Relay, startRelay } from '../../src/cli/demo/relay.ts'
import type { Life, ProcessSample } from './judge.ts'

export type SoakNode = {
  readonly name: string
  readonly cluster: string
  readonly mqttPort: number
  readonly isUp: boolean
}

/** A process that is stopped for long is missed by everybody: that is a kill. */
export type Stage = {
  readonly nodes: readonly SoakNode[]
  /** Whose publishers' messages come to this cluster: its own and those of the clusters that it is linked with. */
  sourcesOf(cluster: string): ReadonlySet<string>
  /** Ends all connections of all links. */
  cutLinks(): void
  /** Ends them, and lets new ones hang for as long. */
  holdLinks(forMs: number): Promise<void>
  /** SIGSTOP, and SIGCONT after as long. */
  freeze(node: SoakNode, forMs: number): Promise<void>
  /** SIGKILL of the one that may be killed; it is started again after as long. Resolves when it serves clients. */
  kill(downMs: number): Promise<void>
  restartNats(): Promise<void>
  /** What each process said of itself in each of its lives. */
  lives(): readonly Life[]
  /** Rejects if a node ends that was not killed. */
  readonly failed: Promise<never>
  /** Ends all nodes in order and removes what they wrote. Resolves with those that did not end well, in words. */
  close(): Promise<readonly string[]>
}

/** All messages that cross are on these topics. */
export const TOPICS = ['load/#', 'churn/#'] as const

const QUEUE_MAX = 100_000

const CLUSTERS = [
  { name: 'us-east', nodes: 2, peers: ['eu-west'], dialect: 'auto' },
  { name: 'eu-west', nodes: 1, peers: ['us-east', 'ap-south'], dialect: 'auto' },
  // It greets nobody in our own dialect, so that neither does anybody who is linked with it.
  { name: 'ap-south', nodes: 1, peers: ['eu-west'], dialect: 'emqx' },
] as const

/** Of a cluster of two: what it shares with the other one survives. */
const MORTAL = 'us-east-2'

/** Resolves when all nodes serve clients. Throws if this machine has no `nats-server`. */
export async function openStage({ sampleEveryMs }: { readonly sampleEveryMs: number }): Promise<Stage> {
  findNatsServer()
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-soak-'))
  const relays: Relay[] = []
  const nodes: Node[] = []
  let nats: NatsServer | undefined
  const close = async (): Promise<string[]> => {
    const ended = await Promise.all(nodes.map((node) => node.stop()))
    await Promise.all([nats?.stop(), ...relays.map((relay) => relay.close())])
    rmSync(directory, { recursive: true, force: true })
    return ended.flatMap((code, index) => (code === 0 ? [] : [`${nodes[index]!.name} ended with ${code}`]))
  }
  try {
    const server = await startNatsServer()
    nats = server
    const places = CLUSTERS.flatMap(({ name, nodes }) => Array.from({ length: nodes }, () => name))
    const ports = await freePorts(places.length)
    relays.push(...(await Promise.all(places.map(() => startRelay()))))
    const addressesOf = (cluster: string): string =>
      relays.flatMap(({ port }, index) => (places[index] === cluster ? [`127.0.0.1:${port}`] : [])).join(',')
    for (const { name, peers, dialect, nodes: count } of CLUSTERS)
      for (let number = 1; number <= count; number++) {
        const links = peers.map((peer) => ({
          name: peer,
          server: addressesOf(peer),
          topics: TOPICS,
          durable: true,
          dialect,
        }))
        const at = { name: `${name}-${number}`, port: ports[nodes.length]!, directory, sampleEveryMs }
        nodes.push(new Node(at, name, links, count > 1 ? [server.url] : []))
      }
    const failed = new Promise<never>((_, reject) => {
      for (const node of nodes) node.onFailure = reject
    })
    // Whether or not anybody looks at it.
    failed.catch(() => undefined)
    const connectRelays = (): void => relays.forEach((relay, index) => relay.pointAt(ports[index]!))
    await Promise.all(nodes.map((node) => node.start()))
    connectRelays()
    return {
      nodes,
      sourcesOf: (cluster) =>
        new Set([cluster, ...CLUSTERS.filter(({ name }) => name === cluster).flatMap(({ peers }) => peers)]),
      cutLinks: () => relays.forEach((relay) => relay.cut()),
      holdLinks: async (forMs) => {
        for (const relay of relays) {
          relay.hold()
          relay.cut()
        }
        await pause(forMs)
        connectRelays()
      },
      freeze: async ({ name }, forMs) => nodes.find((node) => node.name === name)!.freeze(forMs),
      kill: async (downMs) => nodes.find(({ name }) => name === MORTAL)!.kill(downMs),
      restartNats: () => server.restart(),
      lives: () => nodes.flatMap((node) => node.lives()),
      failed,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

type Place = {
  readonly name: string
  readonly port: number
  readonly directory: string
  readonly sampleEveryMs: number
}

class Node implements SoakNode {
  readonly name: string
  readonly cluster: string
  readonly mqttPort: number
  readonly #place: Place
  readonly #file: NodeFile
  readonly #lives: ProcessSample[][] = []
  #process: NodeProcess | undefined
  onFailure: (error: Error) => void = () => undefined

  constructor(place: Place, cluster: string, links: readonly LinkFile[], natsServers: readonly string[]) {
    this.#place = place
    this.name = place.name
    this.cluster = cluster
    this.mqttPort = place.port
    const file = {
      node: { name: `${place.name}@127.0.0.1`, data_dir: join(place.directory, place.name) },
      cluster: { name: cluster, links, ...(natsServers.length === 0 ? {} : { nats: { servers: natsServers } }) },
      listeners: { tcp: { default: { bind: `127.0.0.1:${place.port}` } } },
      debug: { socket: join(place.directory, `${place.name}.sock`) },
      // However long a node is away: by default a session keeps the newest 1,000 messages.
      mqtt: { max_mqueue_len: QUEUE_MAX },
    }
    this.#file = file
  }

  get isUp(): boolean {
    return this.#process !== undefined
  }

  async start(): Promise<void> {
    const { directory, sampleEveryMs } = this.#place
    const probe = new URL(`probe.js?everyMs=${sampleEveryMs}`, import.meta.url).href
    const started = await startNodeProcess(this.#file, directory, ['--expose-gc', '--import', probe])
    this.#process = started
    void this.#watch(started)
  }

  async freeze(forMs: number): Promise<void> {
    const running = this.#process
    if (running === undefined) return
    process.kill(running.pid, 'SIGSTOP')
    await pause(forMs)
    process.kill(running.pid, 'SIGCONT')
  }

  async kill(downMs: number): Promise<void> {
    await this.#leave()?.kill()
    await pause(downMs)
    await this.start()
  }

  /** SIGTERM; 0 for one that does not run. */
  async stop(): Promise<number | string> {
    return (await this.#leave()?.stop()) ?? 0
  }

  lives(): readonly Life[] {
    const running = this.#process === undefined ? [] : [samplesIn(this.#process)]
    return [...this.#lives, ...running].map((samples, index) => ({ process: this.name, life: index + 1, samples }))
  }

  async #watch(started: NodeProcess): Promise<void> {
    const code = await started.gone
    if (this.#process !== started) return
    this.#leave()
    this.onFailure(new Error(`${this.name} ended by itself (${code}): ${JSON.stringify(started.log.at(-1))}`))
  }

  /** From now on its end is no failure. */
  #leave(): NodeProcess | undefined {
    const running = this.#process
    if (running !== undefined) this.#lives.push(samplesIn(running))
    this.#process = undefined
    return running
  }
}

function samplesIn({ log }: NodeProcess): ProcessSample[] {
  return log.filter(isSample)
}

/** Our own probe wrote it, so its name says what it holds. */
function isSample(event: { readonly msg: string }): event is ProcessSample & { readonly msg: string } {
  return event.msg === 'soak_sample'
}
