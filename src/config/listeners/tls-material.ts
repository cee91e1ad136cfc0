/** What a TLS listener reads from its files, checked before a socket depends on it: certificates, key, authorities. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { type ReadFile, reasonOf } from '../hocon/hocon-include.ts'
import type { TlsServerConfig, TlsVersion } from './listener-config.ts'

export type CertificateFile = {
  readonly key: 'certfile' | 'cacertfile'
  /** By its absolute path; empty for PEM text that stands in the configuration itself. */
  readonly file: string
  /** Of the certificate in it that expires first. */
  readonly subject: string
  readonly notAfterMs: number
}

export type TlsProblem = { readonly key: 'certfile' | 'keyfile' | 'cacertfile' | 'ciphers'; readonly message: string }

export type TlsMaterial =
  | {
      readonly type: 'ok'
      /** For `tls.createServer` and `setSecureContext` alike. */
      readonly options: SecureContextOptions
      readonly certificates: readonly CertificateFile[]
    }
  | { readonly type: 'invalid'; readonly problems: readonly TlsProblem[] }

export function readTlsMaterial(ssl: TlsServerConfig, readFile: ReadFile): TlsMaterial {
  const problems: TlsProblem[] = []
  const read = (key: 'certfile' | 'keyfile' | 'cacertfile'): string | undefined => {
    const written = ssl[key]
    if (written === undefined || isPem(written)) return written
    try {
      return readFile(written)
    } catch (error) {
      problems.push({ key, message: `cannot read ${JSON.stringify(written)}: ${reasonOf(error)}` })
      return undefined
    }
  }
  const [certText, keyText, caText] = [read('certfile'), read('keyfile'), read('cacertfile')]
  const chain = certText === undefined ? [] : parseCertificates(certText, 'certfile', problems)
  const authorities = caText === undefined ? [] : parseCertificates(caText, 'cacertfile', problems)
  const key = keyText === undefined ? undefined : parseKey(keyText, ssl.password, problems)
  if (key !== undefined && chain[0] !== undefined && !chain[0].checkPrivateKey(key))
    problems.push({ key: 'keyfile', message: 'this key does not belong to the first certificate of certfile' })
  if (problems.length > 0) return { type: 'invalid', problems }
  const options: SecureContextOptions = {
    ...(certText === undefined ? {} : { cert: certText }),
    ...(keyText === undefined ? {} : { key: keyText }),
    ...(ssl.password === undefined ? {} : { passphrase: ssl.password }),
    // Each by itself: of a text with several, some versions of OpenSSL take the first alone.
    ...(caText === undefined ? {} : { ca: authorities.map((authority) => authority.toString()) }),
    ...(ssl.ciphers.length === 0 ? {} : { ciphers: ssl.ciphers.join(':') }),
    honorCipherOrder: ssl.honor_cipher_order,
    ...versionRange(ssl.versions),
  }
  const refused = contextProblem(options)
  if (refused !== undefined) return { type: 'invalid', problems: [refused] }
  return {
    type: 'ok',
    options,
    certificates: [...soonest('certfile', ssl.certfile, chain), ...soonest('cacertfile', ssl.cacertfile, authorities)],
  }
}

/** Each PEM certificate in a text, in order. */
function parseCertificates(
  text: string,
  key: 'certfile' | 'cacertfile',
  problems: TlsProblem[],
): readonly X509Certificate[] {
  const blocks = text.match(/-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]+-----END [A-Z0-9 ]+-----/g) ?? []
  if (blocks.length === 0) problems.push({ key, message: 'holds no certificate in PEM (-----BEGIN CERTIFICATE-----)' })
  const certificates: X509Certificate[] = []
  for (const [index, block] of blocks.entries()) {
    try {
      certificates.push(new X509Certificate(block))
    } catch (error) {
      problems.push({ key, message: `certificate ${index + 1} cannot be read: ${reasonOf(error)}` })
    }
  }
  return certificates
}

function parseKey(text: string, passphrase: string | undefined, problems: TlsProblem[]): KeyObject | undefined {
  try {
    return createPrivateKey({ key: text, ...(passphrase === undefined ? {} : { passphrase }) })
  } catch (error) {
    const isEncrypted = /ENCRYPTED/.test(text)
    const missing = 'holds an encrypted key; write its passphrase as password'
    const wrong = 'holds an encrypted key that password does not open'
    const message = isEncrypted
      ? passphrase === undefined
        ? missing
        : wrong
      : `holds no private key: ${reasonOf(error)}`
    problems.push({ key: 'keyfile', message })
    return undefined
  }
}

function versionRange(versions: readonly TlsVersion[]): Pick<SecureContextOptions, 'minVersion' | 'maxVersion'> {
  return {
    minVersion: versions.includes('tlsv1.2') ? 'TLSv1.2' : 'TLSv1.3',
    maxVersion: versions.includes('tlsv1.3') ? 'TLSv1.3' : 'TLSv1.2',
  }
}

function contextProblem(options: SecureContextOptions): TlsProblem | undefined {
  try {
    createSecureContext(options)
    return undefined
  } catch (error) {
    const reason = reasonOf(error)
    if (/cipher/i.test(reason))
      return { key: 'ciphers', message: `none of these is a cipher of OpenSSL for the versions chosen: ${reason}` }
    return { key: 'certfile', message: `OpenSSL refuses this certificate and key: ${reason}` }
  }
}

function soonest(
  key: 'certfile' | 'cacertfile',
  written: string | undefined,
  certificates: readonly X509Certificate[],
): CertificateFile[] {
  const [first] = certificates
    .map(({ subject, validTo }) => ({ subject: subject.replaceAll('\n', ', '), notAfterMs: Date.parse(validTo) }))
    .toSorted((a, b) => a.notAfterMs - b.notAfterMs)
  if (first === undefined || written === undefined) return []
  return [{ key, file: isPem(written) ? '' : written, ...first }]
}

const isPem = (written: string): boolean => written.includes('-----BEGIN')

/** From when on a certificate that expires is worth a warning. */
const expiryWarningMs = 30 * 86_400_000

/** In words, for whoever must renew it; `undefined` while there is time. */
export function expiryWords({ subject, notAfterMs }: CertificateFile, nowMs: number): string | undefined {
  if (notAfterMs - nowMs > expiryWarningMs) return undefined
  const date = new Date(notAfterMs).toISOString().slice(0, 16).replace('T', ' ')
  const days = Math.floor((notAfterMs - nowMs) / 86_400_000)
  if (notAfterMs <= nowMs) return `the certificate of ${subject} expired on ${date} UTC; renew it`
  return `the certificate of ${subject} expires on ${date} UTC, in ${days} ${days === 1 ? 'day' : 'days'}; renew it`
}
