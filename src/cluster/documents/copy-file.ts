/** A copy of a shared document in the data directory, its owner's alone: documents hold secrets. */
import { join } from 'node:path'
import { type Files, systemFiles } from '../files.ts'
import type { DocumentCopy } from './shared-document.ts'

export class CopyFile implements DocumentCopy {
  readonly path: string
  readonly #files: Files

  /** @param dataDir `node.data_dir`, which is there */
  constructor(dataDir: string, file: string, files: Files = systemFiles) {
    this.path = join(dataDir, file)
    this.#files = files
  }

  read(): Uint8Array | undefined {
    return this.#files.read(this.path)
  }

  write(bytes: Uint8Array): void {
    this.#files.replace(this.path, bytes, { isSecret: true })
  }
}
