/** A member's own copy of the links of its cluster: what it starts with when nobody can be asked, and what `conf diff` reads. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ClusterError } from '../cluster-error.ts'
import {
  decodeSharedLinks,
  encodeSharedLinks,
  type SharedLinks,
  type SharedLinksResult,
} from './shared-links-record.ts'

const FILE = 'cluster-links.bin'

export class SharedLinksFile {
  readonly path: string
  readonly #clusterName: string

  /** @param dataDir `node.data_dir`, which is there */
  constructor(dataDir: string, clusterName: string) {
    this.path = join(dataDir, FILE)
    this.#clusterName = clusterName
  }

  /** `undefined` if this node was never a member. Throws `ClusterError` if the file can't be read. */
  read(): SharedLinksResult | undefined {
    try {
      return decodeSharedLinks(readFileSync(this.path), this.#clusterName)
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
      throw unusable('read', this.path, cause)
    }
  }

  /** Links have passwords: the file is its owner's alone. Throws `ClusterError` if it can't be written. */
  write(shared: SharedLinks): void {
    const draft = `${this.path}.new`
    try {
      writeFileSync(draft, encodeSharedLinks(shared), { flush: true, mode: 0o600 })
      renameSync(draft, this.path)
    } catch (cause) {
      throw unusable('write', this.path, cause)
    }
  }
}

function unusable(what: 'read' | 'write', path: string, cause: unknown): ClusterError {
  const words = cause instanceof Error ? cause.message : String(cause)
  return new ClusterError('DATA_DIR_UNUSABLE', `node.data_dir: can't ${what} ${path}: ${words}`, { cause })
}
