/** Ports of the loopback that are free, for servers that have to know theirs before they start, and to find it free again after it. */
import { randomInt } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { listenOnFreePort } from './relay.ts'

/** Where Linux says from which range outgoing connections take their ports. */
const RANGE_FILE = '/proc/sys/net/ipv4/ip_local_port_range'
/** Below that range as many ports are tried. */
const SPAN = 16_000
const LOWEST = 10_000
const TRIES_MAX = 100

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1)
  return port
}

/** Different ones. Nobody's outgoing connection takes one before its server starts, where the system tells which those take. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const below = firstOutgoing()
  const servers: Server[] = []
  const ports: number[] = []
  try {
    while (ports.length < count) {
      const server = createServer()
      ports.push(below === undefined ? await listenOnFreePort(server) : await listenBelow(server, below))
      servers.push(server)
    }
    return ports
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  }
}

function firstOutgoing(): number | undefined {
  if (!existsSync(RANGE_FILE)) return undefined
  const first = Number(readFileSync(RANGE_FILE, 'utf8').split(/\s/)[0])
  return first > LOWEST + 1_000 ? first : undefined
}

async function listenBelow(server: Server, below: number): Promise<number> {
  for (let tries = 0; ; tries++) {
    const port = randomInt(Math.max(LOWEST, below - SPAN), below)
    if (await listens(server, port)) return port
    if (tries === TRIES_MAX) throw new Error(`no free port below ${below}`)
  }
}

function listens(server: Server, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const refused = (): void => resolve(false)
    server.once('error', refused)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', refused)
      resolve(true)
    })
  })
}
