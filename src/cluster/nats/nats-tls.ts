/** `cluster.nats.tls` as Node's TLS wants it. */
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { checkServerIdentity, type ConnectionOptions } from 'node:tls'
import type { SslConfig } from '../../config/ssl-config.ts'

/**
 * Reads the PEM files at each connection, so that a renewed certificate is used without a restart; throws if one can't be read.
 * @param name the name or address by which the server is known to the configuration
 */
export function natsTlsOptions(ssl: SslConfig, name: string): ConnectionOptions & TextOptions {
  const asked = ssl.server_name_indication
  const named = asked === 'disable' ? undefined : (asked ?? name)
  return {
    ...pem('ca', ssl.cacertfile),
    ...pem('cert', ssl.certfile),
    ...pem('key', ssl.keyfile),
    rejectUnauthorized: ssl.verify === 'verify_peer',
    // An address is no name that could be asked for (RFC 6066, 3); it is verified all the same.
    servername: named !== undefined && isIP(named) === 0 ? named : '',
    // nats.js hands over a socket that is connected already: of an address Node would then verify `localhost`.
    checkServerIdentity: (_, certificate) =>
      named === undefined ? undefined : checkServerIdentity(named, certificate),
  }
}

type TextOptions = { readonly ca?: string; readonly cert?: string; readonly key?: string }

/** `written`: a file, or the PEM itself. */
function pem(name: keyof TextOptions, written: string | undefined): TextOptions {
  if (written === undefined) return {}
  return { [name]: written.includes('-----BEGIN') ? written : readFileSync(written, 'utf8') }
}
