/** The peers that may come to us, one for each configured link, and what is remembered of those that may not. */
import type { LinkClient } from '../broker-port.ts'
import { InboundPeer } from './inbound-peer.ts'
import type { InboundPorts } from './inbound-ports.ts'
import type { Refusal } from './refusal.ts'

/** Clusters without a link here whose last refusal is remembered. */
const strangersMax = 32

export class InboundPeers {
  readonly #ports: InboundPorts
  readonly #movedAway: (peer: string, actor: string) => void
  readonly #peers = new Map<string, InboundPeer>()
  readonly #strangers = new Map<string, Refusal>()
  #stopped = false

  /** @param movedAway an actor that spoke to us speaks to another node of the cluster from now on */
  constructor(ports: InboundPorts, movedAway: (peer: string, actor: string) => void) {
    this.#ports = ports
    this.#movedAway = movedAway
  }

  /** The peer as its link is configured now; `undefined` if there is no link to it. */
  of(name: string): InboundPeer | undefined {
    const link = this.#ports.link(name)
    if (link === undefined) return undefined
    const known = this.#peers.get(name)
    if (known !== undefined) {
      known.configure(link)
      return known
    }
    const peer = new InboundPeer(link, this.#ports, (actor) => this.#movedAway(name, actor))
    if (this.#stopped) peer.stop()
    this.#peers.set(name, peer)
    peer.configure(link)
    return peer
  }

  /**
   * Brings every peer in line with its link: an enabled one gets its settings and its outbox, of any other the routes go.
   * @param onGone called for each peer whose link is disabled or deleted, in words for the peer
   */
  reconcile(onGone: (name: string, words: string) => void): void {
    // A peer may speak to other nodes of the cluster alone.
    if (this.#ports.sharing !== undefined) for (const name of this.#ports.links?.() ?? []) this.of(name)
    for (const peer of this.#peers.values()) {
      const link = this.#ports.link(peer.name)
      if (link?.enable === true) {
        peer.configure(link)
        continue
      }
      const wasThere = peer.clear()
      if (link === undefined) {
        this.#peers.delete(peer.name)
        peer.forget()
      } else peer.configure(link)
      onGone(peer.name, link === undefined ? 'the link was deleted' : 'the link was disabled')
      if (wasThere) this.#ports.changed(peer.name)
    }
  }

  /** Peers of durable links want what they wanted before the node was started anew. */
  async restore(): Promise<void> {
    for (const name of this.#ports.links?.() ?? [])
      await this.of(name)?.restore(this.#ports.link(name)?.enable === true)
  }

  /** Notes that the peer was turned away, for the status of its link. */
  refuse(client: LinkClient, name: string, reason: Refusal['reason'], words: string): void {
    const { clientId, remoteAddress } = client
    const refusal: Refusal = { atMs: Math.trunc(this.#ports.clock.nowMs()), reason, words, clientId, remoteAddress }
    const peer = this.of(name)
    if (peer === undefined) return this.#rememberStranger(name, refusal)
    peer.lastRefusal = refusal
    this.#ports.changed(name)
  }

  stop(): void {
    this.#stopped = true
    for (const peer of this.#peers.values()) peer.stop()
  }

  strangers(): ReadonlyMap<string, Refusal> {
    return this.#strangers
  }

  #rememberStranger(name: string, refusal: Refusal): void {
    this.#strangers.delete(name)
    this.#strangers.set(name, refusal)
    const oldest = this.#strangers.keys().next().value
    if (this.#strangers.size > strangersMax && oldest !== undefined) this.#strangers.delete(oldest)
  }
}
