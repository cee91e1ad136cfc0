import type { TestContext } from 'node:test'
import { type CoordinationKind, coordinationSuite } from '../../../cluster/coordination-suite.ts'
import { PlainProcess } from '../plain-process.ts'
import { SeededRandom } from '../random.ts'
import { RunningWorld } from './running-world.ts'
import { SimulatedJetStream } from './simulated-jetstream.ts'

type World = { readonly running: RunningWorld; readonly servers: SimulatedJetStream }

function simulated(serverCount: 1 | 3): CoordinationKind {
  const worlds = new WeakMap<TestContext, World>()
  let current: RunningWorld | undefined
  const worldOf = (t: TestContext): World => {
    const known = worlds.get(t)
    if (known !== undefined) return known
    const running = new RunningWorld(t)
    const world = { running, servers: new SimulatedJetStream(running.time, new SeededRandom(1), serverCount) }
    worlds.set(t, world)
    current = running
    return world
  }
  return {
    name: serverCount === 1 ? 'simulated JetStream' : 'simulated JetStream on three servers',
    join: async (t, node, boot) => {
      const { running, servers } = worldOf(t)
      const client = servers.connect({ node, boot }, new PlainProcess())
      running.atEnd(() => client.close())
      await running.until(() => client.isConnected, `${node} connected`)
      return client
    },
    until: async (isTrue, what) => current?.until(isTrue, what),
    settle: async () => current?.pass(20),
  }
}

coordinationSuite(simulated(1))
coordinationSuite(simulated(3))
