/** A TCP relay on the loopback that counts what passes: the bytes of a link, measured where nobody can flatter them. */
import assert from 'node:assert/strict'
import { createServer, connect, type Server, type Socket } from 'node:net'

export type Relay = {
  /** Where to connect to instead of the target. */
  readonly port: number
  /** Bytes that passed so far, both directions together. */
  bytes(): number
  /** Of these, what came back from the target. */
  bytesBack(): number
  /** Connections that wait for a target. */
  waiting(): number
  /** Names the target. Connections that came before wait for it; later calls hold for new connections. */
  pointAt(port: number): void
  /** Accepts connections from now on and does nothing with them, until the next `pointAt`: a peer that hangs. */
  hold(): void
  /** Ends every connection that passes now, as a broken network would. */
  cut(): void
  close(): Promise<void>
}

/** Listens on a free port of 127.0.0.1; whoever connects before a target is known waits with it. */
export async function startRelay(): Promise<Relay> {
  const sockets = new Set<Socket>()
  const waiting: Socket[] = []
  let target: number | undefined
  let bytesTo = 0
  let bytesBack = 0

  const keep = (socket: Socket): void => {
    sockets.add(socket.setNoDelay(true))
    socket.on('close', () => sockets.delete(socket))
  }
  const join = (near: Socket, port: number): void => {
    const far = connect(port, '127.0.0.1')
    keep(far)
    far.on('data', (chunk) => {
      bytesBack += chunk.length
    })
    near.on('data', (chunk) => {
      bytesTo += chunk.length
    })
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
      one.pipe(other)
    }
    keep(near)
  }
  const server = createServer({ pauseOnConnect: true }, (near) => {
    if (target !== undefined) return join(near, target)
    waiting.push(near)
    near.on('error', () => near.destroy())
  })
  const port = await listenOnFreePort(server)
  return {
    port,
    bytes: () => bytesTo + bytesBack,
    bytesBack: () => bytesBack,
    waiting: () => waiting.filter((near) => !near.destroyed).length,
    pointAt: (port) => {
      target = port
      for (const near of waiting.splice(0)) join(near, port)
    },
    hold: () => {
      target = undefined
    },
    cut: () => {
      for (const socket of sockets) socket.destroy()
    },
    close: async () => {
      for (const socket of [...sockets, ...waiting]) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Listens on 127.0.0.1; resolves with the port that the system gave. */
export async function listenOnFreePort(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  assert(address !== null && typeof address === 'object', 'a listening TCP server has an address')
  return address.port
}
