/** A copy of a shared document in the data directory, its owner's alone: documents hold secrets. A crash leaves the old one or the new one. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ClusterError } from '../cluster-error.ts'
import type { DocumentCopy } from './shared-document.ts'

export class CopyFile implements DocumentCopy {
  readonly path: string

  /** @param dataDir `node.data_dir`, which is there */
  constructor(dataDir: string, file: string) {
    this.path = join(dataDir, file)
  }

  read(): Uint8Array | undefined {
    try {
      return readFileSync(this.path)
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
      throw unusable('read', this.path, cause)
    }
  }

  write(bytes: Uint8Array): void {
    const draft = `${this.path}.new`
    try {
      // The mode counts for a new file alone.
      rmSync(draft, { force: true })
      writeFileSync(draft, bytes, { flush: true, mode: 0o600 })
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
