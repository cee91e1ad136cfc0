/** Opens the API over TLS, too, where the configuration says so. */
import type { ApiApp } from '../api/api-server.ts'
import { TlsServer } from '../api/tls-server.ts'
import type { Clock } from '../broker/clock.ts'
import { Certificates, certificateWords } from '../broker/listeners/certificates.ts'
import type { Logger } from '../broker/logger.ts'
import type { Config } from '../config/config.ts'

/** What this needs of a node. */
export type NodeForTls = {
  readonly config: () => Config
  readonly clock: Clock
  readonly log: Logger
}

const LISTENER = 'dashboard:https'

/** `undefined` if nobody asked for it. Rejects if it can't listen there, or its certificate is no good any more. */
export async function openTls(app: ApiApp, { config, clock, log }: NodeForTls): Promise<TlsServer | undefined> {
  const https = config().dashboard?.listeners.https
  if (https === undefined) return undefined
  const certificates = Certificates.read(https.ssl_options, { listener: LISTENER, clock, log })
  if ('problems' in certificates)
    throw new TypeError(`dashboard.listeners.https.ssl_options: ${certificateWords(certificates.problems)}`)
  const server = new TlsServer(app, https.ssl_options, certificates)
  try {
    log.info({ address: await server.listen(https.bind), tls: true }, 'api_opened')
    return server
  } catch (error) {
    certificates.stop()
    throw error
  }
}
