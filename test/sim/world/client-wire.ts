/** The way of simulated clients to nodes: they are no processes of the simulation, and never stop. */
import type { ClientServer, ClientWire, DialWire, WireEnd } from '../clients/wire.ts'
import type { SimulatedNetwork } from './network/simulated-network.ts'
import type { ProcessTurns } from './process-turns.ts'

const always: ProcessTurns = { isDead: false, turn: (call) => call() }

export function clientDial(network: SimulatedNetwork): DialWire {
  return (host: string, to: ClientServer, end: WireEnd): ClientWire => {
    const socket = network.dial(host, always, { host: to.host, port: to.port })
    socket.on('connect', () => end.opened())
    socket.on('data', (chunk: Buffer) => end.read(chunk))
    socket.on('close', () => end.closed())
    // The end follows, which is what counts.
    socket.on('error', () => undefined)
    return {
      write: (bytes) => void socket.write(bytes),
      end: () => void socket.end(),
      destroy: () => void socket.destroy(),
      pause: () => void socket.pause(),
      resume: () => void socket.resume(),
    }
  }
}
