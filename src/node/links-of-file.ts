/**
 * The links as the configuration file has them, beside those that run: what the cluster shares, or what was changed of them while a
 * node alone ran.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Logger } from '../broker/logger.ts'
import { type DecideLinks, type LinkEdit, linkEdits } from '../cluster/config/link-edits.ts'
import { linkDifferences } from '../cluster/config/link-differences.ts'
import { OwnLinks } from '../cluster/config/own-links.ts'
import { OwnLinksFile } from '../cluster/config/own-links-file.ts'
import type { Files } from '../cluster/files.ts'
import type { Config, LinkConfig } from '../config/config.ts'

/** A file that was read again. */
export type Reread = {
  readonly edits: readonly LinkEdit[]
  /** What is to run on a node that is alone. */
  readonly own: readonly LinkConfig[]
  /** What was refused is still a change when the file is read again. */
  readonly forget: () => void
}

export class LinksOfFile {
  readonly #log: Logger
  #links: readonly LinkConfig[]
  /** `undefined` before the start, and for a node of a cluster over NATS. */
  #own: OwnLinks | undefined
  /** Keys in which the file and what runs differ, as they were told last. */
  #differences: readonly string[] = []

  constructor(links: readonly LinkConfig[], log: Logger) {
    this.#links = links
    this.#log = log
  }

  /** As the file has them. */
  get links(): readonly LinkConfig[] {
    return this.#links
  }

  /** Whether what runs is this node's own matter, and no cluster's. */
  get areOwn(): boolean {
    return this.#own !== undefined
  }

  /** What is to run: a node that is alone goes on with what was changed of its links while it ran before. Throws `ClusterError`. */
  openOwn({ node, cluster }: Config, log: Logger, files: Files): readonly LinkConfig[] {
    const file = new OwnLinksFile(node.data_dir, cluster.name, files)
    this.#own = new OwnLinks({ file, log }, cluster.links)
    return this.#own.links
  }

  /** Returns what is to run. Throws what `decide` throws, or `ClusterError`: then nothing has changed. */
  changeOwn(decide: DecideLinks): readonly LinkConfig[] {
    if (this.#own === undefined) throw new Error('the links are those of a cluster')
    return this.#own.change(decide)
  }

  reread(links: readonly LinkConfig[]): Reread {
    const before = this.#links
    this.#links = links
    return {
      edits: linkEdits(before, links),
      own: this.#own?.reread(links) ?? links,
      forget: () => void (this.#links = before),
    }
  }

  /** Where the file says something else than what runs: told again when that changes. */
  tellDifferences(running: readonly LinkConfig[]): void {
    const keys = linkDifferences(this.#links, running).map(({ key }) => key)
    const isTold = isDeepStrictEqual(keys, this.#differences)
    this.#differences = keys
    if (keys.length > 0 && !isTold) this.#log.warn({ keys }, 'config_differs_from_cluster')
  }
}
