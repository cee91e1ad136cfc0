/** A node of the product on a machine of the simulation: the machine and its disk stay, processes come and go. */
import type { ListenerConfig } from '../../../src/config/listeners/listener-config.ts'
import type { ListenerPorts } from '../../../src/broker/listeners/listener.ts'
import { ListenerRates } from '../../../src/broker/listeners/listener-rates.ts'
import type { StartListener } from '../../../src/broker/server.ts'
import type { ConfigInput } from '../../../src/config/config-schema.ts'
import { connectionsOver } from '../../../src/link/connection.ts'
import { createNode, type Node } from '../../../src/node.ts'
import type { Machine } from '../../../src/node/machine.ts'
import type { NodeForApi } from '../../../src/node/node-for-api.ts'
import { SimulatedDisk } from './disk.ts'
import type { SimulatedJetStream } from './jetstream/simulated-jetstream.ts'
import { NodeLog } from './node-log.ts'
import type { SimulatedNetwork } from './network/simulated-network.ts'
import type { SeededRandom } from './random.ts'
import { SimulatedProcess } from './simulated-process.ts'
import type { VirtualTime } from './virtual-time.ts'

export type SimulatedNodePorts = {
  readonly time: VirtualTime
  readonly random: SeededRandom
  readonly network: SimulatedNetwork
  /** Of its cluster; `undefined` for a node that is alone. */
  readonly jetStream: SimulatedJetStream | undefined
}

type Running = {
  readonly process: SimulatedProcess
  /** Once its first turn has come. */
  node: Node | undefined
  /** Once it has started so far that it can be asked. */
  parts: NodeForApi | undefined
}

export const MQTT_PORT = 1883
const GIBIBYTE = 2 ** 30

/** `node.name` of a node on that host. */
export function nameOf(host: string): string {
  return `isthmus@${host}`
}

export class SimulatedNode {
  /** How others reach it. */
  readonly host: string
  readonly disk: SimulatedDisk
  readonly log = new NodeLog()
  /** Told when a process has ended by itself. */
  failed: (error: unknown) => void = () => undefined
  wallOffsetMs = 0
  /** What the next process starts with. */
  config: ConfigInput
  /** How many processes it has had. */
  lives = 0
  readonly #ports: SimulatedNodePorts
  #running: Running | undefined

  constructor(host: string, config: ConfigInput, ports: SimulatedNodePorts) {
    this.host = host
    this.config = config
    this.#ports = ports
    this.disk = new SimulatedDisk(ports.time, ports.random.fork(`disk of ${host}`))
  }

  /** `node.name`. */
  get name(): string {
    return nameOf(this.host)
  }

  /** Whether there is a process, whatever it does. */
  get isRunning(): boolean {
    return this.#running !== undefined
  }

  /** `undefined` while no process runs. */
  get node(): Node | undefined {
    return this.#running?.node
  }

  /** What can be asked of it. */
  get parts(): NodeForApi | undefined {
    return this.#running?.parts
  }

  get process(): SimulatedProcess | undefined {
    return this.#running?.process
  }

  /** A new process; what goes wrong with its start stands in the log. Nothing happens if one runs. */
  start(): void {
    if (this.#running !== undefined) return
    this.lives += 1
    const process = new SimulatedProcess(this.#ports.time, () => this.wallOffsetMs)
    this.log.begin(process)
    const running: Running = { process, node: undefined, parts: undefined }
    this.#running = running
    const ended = (error: unknown): void => {
      this.log.failed(process, error)
      if (this.#running !== running) return
      this.kill()
      this.failed(error)
    }
    this.#soon(process, () => {
      const log = this.log.of(process)
      const inspect = (parts: NodeForApi): void => void (running.parts = parts)
      const node = createNode(this.config, { log, machine: this.#machine(process), inspect })
      running.node = node
      node.start().catch(ended)
      void node.failed.then(ended)
    })
  }

  /** As SIGTERM does: it may take a while. */
  stop(): void {
    const running = this.#running
    const stop = async (node: Node): Promise<void> => {
      await node.stop()
      if (this.#running === running) this.kill()
    }
    this.act((node) => void stop(node))
  }

  /** As SIGKILL does: its sockets are closed by the kernel. */
  kill(): void {
    this.#end()
    this.#ports.network.processEnded(this.host)
  }

  /** As when the power fails: nobody is told. */
  vanish(): void {
    this.#end()
    this.#ports.network.hostVanished(this.host)
  }

  /** Does something within its process, such as an operator's act; nothing if it does not run. */
  act(work: (node: Node) => void): void {
    const running = this.#running
    if (running === undefined) return
    this.#soon(running.process, () => {
      if (running.node !== undefined) work(running.node)
    })
  }

  /** In a turn of its own, whoever's turn it is now. */
  #soon(process: SimulatedProcess, call: () => void): void {
    this.#ports.time.after(0, () => process.turn(call))
  }

  #end(): void {
    this.#running?.process.kill()
    this.#running = undefined
  }

  #machine(process: SimulatedProcess): Partial<Machine> {
    const { network, jetStream, random } = this.#ports
    const chance = random.fork(`${this.host}, life ${this.lives}`)
    return {
      clock: process,
      random: () => chance.next(),
      files: this.disk.filesOf(process),
      openStore: (file) => this.disk.openStore(file, process),
      openConnection: connectionsOver((address) => network.dial(this.host, process, address)),
      startListener: this.#startListener(process),
      coordinate: (_nats, { self }) => {
        if (jetStream === undefined) throw new Error(`${this.host} has no cluster to join`)
        return Promise.resolve(jetStream.connect(self, process))
      },
      memory: () => ({
        read: () => ({ rss: 0, heapUsed: 0, external: 0, heapLimit: GIBIBYTE }),
        collect: () => undefined,
        availableBytes: GIBIBYTE,
      }),
    }
  }

  /** What lies below MQTT is left out: no TLS, no WebSocket, no rules about addresses. */
  #startListener(process: SimulatedProcess): StartListener {
    return (_name, config: ListenerConfig, { load, arrived }: ListenerPorts) => {
      const rates = new ListenerRates(config, process.steadyMs())
      const stop = this.#ports.network.listen(this.host, MQTT_PORT, process, (transport) => {
        load.open += 1
        load.accepted += 1
        transport.onceClosed(() => void (load.open -= 1))
        arrived(transport, config, rates)
      })
      return Promise.resolve({
        address: `${this.host}:${MQTT_PORT}`,
        certificates: [],
        reconfigure: () => false,
        check: () => undefined,
        stop,
      })
    }
  }
}
