/** Two hosts, a server on one, and what each end of their connections has been told, for tests. */
import type { ServerTransport, TransportReader } from '../../../../src/broker/listeners/server-transport.ts'
import { PlainProcess } from '../plain-process.ts'
import { SeededRandom } from '../random.ts'
import { VirtualTime } from '../virtual-time.ts'
import type { SimulatedDialSocket } from './simulated-dial-socket.ts'
import { SimulatedNetwork } from './simulated-network.ts'

export const SERVER = { host: 'server', port: 1883 }
export const CLIENT = 'client'

/** The side that was dialled. */
export class Answered implements TransportReader {
  readonly transport: ServerTransport
  readonly told: string[] = []
  chunks = 0
  readonly #bytes: Buffer[] = []

  constructor(transport: ServerTransport) {
    this.transport = transport
    transport.open(this)
  }

  read(chunk: Buffer): void {
    this.chunks += 1
    this.#bytes.push(chunk)
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#bytes)
  }

  ended(): void {
    this.told.push('ended')
    this.transport.end()
  }

  closed(): void {
    this.told.push('closed')
  }
}

/** The side that dialled. */
export class Dialled {
  readonly socket: SimulatedDialSocket
  readonly told: string[] = []
  readonly #bytes: Buffer[] = []

  constructor(socket: SimulatedDialSocket) {
    this.socket = socket
    socket.on('connect', () => this.told.push('connect'))
    socket.on('data', (chunk: Buffer) => this.#bytes.push(chunk))
    socket.on('end', () => this.told.push('end'))
    socket.on('error', (error: NodeJS.ErrnoException) => this.told.push(error.code ?? error.message))
    socket.on('close', () => this.told.push('close'))
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#bytes)
  }
}

export class TwoHosts {
  readonly time = new VirtualTime()
  readonly network: SimulatedNetwork
  readonly server = new PlainProcess()
  readonly client = new PlainProcess()
  readonly answered: Answered[] = []
  stopListening: () => void

  constructor(seed = 1) {
    this.network = new SimulatedNetwork(this.time, new SeededRandom(seed))
    this.stopListening = this.listen(this.server)
  }

  listen(process: PlainProcess): () => void {
    return this.network.listen(SERVER.host, SERVER.port, process, (transport) => {
      this.answered.push(new Answered(transport))
    })
  }

  dial(): Dialled {
    return new Dialled(this.network.dial(CLIENT, this.client, SERVER))
  }

  pass(ms: number): Promise<void> {
    return this.time.runUntil(this.time.nowMs + ms)
  }

  /** A connection that is there. */
  async connected(): Promise<{ dialled: Dialled; answered: Answered }> {
    const dialled = this.dial()
    await this.pass(10)
    return { dialled, answered: this.answered.at(-1)! }
  }

  /** Nothing from one to the other. Returns the end of it. */
  partition(): () => void {
    const ends = [this.network.cut(CLIENT, SERVER.host, 'vanish'), this.network.cut(SERVER.host, CLIENT, 'vanish')]
    return () => ends.forEach((end) => end())
  }
}

const numbers = Buffer.from(Array.from({ length: 2_000_000 }, (_, at) => (at + (at >> 8)) & 0xff))

/** Each byte tells where it stands. */
export function numbered(length: number, from = 0): Buffer {
  return Buffer.from(numbers.subarray(from, from + length))
}
