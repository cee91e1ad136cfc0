/** What a node that is alone keeps of its links in its data directory, from the first change that was not made in its file. */
import { join } from 'node:path'
import type { LinkConfig } from '../../config/config.ts'
import { formatConfigError } from '../../config/config-error.ts'
import { resolveConfig } from '../../config/resolve-config.ts'
import { type Files, systemFiles } from '../files.ts'

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
  readonly #files: Files

  /** @param dataDir `node.data_dir` */
  constructor(dataDir: string, clusterName: string, files: Files = systemFiles) {
    this.path = join(dataDir, FILE)
    this.#clusterName = clusterName
    this.#files = files
  }

  /** `undefined` if nothing is kept. Throws `ClusterError` if the file can't be read. */
  read(): OwnLinksResult | undefined {
    const text = this.#files.read(this.path)?.toString()
    return text === undefined ? undefined : decode(text, this.#clusterName)
  }

  /** Links have passwords: the file is its owner's alone. Throws `ClusterError`. */
  write({ fileLinks, links }: OwnLinksRecord): void {
    const text = JSON.stringify({ format: FORMAT, fileLinks, links }, withInfinity, 2)
    this.#files.replace(this.path, `${text}\n`, { isSecret: true })
  }

  /** The configuration file says it all again. Throws `ClusterError`. */
  remove(): void {
    this.#files.remove(this.path)
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
