/** A link the way a file writes it: what `link-schema.ts` reads, with every default filled in and without its secrets. */
import { formatByteSize } from './byte-size.ts'
import type { LinkConfig } from './config.ts'
import { formatDuration } from './duration.ts'

/** What stands in place of a secret; when it comes back it means the one that is there. */
export const SECRET_MASK = '******'

/** Where a link may hold a secret: of the PEM texts each may hold a private key. */
export const linkSecrets: readonly (readonly [string] | readonly ['ssl', string])[] = [
  ['password'],
  ['ssl', 'keyfile'],
  ['ssl', 'certfile'],
  ['ssl', 'cacertfile'],
]

export type WrittenLink = ReturnType<typeof writtenLink>

/** Read again it gives the same link, but for the secrets. Names of files are no secrets. */
export function writtenLink(link: LinkConfig) {
  const { password, ssl, topics, retry_interval, actor_ttl, stale_ttl, resource_opts, accept, ...rest } = link
  const { health_check_interval, start_timeout, request_ttl, max_buffer_bytes, max_buffer_messages } = resource_opts
  return {
    ...rest,
    ...(password === undefined ? {} : { password: SECRET_MASK }),
    ssl: { ...ssl, ...masked('cacertfile', ssl), ...masked('certfile', ssl), ...masked('keyfile', ssl) },
    topics: [...topics],
    retry_interval: formatDuration(retry_interval),
    resource_opts: {
      ...resource_opts,
      health_check_interval: formatDuration(health_check_interval),
      start_timeout: formatDuration(start_timeout),
      request_ttl: formatDuration(request_ttl),
      max_buffer_bytes: formatByteSize(max_buffer_bytes),
      max_buffer_messages: Number.isFinite(max_buffer_messages) ? max_buffer_messages : 'infinity',
    },
    actor_ttl: formatDuration(actor_ttl),
    stale_ttl: formatDuration(stale_ttl),
    ...(accept === undefined ? {} : { accept }),
  }
}

function masked(key: 'cacertfile' | 'certfile' | 'keyfile', ssl: LinkConfig['ssl']): Readonly<Record<string, string>> {
  const written = ssl[key]
  if (written === undefined) return {}
  const isSecret = written.includes('PRIVATE KEY-----') || (key === 'keyfile' && written.includes('-----BEGIN'))
  return isSecret ? { [key]: SECRET_MASK } : {}
}
