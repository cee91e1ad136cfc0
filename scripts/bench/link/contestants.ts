/** Who passes messages from one broker to another, and how each is started: always as fresh processes on free loopback ports. */
import { findNatsServer } from '../../../src/cli/demo/nats-server.ts'
import type { Relay } from '../../../src/cli/demo/relay.ts'
import type { QoS } from '../mqtt-bytes.ts'
import { findMosquitto, type Peer } from '../peers.ts'
import { startAedesBridge } from './aedes-bridge.ts'
import { startMosquittoBridge } from './mosquitto-bridge.ts'
import { startNatsLeaf } from './nats-leaf.ts'
import { type Dialect, startPair } from './pair.ts'

/** `theirs` differ in what favours them. */
export type Task = {
  /** Whether the time on the way is looked at rather than what it costs. */
  readonly isLatency?: boolean
  readonly qos: QoS
  readonly isDurable?: boolean
  /** What is to cross, if that is not what the benchmark publishes; of ours alone, bridges pass everything. */
  readonly topics?: readonly string[]
  /** Stands between the two brokers; it is pointed at a port by whoever starts them. */
  readonly relay?: Relay
  /** Stands where the far one connects to the near one, if it does. */
  readonly relayBack?: Relay
}

export type ContestantId = 'ours' | 'inMemory' | 'emqx' | 'mosquitto' | 'nats' | 'aedes'

export type Contestant = {
  /** As tables call it. */
  readonly name: string
  /** `nodeOptions` are Node.js's, for ours. */
  start(task: Task, nodeOptions?: readonly string[]): Promise<Peer>
}

/** Those that this machine can run, and what is said of the others. */
export type Field = {
  readonly contestants: Readonly<Partial<Record<ContestantId, Contestant>>>
  readonly missing: readonly string[]
}

export function findContestants(dialect: Dialect): Field {
  const missing: string[] = []
  const contestants: Partial<Record<ContestantId, Contestant>> = {
    ours: { name: 'Isthmus', start: (task, nodeOptions) => startPair({ ...task, dialect }, nodeOptions) },
    inMemory: {
      name: 'Isthmus, in memory',
      start: (task, nodeOptions) => startPair({ ...task, dialect, isDurable: false }, nodeOptions),
    },
    emqx: {
      name: 'Isthmus, dialect emqx',
      start: (task, nodeOptions) => startPair({ ...task, dialect: 'emqx' }, nodeOptions),
    },
    aedes: { name: 'aedes + MQTT.js', start: startAedesBridge },
  }
  const mosquitto = findMosquitto()
  if (mosquitto === undefined) missing.push('mosquitto is not installed: what is measured against it has no budget')
  else {
    contestants.mosquitto = {
      name: `Mosquitto ${mosquitto.version}`,
      start: (task) => startMosquittoBridge(mosquitto.path, task),
    }
  }
  try {
    findNatsServer()
    contestants.nats = { name: 'NATS leaf nodes', start: startNatsLeaf }
  } catch (error) {
    missing.push(error instanceof Error ? error.message : String(error))
  }
  return { contestants, missing }
}
