/** A link's `ssl` as Node's TLS wants it. */
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { ServerAddress } from '../config/config.ts'
import type { SslConfig } from '../config/ssl-config.ts'

/** Reads the PEM files at each connection, so that a renewed certificate is used without an edit. Throws if one cannot be read. */
export function tlsOptions(ssl: SslConfig, { host, port }: ServerAddress): ConnectionOptions {
  const asked = ssl.server_name_indication
  const named = asked === 'disable' ? undefined : (asked ?? host)
  return {
    host,
    port,
    ...pem('ca', ssl.cacertfile),
    ...pem('cert', ssl.certfile),
    ...pem('key', ssl.keyfile),
    rejectUnauthorized: ssl.verify === 'verify_peer',
    // An address is no name that could be asked for (RFC 6066, 3); it is verified all the same.
    ...(named !== undefined && isIP(named) === 0 ? { servername: named } : {}),
    ...(asked === 'disable' ? { checkServerIdentity: () => undefined } : {}),
  }
}

/** `written`: a file, or the PEM itself, as EMQX accepts it. */
function pem(name: 'ca' | 'cert' | 'key', written: string | undefined) {
  if (written === undefined) return {}
  return { [name]: written.includes('-----BEGIN') ? written : readFileSync(written) }
}
