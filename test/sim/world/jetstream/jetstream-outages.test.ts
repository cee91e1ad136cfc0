import { outageSuite } from '../../../cluster/coordination-outages.ts'
import { PlainProcess } from '../plain-process.ts'
import { SeededRandom } from '../random.ts'
import { RunningWorld } from './running-world.ts'
import { SimulatedJetStream } from './simulated-jetstream.ts'

let current: RunningWorld | undefined

outageSuite({
  name: 'simulated JetStream',
  begin: async (t, serverCount) => {
    const running = new RunningWorld(t)
    current = running
    const servers = new SimulatedJetStream(running.time, new SeededRandom(1), serverCount)
    let boots = 0
    return {
      join: async (node, which = servers.allServers) => {
        const client = servers.connect({ node, boot: String((boots += 1)) }, new PlainProcess(), {
          servers: which,
        })
        running.atEnd(() => client.close())
        return client
      },
      kill: async (server) => servers.kill(server),
      restart: async (server) => servers.start(server),
      wipe: () => servers.wipe(),
      deleteRegisters: async () => servers.wipe(),
      freeze: (server) => servers.freeze(server),
      thaw: (server) => servers.thaw(server),
      cutConnections: () => servers.cut('a', { how: 'reset' })(),
    }
  },
  until: async (isTrue, what) => current?.until(isTrue, what),
})
