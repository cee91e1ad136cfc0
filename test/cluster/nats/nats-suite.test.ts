import { after, before, type TestContext } from 'node:test'
import { type NatsServer, startNatsServer } from '../../../src/cli/demo/nats-server.ts'
import type { Coordination } from '../../../src/cluster/coordination.ts'
import { coordinationSuite } from '../coordination-suite.ts'
import { connectedNats, natsConfig, until } from './nats-node.ts'

let server: NatsServer
before(async () => {
  server = await startNatsServer()
})
after(() => server.stop())

/** The nodes of each test are a cluster of their own. */
const clusters = new WeakMap<TestContext, string>()
let clusterCount = 0
let joined: Coordination[] = []

function clusterOf(t: TestContext): string {
  const known = clusters.get(t)
  if (known !== undefined) return known
  const name = `cluster.${++clusterCount}`
  clusters.set(t, name)
  joined = []
  return name
}

coordinationSuite({
  name: 'nats',
  join: async (t, node, boot) => {
    const ports = { clusterName: clusterOf(t), self: { node, boot } }
    const { coordination } = await connectedNats(t, natsConfig([server.url]), node, ports)
    joined.push(coordination)
    return coordination
  },
  until,
  // A server answers each node in the order in which it was told: after the first round all messages are on their way to
  // whom they are for, and after the second they are there.
  settle: async () => {
    for (let round = 0; round < 2; round++) {
      const connected = joined.filter(({ isConnected }) => isConnected)
      await Promise.all(connected.map(({ registers }) => registers.read('settled')))
    }
  },
})
