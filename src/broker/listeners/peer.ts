/** Whose connection it is: as the socket says, or as a proxy before it does. */
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { CertificateName } from '../access/client-info.ts'
import { plainHost, type ProxyHeader } from './proxy-protocol.ts'

export type Peer = {
  readonly host: string
  readonly port: number
  readonly certificate: CertificateName | undefined
}

export function peerOf(socket: Socket): Peer {
  // An address that is gone already is nobody's.
  return { host: plainHost(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0, certificate: undefined }
}

export function proxiedPeer(own: Peer, { source, commonName }: ProxyHeader): Peer {
  const certificate = commonName === undefined ? undefined : { commonName, subject: undefined }
  return { ...(source ?? { host: own.host, port: own.port }), certificate }
}

/** For logs: `127.0.0.1:1883`, `[::1]:1883`. */
export function formatPeer({ host, port }: Pick<Peer, 'host' | 'port'>): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Of the certificate that the client has shown and that was verified; `undefined` if there is none. */
export function certificateOf(socket: TLSSocket): CertificateName | undefined {
  if (!socket.authorized) return undefined
  const { subject } = socket.getPeerCertificate()
  if (subject === undefined) return undefined
  const parts = Object.entries(subject).flatMap(([name, value]) =>
    (typeof value === 'string' ? [value] : (value ?? [])).map((one) => ({ name, one })),
  )
  return {
    commonName: parts.findLast(({ name }) => name === 'CN')?.one,
    // RFC 4514: the last part of the name first, special characters escaped.
    subject: parts
      .toReversed()
      .map(({ name, one }) => `${name}=${escapeName(one)}`)
      .join(','),
  }
}

function escapeName(value: string): string {
  return value
    .replaceAll(/[\\,+"<>;=]/g, (character) => `\\${character}`)
    .replaceAll(/^[# ]| $/g, (edge) => `\\${edge}`)
}
