/** Clusters of several nodes over a real NATS, as real processes: killed, stopped, cut off and started again by tests. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import type { Fields } from '../../../src/cli/fields.ts'
import { SocketClient } from '../../../src/cli/inspect/socket-client.ts'
import { type LinkFile, type NodeFile, type NodeProcess, startNodeProcess } from '../../../src/cli/demo/node-process.ts'
import { reserve, temporaryDirectory } from '../clusters.ts'

export type MemberOptions = {
  readonly cluster: string
  /** Of the NATS servers, or of relays before them. */
  readonly nats: readonly string[]
  readonly links?: readonly LinkFile[]
  /** `n1@127.0.0.1` and so on, if left out. */
  readonly name?: string
  /** Of its listener: 0 for one that the system gives at each start. If left out one that is free now, and stays the same. */
  readonly port?: number
  /** Called after each start with the port that it listens on. */
  readonly listening?: (port: number) => void
  /** Node.js's own, for each of its processes. */
  readonly nodeOptions?: readonly string[]
  /** More of the configuration file. */
  readonly more?: Partial<NodeFile> & Readonly<Record<string, unknown>>
  /** More of its `cluster`. */
  readonly moreCluster?: Readonly<Record<string, unknown>>
}

/** One node of a cluster; a process after the other. */
export class TestMember {
  readonly file: NodeFile
  readonly #directory: string
  readonly #options: MemberOptions
  #process: NodeProcess

  private constructor(file: NodeFile, directory: string, options: MemberOptions, process: NodeProcess) {
    this.file = file
    this.#directory = directory
    this.#options = options
    this.#process = process
    options.listening?.(process.mqttPort)
  }

  /** Resolves when it serves clients. It is killed when the test ends, should it still live. */
  static async start(t: TestContext, options: MemberOptions): Promise<TestMember> {
    const directory = temporaryDirectory()
    const { cluster, nats, links = [], name = 'n1@127.0.0.1', more = {}, moreCluster = {}, nodeOptions = [] } = options
    const { port } = options.port === undefined ? await reserve(name) : { port: options.port }
    const file: NodeFile = {
      node: { name, data_dir: join(directory, 'data') },
      cluster: { name: cluster, links, nats: { servers: nats }, ...moreCluster },
      listeners: { tcp: { default: { bind: `127.0.0.1:${port}` } } },
      debug: { socket: join(directory, 'debug.sock'), faults: true },
      ...more,
    }
    const process = await startNodeProcess(file, directory, nodeOptions)
    const member = new TestMember(file, directory, options, process)
    t.after(() => member.#process.kill())
    return member
  }

  /** The process that runs now, or ran last. */
  get process(): NodeProcess {
    return this.#process
  }

  get name(): string {
    return this.file.node.name
  }

  get port(): number {
    return this.#process.mqttPort
  }

  /** SIGKILL. */
  kill(): Promise<void> {
    return this.#process.kill()
  }

  /** Starts it again on what it has on disk. Resolves when it serves clients. */
  async restart(file: NodeFile = this.file): Promise<void> {
    this.#process = await startNodeProcess(file, this.#directory, this.#options.nodeOptions)
    this.#options.listening?.(this.port)
  }

  /** SIGSTOP and SIGCONT. */
  freeze(): void {
    process.kill(this.#process.pid, 'SIGSTOP')
  }

  thaw(): void {
    process.kill(this.#process.pid, 'SIGCONT')
  }

  /** Asks over its debug socket. */
  async call(method: string, params: Fields = {}): Promise<Fields> {
    const client = await SocketClient.open(this.file.debug!.socket)
    try {
      return await client.call(method, params)
    } finally {
      client.close()
    }
  }

  /** A client of MQTT 5 on this node, gone when the test ends. It does not reconnect unless told to. */
  async connect(t: TestContext, options: IClientOptions = {}): Promise<MqttClient> {
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${this.port}`, {
      protocolVersion: 5,
      reconnectPeriod: 0,
      ...options,
    })
    t.after(() => void client.end(true))
    // Its connection may be cut at any time; what matters is what arrives.
    client.on('error', () => undefined)
    return client
  }
}

/** Members `n1@127.0.0.1`, `n2@127.0.0.1` and so on, which have all seen each other. */
export async function startMembers(t: TestContext, count: number, options: MemberOptions): Promise<TestMember[]> {
  const names = Array.from({ length: count }, (_, index) => `n${index + 1}@127.0.0.1`)
  const members = await Promise.all(names.map((name) => TestMember.start(t, { ...options, name })))
  await Promise.all(members.map((member) => seesAll(member, names)))
  return members
}

/** Resolves when the member sees just these nodes as up. */
export async function seesAll(member: TestMember, names: readonly string[]): Promise<void> {
  await eventually(`${member.name} sees ${names.join(', ')}`, async () => {
    assert.deepEqual((await membersSeenBy(member)).toSorted(), [...names].toSorted())
  })
}

/** Names of the members that are up, as one of them sees it. */
export async function membersSeenBy(member: TestMember): Promise<string[]> {
  const { members } = await member.call('members.list')
  assert(Array.isArray(members))
  return members.filter(({ state }) => state === 'up').map(({ node }) => String(node))
}

const DEADLINE_MS = 30_000
const LOOK_EVERY_MS = 50

/** Looks again until nothing is thrown: for what only shows itself to who asks. Throws what was thrown last. */
export async function eventually<T>(what: string, look: () => Promise<T> | T, deadlineMs = DEADLINE_MS): Promise<T> {
  const untilMs = performance.now() + deadlineMs
  for (;;) {
    try {
      return await look()
    } catch (error) {
      if (performance.now() > untilMs) throw new Error(`not within ${deadlineMs} ms: ${what}`, { cause: error })
    }
    await after(LOOK_EVERY_MS)
  }
}

/** What a client gets, by its payload, in order. */
export function received(client: MqttClient): string[] {
  const payloads: string[] = []
  client.on('message', (_topic, payload) => payloads.push(payload.toString()))
  return payloads
}
