/** The same API over TLS, on a port of its own. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import { formatAddress, parseBind } from '../config/address.ts'
import type { TlsServerConfig } from '../config/listeners/listener-config.ts'
import { type ApiApp, HEADERS_MS, KEEP_ALIVE_MS, REQUEST_MS } from './api-server.ts'

/** Certificate and key, which may be renewed; `Certificates` of a listener is one. */
export interface ServerCertificates {
  readonly options: SecureContextOptions
  onRenewed: (options: SecureContextOptions) => void
  stop(): void
}

export class TlsServer {
  readonly #server: Server
  readonly #certificates: ServerCertificates

  /** @param app which is ready */
  constructor(app: ApiApp, config: TlsServerConfig, certificates: ServerCertificates) {
    this.#certificates = certificates
    const asks = config.verify === 'verify_peer'
    this.#server = createServer(
      {
        ...certificates.options,
        requestCert: asks,
        rejectUnauthorized: asks && config.fail_if_no_peer_cert,
        handshakeTimeout: config.handshake_timeout,
        requestTimeout: REQUEST_MS,
        headersTimeout: HEADERS_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
      },
      (request, response) => app.routing(request, response),
    )
    // Where a certificate may lack, one that is shown must still be good.
    if (asks) this.#server.on('secureConnection', closeIfBad)
    certificates.onRenewed = (options) => this.#server.setSecureContext(options)
  }

  /** Resolves with where it really listens; rejects if it can't. */
  async listen(bind: string): Promise<string> {
    const listening = once(this.#server, 'listening')
    this.#server.listen(parseBind(bind))
    await listening
    // Whoever listens on TCP has such an address.
    const { address, port } = this.#server.address() as AddressInfo
    return formatAddress({ host: address, port })
  }

  /** Takes nobody in any more. */
  stopListening(): void {
    this.#certificates.stop()
    this.#server.close()
    this.#server.closeIdleConnections()
  }

  closeConnections(): void {
    this.#server.closeAllConnections()
  }
}

function closeIfBad(socket: TLSSocket): void {
  if (!socket.authorized && Object.keys(socket.getPeerCertificate()).length > 0) socket.destroy()
}
