/**
 * The links of a cluster, the same on every member: a change on one runs on all. The first member shares those of its file; whoever
 * comes later follows what is there, whatever its own file says.
 */
import type { LinkConfig } from '../../config/config.ts'
import type { ClusterLog } from '../cluster-log.ts'
import type { Coordination } from '../coordination.ts'
import { type DocumentKind, SharedDocument } from '../documents/shared-document.ts'
import { type DecideLinks, editLinks } from './link-edits.ts'
import type { SharedLinksFile } from './shared-links-file.ts'
import { decodeSharedLinks, encodeSharedLinks } from './shared-links-record.ts'

export type SharedLinksPorts = {
  readonly coordination: Coordination
  readonly log: ClusterLog
  readonly file: Pick<SharedLinksFile, 'copy'>
  readonly clusterName: string
  /** The links are others now: what is to run. */
  readonly changed: (links: readonly LinkConfig[]) => void
}

export class SharedLinksStore {
  readonly #document: SharedDocument<readonly LinkConfig[]>

  /** @param fileLinks those of this node's configuration file */
  constructor({ coordination, log, file, clusterName, changed }: SharedLinksPorts, fileLinks: readonly LinkConfig[]) {
    const ports = { coordination, log, copy: file.copy, changed }
    this.#document = new SharedDocument(linksOf(clusterName), ports, fileLinks)
  }

  /** What is to run now: what is shared, or, until that is known, what was shared when we last knew, or what our own file says. */
  get links(): readonly LinkConfig[] {
    return this.#document.value
  }

  /** 0 until anything shared is known. */
  get version(): number {
    return this.#document.version
  }

  /** See `SharedDocument.start`. */
  start(): void {
    this.#document.start()
  }

  stop(): void {
    this.#document.stop()
  }

  /**
   * Changes the links of the whole cluster; resolves with what they are then. Rejects with `ClusterError` if that is not possible
   * now, or with what `decide` throws; then nothing has changed.
   */
  change(decide: DecideLinks): Promise<readonly LinkConfig[]> {
    return this.#document.change((links) => {
      const edits = decide(links)
      return edits.length === 0 ? links : editLinks(links, edits)
    })
  }
}

function linksOf(clusterName: string): DocumentKind<readonly LinkConfig[]> {
  return {
    key: 'config/links',
    encode: ({ version, value, changedOn }) => encodeSharedLinks({ version, links: value, changedOn }),
    decode: (bytes) => {
      const read = decodeSharedLinks(bytes, clusterName)
      if (read.type === 'malformed') return read
      const { version, links, changedOn } = read.shared
      return { type: 'ok', shared: { version, value: links, changedOn } }
    },
  }
}
