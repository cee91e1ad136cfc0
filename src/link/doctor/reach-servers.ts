/** Opens a TCP connection to every address of every server of a link, and closes it again. */
import { connect } from 'node:net'
import type { ServerAddress } from '../../config/config.ts'
import { codeOf, type NameFact } from './resolve-names.ts'

export type ReachFact = {
  readonly server: ServerAddress
  readonly address: string
  /** Node's code, if it can't be reached: `ECONNREFUSED`. */
  readonly failure?: string
}

/** Of one name so many addresses are tried. */
const ADDRESSES_MAX = 16

/** Never rejects. */
export function reachServers(names: readonly NameFact[], timeoutMs: number): Promise<ReachFact[]> {
  return Promise.all(
    names.flatMap(({ server, addresses }) =>
      addresses.slice(0, ADDRESSES_MAX).map((address) => reach(server, address, timeoutMs)),
    ),
  )
}

function reach(server: ServerAddress, address: string, timeoutMs: number): Promise<ReachFact> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: server.port })
    const end = (failure?: string): void => {
      socket.destroy()
      resolve({ server, address, ...(failure === undefined ? {} : { failure }) })
    }
    socket.setTimeout(timeoutMs, () => end('ETIMEDOUT'))
    socket.once('connect', () => end())
    socket.once('error', (error) => end(codeOf(error)))
  })
}
