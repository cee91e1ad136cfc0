/** Certificates of a stage: an authority of its own, one certificate for each node, which it shows as a server and as a client. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { X509Certificate } from 'node:crypto'
import { passed } from '../passed.ts'
import { ask, orNotHere } from './command.ts'

export type Certificates = {
  readonly authority: string
  /** Files of a node, whose names stay the same when they are renewed. */
  of(node: string): { readonly certfile: string; readonly keyfile: string }
  issue(node: string): Promise<void>
}

const DAYS = '2'
const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'] as const

export async function makeCertificates(directory: string): Promise<Certificates> {
  mkdirSync(directory, { recursive: true })
  const authority = join(directory, 'ca.pem')
  const authorityKey = join(directory, 'ca.key')
  await orNotHere('certificates', () =>
    ask(
      'openssl',
      'req',
      '-x509',
      ...CURVE,
      '-subj',
      '/CN=chaos',
      '-days',
      DAYS,
      '-keyout',
      authorityKey,
      '-out',
      authority,
    ),
  )
  const of = (node: string) => ({ certfile: join(directory, `${node}.pem`), keyfile: join(directory, `${node}.key`) })
  return {
    authority,
    of,
    issue: async (node) => {
      const { certfile, keyfile } = of(node)
      const request = join(directory, `${node}.csr`)
      const extensions = join(directory, 'extensions.cnf')
      writeFileSync(extensions, 'subjectAltName=IP:127.0.0.1,DNS:localhost\n')
      await ask('openssl', 'req', ...CURVE, '-subj', `/CN=${node}`, '-keyout', `${keyfile}.new`, '-out', request)
      const signed = [
        '-CA',
        authority,
        '-CAkey',
        authorityKey,
        '-CAcreateserial',
        '-days',
        DAYS,
        '-extfile',
        extensions,
      ]
      await ask('openssl', 'x509', '-req', '-in', request, ...signed, '-out', `${certfile}.new`)
      // One after the other, as tools that renew them do: for a moment they do not fit.
      renameSync(`${keyfile}.new`, keyfile)
      renameSync(`${certfile}.new`, certfile)
    },
  }
}

const SHOWN_MS_MAX = 30_000
const LOOK_EVERY_MS = 250

/** Resolves when who connects to the port is shown the certificate in the node's file. */
export async function untilShown(port: number, node: string, certificates: Certificates): Promise<void> {
  const { certfile, keyfile } = certificates.of(node)
  const wanted = new X509Certificate(readFileSync(certfile)).fingerprint256
  for (const untilMs = performance.now() + SHOWN_MS_MAX; performance.now() < untilMs; await passed(LOOK_EVERY_MS))
    if ((await fingerprintAt(port, certfile, keyfile)) === wanted) return
  throw new Error(`${node} does not show its new certificate after ${SHOWN_MS_MAX / 1000} s`)
}

function fingerprintAt(port: number, certfile: string, keyfile: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const identity = { cert: readFileSync(certfile), key: readFileSync(keyfile) }
    // Looked at, and believed by nobody.
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...identity })
    socket.once('secureConnect', () => {
      resolve(socket.getPeerCertificate().fingerprint256)
      socket.destroy()
    })
    socket.once('error', () => resolve(undefined))
  })
}
