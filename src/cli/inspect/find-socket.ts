/** Where the node listens that somebody wants to look into. */
import { join } from 'node:path'
import { formatConfigError } from '../../config/config-error.ts'
import { loadConfigFile } from '../../config/parse-config.ts'
import { CommandFailure } from '../command-failure.ts'
import type { InspectPlace } from './inspect-query.ts'

/** The name that the socket has by custom, in `node.data_dir`. */
const SOCKET_FILE = 'debug.sock'

/** Rejects with `CommandFailure`. */
export async function findSocket(place: InspectPlace): Promise<string> {
  if (place.type === 'socket') return place.path
  if (place.type === 'data_dir') return join(place.directory, SOCKET_FILE)
  const { file } = place
  const loaded = await loadConfigFile(file, process.env)
  if (loaded.type === 'invalid') throw new CommandFailure(2, loaded.errors.map(formatConfigError).join('\n'))
  const { debug, node } = loaded.config
  if (debug !== undefined) return debug.socket
  const line = `debug.socket = ${JSON.stringify(join(node.data_dir, SOCKET_FILE))}`
  throw new CommandFailure(2, `debug.socket is not set in ${file}: add\n\n  ${line}\n\nand start the node again`)
}
