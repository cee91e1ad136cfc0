/** What is measured: our node, two of them in a cluster, Mosquitto, NATS with MQTT, each as fresh processes on free loopback ports. Linked pairs are in link/. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { startNatsServer } from '../../src/cli/demo/nats-server.ts'
import { type NodeFile, type NodeProcess, startNodeProcess } from '../../src/cli/demo/node-process.ts'
import { listenOnFreePort } from '../../src/cli/demo/relay.ts'
import { ISTHMUS_ACL, MOSQUITTO_ACL } from './acl.ts'
import { Client } from './client.ts'
import { USERNAME } from './load.ts'

export type Peer = {
  readonly publishPort: number
  readonly subscribePort: number
  readonly pids: readonly number[]
  /** What its subscribers are to ask for instead of each topic by itself, if it can't do that. */
  readonly wantedFilters?: readonly string[]
  stop(): Promise<void>
}

/** With authorization on, unless told otherwise. */
export async function startIsthmus(nodeOptions: readonly string[] = [], isGuarded = true): Promise<Peer> {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-bench-'))
  const rules = join(directory, 'acl.conf')
  writeFileSync(rules, ISTHMUS_ACL)
  const config = {
    ...nodeFile('bench', await freePort(), directory),
    ...(isGuarded ? { authorization: { no_match: 'deny', sources: [{ type: 'file', path: rules }] } } : {}),
  }
  const node = await startNodeProcess(config, directory, nodeOptions)
  return {
    publishPort: node.mqttPort,
    subscribePort: node.mqttPort,
    pids: [node.pid],
    stop: async () => {
      await node.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Publishers at one node, subscribers at the other. The third process is the NATS between them. */
export async function startIsthmusCluster(nodeOptions: readonly string[] = []): Promise<Peer> {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-bench-'))
  const nats = await startNatsServer()
  const start = async (name: string): Promise<NodeProcess> => {
    const file = nodeFile(name, await freePort(), directory)
    const config = { ...file, cluster: { name: 'bench', links: [], nats: { servers: [nats.url] } } }
    return startNodeProcess(config, directory, nodeOptions)
  }
  const nodes = await Promise.all([start('near'), start('far')])
  return {
    publishPort: nodes[0].mqttPort,
    subscribePort: nodes[1].mqttPort,
    pids: [...nodes.map(({ pid }) => pid), nats.pid],
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()))
      await nats.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Two `nats-server` with MQTT in one cluster: publishers at the one, subscribers at the other. */
export async function startNatsMqttCluster(): Promise<Peer> {
  const mqttPorts = [await freePort(), await freePort()] as const
  const clusterPorts = await Promise.all(mqttPorts.map(freePort))
  const routes = clusterPorts.map((port) => `nats://127.0.0.1:${port}`).join(', ')
  const servers = await Promise.all(
    mqttPorts.map((port, index) =>
      startNatsServer({
        settings: [
          `server_name: "bench-${index}"`,
          // Nothing is kept twice; of its subscriptions all together may have 65,535 on their way, and there are 1,000.
          `mqtt { listen: "127.0.0.1:${port}", max_ack_pending: 60, stream_replicas: 1 }`,
          `cluster { name: "bench", listen: "127.0.0.1:${clusterPorts[index]}", routes: [${routes}] }`,
        ].join('\n'),
      }),
    ),
  )
  await Promise.all(mqttPorts.map(untilServing))
  return {
    publishPort: mqttPorts[0],
    subscribePort: mqttPorts[1],
    pids: servers.map(({ pid }) => pid),
    stop: async () => {
      await Promise.all(servers.map((server) => server.stop()))
    },
  }
}

/** Where the program is and which version, or `undefined` if this machine has none. */
export function findMosquitto(): { readonly path: string; readonly version: string } | undefined {
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/sbin',
    '/usr/local/sbin',
    '/opt/homebrew/sbin',
  ]
  const path = folders.map((folder) => join(folder, 'mosquitto')).find((file) => existsSync(file))
  if (path === undefined) return undefined
  const { stdout } = spawnSync(path, ['-h'], { encoding: 'utf8' })
  return { path, version: /version (\S+)/.exec(stdout)?.[1] ?? 'of unknown version' }
}

/** Settings that favour it; at its defaults it could not be measured. The rest is at its defaults. */
export const MOSQUITTO_SETTINGS = [
  'allow_anonymous true',
  // If root starts it, it would become somebody who may not enter the temporary folder.
  'user root',
  'log_dest none',
  // At its default of 20 a publisher at QoS 2 with more than that on their way is never answered again, and with many
  // publishers at QoS 1 2.0.11 loses messages (its change log for 2.0.13: fixes around inflight quota management).
  'max_inflight_messages 1000',
  'max_queued_messages 0',
]

export type Program = { readonly pid: number; stop(): Promise<void> }

/** Says nothing, and does not outlive this process. */
export function startProgram(path: string, args: readonly string[]): Program {
  const child = spawn(path, args, { stdio: 'ignore' })
  const killHard = (): void => void child.kill('SIGKILL')
  process.once('exit', killHard)
  const gone = once(child, 'close').finally(() => process.off('exit', killHard))
  return {
    pid: child.pid ?? 0,
    stop: async () => {
      child.kill('SIGTERM')
      await gone
    },
  }
}

/** With authorization on. `isDurable`: with `persistence true` and the rest of it at its defaults. */
export async function startMosquitto(path: string, isDurable: boolean): Promise<Peer> {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-bench-'))
  const port = await freePort()
  const configFile = join(directory, 'mosquitto.conf')
  const aclFile = join(directory, 'acl')
  writeFileSync(aclFile, MOSQUITTO_ACL)
  const lines = [
    `listener ${port} 127.0.0.1`,
    ...MOSQUITTO_SETTINGS,
    `acl_file ${aclFile}`,
    `persistence ${isDurable}`,
    `persistence_location ${directory}/`,
  ]
  writeFileSync(configFile, `${lines.join('\n')}\n`)
  const program = startProgram(path, ['-c', configFile])
  await untilListening(port)
  return {
    publishPort: port,
    subscribePort: port,
    pids: [program.pid],
    stop: async () => {
      await program.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function nodeFile(name: string, port: number, directory: string): NodeFile {
  return {
    node: { name: `${name}@127.0.0.1`, data_dir: join(directory, name) },
    cluster: { name, links: [] },
    listeners: { tcp: { default: { bind: `127.0.0.1:${port}` } } },
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listenOnFreePort(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** NATS takes connections before its servers have agreed on where sessions are kept, and closes them. */
export async function untilServing(port: number): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      const client = await Client.open(port, { clientId: `probe-${port}`, username: USERNAME, isKept: false }, {})
      return client.close()
    } catch (error) {
      if (attempt === 100) throw error
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
}

/** Mosquitto says to nobody that it listens, so it is asked. */
export async function untilListening(port: number): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return
    } catch (error) {
      if (attempt === 100) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    } finally {
      socket.destroy()
    }
  }
}
