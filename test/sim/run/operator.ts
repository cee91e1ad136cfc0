/**
 * Somebody who changes links of a cluster while it runs, over the API of any member, and tries again until it is done. Changes of a node
 * that is alone are on its disk and nowhere else: who loses the disk makes them again.
 */
import { deleteLink, putLink } from '../../../src/api/links/link-decisions.ts'
import type { LinkConfig } from '../../../src/config/config.ts'
import type { Node } from '../../../src/node.ts'
import type { LinkTerms } from '../oracle/acts.ts'
import type { LinkInput } from '../plan/plan.ts'
import type { SimulatedCluster } from '../world/world.ts'
import type { VirtualTime } from '../world/virtual-time.ts'

/** How long until somebody tries again what failed, milliseconds. */
const AGAIN_MS = 1_000

export type OperatorPorts = {
  readonly time: VirtualTime
  readonly clusters: ReadonlyMap<string, SimulatedCluster>
  /** @param askedMs when it was tried first: it may hold somewhere from then on */
  readonly changed: (cluster: string, peer: string, terms: LinkTerms | undefined, askedMs: number) => void
}

/** A link as its configuration has it, its address included. */
export type LinkBody = LinkInput & { readonly name: string; readonly server: string }

export type ConfiguredLink = { readonly cluster: string; readonly body: LinkBody; readonly terms: LinkTerms }

type Wanted = { readonly cluster: string; readonly peer: string; readonly body: LinkBody | undefined }

export class Operator {
  readonly #ports: OperatorPorts
  readonly #bodies = new Map<string, LinkBody>()
  /** With what nodes are configured that know of no change. */
  readonly #configured = new Map<string, LinkTerms>()
  /** Links that were changed, and how they are to be. */
  readonly #wanted = new Map<string, Wanted>()
  /** Changes that are not done yet, by their link: the last one counts. */
  readonly #open = new Map<string, object>()

  constructor(ports: OperatorPorts, links: Iterable<ConfiguredLink>) {
    this.#ports = ports
    for (const { cluster, body, terms } of links) {
      this.#bodies.set(keyOf(cluster, body.name), body)
      this.#configured.set(keyOf(cluster, body.name), terms)
    }
  }

  /** Nothing is left to try. */
  get isDone(): boolean {
    return this.#open.size === 0
  }

  /** @param change fields that are to be others; `null` deletes the link. Returns what brings it back to what it was. */
  change(cluster: string, peer: string, change: LinkInput | null): () => void {
    const before = this.#bodies.get(keyOf(cluster, peer))
    if (before === undefined) throw new Error(`no plan has a link of ${cluster} to ${peer}`)
    const after = change === null ? undefined : { ...before, ...change }
    this.#set(cluster, peer, after)
    if (after !== undefined) this.#bodies.set(keyOf(cluster, peer), after)
    return () => {
      this.#bodies.set(keyOf(cluster, peer), before)
      this.#set(cluster, peer, before)
    }
  }

  /** Makes another link to the peer, by the wrong name. Returns what deletes it. */
  misname(cluster: string, peer: string, name: string): () => void {
    const body = this.#bodies.get(keyOf(cluster, peer))
    if (body === undefined) throw new Error(`no plan has a link of ${cluster} to ${peer}`)
    // Its ClientIDs must be its own, or nodes would not take it.
    this.#set(cluster, name, { ...body, name, clientid: `${body.clientid ?? cluster}-${name}` })
    return () => this.#set(cluster, name, undefined)
  }

  /** Its only node begins with an empty disk. */
  diskLost(cluster: string): void {
    if (this.#ports.clusters.get(cluster)?.jetStream !== undefined) return
    const changed = [...this.#wanted].filter(([, wanted]) => wanted.cluster === cluster)
    for (const [key, { peer, body }] of changed) {
      this.#ports.changed(cluster, peer, this.#configured.get(key), this.#ports.time.nowMs)
      this.#set(cluster, peer, body)
    }
  }

  #set(cluster: string, peer: string, body: LinkBody | undefined): void {
    const attempt = {}
    const key = keyOf(cluster, peer)
    this.#wanted.set(key, { cluster, peer, body })
    this.#open.set(key, attempt)
    this.#try(cluster, peer, body, () => this.#open.get(key) === attempt, this.#ports.time.nowMs)
  }

  #try(cluster: string, peer: string, body: LinkBody | undefined, isWanted: () => boolean, askedMs: number): void {
    const { time, clusters } = this.#ports
    if (!isWanted()) return
    const again = (): void => void time.after(AGAIN_MS, () => this.#try(cluster, peer, body, isWanted, askedMs))
    const running = clusters.get(cluster)?.nodes.find(({ parts, process }) => parts !== undefined && !process?.isFrozen)
    if (running === undefined) return again()
    let isAnswered = false
    const ask = async (node: Node): Promise<void> => {
      try {
        const terms = await this.#ask(node, cluster, peer, body)
        if (isWanted()) this.#done(cluster, peer, terms, askedMs)
      } catch {
        // Not now: the coordination is away, or somebody else was faster.
        again()
      }
      isAnswered = true
    }
    running.act((node) => void ask(node))
    // A node that dies answers nobody.
    const { process } = running
    const watch = (): void => {
      if (isAnswered || !isWanted()) return
      if (process?.isDead === true) again()
      else time.after(AGAIN_MS, watch)
    }
    time.after(AGAIN_MS, watch)
  }

  #done(cluster: string, peer: string, terms: LinkTerms | undefined, askedMs: number): void {
    this.#open.delete(keyOf(cluster, peer))
    this.#ports.changed(cluster, peer, terms, askedMs)
  }

  async #ask(node: Node, cluster: string, peer: string, body: LinkBody | undefined): Promise<LinkTerms | undefined> {
    if (body === undefined) {
      await node.changeLinks((links) => (links.some(({ name }) => name === peer) ? deleteLink(peer)(links) : []))
      return undefined
    }
    const links = await node.changeLinks(putLink(cluster, body))
    const link = links.find(({ name }) => name === peer)
    if (link === undefined) throw new Error('somebody deleted it again')
    return termsOf(link)
  }
}

export function termsOf(link: LinkConfig): LinkTerms {
  const { enable, topics, durable, retained, overflow, dialect, resource_opts, stale_ttl } = link
  return {
    enable,
    topics,
    durable,
    retained,
    overflow,
    dialect,
    bufferBytesMax: resource_opts.max_buffer_bytes,
    bufferMessagesMax: resource_opts.max_buffer_messages,
    requestTtlMs: resource_opts.request_ttl,
    staleTtlMs: stale_ttl,
  }
}

function keyOf(cluster: string, peer: string): string {
  return `${cluster} ${peer}`
}
