/** Looks at the certificate of every server that can be reached over TLS, whether or not it would do. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls'
import type { ServerAddress } from '../../config/config.ts'
import type { SslConfig } from '../../config/ssl-config.ts'
import { tlsOptions } from '../tls-options.ts'
import { codeOf } from './resolve-names.ts'

export type TlsFact = {
  readonly server: ServerAddress
  /** `TLSv1.3`. */
  readonly protocol?: string
  readonly certificate?: CertificateFact
  /** Why it would not do for one who verifies: Node's code. */
  readonly problem?: string
  /** No TLS came about: Node's code, or words. */
  readonly failure?: string
}

export type CertificateFact = {
  readonly subject: string
  readonly issuer: string
  /** As the certificate says them: `DNS:localhost, IP Address:127.0.0.1`. */
  readonly names: string
  /** Milliseconds since 1970. */
  readonly validFromMs: number
  readonly validToMs: number
}

/** What we show of ourselves; `undefined` if we show nothing. */
export type OwnCertificate = CertificateFact | { readonly failure: string } | undefined

/** Never rejects. */
export function inspectTls(servers: readonly ServerAddress[], ssl: SslConfig, timeoutMs: number): Promise<TlsFact[]> {
  return Promise.all(servers.map((server) => inspect(server, ssl, timeoutMs)))
}

export function ownCertificate({ certfile }: SslConfig): OwnCertificate {
  if (certfile === undefined) return undefined
  try {
    const pem = certfile.includes('-----BEGIN') ? certfile : readFileSync(certfile)
    const { subject, issuer, subjectAltName = '', validFrom, validTo } = new X509Certificate(pem)
    return {
      subject: oneLine(subject),
      issuer: oneLine(issuer),
      names: subjectAltName,
      validFromMs: Date.parse(validFrom),
      validToMs: Date.parse(validTo),
    }
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) }
  }
}

function inspect(server: ServerAddress, ssl: SslConfig, timeoutMs: number): Promise<TlsFact> {
  return new Promise((resolve) => {
    let socket: TLSSocket | undefined
    const end = (fact: Omit<TlsFact, 'server'>): void => {
      socket?.destroy()
      resolve({ server, ...fact })
    }
    try {
      // What it shows is looked at, whatever it is; nothing is said to it.
      const opened = connect({ ...tlsOptions(ssl, server), rejectUnauthorized: false })
      socket = opened
      opened.setTimeout(timeoutMs, () => end({ failure: 'ETIMEDOUT' }))
      opened.once('secureConnect', () => end(seen(opened)))
      opened.once('error', (error) => end({ failure: codeOf(error) }))
    } catch (error) {
      end({ failure: error instanceof Error ? error.message : String(error) })
    }
  })
}

function seen(socket: TLSSocket): Omit<TlsFact, 'server'> {
  const { subject, issuer, subjectaltname = '', valid_from, valid_to } = socket.getPeerCertificate()
  const problem = problemOf(socket)
  return {
    protocol: socket.getProtocol() ?? 'TLS',
    certificate: {
      subject: nameIn(subject),
      issuer: nameIn(issuer),
      names: subjectaltname,
      validFromMs: Date.parse(valid_from),
      validToMs: Date.parse(valid_to),
    },
    ...(problem === undefined ? {} : { problem }),
  }
}

/** Node's types say that it is an error; it is one, or its code. */
function problemOf(socket: TLSSocket): string | undefined {
  if (socket.authorized) return undefined
  const error: unknown = socket.authorizationError
  return error === undefined || error === null ? undefined : typeof error === 'string' ? error : codeOf(error)
}

function nameIn({ CN, O }: Partial<PeerCertificate['subject']>): string {
  const name = [CN ?? O ?? 'no name'].flat()
  return name.join(', ')
}

const oneLine = (text: string): string => text.split('\n').join(', ')
