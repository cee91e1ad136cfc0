/**
 * Where in the cluster each client's session is. Every node claims the sessions that it has, with a stamp; of two claims the higher
 * stamp is newer, and whoever hears a newer one gives its own session up. Stamps follow the wall clock where that moves on, and are
 * higher than all that this node has heard of the client in any case.
 */
import type { ClusterClock } from '../cluster-clock.ts'
import { ClusterError } from '../cluster-error.ts'
import type { ClusterLog } from '../cluster-log.ts'
import type { Coordination, Sender } from '../coordination.ts'
import type { Serve } from '../requests.ts'

/** What a client that has come to another node asks of its old session. */
export type Successor = { readonly cleanStart: boolean; readonly username: string | undefined }

export type Confirmation =
  | { readonly type: 'confirmed'; readonly late: Buffer | undefined }
  | { readonly type: 'refused'; readonly words: string }

/** The broker as far as its sessions can go to other nodes. */
export interface SessionHost {
  release(node: string, clientId: string, successor: Successor): Promise<Buffer | undefined>
  confirmed(node: string, clientId: string): Confirmation
  late(clientId: string, bytes: Buffer): Promise<void>
  /** Another node has a newer session of this client. */
  superseded(clientId: string, node: string): void
}

/** Tells all other nodes which sessions are here. */
export interface SessionFacts {
  claim(clientId: string, stamp: number): void
  unclaim(clientId: string): void
}

export interface SessionRequests {
  serve(kind: string, serve: Serve): () => void
  ask(node: string, kind: string, body: unknown, timeoutMs: number): Promise<unknown>
}

export type SessionDirectoryOptions = {
  readonly coordination: Pick<Coordination, 'self'>
  readonly clock: ClusterClock
  readonly log: ClusterLog
  readonly requests: SessionRequests
}

/** So long a client that has come here waits for its session, and for the old node to know that it has arrived. */
const TAKE_MS = 3_000
const CONFIRM_MS = 1_000
const FORWARD_MS = 3_000
/** A stamp of a claim that gives way to every other one: nobody knows how old the session is. */
const OLDEST = 1
/** Own claims that are told in one turn of the event loop. */
const TOLD_PER_TURN = 2_000

export class SessionDirectory {
  readonly #options: SessionDirectoryOptions
  /** Claims of each other node, by ClientID; and our own. */
  readonly #others = new Map<string, Map<string, number>>()
  readonly #own = new Map<string, number>()
  #facts: SessionFacts | undefined
  #host: SessionHost | undefined
  readonly #stops: (() => void)[] = []

