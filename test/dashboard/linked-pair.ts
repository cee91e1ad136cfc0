/** Two clusters that are linked through a relay: what somebody looks at who looks at the first one. */
import type { TestContext } from 'node:test'
import { startRelay } from '../../src/cli/demo/relay.ts'
import { nodeWithApi } from '../api/node-with-api.ts'
import { DashboardNode } from './dashboard-node.ts'

/** Nobody listens there. */
export const NOBODY = '127.0.0.1:9'

export type LinkedPair = {
  /** Of the cluster us-east, with the links `west`, and `gone` to nobody. */
  readonly node: DashboardNode
  /** `127.0.0.1:1234`, for clients. */
  readonly mqtt: string
  /** The way to `west` ends nowhere from now on. */
  cut(): void
  mend(): void
}

export async function linkedPair(t: TestContext): Promise<LinkedPair> {
  const relay = await startRelay()
  t.after(() => relay.close())
  const west = { name: 'west', server: `127.0.0.1:${relay.port}`, topics: ['w/#'], pool_size: 1 }
  const gone = { name: 'gone', server: NOBODY, topics: [], pool_size: 1 }
  const node = new DashboardNode(t, {
    cluster: { name: 'us-east', links: [west, gone] },
  })
  await node.start()
  const mqtt = await mqttOf(node)
  const peer = await nodeWithApi(t, {
    node: { name: 'w1@127.0.0.1' },
    cluster: { name: 'west', links: [{ name: 'us-east', server: mqtt, topics: ['e/#'], pool_size: 1 }] },
  })
  const port = Number(peer.node.status().listeners['tcp:default']?.split(':').at(-1))
  relay.pointAt(port)
  return {
    node,
    mqtt,
    cut() {
      relay.pointAt(Number(NOBODY.split(':').at(-1)))
      relay.cut()
    },
    mend: () => relay.pointAt(port),
  }
}

/** Where clients of this node connect to. */
export async function mqttOf(node: DashboardNode): Promise<string> {
  type Row = { readonly listeners: readonly { readonly bind: string }[] }
  const { body } = await node.ask<readonly Row[]>('/nodes')
  const bind = body[0]?.listeners[0]?.bind
  if (bind === undefined) throw new Error('the node listens nowhere')
  return bind
}
