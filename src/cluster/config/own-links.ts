/**
 * The links of a node that is alone. They come from its configuration file until something else changes them, the API for
 * instance; from then on both hold: a change of the file is an edit like any other, and of two edits of one link the later one stands.
 */
import type { LinkConfig } from '../../config/config.ts'
import type { ClusterLog } from '../cluster-log.ts'
import { type DecideLinks, editLinks, linkEdits } from './link-edits.ts'
import type { OwnLinksFile } from './own-links-file.ts'

export type OwnLinksPorts = {
  readonly file: Pick<OwnLinksFile, 'read' | 'write' | 'remove' | 'path'>
  readonly log: ClusterLog
}

export class OwnLinks {
  readonly #ports: OwnLinksPorts
  #fileLinks: readonly LinkConfig[]
  #links: readonly LinkConfig[]

  /**
   * With what was kept when the node ran before. Throws `ClusterError` if that can't be read; what is damaged is logged and not
   * used.
   * @param fileLinks as the configuration file has them now
   */
  constructor(ports: OwnLinksPorts, fileLinks: readonly LinkConfig[]) {
    this.#ports = ports
    this.#fileLinks = this.#links = fileLinks
    const kept = ports.file.read()
    if (kept === undefined) return
    if (kept.type === 'malformed') {
      ports.log.error({ file: ports.file.path, reason: kept.reason }, 'own_links_damaged')
      return
    }
    this.#fileLinks = kept.fileLinks
    this.#links = kept.links
    this.reread(fileLinks)
  }

  /** What is to run. */
  get links(): readonly LinkConfig[] {
    return this.#links
  }

  /** The configuration file was read again: what changed in it holds from now on, as if somebody had made the same edits here. */
  reread(fileLinks: readonly LinkConfig[]): readonly LinkConfig[] {
    const edits = linkEdits(this.#fileLinks, fileLinks)
    this.#links = this.#isAsInFile ? fileLinks : editLinks(this.#links, edits)
    this.#fileLinks = fileLinks
    try {
      this.#keep(this.#links)
    } catch (error) {
      // They run all the same; at the next start the file is compared with what it said before.
      this.#ports.log.error({ err: error }, 'own_links_not_written')
    }
    return this.#links
  }

  /** Returns what is to run then. Throws `ClusterError` if it can't be kept, or what `decide` throws: then nothing has changed. */
  change(decide: DecideLinks): readonly LinkConfig[] {
    const links = editLinks(this.#links, decide(this.#links))
    this.#keep(links)
    this.#links = links
    return links
  }

  get #isAsInFile(): boolean {
    return linkEdits(this.#fileLinks, this.#links).length === 0
  }

  #keep(links: readonly LinkConfig[]): void {
    const { file } = this.#ports
    if (linkEdits(this.#fileLinks, links).length === 0) file.remove()
    else file.write({ fileLinks: this.#fileLinks, links })
  }
}
