/** NATS servers of one cluster, with a proxy on every way from one to another. */
import { freePorts } from '../../../src/cli/demo/free-ports.ts'
import { type NatsServer, startNatsServer } from '../../../src/cli/demo/nats-server.ts'
import { type FaultyProxy, startProxy } from '../proxy.ts'

export type ProxiedNats = {
  readonly servers: readonly NatsServer[]
  /** Ways between this server and the others, in both directions. */
  waysOf(server: number): readonly FaultyProxy[]
  close(): Promise<void>
}

/** Servers tell each other where further ones are; what they tell here leads nowhere, so that all goes by the proxies. */
const NOWHERE = '127.0.0.1:9'

export async function startProxiedNats(count: number): Promise<ProxiedNats> {
  const ports = await freePorts(count)
  const ways: { readonly from: number; readonly to: number; readonly proxy: FaultyProxy }[] = []
  const servers: NatsServer[] = []
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()))
    await Promise.all(ways.map(({ proxy }) => proxy.close()))
  }
  try {
    if (count > 1)
      for (const from of ports.keys())
        for (const [to, port] of ports.entries())
          if (from !== to) ways.push({ from, to, proxy: await startProxy({ target: () => ({ host, port }) }) })
    servers.push(
      ...(await Promise.all(
        ports.map((port, index) => {
          const routes = ways.filter(({ from }) => from === index).map(({ proxy }) => `nats://${host}:${proxy.port}`)
          return startNatsServer(count > 1 ? { settings: clusterSettings(index, port, routes) } : {})
        }),
      )),
    )
  } catch (error) {
    await close()
    throw error
  }
  const waysOf = (server: number): FaultyProxy[] =>
    ways.filter(({ from, to }) => from === server || to === server).map(({ proxy }) => proxy)
  return { servers, waysOf, close }
}

const host = '127.0.0.1'

function clusterSettings(index: number, port: number, routes: readonly string[]): string {
  return [
    `server_name: "server-${index + 1}"`,
    `cluster { name: "servers", listen: "${host}:${port}", no_advertise: true, advertise: "${NOWHERE}", routes: [${routes.join(', ')}] }`,
  ].join('\n')
}
