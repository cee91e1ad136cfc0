/** Asks for the addresses of every server of a link, as the link itself does when it connects. */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { ServerAddress } from '../../config/config.ts'

export type NameFact = {
  readonly server: ServerAddress
  readonly addresses: readonly string[]
  /** Node's code, if the name has no address: `ENOTFOUND`. */
  readonly failure?: string
}

/** Never rejects. */
export function resolveNames(servers: readonly ServerAddress[]): Promise<NameFact[]> {
  return Promise.all(servers.map(resolveName))
}

async function resolveName(server: ServerAddress): Promise<NameFact> {
  if (isIP(server.host) !== 0) return { server, addresses: [server.host] }
  try {
    const found = await lookup(server.host, { all: true })
    return { server, addresses: [...new Set(found.map(({ address }) => address))] }
  } catch (error) {
    return { server, addresses: [], failure: codeOf(error) }
  }
}

export function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return error instanceof Error ? error.message : String(error)
}
