/** Ports of the loopback that nobody listens on, for servers that are to keep theirs over restarts. */
import { createServer } from 'node:net'
import { listenOnFreePort } from './relay.ts'

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1)
  return port
}

/** Different ones, as they are all held before the first is let go. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = await Promise.all(servers.map(listenOnFreePort))
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
