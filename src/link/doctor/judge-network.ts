/** Names, sockets and TLS: what was seen on the way to the peer's servers, in words. Pure. */
import { formatAddress } from '../../config/address.ts'
import type { ServerAddress } from '../../config/config.ts'
import type { SslConfig } from '../../config/ssl-config.ts'
import { broken, doubtful, fine, type Finding, skipped } from './finding.ts'
import type { CertificateFact, OwnCertificate, TlsFact } from './inspect-tls.ts'
import type { ReachFact } from './reach-servers.ts'
import type { NameFact } from './resolve-names.ts'

const DAY_MS = 86_400_000
/** A certificate that ends sooner is worth a word. */
const EXPIRY_MS = 14 * DAY_MS

/** Whether this side wants the link at all. */
export function judgeEnabled(link: { readonly name: string; readonly enable: boolean }): Finding {
  if (link.enable) return fine('the link is enabled here')
  return broken(
    'the link is disabled on this side: nothing is sent, and the peer is turned away',
    `set enable = true of the link ${link.name} on this side, or: isthmus links enable ${link.name}`,
  )
}

export function judgeNames(names: readonly NameFact[]): Finding {
  const lost = names.filter(({ addresses }) => addresses.length === 0)
  const words = lost.map(({ server: { host }, failure = '' }) => `${host} (${nameWords(failure)})`).join(', ')
  const remedy = `write a host that can be resolved from this machine into server of the link on this side, or mend its name service (resolv.conf, /etc/hosts)`
  if (lost.length === names.length) return broken(`no address is known for ${words}`, remedy)
  if (lost.length > 0) return doubtful(`no address is known for ${words}; the other servers are tried`, remedy)
  return fine(
    names
      .map(({ server: { host }, addresses }) =>
        addresses.join() === host ? host : `${host} is ${addresses.join(', ')}`,
      )
      .join('; '),
  )
}

function nameWords(failure: string): string {
  if (failure === 'ENOTFOUND') return 'host name not found'
  if (failure === 'EAI_AGAIN') return 'name server does not answer'
  return failure
}

export function judgeReach(facts: readonly ReachFact[]): Finding {
  const lost = facts.filter(({ failure }) => failure !== undefined)
  const told = lost.map((fact) => `${placeOf(fact)}: ${reachWords(fact.failure ?? '')}`).join('; ')
  if (lost.length === facts.length) return broken(told, reachRemedy(lost))
  const reached = facts.filter(({ failure }) => failure === undefined).map(placeOf)
  if (lost.length === 0) return fine(`${reached.join(', ')} ${reached.length === 1 ? 'takes' : 'take'} connections`)
  return doubtful(`${reached.join(', ')} can be reached; ${told}`, reachRemedy(lost))
}

function placeOf({ server: { host, port }, address }: ReachFact): string {
  const place = formatAddress({ host: address, port })
  return host === address ? place : `${place} (${host})`
}

function reachWords(failure: string): string {
  switch (failure) {
    case 'ECONNREFUSED':
      return 'nobody listens there'
    case 'ETIMEDOUT':
      return 'no answer on the network'
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'no route there'
    default:
      return failure
  }
}

function reachRemedy(lost: readonly ReachFact[]): string {
  const ports = [...new Set(lost.map(({ server: { port } }) => port))].join(', ')
  return lost.some(({ failure }) => failure === 'ECONNREFUSED')
    ? `start the peer, or give server of the link on this side the port on which a listener of the peer is bound (listeners.tcp.NAME.bind there; now ${ports})`
    : `open port ${ports} in the firewalls between the two, or correct server of the link on this side`
}

/** @param refused words of a peer that ended the connection because of our certificate */
export function judgeTls(
  facts: readonly TlsFact[],
  ssl: SslConfig,
  own: OwnCertificate,
  nowMs: number,
  refused: string | undefined,
): Finding {
  if (facts.length === 0) return skipped('the link does not use TLS')
  const findings = facts.map((fact) => judgeOne(fact, ssl, nowMs))
  const failed = findings.filter(({ status }) => status === 'failed')
  const [first] = failed
  if (first !== undefined && failed.length === findings.length) return first
  const ours = judgeOwn(own, nowMs)
  if (ours?.status === 'failed') return ours
  if (refused !== undefined) return judgeRefused(refused, own)
  return first === undefined
    ? (findings.find(({ status }) => status === 'warning') ?? ours ?? findings[0]!)
    : { ...first, status: 'warning' }
}

