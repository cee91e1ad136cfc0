/** A connection of a `CrashClient` over TCP. */
import { connect, type Socket } from 'node:net'
import type { Wire } from '../broker/durable/crash-client.ts'

export class SocketWire implements Wire {
  readonly toServer: Buffer[] = []
  readonly toClient: Buffer[] = []
  isOpen = true
  readonly #socket: Socket

  /** @param came called when there is something for the client, or nothing will come any more */
  constructor(port: number, came: () => void) {
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true })
    this.#socket.on('data', (chunk: Buffer) => {
      this.toClient.push(chunk)
      came()
    })
    // A reset is what a killed node looks like.
    this.#socket.on('error', () => this.#socket.destroy())
    this.#socket.on('close', () => {
      this.isOpen = false
      came()
    })
  }

  deliverToServer(): void {
    if (this.toServer.length > 0) this.#socket.write(Buffer.concat(this.toServer.splice(0)))
  }

  cut(): void {
    this.isOpen = false
    this.#socket.destroy()
  }
}
