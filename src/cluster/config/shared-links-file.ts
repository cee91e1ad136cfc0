/** A member's own copy of the links of its cluster: what it starts with when nobody can be asked, and what `conf diff` reads. */
import { CopyFile } from '../documents/copy-file.ts'
import type { Files } from '../files.ts'
import { decodeSharedLinks, type SharedLinksResult } from './shared-links-record.ts'

const FILE = 'cluster-links.bin'

export class SharedLinksFile {
  /** As it is on disk: links have passwords, so that it is its owner's alone. */
  readonly copy: CopyFile
  readonly #clusterName: string

  /** @param dataDir `node.data_dir`, which is there */
  constructor(dataDir: string, clusterName: string, files?: Files) {
    this.copy = new CopyFile(dataDir, FILE, files)
    this.#clusterName = clusterName
  }

  get path(): string {
    return this.copy.path
  }

  /** `undefined` if this node was never a member. Throws `ClusterError` if the file can't be read. */
  read(): SharedLinksResult | undefined {
    const bytes = this.copy.read()
    return bytes === undefined ? undefined : decodeSharedLinks(bytes, this.#clusterName)
  }
}