function judgeOne(
  { server, failure, problem, certificate, protocol }: TlsFact,
  ssl: SslConfig,
  nowMs: number,
): Finding {
  const place = formatAddress(server)
  if (failure !== undefined || certificate === undefined) return judgeNoTls(place, failure ?? 'no certificate', ssl)
  const seen = `${place} speaks ${protocol ?? 'TLS'} and shows ${shown(certificate)}`
  if (ssl.verify === 'verify_none')
    return fine(`${seen}; it is not verified (ssl.verify = verify_none), so that anybody could stand in between`)
  if (problem !== undefined) return judgeProblem(problem, certificate, server, ssl, nowMs)
  const leftMs = certificate.validToMs - nowMs
  if (leftMs < EXPIRY_MS)
    return doubtful(
      `${seen}; it expires in ${Math.ceil(leftMs / DAY_MS)} days`,
      'renew the certificate of the peer’s listener',
    )
  return fine(seen)
}

function judgeNoTls(place: string, failure: string, { verify }: SslConfig): Finding {
  if (failure === 'ERR_SSL_WRONG_VERSION_NUMBER' || failure === 'EPROTO' || failure === 'ECONNRESET')
    return broken(
      `${place} does not answer as one who speaks TLS does (${failure})`,
      'give server of the link on this side the port of a listener with TLS (listeners.ssl.NAME at the peer), or set ssl.enable = false',
    )
  if (/ALERT/.test(failure))
    return broken(
      `${place} ended the TLS handshake (${failure})`,
      'give the link on this side what the peer’s listener wants: ssl.certfile and ssl.keyfile, ssl.server_name_indication',
    )
  if (/no such file|ENOENT|PEM|EACCES/.test(failure))
    return broken(
      `a file of the link’s ssl can not be used: ${failure}`,
      'correct ssl.cacertfile, ssl.certfile or ssl.keyfile of the link on this side',
    )
  return broken(
    `no TLS with ${place}: ${failure}`,
    `look at the listener of the peer, and at ssl of the link on this side (verify = ${verify})`,
  )
}

function judgeProblem(
  problem: string,
  certificate: CertificateFact,
  { host }: ServerAddress,
  ssl: SslConfig,
  nowMs: number,
): Finding {
  const asked = ssl.server_name_indication ?? host
  const { subject, issuer, names, validFromMs, validToMs } = certificate
  switch (problem) {
    case 'CERT_HAS_EXPIRED':
      return broken(
        `the peer’s certificate (${subject}) has expired on ${day(validToMs)}; the clock of this node says ${day(nowMs)}`,
        'renew the certificate of the peer’s listener, or set the clock of this node if it is wrong',
      )
    case 'CERT_NOT_YET_VALID':
      return broken(
        `the peer’s certificate (${subject}) is good from ${day(validFromMs)} on; the clock of this node says ${day(nowMs)}`,
        'set the clock of this node, or wait until then',
      )
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return broken(
        `the peer’s certificate is for ${names === '' ? subject : names}, and the link asks for ${asked}`,
        `set ssl.server_name_indication of the link on this side to a name of the certificate, or give the peer’s listener a certificate for ${asked}`,
      )
    default:
      return broken(
        `the peer’s certificate (${subject}, issued by ${issuer}) is signed by nobody whom this side trusts (${problem})`,
        `set ssl.cacertfile of the link on this side to the certificate of the authority ${issuer}`,
      )
  }
}

function judgeOwn(own: OwnCertificate, nowMs: number): Finding | undefined {
  if (own === undefined) return undefined
  if ('failure' in own)
    return broken(`our certificate can not be read: ${own.failure}`, 'correct ssl.certfile of the link on this side')
  if (own.validToMs < nowMs)
    return broken(
      `our certificate (${own.subject}) has expired on ${day(own.validToMs)}; the clock of this node says ${day(nowMs)}`,
      'renew ssl.certfile of the link on this side',
    )
  if (own.validToMs - nowMs < EXPIRY_MS)
    return doubtful(
      `our certificate (${own.subject}) expires on ${day(own.validToMs)}`,
      'renew ssl.certfile of the link on this side',
    )
  return undefined
}

function judgeRefused(refused: string, own: OwnCertificate): Finding {
  if (own === undefined)
    return broken(
      `the peer wants a certificate of ours, and the link has none (${refused})`,
      'set ssl.certfile and ssl.keyfile of the link on this side to a certificate that the peer’s listener trusts (its cacertfile)',
    )
  return broken(
    `the peer does not take our certificate ${'subject' in own ? `(${own.subject}, issued by ${own.issuer}) ` : ''}(${refused})`,
    'have ssl.certfile of the link on this side signed by an authority in cacertfile of the peer’s listener',
  )
}

function shown({ subject, issuer, validToMs }: CertificateFact): string {
  return `a certificate of ${subject}, issued by ${issuer}, good until ${day(validToMs)}`
}

const day = (ms: number): string =>
  Number.isFinite(ms) ? new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z') : 'a day that can not be read'
