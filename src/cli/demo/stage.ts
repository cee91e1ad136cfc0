/** The stage of the demo: two clusters of one node each, as processes, linked both ways through counting relays. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Dashboard, dashboardFile, type Login, makeLogin } from './dashboards.ts'
import { type LinkFile, type NodeFile, type NodeProcess, startNodeProcess } from './node-process.ts'
import { startRelay } from './relay.ts'

export const SENDING = 'us-east'
export const RECEIVING = 'eu-west'

export type Stage = {
  readonly sending: NodeProcess
  readonly receiving: NodeProcess
  /** One of each cluster, or none. */
  readonly dashboards: readonly Dashboard[]
  /** All bytes on the wire between the clusters so far, both ways: messages, routes, acknowledgements, heartbeats. */
  linkBytes(): number
  /** Ends both nodes in order and removes what they wrote. Resolves with how each ended. */
  close(): Promise<readonly (number | string)[]>
}

/** Resolves when both clusters serve clients and both links run. `isWatched`: with dashboards. */
export async function openStage(isWatched: boolean): Promise<Stage> {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-demo-'))
  const [toSending, toReceiving] = await Promise.all([startRelay(), startRelay()])
  const login = isWatched ? makeLogin() : undefined
  const nodes: NodeProcess[] = []
  const close = async (): Promise<(number | string)[]> => {
    const ended = await Promise.all(nodes.map((node) => node.stop()))
    await Promise.all([toSending.close(), toReceiving.close()])
    rmSync(directory, { recursive: true, force: true })
    return ended
  }
  try {
    const start = async (cluster: string, link: LinkFile): Promise<NodeProcess> => {
      const node = await startNodeProcess(nodeFile(cluster, join(directory, cluster), link, login), directory)
      nodes.push(node)
      return node
    }
    const [sending, receiving] = await Promise.all([
      start(SENDING, { name: RECEIVING, server: `127.0.0.1:${toReceiving.port}`, topics: ['commands/#'] }),
      start(RECEIVING, { name: SENDING, server: `127.0.0.1:${toSending.port}`, topics: ['devices/#'] }),
    ])
    toSending.pointAt(sending.mqttPort)
    toReceiving.pointAt(receiving.mqttPort)
    await Promise.all([sending.waitForStatus(RECEIVING, 'running'), receiving.waitForStatus(SENDING, 'running')])
    const dashboards =
      login === undefined ? [] : await Promise.all([sending, receiving].map((node) => dashboardOf(node, login)))
    return { sending, receiving, dashboards, linkBytes: () => toSending.bytes() + toReceiving.bytes(), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function dashboardOf(node: NodeProcess, login: Login): Promise<Dashboard> {
  const opened = await node.waitFor('api_opened', ({ msg }) => msg === 'api_opened')
  return { name: node.config.cluster.name, address: String(opened['address']), login }
}

function nodeFile(cluster: string, dataDir: string, link: LinkFile, login: Login | undefined): NodeFile {
  return {
    node: { name: `${cluster}@127.0.0.1`, data_dir: dataDir },
    cluster: { name: cluster, links: [link] },
    listeners: { tcp: { default: { bind: '127.0.0.1:0' } } },
    ...(login === undefined ? {} : { dashboard: dashboardFile('127.0.0.1:0', login) }),
  }
}
