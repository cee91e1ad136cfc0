/** The links of a cluster as they stand in a register, and in the copy that each member keeps for a start without the others. */
import { deflateSync, inflateSync } from 'node:zlib'
import type { LinkConfig } from '../../config/config.ts'
import { formatConfigError } from '../../config/config-error.ts'
import { resolveConfig } from '../../config/resolve-config.ts'

export type SharedLinks = {
  /** Grows by one with each change. */
  readonly version: number
  readonly links: readonly LinkConfig[]
  /** The member on which the last change was made. */
  readonly changedOn: string
}

export type SharedLinksResult =
  | { readonly type: 'ok'; readonly shared: SharedLinks }
  | { readonly type: 'malformed'; readonly reason: string }

/** Changes when an older version could not read what a newer one writes. */
const FORMAT = 1
const INFLATED_BYTES_MAX = 64 * 1024 * 1024

export function encodeSharedLinks({ version, links, changedOn }: SharedLinks): Buffer {
  return deflateSync(JSON.stringify({ format: FORMAT, version, links, changedOn }, withInfinity))
}

/** As a configuration file says it; JSON has no word for it. */
function withInfinity(_key: string, value: unknown): unknown {
  return value === Number.POSITIVE_INFINITY ? 'infinity' : value
}

/** Never throws, whatever the bytes are: they are held to the rules of the configuration like a file. */
export function decodeSharedLinks(bytes: Uint8Array, clusterName: string): SharedLinksResult {
  let raw: unknown
  try {
    raw = JSON.parse(inflateSync(bytes, { maxOutputLength: INFLATED_BYTES_MAX }).toString())
  } catch (cause) {
    return malformed(`it can't be read: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
  if (typeof raw !== 'object' || raw === null || !('format' in raw)) return malformed('it is no record of links')
  if (raw.format !== FORMAT) return malformed(`it has format ${String(raw.format)}; this version reads ${FORMAT}`)
  if (!('version' in raw && 'links' in raw && 'changedOn' in raw)) return malformed('a field is missing')
  const { version, links, changedOn } = raw
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || typeof changedOn !== 'string')
    return malformed('a field is of the wrong kind')
  if (!Array.isArray(links)) return malformed('links is no list')
  // A certificate that lacks here, where another node has it, is one link's trouble and no reason to follow no change any more.
  const resolved = resolveConfig({ cluster: { name: clusterName, links } }, { readFile: () => '' })
  if (resolved.type === 'invalid') return malformed(resolved.errors.map(formatConfigError).join('; '))
  return { type: 'ok', shared: { version, links: resolved.config.cluster.links, changedOn } }
}

function malformed(reason: string): SharedLinksResult {
  return { type: 'malformed', reason }
}
