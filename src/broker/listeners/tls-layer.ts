/** TLS on connections that a listener has accepted. */
import type { Socket } from 'node:net'
import { createServer, type Server as TlsServer, type TLSSocket } from 'node:tls'
import type { SecureContextOptions } from 'node:tls'
import type { TlsServerConfig } from '../../config/listeners/listener-config.ts'
import { certificateOf, type Peer } from './peer.ts'

export type TlsOutcome = {
  secured(plain: Socket, secure: TLSSocket, peer: Peer): void
  refused(plain: Socket, words: string): void
}

export class TlsLayer {
  readonly #server: TlsServer
  readonly #config: TlsServerConfig
  readonly #outcome: TlsOutcome
  /** What is in its handshake, by its two ends: Node tells of the wrapping socket alone. */
  readonly #wrapped = new Map<string, { readonly socket: Socket; readonly peer: Peer }>()

  /** @param options certificate and key as `readTlsMaterial` gives them */
  constructor(config: TlsServerConfig, options: SecureContextOptions, outcome: TlsOutcome) {
    this.#config = config
    this.#outcome = outcome
    // It listens nowhere: connections are handed to it.
    this.#server = createServer({
      ...options,
      requestCert: config.verify === 'verify_peer',
      // A client without a certificate is told so in the handshake; a bad certificate is our own to judge.
      rejectUnauthorized: config.verify === 'verify_peer' && config.fail_if_no_peer_cert,
      handshakeTimeout: config.handshake_timeout,
    })
    this.#server.on('secureConnection', (secure) => this.#secured(secure))
    this.#server.on('tlsClientError', (error, secure) => this.#failed(error, secure))
  }

  /** For new handshakes; connections that stand keep what they have. */
  renew(options: SecureContextOptions): void {
    this.#server.setSecureContext(options)
  }

  wrap(socket: Socket, peer: Peer): void {
    const key = endsOf(socket)
    this.#wrapped.set(key, { socket, peer })
    socket.once('close', () => {
      // Node closes a connection over a certificate that it does not like, and then no longer says whose it was.
      if (this.#wrapped.delete(key))
        this.#outcome.refused(socket, 'it ended in the handshake, or showed a bad certificate')
    })
    this.#server.emit('connection', socket)
  }

  #secured(secure: TLSSocket): void {
    const wrapped = this.#take(secure)
    if (wrapped === undefined) return void secure.destroy()
    const problem = this.#certificateProblem(secure)
    if (problem === undefined) {
      // What a proxy says of a certificate counts less than one that we have seen ourselves.
      const certificate = certificateOf(secure) ?? wrapped.peer.certificate
      this.#outcome.secured(wrapped.socket, secure, { ...wrapped.peer, certificate })
    } else {
      secure.destroy()
      this.#outcome.refused(wrapped.socket, problem)
    }
  }

  /** Where a certificate may lack, one that is shown must still be good. */
  #certificateProblem(secure: TLSSocket): string | undefined {
    if (this.#config.verify === 'verify_none' || secure.authorized) return undefined
    const isShown = Object.keys(secure.getPeerCertificate()).length > 0
    return isShown ? `client certificate: ${String(secure.authorizationError)}` : undefined
  }

  #failed(error: Error, secure: TLSSocket): void {
    const wrapped = this.#take(secure)
    secure.destroy()
    if (wrapped !== undefined) this.#outcome.refused(wrapped.socket, reasonOf(error))
  }

  /** The connection is to be closed for a reason of the caller's own. */
  forget(socket: Socket): void {
    this.#wrapped.delete(endsOf(socket))
  }

  #take(secure: TLSSocket): { readonly socket: Socket; readonly peer: Peer } | undefined {
    const key = endsOf(secure)
    const wrapped = this.#wrapped.get(key)
    this.#wrapped.delete(key)
    return wrapped
  }
}

const endsOf = ({ remoteAddress, remotePort, localAddress }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress}`

/** `ERR_SSL_...: words of OpenSSL` without the addresses of its memory. */
function reasonOf(error: Error & { readonly code?: string; readonly reason?: string }): string {
  return [error.code, error.reason ?? error.message].filter((part) => part !== undefined).join(': ')
}