  constructor(options: SessionDirectoryOptions) {
    this.#options = options
    const { requests } = options
    this.#stops.push(
      requests.serve('session.take', (from, body) => this.#serveTake(from, body)),
      requests.serve('session.confirm', async (from, body) => this.#serveConfirm(from, body)),
      requests.serve('session.late', (_from, body) => this.#serveLate(body)),
    )
  }

  /** Other nodes are told of our sessions from now on. */
  start(facts: SessionFacts): void {
    this.#facts = facts
    this.#tell(facts, this.#own.keys())
  }

  #tell(facts: SessionFacts, clientIds: Iterator<string, undefined>): void {
    for (let left = TOLD_PER_TURN; left > 0; left--) {
      const next = clientIds.next()
      if (next.done === true || this.#facts !== facts) return
      const stamp = this.#own.get(next.value)
      if (stamp !== undefined) facts.claim(next.value, stamp)
    }
    this.#options.clock.after(0, () => this.#tell(facts, clientIds))
  }

  /** Sessions are taken from, and given up to, other nodes from now on. */
  attach(host: SessionHost): void {
    this.#host = host
  }

  stop(): void {
    for (const stop of this.#stops) stop()
    this.#facts = undefined
    this.#host = undefined
  }

  // ---- what others say

  claimed(node: string, clientId: string, stamp: number): void {
    if (node === this.#options.coordination.self.node) return
    const claims = this.#others.get(node) ?? new Map<string, number>()
    this.#others.set(node, claims)
    claims.set(clientId, stamp)
    const own = this.#own.get(clientId)
    if (own !== undefined && this.#isNewer(node, stamp, own)) this.#host?.superseded(clientId, node)
  }

  unclaimed(node: string, clientId: string): void {
    const claims = this.#others.get(node)
    if (claims?.delete(clientId) === true && claims.size === 0) this.#others.delete(node)
  }

  /** Of two claims with one stamp all nodes take the same one. */
  #isNewer(node: string, stamp: number, own: number): boolean {
    return stamp > own || (stamp === own && node > this.#options.coordination.self.node)
  }

  // ---- what the broker asks (its `SessionDirectory`)

  ownerOf(clientId: string): string | undefined {
    let owner: string | undefined
    let newest = this.#own.get(clientId) ?? 0
    for (const [node, claims] of this.#others) {
      const stamp = claims.get(clientId)
      if (stamp === undefined) continue
      const isNewer =
        owner === undefined ? this.#isNewer(node, stamp, newest) : stamp > newest || (stamp === newest && node > owner)
      if (!isNewer) continue
      owner = node
      newest = stamp
    }
    return owner
  }

  async take(node: string, clientId: string, { cleanStart, username }: Successor): Promise<Buffer | undefined> {
    const body = { clientId, cleanStart, username: username ?? null }
    const answer = await this.#options.requests.ask(node, 'session.take', body, TAKE_MS)
    if (answer === null) return undefined
    return bytesOf(answer, node)
  }

  async confirm(node: string, clientId: string): Promise<Confirmation> {
    const answer = await this.#options.requests.ask(node, 'session.confirm', { clientId }, CONFIRM_MS)
    const { refused, late } = fieldsOf(answer)
    if (typeof refused === 'string') return { type: 'refused', words: refused }
    return { type: 'confirmed', late: late === null ? undefined : bytesOf(late, node) }
  }

  async forward(node: string, clientId: string, late: Buffer): Promise<void> {
    await this.#options.requests.ask(node, 'session.late', { clientId, late }, FORWARD_MS)
  }

  /** @param sinceMs see the broker's port; 0 if nobody knows */
  present(clientId: string, sinceMs?: number): void {
    const stamp = sinceMs === undefined ? this.#nextStamp(clientId) : Math.max(OLDEST, Math.floor(sinceMs))
    this.#own.set(clientId, stamp)
    this.#facts?.claim(clientId, stamp)
    // It may be known already that another node has a newer one.
    const owner = sinceMs === undefined ? undefined : this.ownerOf(clientId)
    if (owner !== undefined) this.#host?.superseded(clientId, owner)
  }

  absent(clientId: string): void {
    if (this.#own.delete(clientId)) this.#facts?.unclaim(clientId)
  }

  #nextStamp(clientId: string): number {
    let highest = this.#own.get(clientId) ?? 0
    for (const claims of this.#others.values()) highest = Math.max(highest, claims.get(clientId) ?? 0)
    return Math.max(Math.floor(this.#options.clock.nowMs()), highest + 1)
  }

  // ---- what others ask

  async #serveTake(from: Sender, body: unknown): Promise<unknown> {
    const { clientId, cleanStart, username } = fieldsOf(body)
    if (typeof clientId !== 'string' || typeof cleanStart !== 'boolean') throw malformed('session.take')
    if (username !== null && typeof username !== 'string') throw malformed('session.take')
    const successor = { cleanStart, username: username ?? undefined }
    return (await this.#hosting.release(from.node, clientId, successor)) ?? null
  }

  #serveConfirm(from: Sender, body: unknown): unknown {
    const { clientId } = fieldsOf(body)
    if (typeof clientId !== 'string') throw malformed('session.confirm')
    const confirmation = this.#hosting.confirmed(from.node, clientId)
    return confirmation.type === 'refused' ? { refused: confirmation.words } : { late: confirmation.late ?? null }
  }

  async #serveLate(body: unknown): Promise<unknown> {
    const { clientId, late } = fieldsOf(body)
    if (typeof clientId !== 'string' || !(late instanceof Uint8Array)) throw malformed('session.late')
    await this.#hosting.late(clientId, Buffer.from(late.buffer, late.byteOffset, late.byteLength))
    return null
  }

  get #hosting(): SessionHost {
    if (this.#host === undefined) throw new ClusterError('MEMBER_REFUSED', 'this node has no sessions to hand over yet')
    return this.#host
  }
}

function fieldsOf(body: unknown): Readonly<Record<string, unknown>> {
  return typeof body === 'object' && body !== null ? { ...body } : {}
}

function bytesOf(value: unknown, node: string): Buffer {
  if (!(value instanceof Uint8Array))
    throw new ClusterError('MEMBER_REFUSED', `${node} answered something else than a session`)
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

function malformed(kind: string): ClusterError {
  return new ClusterError('MEMBER_REFUSED', `${kind} without what it needs`)
}
