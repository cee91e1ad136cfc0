/**
 * The links of a cluster, the same on every member: a change on one is written to a register and runs on all. The first member
 * writes those of its file; whoever comes later follows what is there, whatever its own file says.
 *
 * Each member remembers what it saw last, also over a restart. If the register is gone, because its whole keeper is, the
 * highest version that anybody remembers becomes the shared one again.
 */
import type { LinkConfig } from '../../config/config.ts'
import { ClusterError } from '../cluster-error.ts'
import type { ClusterLog } from '../cluster-log.ts'
import type { Coordination, Register } from '../coordination.ts'
import { type DecideLinks, editLinks } from './link-edits.ts'
import type { SharedLinksFile } from './shared-links-file.ts'
import { decodeSharedLinks, encodeSharedLinks, type SharedLinks } from './shared-links-record.ts'

export type SharedLinksPorts = {
  readonly coordination: Coordination
  readonly log: ClusterLog
  readonly file: Pick<SharedLinksFile, 'read' | 'write' | 'path'>
  readonly clusterName: string
  /** The links are others now: what is to run. */
  readonly changed: (links: readonly LinkConfig[]) => void
}

const KEY = 'config/links'
/** Others may change the register between our reading and our writing; so often is no coincidence any more. */
const TRIES_MAX = 20

export class SharedLinksStore {
  readonly #ports: SharedLinksPorts
  readonly #fileLinks: readonly LinkConfig[]
  #known: SharedLinks | undefined
  #stopWatching: (() => void) | undefined
  #turn: Promise<unknown> = Promise.resolve()

  /** @param fileLinks those of this node's configuration file */
  constructor(ports: SharedLinksPorts, fileLinks: readonly LinkConfig[]) {
    this.#ports = ports
    this.#fileLinks = fileLinks
  }

  /** What is to run now: what is shared, or, until that is known, what was shared when we last knew, or what our own file says. */
  get links(): readonly LinkConfig[] {
    return this.#known?.links ?? this.#fileLinks
  }

  /** 0 until anything shared is known. */
  get version(): number {
    return this.#known?.version ?? 0
  }

  /** Begins with this node's own copy; throws `ClusterError` if that can't be read. A damaged one is logged and not used. */
  start(): void {
    const { coordination, file, log } = this.#ports
    const kept = file.read()
    if (kept?.type === 'ok') this.#known = kept.shared
    else if (kept !== undefined) log.error({ file: file.path, reason: kept.reason }, 'shared_links_copy_damaged')
    this.#stopWatching = coordination.registers.watch(KEY, {
      changed: (register) => this.#take(register),
      ready: (keys) => {
        if (!keys.has(KEY)) void this.#inTurn(() => this.#establish())
      },
    })
  }

  stop(): void {
    this.#stopWatching?.()
  }

  /**
   * Changes the links of the whole cluster; resolves with what they are then. Rejects with `ClusterError` if that is not possible
   * now, or with what `decide` throws; then nothing has changed.
   */
  change(decide: DecideLinks): Promise<readonly LinkConfig[]> {
    return this.#inTurn(() => this.#change(decide))
  }

  async #change(decide: DecideLinks): Promise<readonly LinkConfig[]> {
    const { coordination } = this.#ports
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const register = await coordination.registers.read(KEY)
      const shared = this.#read(register) ?? this.#own
      const edits = decide(shared.links)
      if (edits.length === 0) return shared.links
      const links = editLinks(shared.links, edits)
      const next: SharedLinks = { version: shared.version + 1, links, changedOn: coordination.self.node }
      if (await this.#write(next, register.revision)) return links
    }
    throw new ClusterError('COORDINATION_LOST', 'others change the links of the cluster all the time; try again later')
  }

  /** Nothing is shared: we are the first, or all state was lost. */
  async #establish(): Promise<void> {
    const { coordination, log } = this.#ports
    try {
      const register = await coordination.registers.read(KEY)
      if (register.value !== undefined) return this.#take(register)
      await this.#write({ ...this.#own, version: Math.max(1, this.#own.version) }, 0)
    } catch (error) {
      // The watch begins again when the connection is back, and finds again that nothing is there.
      log.warn({ err: error }, 'shared_links_not_written')
    }
  }

  get #own(): SharedLinks {
    return this.#known ?? { version: 0, links: this.#fileLinks, changedOn: this.#ports.coordination.self.node }
  }

  async #write(shared: SharedLinks, revision: number): Promise<boolean> {
    const { coordination } = this.#ports
    const { type } = await coordination.registers.write(KEY, encodeSharedLinks(shared), revision)
    if (type === 'written') this.#follow(shared)
    return type === 'written'
  }

  #take(register: Register): void {
    if (register.value === undefined) return
    const shared = this.#read(register)
    if (shared === undefined) return
    if (shared.version >= this.version) return this.#follow(shared)
    // It was written by somebody who knows less than we do, after all state was lost.
    void this.#inTurn(() => this.#restore(register))
  }

  async #restore(register: Register): Promise<void> {
    const { log } = this.#ports
    try {
      await this.#write(this.#own, register.revision)
    } catch (error) {
      log.warn({ err: error }, 'shared_links_not_written')
    }
  }

  #read({ value }: Register): SharedLinks | undefined {
    if (value === undefined) return undefined
    const { clusterName, log } = this.#ports
    const decoded = decodeSharedLinks(value, clusterName)
    if (decoded.type === 'ok') return decoded.shared
    log.error({ reason: decoded.reason }, 'shared_links_malformed')
    return undefined
  }

  #follow(shared: SharedLinks): void {
    const { file, log, changed } = this.#ports
    const isKnown = this.#known?.version === shared.version && this.#known.changedOn === shared.changedOn
    if (isKnown) return
    this.#known = shared
    const { version, changedOn, links } = shared
    log.info({ version, changed_on: changedOn, links: links.length }, 'shared_links_changed')
    try {
      file.write(shared)
    } catch (error) {
      // The links run all the same; only a start without the others would find older ones.
      log.error({ err: error }, 'shared_links_copy_not_written')
    }
    changed(links)
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work)
    this.#turn = Promise.allSettled([result])
    return result
  }
}
