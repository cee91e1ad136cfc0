/** What a node that is alone keeps of its links in its data directory, from the first change that was not made in its file. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LinkConfig } from '../../config/config.ts'
import { formatConfigError } from '../../config/config-error.ts'
import { resolveConfig } from '../../config/resolve-config.ts'
import { ClusterError } from '../cluster-error.ts'

export type OwnLinksRecord = {
  /** What the configuration file said when it was read last. */
  readonly fileLinks: readonly LinkConfig[]
  /** What runs. */
  readonly links: readonly LinkConfig[]
}

export type OwnLinksResult =
  | ({ readonly type: 'ok' } & OwnLinksRecord)
  | { readonly type: 'malformed'; readonly reason: string }

const FILE = 'own-links.json'
/** Changes when an older version could not read what a newer one writes. */
const FORMAT = 1

export class OwnLinksFile {
  readonly path: string
  readonly #clusterName: string

  /** @param dataDir `node.data_dir` */
  constructor(dataDir: string, clusterName: string) {
    this.path = join(dataDir, FILE)
    this.#clusterName = clusterName
  }

  /** `undefined` if nothing is kept. Throws `ClusterError` if the file can't be read. */
  read(): OwnLinksResult | undefined {
    let text: string
    try {
      text = readFileSync(this.path, 'utf8')
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
      throw unusable('read', this.path, cause)
    }
    return decode(text, this.#clusterName)
  }

  /** Links have passwords: the file is its owner's alone. A crash leaves the old one or the new one. Throws `ClusterError`. */
  write({ fileLinks, links }: OwnLinksRecord): void {
    const draft = `${this.path}.new`
    try {
      const text = JSON.stringify({ format: FORMAT, fileLinks, links }, withInfinity, 2)
      writeFileSync(draft, `${text}\n`, { flush: true, mode: 0o600 })
      renameSync(draft, this.path)
    } catch (cause) {
      throw unusable('write', this.path, cause)
    }
  }

  /** The configuration file says it all again. Throws `ClusterError`. */
  remove(): void {
    try {
      rmSync(this.path, { force: true })
    } catch (cause) {
      throw unusable('remove', this.path, cause)
    }
  }
}

/** As a configuration file says it; JSON has no word for it. */
function withInfinity(_key: string, value: unknown): unknown {
  return value === Number.POSITIVE_INFINITY ? 'infinity' : value
}

function decode(text: string, clusterName: string): OwnLinksResult {
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch (cause) {
    return malformed(`it is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
  if (typeof raw !== 'object' || raw === null || !('format' in raw)) return malformed('it holds no links')
  if (raw.format !== FORMAT) return malformed(`it has format ${String(raw.format)}; this version reads ${FORMAT}`)
  if (!('fileLinks' in raw && 'links' in raw && Array.isArray(raw.fileLinks) && Array.isArray(raw.links)))
    return malformed('a field is missing')
  const [fileLinks, links] = [raw.fileLinks, raw.links].map((list) =>
    // A certificate that is gone is the trouble of its link alone.
    resolveConfig({ cluster: { name: clusterName, links: list } }, { readFile: () => '' }),
  )
  if (fileLinks!.type === 'invalid') return malformed(fileLinks!.errors.map(formatConfigError).join('; '))
  if (links!.type === 'invalid') return malformed(links!.errors.map(formatConfigError).join('; '))
  return { type: 'ok', fileLinks: fileLinks!.config.cluster.links, links: links!.config.cluster.links }
}

function malformed(reason: string): OwnLinksResult {
  return { type: 'malformed', reason }
}

function unusable(what: 'read' | 'write' | 'remove', path: string, cause: unknown): ClusterError {
  const words = cause instanceof Error ? cause.message : String(cause)
  return new ClusterError('DATA_DIR_UNUSABLE', `node.data_dir: can't ${what} ${path}: ${words}`, { cause })
}
